// Gemma 3 (Gemma Team 2025): five layers of six see a window alone and have rope angles of their own; heads of queries and keys are normed.
#include <cmath>

#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {.head_norms = true, .post_norms = true};

constexpr uint32_t kLargestLayers = 62;

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "gemma3"};
  config->rope = RopeStyle::kHalves;
  CAMELGPT_TRY(read_decoder_config(reader, config));
  config->activation = GateActivation::kGelu;
  config->embedding_scale = std::sqrt(static_cast<float>(config->hidden));
  if (config->layers == kLargestLayers) {  // the largest of the family scales by the width of the stream
    config->attention_scale = 1 / std::sqrt(static_cast<float>(config->hidden) / static_cast<float>(config->heads));
  }
  CAMELGPT_TRY(reader.optional_positive("final_logit_softcapping", &config->logit_softcap));
  config->local_rope_base = 10000;
  config->window_period = 6;
  return reader.count("attention.sliding_window", kMaxContext, &config->window);
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kGemma3Architecture = {"gemma3", read_config, bind, decoder_forward};

}  // namespace camelgpt
