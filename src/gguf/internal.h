// What the files of this folder share: reading numbers from header bytes, the value types, texts for error messages.
#pragma once

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "base/heap_sort.h"
#include "gguf/gguf.h"

namespace camelgpt {

static_assert(std::endian::native == std::endian::little, "the file's numbers are copied as they are");

// The number at `position`, which need not be aligned. The caller has checked that it lies inside the bytes.
template <typename T>
inline T gguf_load(const GgufHeader& header, uint64_t position) {
  static_assert(std::is_arithmetic_v<T>);
  assert(position <= header.bytes.size() && header.bytes.size() - position >= sizeof(T));
  T value;
  std::memcpy(&value, header.bytes.data() + static_cast<size_t>(position), sizeof value);
  return value;
}

inline std::string_view gguf_text(const GgufHeader& header, uint64_t position, uint64_t length) {
  assert(position <= header.bytes.size() && header.bytes.size() - position >= length);
  return {reinterpret_cast<const char*>(header.bytes.data()) + static_cast<size_t>(position),
          static_cast<size_t>(length)};
}

struct GgufTypeInfo {
  const char* name;  // the field's word for it; null for a number that is not a type
  uint32_t bytes;    // of one value; 0 for strings and arrays
};

GgufTypeInfo gguf_type_info(GgufType type);

// A key or name inside quotation marks as an error message shows it: hostile bytes become '?', long texts are cut.
struct GgufQuoted {
  char text[64];
  explicit GgufQuoted(std::string_view source);
};

inline constexpr char kGgufDamagedHint[] =
    "The file is damaged or comes from a faulty converter: download or convert it again.";

// --- the reader's parts ---

// Reads on from the reader's position; take() returns false where the bytes that arrived so far end.
struct GgufFields {
  const GgufHeader& header;
  uint64_t position;

  bool has(uint64_t bytes) const { return header.bytes.size() - position >= bytes; }
  template <typename T>
  bool take(T* value) {
    if (!has(sizeof(T))) return false;
    *value = gguf_load<T>(header, position);
    position += sizeof(T);
    return true;
  }
};

// What a parse function answers when it needs bytes that have not arrived; it has changed nothing else.
inline Status gguf_wait(bool* starved) {
  *starved = true;
  return {};
}

// A metadata key or tensor name (`label`), the `index`-th from 1, says at `position` that it is `length` bytes long.
Status gguf_check_length(const char* label, uint64_t index, uint64_t length, uint64_t limit, uint64_t position);

// Fills `order` with the indices 0 to count - 1, sorted by label.
template <typename Label>
[[nodiscard]] bool gguf_sort_labels(Buffer<uint32_t>& order, size_t count, Label label) {
  if (!order.resize(count)) return false;
  for (size_t i = 0; i < count; ++i) order[i] = static_cast<uint32_t>(i);
  const auto less = [&](uint32_t a, uint32_t b) { return label(a) < label(b); };
  heap_sort(order.begin(), order.end(), less);
  return true;
}

Status gguf_duplicate(const char* what, std::string_view label, uint64_t first, uint64_t second);

// tensor_table.cpp: one row, and, when all have been read, what concerns more than one of them.
Status gguf_parse_tensor(GgufReader& reader, bool* starved);
Status gguf_end_tensors(GgufReader& reader);

}  // namespace camelgpt
