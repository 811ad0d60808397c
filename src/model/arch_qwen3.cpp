// Qwen3 (Yang et al. 2025): each head of queries and keys is normed.
#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {.head_norms = true};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "qwen3"};
  config->rope = RopeStyle::kHalves;
  return read_decoder_config(reader, config);
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kQwen3Architecture = {"qwen3", read_config, bind, decoder_forward};

}  // namespace camelgpt
