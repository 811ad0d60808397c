// Gemma (Gemma Team 2024): GELU as the gate's activation, an embedding that is scaled. (Files hold the norms' weights
// plus one.) Gemma 2 (2024): what blocks add is normed, scores and logits are limited, every second layer sees a window
// alone. Gemma 3 (2025): five layers of six see a window alone and have rope angles of their own; heads of queries and
// keys are normed.
#include <cmath>

#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kGemmaTensors = {};
constexpr DecoderTensors kGemma2Tensors = {.post_norms = true};
constexpr DecoderTensors kGemma3Tensors = {.head_norms = true, .post_norms = true};

// What all of them have in common. The largest of a family, which has so many layers, scales scores by the width of the
// stream.
Status read_common(const ConfigReader& reader, uint32_t largest_layers, ModelConfig* config) {
  config->rope = RopeStyle::kHalves;
  CAMELGPT_TRY(read_decoder_config(reader, config));
  config->activation = GateActivation::kGelu;
  config->embedding_scale = std::sqrt(static_cast<float>(config->hidden));
  if (config->layers == largest_layers) {
    config->attention_scale = 1 / std::sqrt(static_cast<float>(config->hidden) / static_cast<float>(config->heads));
  }
  return {};
}

Status read_gemma(const GgufHeader& header, ModelConfig* config) { return read_common({header, "gemma"}, 0, config); }

Status read_gemma2(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "gemma2"};
  CAMELGPT_TRY(read_common(reader, 46, config));
  config->attention_softcap = 50;
  CAMELGPT_TRY(reader.optional_positive("attn_logit_softcapping", &config->attention_softcap));
  config->logit_softcap = 30;
  CAMELGPT_TRY(reader.optional_positive("final_logit_softcapping", &config->logit_softcap));
  config->window = 4096;
  config->window_period = 2;
  return reader.optional_count("attention.sliding_window", kMaxContext, &config->window);
}

Status read_gemma3(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "gemma3"};
  CAMELGPT_TRY(read_common(reader, 62, config));
  CAMELGPT_TRY(reader.optional_positive("final_logit_softcapping", &config->logit_softcap));
  config->local_rope_base = 10000;
  config->window_period = 6;
  return reader.count("attention.sliding_window", kMaxContext, &config->window);
}

Status bind_gemma(WeightBinder* binder, Model* model) { return decoder_bind(kGemmaTensors, binder, model); }
Status bind_gemma2(WeightBinder* binder, Model* model) { return decoder_bind(kGemma2Tensors, binder, model); }
Status bind_gemma3(WeightBinder* binder, Model* model) { return decoder_bind(kGemma3Tensors, binder, model); }

}  // namespace

const Architecture kGemmaArchitecture = {"gemma", read_gemma, bind_gemma, decoder_forward};
const Architecture kGemma2Architecture = {"gemma2", read_gemma2, bind_gemma2, decoder_forward};
const Architecture kGemma3Architecture = {"gemma3", read_gemma3, bind_gemma3, decoder_forward};

}  // namespace camelgpt
