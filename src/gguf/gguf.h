// The header of a GGUF file (v2 and v3, little-endian): bytes in fragments of any size → metadata and tensor table.
// Format: github.com/ggml-org/ggml/blob/master/docs/gguf.md
//
// All input is untrusted: counts, lengths, offsets and types are checked in 64-bit arithmetic before use, and no
// allocation exceeds what the bytes received so far justify.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "base/status.h"
#include "gguf/tensor_type.h"

namespace camelgpt {

// Types of metadata values, numbered as in the file.
enum class GgufType : uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

// One metadata item. Positions are byte offsets into GgufHeader::bytes.
struct GgufEntry {
  uint64_t key_position;
  uint64_t key_length;
  GgufType type;            // kArray for arrays
  GgufType element_type;    // of an array; otherwise equal to type
  uint64_t count;           // elements of an array; otherwise 1
  uint64_t value_position;  // first byte of the (first) value; strings start with their 64-bit length
  uint64_t value_bytes;     // bytes of all values together
};

inline constexpr uint32_t kGgufMaxDimensions = 4;

// Limits on what a header may claim. Most are not part of the format; the largest known models stay far below them.
inline constexpr uint64_t kGgufMaxHeaderBytes = uint64_t{512} << 20;
inline constexpr uint64_t kGgufDefaultHeaderBytes = uint64_t{64} << 20;
inline constexpr uint64_t kGgufMaxEntries = 65536;
inline constexpr uint64_t kGgufMaxTensors = 65536;
inline constexpr uint64_t kGgufMaxKeyLength = 65535;  // the format's own limit
inline constexpr uint64_t kGgufMaxNameLength = 255;   // the format says 64, but some writers exceed it

// One row of the tensor table. The reader has checked that tensors are aligned, follow one another without overlaps
// or holes other than the padding, and end before byte 2^63.
struct GgufTensor {
  uint64_t name_position;
  uint64_t name_length;
  uint32_t dimension_count;
  uint64_t dimensions[kGgufMaxDimensions];  // innermost (columns) first; 1 beyond dimension_count
  TensorType type;
  uint64_t offset;  // from the start of the tensor data
  uint64_t bytes;   // of this tensor in the file
};

// A complete header. Owns its bytes; positions and views are valid as long as it lives unchanged.
struct GgufHeader {
  uint32_t version = 0;
  uint32_t alignment = 32;
  uint64_t data_position = 0;  // file offset of the tensor data: the end of the header, aligned
  uint64_t data_bytes = 0;     // from data_position to the end of the last tensor
  Buffer<uint8_t> bytes;       // the header as received
  Buffer<GgufEntry> entries;   // in file order
  Buffer<GgufTensor> tensors;  // sorted by offset

  // Indices of entries and tensors, sorted by key and by name, for look-ups.
  Buffer<uint32_t> entries_by_key;
  Buffer<uint32_t> tensors_by_name;
};

// Reads a header that arrives in fragments.
struct GgufReader {
  GgufHeader header;
  bool complete = false;

  // Takes the next bytes of the file and sets *consumed to how many of them belong to the header. Sets `complete` at
  // the header's end and consumes nothing beyond it, neither the padding before data_position nor the tensor data.
  // After an error all further calls return kBadState.
  Status append(std::span<const uint8_t> fragment, size_t* consumed);

  // Call this at the end of the file: success if `complete`, otherwise kTruncated, which says what is missing.
  Status finish() const;

  // --- state of the parser; internal, except for header_limit ---
  uint32_t stage = 0;
  uint64_t position = 0;  // next unread byte of header.bytes
  uint64_t tensor_count = 0;
  uint64_t entry_count = 0;
  uint64_t array_index = 0;  // elements of the current array of strings already skipped
  GgufEntry current = {};    // the entry whose strings are being skipped
  uint64_t header_limit = kGgufDefaultHeaderBytes;
};

// kTruncated if a file of this size is too short for the tensors of its complete header.
Status gguf_check_size(const GgufHeader& header, uint64_t file_bytes);

std::string_view gguf_key(const GgufHeader& header, const GgufEntry& entry);
std::string_view gguf_name(const GgufHeader& header, const GgufTensor& tensor);

// Null if there is no such key or tensor.
const GgufEntry* gguf_find(const GgufHeader& header, std::string_view key);
const GgufTensor* gguf_find_tensor(const GgufHeader& header, std::string_view name);

// The error that names the unsupported type of a tensor.
Status gguf_unsupported_tensor(const GgufHeader& header, const GgufTensor& tensor);

// Typed look-ups. A missing key is kMissingMetadata; a value of another type or out of range is kBadMetadata. Both name
// the key and leave the output unchanged. Integers of any width and signedness are accepted if the value fits.
// gguf_get_f64 accepts both float widths and integers, and rejects NaN and infinities.
Status gguf_get_u64(const GgufHeader& header, std::string_view key, uint64_t minimum, uint64_t maximum,
                    uint64_t* value);
Status gguf_get_f64(const GgufHeader& header, std::string_view key, double* value);
Status gguf_get_bool(const GgufHeader& header, std::string_view key, bool* value);
Status gguf_get_string(const GgufHeader& header, std::string_view key, std::string_view* value);
// An array with elements of `element_type`; *entry points into the header.
Status gguf_get_array(const GgufHeader& header, std::string_view key, GgufType element_type, const GgufEntry** entry);
// An array of integers of any type, or with `floats` of numbers of any type.
Status gguf_get_numbers(const GgufHeader& header, std::string_view key, bool floats, const GgufEntry** entry);
bool gguf_is_integer(GgufType type);

// Walks the strings of an array (or the single string of a string entry) in order.
struct GgufStringCursor {
  const GgufHeader* header;
  uint64_t position;
  uint64_t remaining;

  GgufStringCursor(const GgufHeader& h, const GgufEntry& entry)
      : header(&h), position(entry.value_position), remaining(entry.count) {}
  // Sets *value to the next string; false at the end.
  bool next(std::string_view* value);
};

// Element `index` of an array of numbers or bools (or 0 for a single value), converted. gguf_integer_at clamps to the
// range of int64_t and converts NaN to 0. The caller has checked type and index.
double gguf_number_at(const GgufHeader& header, const GgufEntry& entry, uint64_t index);
int64_t gguf_integer_at(const GgufHeader& header, const GgufEntry& entry, uint64_t index);

// Appends the metadata to *json as one JSON object: keys in file order, strings escaped (invalid UTF-8 becomes U+FFFD),
// arrays of more than `array_limit` elements as {"type": "string", "count": 49152}, NaN and infinities as null. Used by
// `camelgpt inspect`.
Status gguf_metadata_json(const GgufHeader& header, uint64_t array_limit, Buffer<char>* json);

}  // namespace camelgpt
