// Gemma (Gemma Team 2024): GELU as the gate's activation, a scaled embedding. (Files hold the norms' weights plus one.)
// Gemma 2 (2024): norms on the outputs of blocks, soft caps on scores and logits, a window in every second layer.
// Gemma 3 (2025): a window and separate rope angles in five of six layers, norms on the heads of queries and keys.
#include <cmath>

#include "model/architecture.h"

namespace camelgpt {
namespace {

// The largest model of a family, recognised by its number of layers, scales scores by the width of the stream.
constexpr uint32_t kLargestGemma2Layers = 46, kLargestGemma3Layers = 62;

Status read_gemma(const ConfigReader&, ModelConfig* config) {
  config->embedding_scale = std::sqrt(static_cast<float>(config->hidden));
  return {};
}

void scale_by_width(ModelConfig* config) {
  config->attention_scale = 1 / std::sqrt(static_cast<float>(config->hidden) / static_cast<float>(config->heads));
}

Status read_gemma2(const ConfigReader& reader, ModelConfig* config) {
  if (config->layers == kLargestGemma2Layers) scale_by_width(config);
  CAMELGPT_TRY(reader.optional_positive("attn_logit_softcapping", &config->attention_softcap));
  CAMELGPT_TRY(reader.optional_positive("final_logit_softcapping", &config->logit_softcap));
  CAMELGPT_TRY(reader.optional_count("attention.sliding_window", kMaxContext, &config->window));
  return read_gemma(reader, config);
}

Status read_gemma3(const ConfigReader& reader, ModelConfig* config) {
  if (config->layers == kLargestGemma3Layers) scale_by_width(config);
  CAMELGPT_TRY(reader.optional_positive("final_logit_softcapping", &config->logit_softcap));
  CAMELGPT_TRY(reader.count("attention.sliding_window", kMaxContext, &config->window));
  return read_gemma(reader, config);
}

}  // namespace

const Architecture kGemmaArchitecture = {
    .name = "gemma",
    .defaults = {.activation = GateActivation::kGelu, .rope = RopeStyle::kHalves},
    .read = read_gemma,
};

const Architecture kGemma2Architecture = {
    .name = "gemma2",
    .tensors = {.post_norms = true},
    .defaults = {.activation = GateActivation::kGelu,
                 .rope = RopeStyle::kHalves,
                 .window = 4096,
                 .window_period = 2,
                 .attention_softcap = 50,
                 .logit_softcap = 30},
    .read = read_gemma2,
};

const Architecture kGemma3Architecture = {
    .name = "gemma3",
    .tensors = {.head_norms = true, .post_norms = true},
    .defaults = {.activation = GateActivation::kGelu,
                 .rope = RopeStyle::kHalves,
                 .window_period = 6,
                 .local_rope_base = 10000},
    .read = read_gemma3,
};

}  // namespace camelgpt
