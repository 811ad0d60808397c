// One allocation for a whole model: sizes are added up first, then handed out as spans.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "base/checked.h"

namespace camelgpt {

// Every span starts on a cache line, which is also enough for any SIMD load.
inline constexpr size_t kArenaAlignment = 64;

// Hands out spans of one allocation. Callers run the same sequence of take() calls twice: on a measuring arena, which
// only adds up the sizes (checked, 64-bit), and on a real one after allocate(). The memory plan therefore always
// matches what is used.
struct Arena {
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { std::free(reinterpret_cast<void*>(base_)); }

  // Bytes taken so far, or needed in all while measuring.
  CheckedSize used() const { return used_; }
  bool measuring() const { return base_ == 0; }

  // Allocates `bytes` bytes, to be taken from their start. False when out of memory.
  [[nodiscard]] bool allocate(CheckedSize bytes) {
    assert(base_ == 0);
    const CheckedSize rounded = bytes.aligned(kArenaAlignment);
    if (!rounded.fits_address_space()) return false;
    size_t size = static_cast<size_t>(rounded.value);
    if (size == 0) size = kArenaAlignment;
    // Not cleared, so that pages stay uncommitted until they are used: owners write before they read.
    base_ = reinterpret_cast<uintptr_t>(std::aligned_alloc(kArenaAlignment, size));
    if (base_ == 0) return false;
    size_ = size;
    used_ = 0;
    return true;
  }

  // The next `count` elements, uninitialised and aligned to kArenaAlignment. Empty, with a null pointer, while
  // measuring.
  template <typename T>
  std::span<T> take(uint64_t count) {
    const CheckedSize start = used_;
    used_ += (CheckedSize(count) * sizeof(T)).aligned(kArenaAlignment);
    if (measuring()) return {};
    assert(used_.fits(size_));
    return {reinterpret_cast<T*>(base_ + static_cast<size_t>(start.value)), static_cast<size_t>(count)};
  }

 private:
  uintptr_t base_ = 0;  // an integer: on 32 bits the allocation can exceed the 2 GiB that pointer arithmetic allows
  size_t size_ = 0;
  CheckedSize used_;
};

}  // namespace camelgpt
