// What EPDP (Eager Precached Dynamic Pruning) may leave out of a step.
#pragma once

#include <cstdint>

#include "base/status.h"

namespace camelgpt {

struct ModelConfig;

enum class PruneMode : uint8_t {
  kOff,         // nothing: the dense model, bit for bit
  kExact,       // as much as leaves nearly every greedy answer the same (docs/epdp.md)
  kBalanced,    // mean KL divergence of at most 0.02 nats a token from the dense model
  kAggressive,  // 0.1
};

struct PruneOptions {
  uint32_t head_rows = 0;  // of the output head that are scored exactly in a step; 0: all
  float margin =
      0;  // nats: the head is scored in full where the best logit is less than that above what was not selected
  uint32_t kv_tokens = 0;  // positions that attention reads in a layer, in whole pages; 0: all
  float ffn = 0;  // part of the neurons of the feed-forward networks, those that matter most to the prompt; 0 or 1: all
  bool drafts = false;  // verify what followed earlier in the text in one batch, where it is likely to follow again
  float max_kl = 0;     // nats a token, mean: more than that from the dense model (2.5 times that where attention is
                        // pruned too) and less is left out; 0: nobody looks
};

// What pruning was measured to cost on text of the calibration that was kept back: one for each mode but `off`.
struct MeasuredCost {
  uint32_t head_rows;  // scored exactly
  float kl;            // mean, nats a token
  float top1;          // part of the tokens whose most probable one is the dense model's, 0 to 1
};
inline constexpr uint32_t kMeasuredCosts = 3;

PruneOptions prune_options(PruneMode mode, const ModelConfig& config);

// kBadOption names the option, its range and the value.
Status check_prune_options(const PruneOptions& options, const ModelConfig& config);

}  // namespace camelgpt
