// Gemma 2 (Gemma Team 2024): what blocks add is normed, scores and logits are limited, every second layer sees a window alone.
#include <cmath>

#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {.post_norms = true};

constexpr uint32_t kLargestLayers = 46;

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "gemma2"};
  config->rope = RopeStyle::kHalves;
  CAMELGPT_TRY(read_decoder_config(reader, config));
  config->activation = GateActivation::kGelu;
  config->embedding_scale = std::sqrt(static_cast<float>(config->hidden));
  if (config->layers == kLargestLayers) {  // the largest of the family scales by the width of the stream
    config->attention_scale = 1 / std::sqrt(static_cast<float>(config->hidden) / static_cast<float>(config->heads));
  }
  config->attention_softcap = 50;
  CAMELGPT_TRY(reader.optional_positive("attn_logit_softcapping", &config->attention_softcap));
  config->logit_softcap = 30;
  CAMELGPT_TRY(reader.optional_positive("final_logit_softcapping", &config->logit_softcap));
  config->window = 4096;
  config->window_period = 2;
  return reader.optional_count("attention.sliding_window", kMaxContext, &config->window);
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kGemma2Architecture = {"gemma2", read_config, bind, decoder_forward};

}  // namespace camelgpt
