// A range of bytes in a text.
#pragma once

#include <cstdint>

namespace camelgpt {

// Bytes `begin` to `end` - 1.
struct TextRange {
  uint32_t begin, end;
};

}  // namespace camelgpt
