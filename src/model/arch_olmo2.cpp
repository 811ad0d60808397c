// OLMo 2 (OLMo Team 2024): only what blocks add is normed, and all heads of queries and of keys together.
#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {.head_norms = true, .pre_norms = false, .post_norms = true};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "olmo2"};
  config->rope = RopeStyle::kHalves;
  config->norms_all_heads = true;
  return read_decoder_config(reader, config);
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kOlmo2Architecture = {"olmo2", read_config, bind, decoder_forward};

}  // namespace camelgpt
