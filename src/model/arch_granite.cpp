// Granite 3 (Granite Team 2024): Llama with four scales.
#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "granite"};
  CAMELGPT_TRY(read_decoder_config(reader, config));
  CAMELGPT_TRY(reader.optional_positive("embedding_scale", &config->embedding_scale));
  CAMELGPT_TRY(reader.optional_positive("residual_scale", &config->residual_scale));
  CAMELGPT_TRY(reader.optional_positive("attention.scale", &config->attention_scale));
  float divisor = 1;
  CAMELGPT_TRY(reader.optional_positive("logit_scale", &divisor));
  config->logit_scale = 1 / divisor;
  return {};
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kGraniteArchitecture = {"granite", read_config, bind, decoder_forward};

}  // namespace camelgpt
