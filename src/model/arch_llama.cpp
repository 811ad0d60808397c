// Llama (Touvron et al. 2023): SmolLM2, TinyLlama, Llama 3, Mistral, MobileLLM and others are of this form; so are
// those with a ReLU as the gate's activation, and with experts Mixtral.
#include "model/decoder.h"
#include "model/experts.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "llama"};
  config->experts_renormalised = true;
  CAMELGPT_TRY(read_decoder_config(reader, config));
  return read_experts(reader, config);
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kLlamaArchitecture = {"llama", read_config, bind, decoder_forward};

}  // namespace camelgpt
