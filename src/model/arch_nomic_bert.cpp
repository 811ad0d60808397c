// Nomic's BERT (Nussbaum et al. 2024): an encoder with rotated positions and a gate.
#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {.fused_qkv = true, .pre_norms = false, .encoder = true};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  config->rope = RopeStyle::kHalves;
  return read_encoder_config({header, "nomic-bert"}, config);
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kNomicBertArchitecture = {"nomic-bert", read_config, bind, decoder_forward};

}  // namespace camelgpt
