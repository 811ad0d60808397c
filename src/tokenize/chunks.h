// Text to chunks of bytes: words, and those that are too long in several parts.
#pragma once

#include <cstdint>
#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// Whether the model reads bytes: tokenizer.ggml.model is "bytes".
bool has_chunks(const GgufHeader& header);

// Reads tokenizer.ggml.pre and tokenizer.ggml.chunk_length, and makes the table of chunks.
Status chunk_tokenizer_build(const GgufHeader& header, Tokenizer* tokenizer);

// The beginning of a word, of at most `length` bytes (2 or more): between characters where that is possible.
std::string_view first_chunk(std::string_view word, uint32_t length);

}  // namespace camelgpt
