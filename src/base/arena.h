// One allocation for a whole model: sizes are added up first, then handed out from a single block.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "base/checked.h"

namespace camelgpt {

// Every piece starts on a cache line, which also is enough for any SIMD load.
inline constexpr size_t kArenaAlignment = 64;

// Hands out pieces of one block. The same sequence of take() calls is made twice: on a measuring arena, which only adds
// up (checked, 64-bit), and after allocate() on the real one. So the plan cannot differ from what is used.
struct Arena {
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { std::free(reinterpret_cast<void*>(block_)); }

  // Bytes taken so far (or needed, while measuring).
  CheckedSize used() const { return used_; }
  bool measuring() const { return block_ == 0; }

  // Gets a block of `bytes` bytes and starts handing it out from its beginning. False when there is no memory.
  [[nodiscard]] bool allocate(CheckedSize bytes) {
    assert(block_ == 0);
    const CheckedSize rounded = bytes.aligned(kArenaAlignment);
    if (!rounded.fits_address_space()) return false;
    size_t size = static_cast<size_t>(rounded.value);
    if (size == 0) size = kArenaAlignment;
    // Fresh pages are zero and stay untouched until they are used, so nothing is cleared here: every owner writes
    // what it reads.
    block_ = reinterpret_cast<uintptr_t>(std::aligned_alloc(kArenaAlignment, size));
    if (block_ == 0) return false;
    size_ = size;
    used_ = 0;
    return true;
  }

  // The next `count` elements, uninitialised; an empty span with a null pointer while measuring.
  template <typename T>
  std::span<T> take(uint64_t count) {
    const CheckedSize start = used_;
    used_ += (CheckedSize(count) * sizeof(T)).aligned(kArenaAlignment);
    if (measuring()) return {};
    assert(used_.fits(size_));
    return {reinterpret_cast<T*>(block_ + static_cast<size_t>(start.value)), static_cast<size_t>(count)};
  }

 private:
  uintptr_t block_ = 0;  // a number: with 32 bits a block can be larger than an object, within which pointers may move
  size_t size_ = 0;
  CheckedSize used_;
};

}  // namespace camelgpt
