// Phi-3 (Abdin et al. 2024): queries, keys and values in one matrix, gate and up in another.
#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {
    .fused_qkv = true, .fused_gate = true, .rope_factors = "rope_factors_short.weight"};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "phi3"};
  config->rope = RopeStyle::kHalves;
  CAMELGPT_TRY(read_decoder_config(reader, config));
  // Beyond that, other factors would hold.
  uint32_t original = config->context_length;
  CAMELGPT_TRY(reader.optional_count("rope.scaling.original_context_length", kMaxContext, &original));
  config->context_length = original < config->context_length ? original : config->context_length;
  return {};
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kPhi3Architecture = {"phi3", read_config, bind, decoder_forward};

}  // namespace camelgpt
