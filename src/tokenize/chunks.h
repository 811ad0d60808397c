// Splits text into chunks for models that read bytes: words, or the BPE tokens of words, cut at chunk_length bytes.
#pragma once

#include <string_view>

#include "tokenize/bpe.h"
#include "tokenize/tokenizer.h"

namespace camelgpt {

// Chunks with an id at any time: 1.5 MiB with the hash table.
inline constexpr uint32_t kChunkCapacity = 1u << 16;

// Whether the model reads bytes: tokenizer.ggml.model is "bytes".
bool is_chunk_tokenizer(const GgufHeader& header);

// Reads tokenizer.ggml.pre, chunk_length and add_bos_token. If merges have been read
// before, words are cut at the boundaries of their BPE tokens.
Status chunk_tokenizer_build(const GgufHeader& header, Tokenizer* tokenizer);

// Appends the chunks of one word. Sets *full and stops when the chunk table has no free id. `workspace` and
// `word_tokens` are scratch memory.
Status chunks_append_word(const Tokenizer& tokenizer, std::string_view word, ChunkTable* chunks,
                          BpeWorkspace* workspace, Buffer<int32_t>* word_tokens, Buffer<int32_t>* tokens, bool* full);

// The error for a text that does not fit into the table, in which `kept` ids may not be recycled.
Status chunks_exhausted(const ChunkTable& chunks, size_t kept);

}  // namespace camelgpt
