// The names of pre-tokenizers in `tokenizer.ggml.pre`.
#pragma once

#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

struct PreTokenizerName {
  std::string_view name;
  PreTokenizer pre;
  bool ignore_merges = false;  // some tokens are not the result of merges
  bool adds_bos = false;       // default of add_bos_token
  bool composes = false;       // Hugging Face's tokenizer first normalises text to NFC
};

// Returns the entry with this name, or null.
const PreTokenizerName* pre_tokenizer_find(std::string_view name);

}  // namespace camelgpt
