// A range of bytes in a file.
#pragma once

#include <cstdint>

namespace camelgpt {

// Bytes `from` to `to` - 1.
struct FileRange {
  uint64_t from = 0, to = 0;
};

}  // namespace camelgpt
