// The ends of a model that reads and writes bytes: a chunk of bytes becomes one vector, and a vector becomes the
// distributions of all bytes of a chunk. Each end is a few transformer blocks over the positions of a chunk, which see
// one another (Hillier et al. 2024, "Super Tiny Language Models").
#pragma once

#include "model/model.h"

namespace camelgpt {

// Symbols in addition to the 256 bytes.
inline constexpr uint32_t kPadByte = 256;  // after the last byte of a chunk that is not full
inline constexpr uint32_t kEndByte = 257;  // the end of the text, in a chunk without bytes
inline constexpr uint32_t kByteVocabulary = 258;

// x += attention(norm(x)), then x = ffn(norm(x)), which may have a different width.
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

// Rows are positions of chunks, at most kMaxBatch. The stride is that of the widest block.
struct ByteWorkspace {
  std::span<float> x;        // [rows, widest]
  std::span<float> normed;   // [rows, widest] norm(x), or the result of attention
  std::span<float> qkv;      // [rows, 3 * widest]
  std::span<float> neurons;  // [rows, widest_ffn]
  std::span<float> logits;   // [rows, kByteVocabulary]
};

// Reads config->bytes. The widths of blocks are those of their tensors.
Status read_byte_config(const ConfigReader& reader, ModelConfig* config);
Status bind_bytes(WeightBinder* binder, Model* model);
uint32_t reserve_bytes(const ModelConfig& config, Arena* arena, Workspace* workspace);

// See ModelEnds.
void embed_chunks(const Model& model, TokenRows rows, Workspace* workspace);
// Like model_logits(), but with logits [length, kByteVocabulary].
void byte_logits(const Model& model, uint32_t output, Workspace* workspace);
// As model_score(). The probability of a chunk is that of its bytes and, if it is not full, of the pad after them.
// *best is the target if each of its symbols is the most probable one at its position, otherwise -1.
void byte_score(const Model& model, std::span<const int32_t> targets, Workspace* workspace, float* logprobs,
                int32_t* best);

// The symbols of a chunk: its bytes, then the pad or end that terminates it. Returns how many.
uint32_t chunk_symbols(const ChunkTable& chunks, int32_t token, uint16_t (&symbols)[kMaxChunkLength]);
// log p(symbol) from the logits [kByteVocabulary] of one position.
double byte_log_probability(const float* logits, uint32_t symbol);

}  // namespace camelgpt
