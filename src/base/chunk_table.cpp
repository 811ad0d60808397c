#include "base/chunk_table.h"

#include <bit>
#include <cassert>

#include "base/hash.h"

namespace camelgpt {
namespace {

constexpr uint8_t kLengthBits = 0x0f;
constexpr uint8_t kUsed = 0x80;  // since the last sweep
constexpr uint8_t kKept = 0x40;  // by the sweep in progress
static_assert(kMaxChunkLength == kLengthBits);

// The slot with the id of these bytes, or the empty slot where it belongs.
uint32_t& slot_of(std::string_view bytes, ChunkTable* table) {
  const size_t mask = table->slots.size() - 1;
  for (size_t slot = hash_bytes(bytes.data(), bytes.size()) & mask;; slot = (slot + 1) & mask) {
    uint32_t& id = table->slots[slot];
    if (id == 0 || chunks_bytes(*table, static_cast<int32_t>(id)) == bytes) return id;
  }
}

// Frees the ids of chunks that have none of the bits; returns their number.
uint32_t free_without(uint8_t bits, ChunkTable* table) {
  uint32_t freed = 0;
  for (ChunkTable::Chunk& chunk : table->chunks) {
    if (chunk.length == 0 || (chunk.length & bits) != 0) continue;
    chunk.length = 0;
    ++freed;
  }
  return freed;
}

}  // namespace

bool chunks_reserve(uint32_t capacity, uint32_t length, ChunkTable* table) {
  assert(length <= kMaxChunkLength);
  table->length = length;
  table->next = 1;
  return table->chunks.resize(capacity) && table->slots.resize(std::bit_ceil(size_t{2} * capacity));
}

int32_t chunks_intern(std::string_view bytes, ChunkTable* table) {
  assert(!bytes.empty() && bytes.size() <= table->length);
  uint32_t& slot = slot_of(bytes, table);
  if (slot == 0) {
    uint32_t& next = table->next;
    while (next < table->chunks.size() && table->chunks[next].length != 0) ++next;
    if (next == table->chunks.size()) return -1;
    ChunkTable::Chunk& chunk = table->chunks[next];
    std::memcpy(chunk.bytes, bytes.data(), bytes.size());
    chunk.length = static_cast<uint8_t>(bytes.size());
    slot = next;
  }
  table->chunks[slot].length |= kUsed;
  return static_cast<int32_t>(slot);
}

std::string_view chunks_bytes(const ChunkTable& table, int32_t id) {
  if (!chunks_has(table, id)) return {};
  const ChunkTable::Chunk& chunk = table.chunks[static_cast<size_t>(id)];
  return {chunk.bytes, static_cast<size_t>(chunk.length & kLengthBits)};
}

bool chunks_has(const ChunkTable& table, int32_t id) {
  if (id < 0 || static_cast<size_t>(id) >= table.chunks.size()) return false;
  return id == kEndChunk || table.chunks[static_cast<size_t>(id)].length != 0;
}

void chunks_sweep(std::span<const int32_t> kept, ChunkTable* table) {
  for (const int32_t id : kept) {
    if (id != kEndChunk && chunks_has(*table, id)) table->chunks[static_cast<size_t>(id)].length |= kKept;
  }
  if (free_without(kKept | kUsed, table) < table->chunks.size() / 8) free_without(kKept, table);
  std::memset(table->slots.data(), 0, table->slots.size() * sizeof(uint32_t));
  for (uint32_t id = 1; id < table->chunks.size(); ++id) {
    ChunkTable::Chunk& chunk = table->chunks[id];
    if (chunk.length == 0) continue;
    chunk.length &= kLengthBits;
    slot_of(chunks_bytes(*table, static_cast<int32_t>(id)), table) = id;
  }
  table->next = 1;
}

}  // namespace camelgpt
