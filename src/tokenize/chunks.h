// Text to chunks of bytes: words, or the tokens that byte-pair merges make of them, and those that are too long in
// several parts.
#pragma once

#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// Whether the model reads bytes: tokenizer.ggml.model is "bytes".
bool has_chunks(const GgufHeader& header);

// Reads tokenizer.ggml.pre, chunk_length and add_bos_token, and makes the table of chunks. Merges that are there
// already decide where words are cut.
Status chunk_tokenizer_build(const GgufHeader& header, Tokenizer* tokenizer);

// As tokenizer_encode. Where the table of chunks is full, all but `kept` may lose their ids.
Status chunks_encode(const Tokenizer& tokenizer, std::string_view text, std::span<const int32_t> kept,
                     Buffer<int32_t>* tokens);

}  // namespace camelgpt
