// Bytes → a 64-bit hash that detects mix-ups and damage. Not cryptographic: collisions are easy to construct.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace camelgpt {

static_assert(std::endian::native == std::endian::little);

// Continues from `hash`, so that input can be hashed in several calls; all but the last take a multiple of eight bytes.
inline uint64_t hash_bytes(const void* bytes, size_t size, uint64_t hash = 0x9e3779b97f4a7c15u) {
  const uint8_t* at = static_cast<const uint8_t*>(bytes);
  const auto mix = [&](uint64_t word) {
    hash = (hash ^ word) * 0xd6e8feb86659fd93u;  // both constants are odd and have many bits set
    hash ^= hash >> 32;
  };
  for (; size >= 8; size -= 8, at += 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    mix(word);
  }
  uint64_t tail = size;                        // the length counts, and with it trailing zeros
  if (size > 0) std::memcpy(&tail, at, size);  // `at` may be null if there are no bytes
  mix(tail ^ static_cast<uint64_t>(size) << 56);
  return hash;
}

}  // namespace camelgpt
