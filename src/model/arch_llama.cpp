// Llama (Touvron et al. 2023): SmolLM2, TinyLlama, Llama 3, Mistral, MobileLLM and others are of this form; so are those with a ReLU as the
// gate's activation.
#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "llama"};
  return read_decoder_config(reader, config);
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kLlamaArchitecture = {"llama", read_config, bind, decoder_forward};

}  // namespace camelgpt
