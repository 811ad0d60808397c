// A model in memory and one evaluation of it: tokens → hidden states → logits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include "base/arena.h"
#include "base/chunk_table.h"
#include "base/status.h"
#include "kernels/kernels.h"
#include "model/kv_cache.h"
#include "model/kv_pages.h"
#include "model/weights.h"
#include "nn/linear.h"

namespace camelgpt {

// Weight and bias of a norm. Without a weight there is no norm; a null bias is zero.
struct Norm {
  const float* weight = nullptr;
  const float* bias = nullptr;
};

// One layer of a decoder. Matrices are [rows, columns]. Weights that the model lacks are null.
struct DecoderLayer {
  LayerCounts counts;
  uint32_t first_kv_head = 0;               // index of the first key/value head among those of all layers
  Norm attention_norm;                      // [hidden]
  Linear query;                             // [heads * head_width, hidden]
  Linear key, value;                        // [kv_heads * head_width, hidden]
  Norm query_norm, key_norm;                // [head_width], or all heads if config.norms_all_heads
  Linear output;                            // [hidden, heads * head_width], or of the convolution [hidden, hidden]
  Norm post_attention_norm;                 // [hidden] of what is added to the residual stream
  Norm attention_end_norm;                  // [hidden] of the stream after that
  Linear conv_in, conv_before, conv_after;  // [hidden, hidden] of a layer with a convolution, which has no attention
  const float* conv = nullptr;              // [hidden, conv_length]
  uint32_t conv_index = 0;                  // among the layers with a convolution, for the cache
  Norm ffn_norm;                            // [hidden]
  Linear gate, up;                          // [ffn, hidden]; no up if config.gated is false
  Linear down;  // [hidden, ffn]; up in rows and down in columns if neurons are skipped (sparse_ffn.h)
  // With experts, gate, up and down hold those of all experts, one after the other.
  Linear router;                         // [experts, hidden]
  const float* shared_router = nullptr;  // [hidden]
  Linear shared_gate, shared_up, shared_down;
  Norm post_ffn_norm;  // [hidden] of what is added to the residual stream
  Norm ffn_end_norm;   // [hidden] of the stream after that
};

struct Architecture;  // see model/architecture.h
struct ModelEnds;
struct ByteWeights;  // of models that read bytes, see model/byte_level.h
struct ByteWorkspace;

struct Model {
  const Architecture* architecture = nullptr;
  const ModelEnds* ends = nullptr;  // of the architecture; null: an embedding and an output head
  ModelConfig config;
  Panel embedding;                           // [vocabulary, hidden]
  Linear head;                               // [vocabulary, hidden]; the embedding itself if they are tied
  Panel positions;                           // [context_length, hidden] of models without rope
  Panel token_types;                         // [any, hidden]; the first one is added to every token
  Norm embedding_norm;                       // [hidden] of the sum of these
  Norm final_norm;                           // [hidden]
  Linear head_dense;                         // [hidden, hidden] of encoders, which have head(norm(gelu(head_dense(x))))
  Norm head_norm;                            // [hidden]
  const float* rope_factors = nullptr;       // [rope_rotated / 2] or null
  const float* long_rope_factors = nullptr;  // likewise, for contexts longer than rope_original_context
  std::span<DecoderLayer> layers;
  const ByteWeights* bytes = nullptr;  // of models that read bytes
  const ChunkTable* chunks = nullptr;  // of these: the bytes of the tokens
  uint64_t parameters = 0;
  uint64_t macs_per_token = 0;  // in matrices, for one decoded token
};

// Tokens whose matrix products are computed together at most.
inline constexpr uint32_t kMaxBatch = 64;
// Rows of the output head that are scored together.
inline constexpr uint32_t kHeadTile = 1024;

// Scratch of one thread.
struct alignas(64) ThreadWorkspace {
  std::span<float> normed;       // [hidden] of a single token
  std::span<uint8_t> attention;  // of the attention kernel
  PageScratch pages;
  std::span<uint32_t> fired;  // [ffn + kListSlack] neurons with an open gate, of models with ReLU gates
  std::span<float> gathered;  // [hidden] of a single token, of models with experts
  std::span<float> routes;    // [batch, experts] weights of experts
  std::span<uint8_t> group;   // eight rows of a panel that is not in groups
  std::span<uint32_t> rows;   // [kHeadTile] of the output head
  Activations one;            // a single token, quantised
  Activations batch;          // several tokens, in memory shared by all threads
};

// Neurons that fired, and all.
struct NeuronCount {
  uint64_t fired = 0;
  uint64_t total = 0;
};

// Consecutive tokens of one sequence in a forward pass. They follow what `cache` holds.
struct TokenRun {
  KvCache* cache;
  std::span<const int32_t> tokens;
  uint32_t outputs = 0;    // hidden states are made for the last `outputs` tokens (non-causal models: of all)
  uint32_t kv_tokens = 0;  // EPDP: positions that attention may read in a layer when the run is a single token; 0: all
};

// One token of a forward pass, with what the pass needs to know of its run.
struct TokenRow {
  KvCache* cache;  // of the run; tokens of different runs have different caches
  int32_t token;
  uint32_t index;      // in the pass
  uint32_t position;   // in the sequence
  uint32_t seen;       // positions that the token sees, before and after its own; 0: those up to its own
  uint32_t kv_tokens;  // as in the run, but 0 unless the run is a single token of a causal model
};
using TokenRows = std::span<const TokenRow>;

// Memory for forward passes of up to forward_tokens() tokens, which are evaluated in batches of kMaxBatch. Rows of
// floats are padded to whole groups of eight.
struct Workspace {
  std::span<TokenRow> rows;         // [forward_tokens()] the tokens of the pass
  std::span<TokenRow> output_rows;  // [kMaxBatch] those with outputs, of causal models
  std::span<float> x;               // [forward_tokens(), hidden] the residual stream; after a pass the outputs
  std::span<float> normed;          // [batch, hidden]
  std::span<float> query;           // [batch, heads * head_width]
  std::span<float> key, value;      // [batch, kv_heads * head_width]
  std::span<float> attended;        // [batch, heads * head_width]
  std::span<float> conv_before, conv_in, convolved;  // [batch, hidden] of models with convolutions
  std::span<float> gate, up;                         // [batch, ffn]
  std::span<float> projected;                        // [batch, hidden]
  std::span<float> gathered;                         // [batch, hidden] tokens of one expert
  // [2 if local layers have another base][forward_tokens(), rope_rotated / 2]
  std::span<float> cosine, sine;
  std::span<float> logits;             // [logit_count(config)]
  std::span<float> head_tile;          // [batch, kHeadTile]
  std::span<ThreadWorkspace> threads;  // [thread_count()]
  ByteWorkspace* bytes = nullptr;      // of models that read bytes
  NeuronCount neurons;                 // of tokens whose neurons were skipped, so far
  std::span<uint32_t> open_neurons;    // [layers] of the last such token; empty if no layer skips any
  std::span<float> importance;         // [layers, ffn] to which passes add (add_importance); empty: they do not
};

// Finds the architecture of the file and reads the configuration. kUnsupportedArchitecture names the architecture and
// those that are supported.
Status model_open(const GgufHeader& header, Model* model);

// Take memory from the arena, in a fixed order; they only add it up while the arena measures.
Status model_bind(WeightBinder* binder, Model* model);
// Chooses the rope factors for contexts of this length.
void model_set_context(uint32_t context, Model* model);
void workspace_reserve(const Model& model, uint32_t context, Arena* arena, Workspace* workspace);

// Tokens of one forward pass at most. In a model that is not causal, all tokens of a text must fit.
inline uint32_t forward_tokens(const ModelConfig& config, uint32_t context) {
  return config.causal ? kMaxBatch : std::max(kMaxBatch, context);
}

// Evaluates runs of different sequences in one pass, on all threads, and advances their caches, which must have room.
// There is at least one run, each has at least one token, and all runs together have at most forward_tokens(). The
// normalized hidden states of the outputs lie in workspace->x [outputs of all runs, hidden], in the order of the runs.
// With few outputs most of the last layer is not computed. In a causal model a token sees its sequence up to its own
// position, in others the whole run and everything that its cache held before. The results of a run do not depend on
// the other runs in the pass, bit for bit.
void model_forward(const Model& model, std::span<const TokenRun> runs, Workspace* workspace);

// workspace->logits = those of one output of the last forward pass.
void model_logits(const Model& model, uint32_t output, Workspace* workspace);

// Whether model_many_logits() can be used: causal models with a vocabulary.
inline bool model_has_many_logits(const Model& model) {
  return model.config.causal && model.ends == nullptr && model.head_dense.weight.data == nullptr;
}
// logits [outputs, padded vocabulary] = those of the first outputs of the last forward pass, at most kMaxBatch, bit for
// bit as model_logits() computes them.
void model_many_logits(const Model& model, uint32_t outputs, std::span<float> logits, Workspace* workspace);

// For each of the first targets.size() outputs of the last forward pass (at most kMaxBatch): the log-probability (nats)
// of its target and the most probable token. Logits are computed kHeadTile rows at a time, so the table [tokens,
// vocabulary] never exists.
void model_score(const Model& model, std::span<const int32_t> targets, Workspace* workspace, float* logprobs,
                 int32_t* best);

// ---------------------------------------------------------------------------------------- shared by parts of the graph

// Precision of the input that some matrices of a layer share. Only nibbles are multiplied faster with 8 bits
// (docs/accuracy.md).
template <class... Linears>
Precision input_precision(const Linears&... matrices) {
  return (multiplies_nibbles(matrices.weight.kind) || ...) ? Precision::k8 : Precision::k16;
}

// Fills workspace->rows and, for causal models, workspace->output_rows. Returns the rows.
TokenRows token_rows(const Model& model, std::span<const TokenRun> runs, Workspace* workspace);

// workspace->x [rows, hidden] = scaled rows of the embedding, plus vectors of positions and token types if there are
// any.
void embed_tokens(const Model& model, TokenRows rows, Workspace* workspace);

inline void scale_values(float* x, uint32_t count, float factor) {
  for (uint32_t i = 0; i < count; ++i) x[i] *= factor;
}

// y [count] = norm(x), or x if there is no norm.
void normalize(const ModelConfig& config, const Norm& norm, const float* x, uint32_t count, float* y);

// Quantises x [tokens, stride] as the input of matrix products and returns when all of it is quantised. prepare(slice)
// runs before the tokens of a slice, whole tiles, are quantised. Each thread prepares and quantises a single token
// itself, which takes less time than waiting for another thread.
template <typename Prepare>
const Activations& quantize_input(const Worker& worker, const float* x, size_t stride, uint32_t tokens,
                                  uint32_t columns, Precision precision, Workspace* workspace, Prepare prepare) {
  ThreadWorkspace& thread = workspace->threads[worker.index];
  Activations& input = tokens == 1 ? thread.one : thread.batch;
  activations_begin(x, stride, tokens, columns, precision, &input);
  const auto run = [&](Range slice) {
    prepare(slice);
    kernels().quantize(slice, input);
  };
  if (tokens == 1) {
    run({0, 1});
  } else {
    worker.for_each_slice(tokens, kTokenTile, run);
    worker.barrier();
  }
  return input;
}
inline const Activations& quantize_input(const Worker& worker, const float* x, size_t stride, uint32_t tokens,
                                         uint32_t columns, Precision precision, Workspace* workspace) {
  return quantize_input(worker, x, stride, tokens, columns, precision, workspace, [](Range) {});
}

}  // namespace camelgpt
