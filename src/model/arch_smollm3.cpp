// SmolLM3 (Bakouch et al. 2025): Llama, every fourth layer without rope.
#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "smollm3"};
  config->rope_period = 4;
  return read_decoder_config(reader, config);
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kSmollm3Architecture = {"smollm3", read_config, bind, decoder_forward};

}  // namespace camelgpt
