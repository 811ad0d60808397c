// MiniCPM (Hu et al. 2024): Llama with three scales, which older files do not name.
#include <cmath>

#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "minicpm"};
  CAMELGPT_TRY(read_decoder_config(reader, config));
  config->embedding_scale = 12;
  CAMELGPT_TRY(reader.optional_positive("embedding_scale", &config->embedding_scale));
  config->residual_scale = 1.4f / std::sqrt(static_cast<float>(config->layers));
  CAMELGPT_TRY(reader.optional_positive("residual_scale", &config->residual_scale));
  float divisor = static_cast<float>(config->hidden) / 256;
  CAMELGPT_TRY(reader.optional_positive("logit_scale", &divisor));
  config->logit_scale = 1 / divisor;
  return {};
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kMinicpmArchitecture = {"minicpm", read_config, bind, decoder_forward};

}  // namespace camelgpt
