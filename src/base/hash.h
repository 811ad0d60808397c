// A hash against mix-ups and damage. It is not cryptographic: whoever wants to can make another input with the same
// hash.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace camelgpt {

static_assert(std::endian::native == std::endian::little);

// Goes on from `hash`, so that pieces can follow one another: whole multiples of eight bytes but for the last one.
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
  uint64_t rest = size;                        // so that trailing zeros count
  if (size > 0) std::memcpy(&rest, at, size);  // no bytes have no address
  mix(rest ^ static_cast<uint64_t>(size) << 56);
  return hash;
}

}  // namespace camelgpt
