// Phi-3 (Abdin et al. 2024): queries, keys and values in one matrix, gate and up in another.
#include <algorithm>

#include "model/architecture.h"

namespace camelgpt {
namespace {

// The context in which the short rope factors hold. Longer contexts need other factors.
Status read(const ConfigReader& reader, ModelConfig* config) {
  uint32_t original = config->context_length;
  CAMELGPT_TRY(reader.optional_count("rope.scaling.original_context_length", kMaxContext, &original));
  config->context_length = std::min(config->context_length, original);
  return {};
}

}  // namespace

const Architecture kPhi3Architecture = {
    .name = "phi3",
    .tensors = {.fused_qkv = true, .fused_gate = true, .rope_factors = "rope_factors_short.weight"},
    .defaults = {.rope = RopeStyle::kHalves},
    .read = read,
};

}  // namespace camelgpt
