// Qwen2 (Yang et al. 2024): queries, keys and values have biases.
#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {.qkv_bias = true};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "qwen2"};
  config->rope = RopeStyle::kHalves;
  return read_decoder_config(reader, config);
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kQwen2Architecture = {"qwen2", read_config, bind, decoder_forward};

}  // namespace camelgpt
