// Options of sampling, the choice of the next token.
#pragma once

#include <cstdint>

#include "base/record.h"

namespace camelgpt {

inline constexpr uint32_t kMaxRepeatLast = 4096;  // of dry_range too

struct SamplerOptions {
  float temperature = 0;        // 0: always the most probable token
  uint32_t top_k = 40;          // 0: off
  float top_p = 0.95f;          // 1: off
  float min_p = 0.05f;          // 0: off
  float typical_p = 1;          // 1: off
  float repeat_penalty = 1;     // 1: off; divides positive and multiplies negative logits of recent tokens
  uint32_t repeat_last = 64;    // number of recent tokens that the penalties consider
  float presence_penalty = 0;   // subtracted once from the logit of a token that occurred
  float frequency_penalty = 0;  // subtracted for each occurrence
  float dry_multiplier = 0;     // 0: off; penalty of a token that extends a repetition of dry_allowed_length tokens
  float dry_base = 1.75f;       // growth of the penalty with each token of the repetition
  uint32_t dry_allowed_length = 2;
  uint32_t dry_range = kMaxRepeatLast;  // how many of the last tokens are searched for repetitions
  float xtc_probability = 0;            // 0: off; probability of excluding the top choices
  float xtc_threshold = 0.1f;           // probability from which a token is a top choice
  uint64_t seed = 0;                    // the same seed gives the same text
};
extern const Record kSamplerOptionsRecord;

}  // namespace camelgpt
