#pragma once

#include <cstdint>

#include "base/record.h"

namespace camelgpt {

// Bytes of a file: from one position to before another.
struct FileRange {
  uint64_t from = 0, to = 0;
};
extern const Record kFileRangeRecord;

}  // namespace camelgpt
