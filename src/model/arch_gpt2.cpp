// GPT-2 (Radford et al. 2019): layer norms, positions with vectors of their own, a feed-forward network without a gate,
// biases.
#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {.fused_qkv = true, .qkv_bias = true};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "gpt2"};
  config->norm = NormKind::kLayer;
  config->rope = RopeStyle::kNone;
  config->gated = false;
  CAMELGPT_TRY(read_decoder_config(reader, config));
  config->activation = GateActivation::kGelu;
  return {};
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kGpt2Architecture = {"gpt2", read_config, bind, decoder_forward};

}  // namespace camelgpt
