// What a model is: the numbers of its architecture, read from metadata and checked.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "gguf/gguf.h"

namespace camelgpt {

// What the gate of the feed-forward network goes through before it is multiplied with up.
enum class GateActivation : uint8_t {
  kSilu,         // x / (1 + e^-x)
  kRelu,         // max(x, 0): where it is zero, a neuron need not be computed
  kSquaredRelu,  // max(x, 0)^2, likewise
};

struct ModelConfig {
  uint32_t layers = 0;
  uint32_t hidden = 0;           // width of the residual stream
  uint32_t heads = 0;            // query heads
  uint32_t kv_heads = 0;         // key/value heads; heads is a multiple of it
  uint32_t head_width = 0;
  uint32_t ffn = 0;              // neurons of the feed-forward network
  GateActivation activation = GateActivation::kSilu;
  uint32_t vocabulary = 0;
  uint32_t context_length = 0;   // positions that the model was trained for
  float norm_epsilon = 1e-5f;
  uint32_t rope_rotated = 0;     // values of a head that are rotated
  float rope_base = 10000.0f;
  float rope_position_scale = 1.0f;
};

// Limits that no model comes near; they bound the work on hostile files.
inline constexpr uint32_t kMaxLayers = 1024;
inline constexpr uint32_t kMaxWidth = 1u << 20;
inline constexpr uint32_t kMaxVocabularyRows = 1u << 24;
inline constexpr uint32_t kMaxContext = 1u << 24;

// Reads the keys "<architecture>.<name>" that decoder models share; vocabulary comes from the embedding tensor.
Status read_decoder_config(const GgufHeader& header, std::string_view architecture, ModelConfig* config);

}  // namespace camelgpt
