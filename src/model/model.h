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

// Weight and bias of a norm; without a weight nothing is normed, a bias that is null is zero.
struct Norm {
  const float* weight = nullptr;
  const float* bias = nullptr;
};

// One layer of a decoder. Matrices are [rows, columns]; what a model has none of is null.
struct DecoderLayer {
  Norm attention_norm;                      // [hidden]
  Linear query;                             // [heads * head_width, hidden]
  Linear key, value;                        // [kv_heads * head_width, hidden]
  Norm query_norm, key_norm;                // [head_width], or all heads if config.norms_all_heads
  Linear output;                            // [hidden, heads * head_width], or of the convolution [hidden, hidden]
  Norm post_attention_norm;                 // [hidden] of what is added to the residual stream
  Norm attention_end_norm;                  // [hidden] of the stream after that
  Linear conv_in, conv_before, conv_after;  // [hidden, hidden] of a layer with a convolution, which has no attention
  const float* conv = nullptr;              // [hidden, conv_length]
  uint32_t state = 0;                       // index among the layers of its kind, for the cache
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
  Panel embedding;                      // [vocabulary, hidden]
  Linear head;                          // [vocabulary, hidden]; the embedding itself if they are tied
  Panel positions;                      // [context_length, hidden]; of models without rope
  Panel token_types;                    // [any, hidden]; the first is added to all tokens
  Norm embedding_norm;                  // [hidden] of these sums
  Norm final_norm;                      // [hidden]
  Linear head_dense;                    // [hidden, hidden] of encoders, which have head(norm(gelu(head_dense(x))))
  Norm head_norm;                       // [hidden]
  const float* rope_factors = nullptr;  // [rope_rotated / 2] or null
  std::span<DecoderLayer> layers;
  const ByteWeights* bytes = nullptr;  // of models that read bytes
  const ChunkTable* chunks = nullptr;  // of these: the bytes of the tokens
  uint64_t parameters = 0;
  uint64_t macs_per_token = 0;  // in matrices, for one decoded token
};

// Tokens whose matrix products are made together, at most.
inline constexpr uint32_t kMaxBatch = 64;
// Rows of the head that are scored together, see model_score_rows.
inline constexpr uint32_t kHeadTile = 1024;

// What each thread has for itself.
struct alignas(64) ThreadWorkspace {
  std::span<float> normed;       // [hidden] of a single token
  std::span<uint8_t> attention;  // scratch of the attention kernel
  PageScratch pages;             // and of the choice of its pages
  std::span<uint32_t> fired;     // [ffn + kListSlack] neurons whose gate is open; of models with a ReLU there
  std::span<float> gathered;     // [hidden] of a single token, of models with experts
  std::span<float> routes;       // [batch, experts]
  std::span<uint8_t> group;      // eight rows as a group, of a panel that has none
  std::span<uint32_t> rows;      // [kHeadTile] of the head
  Activations one;               // a single token, quantised
  Activations batch;             // several tokens, in memory that all threads share
};

// How many neurons fired.
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

// One token of a forward pass. A pass reads what it needs to know of runs here.
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
  std::span<float> x;               // [forward_tokens(), hidden] the residual stream; after a forward pass the outputs
  std::span<float> normed;          // [batch, hidden]
  std::span<float> query;           // [batch, heads * head_width]
  std::span<float> key, value;      // [batch, kv_heads * head_width]
  std::span<float> attended;        // [batch, heads * head_width]
  std::span<float> conv_before, conv_in, convolved;  // [batch, hidden] of models with convolutions
  std::span<float> gate, up;                         // [batch, ffn]
  std::span<float> projected;                        // [batch, hidden]
  std::span<float> gathered;                         // [batch, hidden] tokens of one expert, of models with experts
  std::span<float> cosine, sine;  // [2 where local layers have angles of their own][forward_tokens(), rope_rotated / 2]
  std::span<float> logits;        // [logit_count(config)]
  std::span<float> head_tile;     // [batch, kHeadTile]
  std::span<ThreadWorkspace> threads;  // [thread_count()]
  ByteWorkspace* bytes = nullptr;      // of models that read bytes
  NeuronCount neurons;                 // of single tokens so far
  std::span<float>
      importance;  // [layers, ffn] of neurons (add_importance), where it is to be gathered; otherwise empty
};

// Finds the architecture of the file and reads its configuration. kUnsupportedArchitecture names it and those that
// exist.
Status model_open(const GgufHeader& header, Model* model);

// Takes memory for everything from the arena in a fixed order, or only adds it up while the arena measures.
Status model_bind(WeightBinder* binder, Model* model);
void workspace_reserve(const Model& model, uint32_t context, Arena* arena, Workspace* workspace);

// Tokens that one forward pass takes at most: all that may have to see one another.
inline uint32_t forward_tokens(const ModelConfig& config, uint32_t context) {
  return config.causal ? kMaxBatch : std::max(kMaxBatch, context);
}

// Evaluates runs of different sequences in one pass, on all threads, and advances their caches, which must have room.
// There is at least one run, each has at least one token, and all of them together have at most forward_tokens(). The
// normed hidden states of the outputs lie in workspace->x [outputs of all runs, hidden], in the order of the runs. Few
// outputs save most of the last layer. In a causal model a token sees its sequence up to its own position, in others
// the whole run and all that its cache held before. Each run gets the bits that it would get alone.
void model_forward(const Model& model, std::span<const TokenRun> runs, Workspace* workspace);

// Logits of one output of the last forward pass into workspace->logits.
void model_logits(const Model& model, uint32_t output, Workspace* workspace);

// For each of the first targets.size() outputs of the last forward pass: the log-probability (nats) of its target and
// the most probable token. Logits are made kHeadTile rows at a time, so the table [tokens, vocabulary] never exists.
void model_score(const Model& model, std::span<const int32_t> targets, Workspace* workspace, float* logprobs,
                 int32_t* best);

// --- shared by architecture files ---
// The precision of inputs of attention's output matrix and of down: less of their errors reaches the logits than of
// normed inputs' (docs/accuracy.md).
inline Precision coarse_precision(const Linear& linear) {
  return multiplies_bytes(linear.weight.kind) ? Precision::k16 : Precision::k8;
}

// Fills workspace->rows, and of causal models workspace->output_rows. Returns the former.
TokenRows token_rows(const Model& model, std::span<const TokenRun> runs, Workspace* workspace);

// workspace->x = rows of the embedding, scaled, plus those of the positions if the model has them.
void embed_tokens(const Model& model, TokenRows rows, Workspace* workspace);

inline void scale_values(float* x, uint32_t count, float factor) {
  for (uint32_t i = 0; i < count; ++i) x[i] *= factor;
}

// y [count] = the norm of x, or x where there is none.
void normalize(const ModelConfig& config, const Norm& norm, const float* x, uint32_t count, float* y);

// Quantises x [tokens, stride] as the input of matrix products and returns when all of it is quantised. prepare(range)
// comes before, for the tokens of each part. Parts are whole tiles of tokens; but a single token is prepared by each
// thread for itself, which takes less time than to wait for another.
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
