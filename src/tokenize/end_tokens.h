// The tokens that end an answer: those that the metadata names, and those of well-known chat formats.
#pragma once

#include "gguf/gguf.h"
#include "tokenize/tokenizer.h"

namespace camelgpt {

// Finds the end tokens of well-known chat formats by their written form and adds them to tokenizer->end_tokens. It
// makes them control tokens, because some files give them the type of ordinary text, which contents may spell. Must be
// called before the types are used.
Status end_tokens_find(const GgufHeader& header, const GgufEntry& tokens, Tokenizer* tokenizer);

// Makes a user-defined token a control token, so that contents cannot spell it. kNoToken is ignored.
void make_control(int32_t token, Tokenizer* tokenizer);

// Adds a token that the metadata names, and makes it a control token if it is user-defined. kNoToken is ignored.
Status end_tokens_add(int32_t token, Tokenizer* tokenizer);

// Removes tokens that have another meaning beside certain others. Called last.
void end_tokens_apply_exceptions(Tokenizer* tokenizer);

}  // namespace camelgpt
