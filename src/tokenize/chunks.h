// Splits text into chunks for models that read bytes: words, or the BPE tokens of words, cut at chunk_length bytes.
#pragma once

#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// Chunks with an id at any time: 1.5 MiB with the hash table.
inline constexpr uint32_t kChunkCapacity = 1u << 16;

// Whether the model reads bytes: tokenizer.ggml.model is "bytes".
bool is_chunk_tokenizer(const GgufHeader& header);

// Reads tokenizer.ggml.pre, chunk_length and add_bos_token. If merges have been read
// before, words are cut at the boundaries of their BPE tokens.
Status chunk_tokenizer_build(const GgufHeader& header, Tokenizer* tokenizer);

// Like tokenizer_encode. When the chunk table is full, ids other than those in `kept` may be recycled.
Status chunks_encode(const Tokenizer& tokenizer, std::string_view text, std::span<const int32_t> kept,
                     ChunkTable* chunks, Buffer<int32_t>* tokens);

}  // namespace camelgpt
