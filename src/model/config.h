// The configuration of a model, read from metadata and checked.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "gguf/gguf.h"
#include "model/pooling.h"

namespace camelgpt {

// Activation of the gate of the feed-forward network, or of the neurons if there is no gate.
enum class GateActivation : uint8_t {
  kSilu,         // x / (1 + e^-x)
  kRelu,         // max(x, 0); a neuron with a zero here can be skipped
  kSquaredRelu,  // max(x, 0)^2; likewise
  kGelu,         // x * P(x) of the normal distribution, approximated by tanh
};
// Whether many neurons are exactly zero.
inline bool is_relu(GateActivation activation) {
  return activation == GateActivation::kRelu || activation == GateActivation::kSquaredRelu;
}

enum class NormKind : uint8_t {
  kRms,    // x / sqrt(mean(x^2) + epsilon) * weight
  kLayer,  // (x - mean) / sqrt(variance + epsilon) * weight + bias
};

// Which values of a head are rotated together.
enum class RopeStyle : uint8_t {
  kPairs,   // 2i and 2i + 1
  kHalves,  // i and i + rotated / 2
  kNone,    // none: vectors of the positions are added to those of the tokens
};

// Models that read and write bytes: a token is a chunk of bytes (model/byte_level.h).
struct ByteConfig {
  uint32_t length = 0;  // maximum bytes of a chunk; 0: the model has a vocabulary of tokens
  uint32_t width = 0;   // of a byte's embedding
  uint32_t heads = 0;   // of all blocks
  uint32_t embedder_blocks = 0, head_blocks = 0;
  uint32_t widest = 0;  // largest width of a block's input or output
  uint32_t widest_ffn = 0;
};

struct ModelConfig {
  uint32_t layers = 0;        // executed layers; each has keys and values of its own
  uint32_t block_repeat = 1;  // successive layers that share their weights
  bool ffn_sharing = false;   // all layers share the feed-forward matrices of the first one
  uint32_t hidden = 0;        // width of the residual stream
  uint32_t heads = 0;         // query heads; of the layer with most if they differ (LayerCounts)
  uint32_t kv_heads = 0;      // key/value heads, likewise; those of a layer divide its query heads
  uint32_t all_kv_heads = 0;  // key/value heads of all layers together
  uint32_t max_group = 0;     // query heads that share a key/value head, at most
  uint32_t conv_layers = 0;   // layers with a short convolution instead of attention (short_conv.h)
  uint32_t conv_length = 0;   // positions that a convolution reads; 0: the architecture has none
  uint32_t head_width = 0;
  uint32_t ffn = 0;          // neurons of the feed-forward network; of the layer with most if they differ
  bool ffn_differs = false;  // from layer to layer
  bool gated = true;         // activation(gate) * up; otherwise activation(gate)
  GateActivation activation = GateActivation::kSilu;
  uint32_t experts = 0;               // 0: one network; otherwise ffn is the width of an expert (experts.h)
  uint32_t experts_used = 0;          // per token
  uint32_t shared_ffn = 0;            // width of the expert that every token uses; 0: none
  bool experts_renormalised = false;  // scale the probabilities of the used experts so that they add up to one
  uint32_t vocabulary = 0;
  bool has_head = true;  // otherwise the model has only hidden states
  Pooling pooling = Pooling::kMean;
  uint32_t token_types = 0;     // rows of the embedding of token types
  uint32_t answer_block = 32;   // masks that a masked model fills together
  uint32_t context_length = 0;  // positions that the model was trained for
  NormKind norm = NormKind::kRms;
  float norm_epsilon = 1e-5f;
  bool causal = true;            // a token sees positions up to its own; otherwise also those after it
  bool norms_all_heads = false;  // norms of queries and keys are over all heads; otherwise over one head
  RopeStyle rope = RopeStyle::kPairs;
  uint32_t rope_rotated = 0;  // values of a head that are rotated
  float rope_base = 10000.0f;
  float rope_position_scale = 1.0f;
  float rope_magnitude = 1.0f;         // of cosines and sines
  bool rope_yarn = false;              // positions are scaled for slow pairs only
  bool rope_factor_sets = false;       // LongRoPE: the file has factors for short and for long contexts
  uint32_t rope_original_context = 0;  // before the context was extended; longer contexts use the long factors
  uint32_t rope_period = 0;            // the last layer of each period has no rope; 0: all layers have rope
  uint32_t window = 0;                 // positions that a token sees in a local layer; 0: no layer is local
  uint32_t window_period = 0;          // the last layer of each period is not local; 0: all layers are local
  float local_rope_base = 0;           // of local layers, whose positions are not scaled; 0: rope_base
  float embedding_scale = 1;           // of the vectors of tokens
  float residual_scale = 1;     // of the outputs that attention and feed-forward network add to the residual stream
  float attention_scale = 0;    // see score_scale; 0: 1 / sqrt(head_width)
  float attention_softcap = 0;  // see Kernels::softcap; 0: none
  float logit_scale = 1;
  float logit_softcap = 0;  // 0: none
  ByteConfig bytes = {};    // of models that read bytes, whose vocabulary is that of bytes
};

// Logits of one output.
inline uint32_t logit_count(const ModelConfig& c) { return c.vocabulary * std::max(1u, c.bytes.length); }

// Scale of attention scores.
inline float score_scale(const ModelConfig& c) {
  return c.attention_scale != 0 ? c.attention_scale : 1.0f / std::sqrt(static_cast<float>(c.head_width));
}

inline bool is_local(const ModelConfig& c, uint32_t layer) {
  return c.window != 0 && (c.window_period == 0 || layer % c.window_period != c.window_period - 1);
}

// Limits far above those of real models. They bound the work on hostile files.
inline constexpr uint32_t kMaxLayers = 1024;
inline constexpr uint32_t kMaxWidth = 1u << 20;
inline constexpr uint32_t kMaxVocabularyRows = 1u << 24;
inline constexpr uint32_t kMaxContext = 1u << 24;

// Numbers of one layer. In most files all layers have the same.
struct LayerCounts {
  uint32_t heads = 0, kv_heads = 0;
  uint32_t ffn = 0;
};

// The keys of an architecture, "<architecture>.<name>".
struct ConfigReader {
  const GgufHeader& header;
  std::string_view architecture;

  bool has(const char* name) const;
  // A whole number from 1 to the limit. optional_count() keeps *value if the key is missing.
  Status count(const char* name, uint32_t limit, uint32_t* value) const;
  Status optional_count(const char* name, uint32_t limit, uint32_t* value) const;
  // A whole number for each layer: one number for all, or an array. Sets *most to the largest.
  Status counts(const char* name, uint32_t layers, uint32_t minimum, uint32_t maximum, uint32_t* most) const;
  // The number of a layer that counts() has accepted; `otherwise` if the key is missing.
  uint32_t count_at(const char* name, uint32_t layer, uint32_t otherwise) const;
  // A finite number above 0. optional_positive() keeps *value if the key is missing.
  Status positive(const char* name, float* value) const;
  Status optional_positive(const char* name, float* value) const;
};

// Reads the keys that all models share. *config holds the defaults of the architecture; norm, rope, gated and
// conv_length decide which keys are read. The size of the vocabulary is that of the embedding tensor.
Status read_decoder_config(const ConfigReader& reader, ModelConfig* config);
// The numbers of a layer, or of block_repeat layers that share it.
LayerCounts read_layer_counts(const ConfigReader& reader, const ModelConfig& config, uint32_t block);
// Reads the additional keys of BERT and its descendants.
Status read_encoder_config(const ConfigReader& reader, ModelConfig* config);
// Reads embedding_scale, residual_scale and logit_scale, which is a divisor in the file.
Status read_scales(const ConfigReader& reader, ModelConfig* config);

}  // namespace camelgpt
