#pragma once

#include <cstdint>

namespace camelgpt {

// Bytes of a file: from one position to before another.
struct FileRange {
  uint64_t from = 0, to = 0;
};

}  // namespace camelgpt
