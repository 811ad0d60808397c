// Splits text into the pieces that byte-pair merges never cross. The split follows each model family's regular
// expression, implemented by hand in one pass.
#pragma once

#include <cstddef>
#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// Returns the end of the piece that starts at `start`: start < end <= text.size(). `text` is valid UTF-8 between two
// special tokens; the expressions do not look past its ends. Linear time over all pieces of a text.
size_t piece_end(PreTokenizer pre, std::string_view text, size_t start);

}  // namespace camelgpt
