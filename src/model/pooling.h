#pragma once

#include <cstdint>

namespace camelgpt {

// Which hidden states represent a text. The numbers are those of <architecture>.pooling_type.
enum class Pooling : uint8_t { kOfModel = 0, kMean = 1, kFirst = 2, kLast = 3 };

}  // namespace camelgpt
