// Chunks, short strings of bytes, and the ids that stand for them: what models that read bytes have instead of a
// vocabulary.
//
// Ids are given as chunks turn up. When all are in use, a sweep takes back those that nobody needs any more.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/buffer.h"

namespace camelgpt {

inline constexpr uint32_t kMaxChunkLength = 15;
// The id of the chunk that ends a text: it is always there and has no bytes.
inline constexpr int32_t kEndChunk = 0;

struct ChunkTable {
  struct Chunk {
    char bytes[kMaxChunkLength];
    uint8_t length;  // 0: the id is free; and bits, see chunk_table.cpp
  };
  Buffer<Chunk> chunks;  // [capacity] by id
  Buffer<uint32_t>
      slots;            // [power of two, at least 2 * capacity] ids by the hash of their bytes, 0 where there is none
  uint32_t length = 0;  // of a chunk, at most
  uint32_t next = 0;    // all ids below this one are in use

  bool in_use() const { return !chunks.empty(); }
};

// Makes room for `capacity` chunks of up to `length` bytes. False when there is no memory.
[[nodiscard]] bool chunks_reserve(uint32_t capacity, uint32_t length, ChunkTable* table);

// The id of these bytes (1 to table->length of them), a new one where they have none; -1 where no id is free.
int32_t chunks_intern(std::string_view bytes, ChunkTable* table);

// The bytes of an id; none of the end, or of an id that stands for nothing.
std::string_view chunks_bytes(const ChunkTable& table, int32_t id);

// Whether the id stands for a chunk, or the end.
bool chunks_has(const ChunkTable& table, int32_t id);

// Frees the ids that were not asked for since the last sweep; if these are few, all. Those of `kept` stay.
void chunks_sweep(std::span<const int32_t> kept, ChunkTable* table);

}  // namespace camelgpt
