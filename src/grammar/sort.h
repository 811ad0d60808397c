// Sorts pairs of numbers: one compact function for all that the grammar engine sorts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace camelgpt {

struct SortPair {
  uint64_t key, value;
  bool operator<(const SortPair& other) const { return key != other.key ? key < other.key : value < other.value; }
  bool operator==(const SortPair&) const = default;
};

// Sorts in place without recursion.
void sort_pairs(SortPair* pairs, size_t count);

}  // namespace camelgpt
