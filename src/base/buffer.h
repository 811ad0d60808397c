// A growable array of plain data that reports failed allocations: the core's std::vector.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <type_traits>

#include "base/checked.h"

namespace camelgpt {

// Owns size() elements of a trivially copyable T. Move-only. Calls that return bool return false when out of memory,
// and then change nothing.
template <typename T>
struct Buffer {
  static_assert(std::is_trivially_copyable_v<T>, "Buffer holds plain data");

  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Buffer() { std::free(data_); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t i) {
    assert(i < size_);
    return data_[i];
  }
  const T& operator[](size_t i) const {
    assert(i < size_);
    return data_[i];
  }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  T& back() {
    assert(size_ > 0);
    return data_[size_ - 1];
  }
  std::span<const T> span() const { return {data_, size_}; }
  std::span<T> span() { return {data_, size_}; }

  // Raises the capacity to at least `count` elements.
  [[nodiscard]] bool reserve(size_t count) {
    if (count <= capacity_) return true;
    const CheckedSize bytes = CheckedSize(count) * sizeof(T);
    if (!bytes.fits_memory()) return false;
    T* grown = static_cast<T*>(std::realloc(static_cast<void*>(data_), static_cast<size_t>(bytes.value)));
    if (grown == nullptr) return false;
    data_ = grown;
    capacity_ = count;
    return true;
  }

  // Sets the size; new elements are zero.
  [[nodiscard]] bool resize(size_t count) {
    if (!reserve(count)) return false;
    if (count > size_) std::memset(static_cast<void*>(data_ + size_), 0, (count - size_) * sizeof(T));
    size_ = count;
    return true;
  }

  [[nodiscard]] bool push_back(const T& value) {
    if (size_ == capacity_) {
      const T copy = value;  // `value` may live in this buffer
      if (!reserve(capacity_ < 8 ? 16 : capacity_ + capacity_ / 2)) return false;
      data_[size_++] = copy;
      return true;
    }
    data_[size_++] = value;
    return true;
  }

  [[nodiscard]] bool append(const T* values, size_t count) {
    if (count > SIZE_MAX - size_) return false;
    const size_t needed = size_ + count;
    if (needed > capacity_) {
      const size_t grown = capacity_ + capacity_ / 2;
      if (!reserve(needed > grown ? needed : grown)) return false;
    }
    if (count > 0) std::memcpy(static_cast<void*>(data_ + size_), values, count * sizeof(T));
    size_ = needed;
    return true;
  }

  void clear() { size_ = 0; }
  void shrink(size_t count) {
    assert(count <= size_);
    size_ = count;
  }
  void release() { Buffer().swap(*this); }
  // Returns the memory beyond size() to the allocator.
  void release_excess() {
    if (size_ == capacity_) return;
    if (size_ == 0) return release();
    T* const smaller = static_cast<T*>(std::realloc(static_cast<void*>(data_), size_ * sizeof(T)));
    if (smaller == nullptr) return;
    data_ = smaller;
    capacity_ = size_;
  }
  void swap(Buffer& other) noexcept {
    T* data = data_;
    data_ = other.data_;
    other.data_ = data;
    size_t size = size_;
    size_ = other.size_;
    other.size_ = size;
    size_t capacity = capacity_;
    capacity_ = other.capacity_;
    other.capacity_ = capacity;
  }

 private:
  T* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace camelgpt
