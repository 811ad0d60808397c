// Splits text into chunks for models that read bytes: words, or the BPE tokens of words, cut at chunk_length bytes.
#pragma once

#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// Whether the model reads bytes: tokenizer.ggml.model is "bytes".
bool is_chunk_tokenizer(const GgufHeader& header);

// Reads tokenizer.ggml.pre, chunk_length and add_bos_token, and reserves the chunk table. If merges have been read
// before, words are cut at the boundaries of their BPE tokens.
Status chunk_tokenizer_build(const GgufHeader& header, Tokenizer* tokenizer);

// Like tokenizer_encode. When the chunk table is full, ids other than those in `kept` may be recycled.
Status chunks_encode(const Tokenizer& tokenizer, std::string_view text, std::span<const int32_t> kept,
                     Buffer<int32_t>* tokens);

}  // namespace camelgpt
