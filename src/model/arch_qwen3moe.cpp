// Qwen3-MoE (Yang et al. 2025): Qwen3 with experts.
#include "model/decoder.h"
#include "model/experts.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {.head_norms = true};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "qwen3moe"};
  config->rope = RopeStyle::kHalves;
  config->experts_renormalised = true;
  CAMELGPT_TRY(read_decoder_config(reader, config));
  return read_experts(reader, config);
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kQwen3MoeArchitecture = {"qwen3moe", read_config, bind, decoder_forward};

}  // namespace camelgpt
