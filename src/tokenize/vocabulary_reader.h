// Reads the token list of a GGUF header: tokenizer.ggml.tokens, token_type and scores.
#pragma once

#include "tokenize/tokenizer.h"

namespace camelgpt {

// Decodes the written form of each token and fills the vocabulary of *tokenizer: vocabulary_size, pieces, types, scores
// (SentencePiece and unigram), byte tokens and special tokens. tokenizer->kind must be set. Returns kMissingMetadata or
// kBadMetadata if the lists are absent, disagree, or hold impossible values.
Status vocabulary_read(const GgufHeader& header, Tokenizer* tokenizer);

}  // namespace camelgpt
