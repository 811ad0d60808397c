// The two ends of a model that reads and writes bytes: a chunk of them becomes one vector, and a vector the
// distributions of all bytes of a chunk at once. Each is a few blocks over the positions of a chunk, which see one
// another (Hillier et al. 2024, "Super Tiny Language Models").
#pragma once

#include "model/model.h"

namespace camelgpt {

// Bytes are themselves; these two follow.
inline constexpr uint32_t kPadByte = 256;  // fills a chunk up
inline constexpr uint32_t kEndByte = 257;  // of the text: a chunk of its own
inline constexpr uint32_t kByteVocabulary = 258;

// x += attention(norm(x)), then x = ffn(norm(x)), which may have another width.
struct ByteBlock {
  const float* attention_norm = nullptr;  // [width]
  Linear qkv;                             // [3 * width, width] queries, keys, values
  Linear output;                          // [width, width]
  const float* ffn_norm = nullptr;        // [width]
  Linear up;                              // [ffn, width]
  Linear down;                            // [width of the next block, ffn]
};

struct ByteWeights {
  Panel embedding;                        // [kByteVocabulary, width]
  const float* positions = nullptr;       // [length, width]
  std::span<ByteBlock> embedder;          // width to hidden
  Linear projection;                      // [length * width, hidden]
  const float* head_positions = nullptr;  // [length, width]
  std::span<ByteBlock> head_blocks;       // width to width
  Linear head;                            // [kByteVocabulary, width]; the embedding itself if they are tied
};

// Rows are the positions of some chunks, kMaxBatch of them at most, and as far apart as the widest need.
struct ByteWorkspace {
  std::span<float> x;        // [rows, widest]
  std::span<float> normed;   // [rows, widest] of x, or what attention gives
  std::span<float> qkv;      // [rows, 3 * widest]
  std::span<float> neurons;  // [rows, widest_ffn]
  std::span<float> logits;   // [rows, kByteVocabulary]
};

// config->bytes. The widths of blocks are those of their tensors.
Status read_byte_config(const ConfigReader& reader, ModelConfig* config);
Status bind_bytes(WeightBinder* binder, Model* model);
uint32_t reserve_bytes(const ModelConfig& config, Arena* arena, Workspace* workspace);

// workspace->x [tokens, hidden] = the vectors of the chunks.
void embed_chunks(const Model& model, TokenRows rows, Workspace* workspace);
// As model_logits: workspace->logits [length, kByteVocabulary].
void byte_logits(const Model& model, uint32_t output, Workspace* workspace);
// As model_score. A chunk is as probable as its bytes and, where it is not full, the pad behind them. *best is the
// target where it is the most probable byte at each of its positions, and otherwise -1.
void byte_score(const Model& model, std::span<const int32_t> targets, Workspace* workspace, float* logprobs,
                int32_t* best);

// The symbols by which a chunk is predicted: its bytes and what ends it. Returns how many.
uint32_t chunk_symbols(const ChunkTable& chunks, int32_t token, uint16_t (&symbols)[kMaxChunkLength]);
// log p(symbol) by one position's logits [kByteVocabulary].
double byte_log_probability(const float* logits, uint32_t symbol);

}  // namespace camelgpt
