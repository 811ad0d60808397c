// Chunks (short byte strings) → ids and back: what byte-level models have instead of a vocabulary.
//
// Ids are assigned as chunks appear. When all are in use, a sweep frees those that were not used recently.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/buffer.h"

namespace camelgpt {

inline constexpr uint32_t kMaxChunkLength = 15;
// The id of the chunk that ends a text: always assigned, without bytes.
inline constexpr int32_t kEndChunk = 0;

struct ChunkTable {
  struct Chunk {
    char bytes[kMaxChunkLength];
    uint8_t length;  // 0: the id is free; the high bits are flags, see chunk_table.cpp
  };
  Buffer<Chunk> chunks;    // [capacity] by id
  Buffer<uint32_t> slots;  // [power of two, at least 2 * capacity] hash table of ids; 0: empty
  uint32_t length = 0;     // maximum bytes of a chunk
  uint32_t next = 0;       // all ids below this one are in use

  bool in_use() const { return !chunks.empty(); }
};

// Allocates `capacity` ids for chunks of up to `length` bytes (at most kMaxChunkLength). False when out of memory.
[[nodiscard]] bool chunks_reserve(uint32_t capacity, uint32_t length, ChunkTable* table);

// The id of a chunk of 1 to table->length bytes, assigned if it has none yet; -1 if no id is free.
int32_t chunks_intern(std::string_view bytes, ChunkTable* table);

// The bytes of a chunk; empty for kEndChunk and for ids that are not assigned.
std::string_view chunks_bytes(const ChunkTable& table, int32_t id);

// Whether the id is assigned; kEndChunk always is.
bool chunks_has(const ChunkTable& table, int32_t id);

// Frees the ids not used since the last sweep, except those in `kept`. If that is less than an eighth of the capacity,
// frees all ids that are not in `kept`.
void chunks_sweep(std::span<const int32_t> kept, ChunkTable* table);

}  // namespace camelgpt
