// Text is cut into pieces before byte pairs are merged: merges never cross a cut. The cuts are those of each model
// family's regular expression, found by hand-written code in one pass.
#pragma once

#include <cstddef>
#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// The end of the piece that starts at `start`; start < end <= text.size(). `text` is valid UTF-8 and stands alone: what
// lies before and behind it (special tokens) does not count. The time is linear over all pieces of a text.
size_t piece_end(PreTokenizer pre, std::string_view text, size_t start);

}  // namespace camelgpt
