// Interns sequences of words: equal ones get the same id.
#pragma once

#include <cstdint>
#include <span>

#include "base/buffer.h"

namespace camelgpt {

inline constexpr uint32_t kNoSet = 0xffffffffu;

struct SetTable {
  Buffer<uint64_t> words;   // of all sets
  Buffer<uint32_t> begins;  // [sets + 1] index into words
  Buffer<uint32_t> slots;   // [power of two] hash table of ids plus one; 0: empty

  uint32_t size() const { return begins.empty() ? 0 : static_cast<uint32_t>(begins.size()) - 1; }
  std::span<const uint64_t> operator[](uint32_t id) const {
    return {words.data() + begins[id], begins[id + 1] - begins[id]};
  }
  void swap(SetTable& other) {
    words.swap(other.words);
    begins.swap(other.begins);
    slots.swap(other.slots);
  }
  uint64_t memory() const {
    return words.capacity() * sizeof(uint64_t) + (begins.capacity() + slots.capacity()) * sizeof(uint32_t);
  }
};

// The id of the set, which must not lie in the table; kNoSet when out of memory. Ids ascend from 0.
uint32_t set_intern(std::span<const uint64_t> set, SetTable* table);

}  // namespace camelgpt
