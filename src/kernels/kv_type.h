// How keys and values are stored.
#pragma once

#include <cstdint>

namespace camelgpt {

enum class KvType : uint8_t {
  kHalf,  // halves
  kByte,  // 8-bit numbers with one float scale for a head's key or value at a position: x = scale * q
};

inline constexpr uint32_t kv_element_bytes(KvType type) { return type == KvType::kHalf ? 2 : 1; }

}  // namespace camelgpt
