// Shared by the files of this folder: numbers from header bytes, value types, texts for error messages.
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

static_assert(std::endian::native == std::endian::little, "numbers are copied from the file without conversion");

// The number at `position`, aligned or not. The caller has checked that it lies within the bytes.
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
  const char* name;  // for messages and JSON; null for an unknown type
  uint32_t bytes;    // of one value; 0 for strings and arrays
};

GgufTypeInfo gguf_type_info(GgufType type);

// A key or name as error messages quote it: bytes outside printable ASCII become '?', long texts are shortened.
struct GgufQuoted {
  char text[64];
  explicit GgufQuoted(std::string_view source);
};

inline constexpr char kGgufDamagedHint[] =
    "The file is damaged or comes from a faulty converter: download or convert it again.";

// --- for the reader's parse functions ---

// Reads numbers from `position` on; take() returns false if the bytes have not arrived.
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

// The result of a parse function that needs bytes that have not arrived; it must not have changed anything else.
inline Status gguf_wait(bool* starved) {
  *starved = true;
  return {};
}

// kBadFormat unless `length`, read at `position`, is 1 to `limit`. `label` says what has this length ("metadata key" or
// "tensor name"), `index` which one, from 1.
Status gguf_check_length(const char* label, uint64_t index, uint64_t length, uint64_t limit, uint64_t position);

// Fills `order` with the indices 0 to count - 1, sorted by label(index). False when out of memory.
template <typename Label>
[[nodiscard]] bool gguf_sort_labels(Buffer<uint32_t>& order, size_t count, Label label) {
  if (!order.resize(count)) return false;
  for (size_t i = 0; i < count; ++i) order[i] = static_cast<uint32_t>(i);
  const auto less = [&](uint32_t a, uint32_t b) { return label(a) < label(b); };
  heap_sort(order.begin(), order.end(), less);
  return true;
}

// kBadFormat: two items of kind `what` are both named `label`, at these byte positions.
Status gguf_duplicate(const char* what, std::string_view label, uint64_t first, uint64_t second);

// tensor_table.cpp: parses one row of the table; sorts all rows and checks them against one another.
Status gguf_parse_tensor(GgufReader& reader, bool* starved);
Status gguf_end_tensors(GgufReader& reader);

}  // namespace camelgpt
