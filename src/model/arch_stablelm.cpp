// StableLM 2 (Bellagente et al. 2024): layer norms, rope on a part of each head.
#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "stablelm"};
  config->norm = NormKind::kLayer;
  config->rope = RopeStyle::kHalves;
  return read_decoder_config(reader, config);
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kStablelmArchitecture = {"stablelm", read_config, bind, decoder_forward};

}  // namespace camelgpt
