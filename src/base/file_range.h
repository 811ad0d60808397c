// A range of bytes in a file.
#pragma once

#include <cstdint>

#include "base/record.h"

namespace camelgpt {

// Bytes `from` to `to` - 1.
struct FileRange {
  uint64_t from = 0, to = 0;
};
extern const Record kFileRangeRecord;

}  // namespace camelgpt
