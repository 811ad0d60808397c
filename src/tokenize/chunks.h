// Text to chunks of bytes: words, or the tokens that byte-pair merges make of them, and those that are too long in
// several parts.
#pragma once

#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// Whether the model reads bytes: tokenizer.ggml.model is "bytes".
bool has_chunks(const GgufHeader& header);

// Chunk ids in use at a time: 1.5 MiB with the hash table.
inline constexpr uint32_t kChunkCapacity = 1u << 16;

// Reads tokenizer.ggml.pre, chunk_length and add_bos_token. If merges are loaded already, they decide where words are
// cut.
Status chunk_tokenizer_build(const GgufHeader& header, Tokenizer* tokenizer);

// tokenizer_encode for a byte-level model. If the chunk table is full, all ids but `kept` may be reassigned.
Status chunks_encode(const Tokenizer& tokenizer, std::string_view text, std::span<const int32_t> kept,
                     ChunkTable* chunks, Buffer<int32_t>* tokens);

}  // namespace camelgpt
