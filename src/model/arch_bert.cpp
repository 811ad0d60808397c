// BERT (Devlin et al. 2018) and sentence encoders made from it, such as MiniLM: each token sees all of them. Norms
// follow the sums.
#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {.qkv_bias = true, .pre_norms = false, .encoder = true};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  config->rope = RopeStyle::kNone;
  config->gated = false;
  CAMELGPT_TRY(read_encoder_config({header, "bert"}, config));
  config->activation = GateActivation::kGelu;
  return {};
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kBertArchitecture = {"bert", read_config, bind, decoder_forward};

}  // namespace camelgpt
