// Qwen1.5-MoE and Qwen2-MoE (Yang et al. 2024): Qwen2 with experts, and one that all tokens go through.
#include "model/decoder.h"
#include "model/experts.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {.qkv_bias = true};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "qwen2moe"};
  config->rope = RopeStyle::kHalves;
  config->experts_renormalised = false;
  CAMELGPT_TRY(read_decoder_config(reader, config));
  return read_experts(reader, config);
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kQwen2MoeArchitecture = {"qwen2moe", read_config, bind, decoder_forward};

}  // namespace camelgpt
