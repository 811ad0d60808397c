#include "grammar/set_table.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"

namespace camelgpt {
namespace {

// The slot of the set, or the empty one where it belongs.
uint32_t& slot_of(std::span<const uint64_t> set, SetTable* table) {
  const size_t mask = table->slots.size() - 1;
  for (size_t slot = hash_bytes(set.data(), set.size_bytes()) & mask;; slot = (slot + 1) & mask) {
    uint32_t& id = table->slots[slot];
    if (id == 0) return id;
    const std::span<const uint64_t> known = (*table)[id - 1];
    if (known.size() == set.size() && (set.empty() || std::memcmp(known.data(), set.data(), set.size_bytes()) == 0)) {
      return id;
    }
  }
}

}  // namespace

uint32_t set_intern(std::span<const uint64_t> set, SetTable* table) {
  const uint32_t count = table->size();
  if (table->begins.empty() && !table->begins.push_back(0)) return kNoSet;
  if (size_t{count} * 2 >= table->slots.size()) {
    Buffer<uint32_t> larger;
    if (!larger.resize(std::max<size_t>(64, table->slots.size() * 2))) return kNoSet;
    table->slots.swap(larger);
    for (uint32_t id = 0; id < count; ++id) slot_of((*table)[id], table) = id + 1;
  }
  uint32_t& slot = slot_of(set, table);
  if (slot != 0) return slot - 1;
  if (!table->words.append(set.data(), set.size())) return kNoSet;
  if (table->words.size() > UINT32_MAX || !table->begins.push_back(static_cast<uint32_t>(table->words.size()))) {
    table->words.shrink(table->words.size() - set.size());
    return kNoSet;
  }
  slot = count + 1;
  return count;
}

}  // namespace camelgpt
