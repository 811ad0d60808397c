// Splits text into the pieces that byte-pair merges never cross. The split follows each model family's regular
// expressions, implemented by hand in one pass.
#pragma once

#include <cstddef>
#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

struct SplitPass;

// Walks the pieces of a text between two special tokens. Some rules are a sequence of passes: each pass splits the
// pieces of the one before it into matches of an expression and the text between them. Linear time over all pieces.
struct PieceCursor {
  static constexpr size_t kMaxPasses = 6;

  const SplitPass* passes = nullptr;  // [pass_count]
  size_t pass_count = 0;
  std::string_view text;                                  // valid UTF-8; the expressions do not look past its ends
  size_t start = 0;                                       // of the next piece
  size_t begins[kMaxPasses] = {}, ends[kMaxPasses] = {};  // of the current piece of each pass

  PieceCursor() = default;
  PieceCursor(PreTokenizer pre, std::string_view whole);
  // Stores the next piece, which is not empty, or returns false at the end of the text.
  bool next(std::string_view* piece);
};

}  // namespace camelgpt
