// What a model is: the numbers of its architecture, read from metadata and checked.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "gguf/gguf.h"
#include "model/pooling.h"

namespace camelgpt {

// What the gate of the feed-forward network goes through before it is multiplied with up (or the neurons, where there
// is no gate).
enum class GateActivation : uint8_t {
  kSilu,         // x / (1 + e^-x)
  kRelu,         // max(x, 0): where it is zero, a neuron need not be computed
  kSquaredRelu,  // max(x, 0)^2, likewise
  kGelu,         // x times the normal distribution's P(x), by tanh
};

enum class NormKind : uint8_t {
  kRms,    // x / sqrt(mean(x^2) + epsilon) * weight
  kLayer,  // (x - mean) / sqrt(variance + epsilon) * weight + bias
};

// Which values of a head are rotated together.
enum class RopeStyle : uint8_t {
  kPairs,   // 2i and 2i + 1
  kHalves,  // i and i + rotated / 2
  kNone,    // none: positions have vectors of their own, which are added to the tokens'
};

// Models that read and write bytes: a token is a chunk of them (model/byte_level.h).
struct ByteConfig {
  uint32_t length = 0;  // bytes of a chunk, at most; 0: tokens are those of a vocabulary
  uint32_t width = 0;   // of a byte's embedding
  uint32_t heads = 0;   // of all blocks
  uint32_t embedder_blocks = 0, head_blocks = 0;
  uint32_t widest = 0;  // of what goes through the blocks
  uint32_t widest_ffn = 0;
};

struct ModelConfig {
  uint32_t layers = 0;        // that are executed; each has keys and values of its own
  uint32_t block_repeat = 1;  // so many in succession have the same weights, which are stored once
  bool ffn_sharing = false;   // all layers have the feed-forward matrices of the first one, which are stored once
  uint32_t hidden = 0;        // width of the residual stream
  uint32_t heads = 0;         // query heads
  uint32_t kv_heads = 0;      // key/value heads; heads is a multiple of it
  uint32_t conv_layers = 0;   // layers with a short convolution in the place of attention (short_conv.h)
  uint32_t conv_length = 0;   // positions that it reads; 0: there can be no such layer
  uint32_t head_width = 0;
  uint32_t ffn = 0;   // neurons of the feed-forward network
  bool gated = true;  // activation(gate) * up; otherwise activation(gate)
  GateActivation activation = GateActivation::kSilu;
  uint32_t experts = 0;               // 0: one network; otherwise ffn is the width of each (experts.h)
  uint32_t experts_used = 0;          // for a token
  uint32_t shared_ffn = 0;            // width of an expert that all tokens go through; 0: none
  bool experts_renormalised = false;  // whether the probabilities of those used add up to one
  uint32_t vocabulary = 0;
  bool has_head = true;  // otherwise hidden states are all it gives
  Pooling pooling = Pooling::kMean;
  uint32_t token_types = 0;     // rows of the embedding of token types
  uint32_t answer_block = 32;   // masks that a masked model decides together
  uint32_t context_length = 0;  // positions that the model was trained for
  NormKind norm = NormKind::kRms;
  float norm_epsilon = 1e-5f;
  bool causal = true;            // a token sees those up to its own; otherwise all, before and after it
  bool norms_all_heads = false;  // queries and keys are normed over all heads together, otherwise each head alone
  RopeStyle rope = RopeStyle::kPairs;
  uint32_t rope_rotated = 0;  // values of a head that are rotated
  float rope_base = 10000.0f;
  float rope_position_scale = 1.0f;
  uint32_t rope_period = 0;     // every so-many-th layer rotates nothing; 0: all do
  uint32_t window = 0;          // positions that a token of a local layer sees; 0: there are no local layers
  uint32_t window_period = 0;   // every so-many-th layer is not local; 0: all are
  float local_rope_base = 0;    // of local layers, whose positions are not scaled; 0: the same for all
  float embedding_scale = 1;    // the embedding's rows are multiplied by it
  float residual_scale = 1;     // and what blocks add to the residual stream
  float attention_scale = 0;    // see score_scale; 0: 1 / sqrt(head_width)
  float attention_softcap = 0;  // see Kernels::softcap; 0: none
  float logit_scale = 1;
  float logit_softcap = 0;  // 0: none
  ByteConfig bytes = {};    // of models that read bytes, whose vocabulary is that of bytes
};

// How many logits a token has.
inline uint32_t logit_count(const ModelConfig& c) { return c.vocabulary * std::max(1u, c.bytes.length); }

// What attention multiplies its scores by.
inline float score_scale(const ModelConfig& c) {
  return c.attention_scale != 0 ? c.attention_scale : 1.0f / std::sqrt(static_cast<float>(c.head_width));
}

inline bool is_local(const ModelConfig& c, uint32_t layer) {
  return c.window != 0 && (c.window_period == 0 || layer % c.window_period != c.window_period - 1);
}

// Limits that no model comes near; they bound the work on hostile files.
inline constexpr uint32_t kMaxLayers = 1024;
inline constexpr uint32_t kMaxWidth = 1u << 20;
inline constexpr uint32_t kMaxVocabularyRows = 1u << 24;
inline constexpr uint32_t kMaxContext = 1u << 24;

// The keys of an architecture, "<architecture>.<name>".
struct ConfigReader {
  const GgufHeader& header;
  std::string_view architecture;

  bool has(const char* name) const;
  // A whole number from 1 to the limit; the optional one leaves the value alone where the key is missing.
  Status count(const char* name, uint32_t limit, uint32_t* value) const;
  Status optional_count(const char* name, uint32_t limit, uint32_t* value) const;
  // A finite number above zero.
  Status positive(const char* name, float* value) const;
  Status optional_positive(const char* name, float* value) const;
};

// Reads the keys that decoder models share. *config holds the defaults of the architecture, of which norm, rope, gated
// and conv_length decide what is read. The vocabulary is that of the embedding tensor. Experts are not read here.
Status read_decoder_config(const ConfigReader& reader, ModelConfig* config);
// Reads what encoders in the manner of BERT have besides.
Status read_encoder_config(const ConfigReader& reader, ModelConfig* config);
// Reads the scales of the embedding, of what blocks add, and of the logits, where the key holds a divisor.
Status read_scales(const ConfigReader& reader, ModelConfig* config);

}  // namespace camelgpt
