// Options of sampling, the choice of the next token.
#pragma once

#include <cstdint>

#include "base/record.h"

namespace camelgpt {

inline constexpr uint32_t kMaxRepeatLast = 4096;

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
  float xtc_probability = 0;    // 0: off; probability of excluding the top choices
  float xtc_threshold = 0.1f;   // a token of at least this probability is a top choice
  uint64_t seed = 0;            // equal seeds give equal text
};
extern const Record kSamplerOptionsRecord;

}  // namespace camelgpt
