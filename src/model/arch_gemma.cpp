// Gemma (Gemma Team 2024): GELU as the gate's activation, an embedding that is scaled. (Files hold the norms' weights plus one.)
#include <cmath>

#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "gemma"};
  config->rope = RopeStyle::kHalves;
  CAMELGPT_TRY(read_decoder_config(reader, config));
  config->activation = GateActivation::kGelu;
  config->embedding_scale = std::sqrt(static_cast<float>(config->hidden));
  return {};
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kGemmaArchitecture = {"gemma", read_config, bind, decoder_forward};

}  // namespace camelgpt
