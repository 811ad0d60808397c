// The incremental reader: bytes → checked metadata entries and tensors.
//
// Each step either has all the bytes it needs, or leaves `position` unchanged and waits for more. A retried step
// repeats a fixed number of loads, so the work is linear in the bytes however small the fragments are. Errors depend
// only on the bytes, never on how they were fragmented.
#include "gguf/gguf.h"

#include <algorithm>
#include <bit>
#include <cinttypes>

#include "gguf/internal.h"

namespace camelgpt {
namespace {

enum Stage : uint32_t { kPreamble, kEntries, kStrings, kTensors, kFailed };

constexpr uint64_t kPreambleBytes = 24;
// Bytes copied between checks for the header's end: a fragment may be the whole file.
constexpr size_t kCopyBytes = 64 * 1024;
constexpr uint64_t kMinAlignment = 8;
constexpr uint64_t kMaxAlignment = 65536;

constexpr char kCutOffHint[] = "Download the file again: it may be cut off.";
constexpr char kTooLargeHint[] = "Raise maxHeaderBytes if you trust the file: few models have such a large header.";

Status parse_preamble(GgufReader& reader, bool* starved) {
  GgufFields fields{reader.header, 0};
  uint8_t magic[4];
  for (uint8_t& byte : magic) {
    if (!fields.take(&byte)) return gguf_wait(starved);
  }
  if (std::memcmp(magic, "GGUF", sizeof magic) != 0) {
    Status error = make_error(ErrorCode::kBadFormat, "This is not a GGUF file: it has the wrong magic number.");
    error = with_expected(error, "47 47 55 46 (\"GGUF\") at byte 0");
    error = with_found(error, "%02x %02x %02x %02x", magic[0], magic[1], magic[2], magic[3]);
    return with_hint(error, "Choose a .gguf file, or convert the model to GGUF first.");
  }

  uint32_t version;
  if (!fields.take(&version)) return gguf_wait(starved);
  if (version != 2 && version != 3) {
    // Versions are small, so a number whose low 16 bits are zero has reversed bytes.
    const bool big_endian = version != 0 && (version & 0xffff) == 0;
    Status error = make_error(ErrorCode::kUnsupportedVersion, "%s",
                              big_endian ? "This GGUF file is big-endian, which is not supported."
                                         : "This version of GGUF is not supported.");
    error = with_expected(error, "version 2 or 3, little-endian, at byte 4");
    if (big_endian) {
      error = with_found(error, "version %" PRIu32 ", big-endian", __builtin_bswap32(version));
      return with_hint(error, "Download the little-endian file, or convert this one to little-endian.");
    }
    error = with_found(error, "version %" PRIu32, version);
    return with_hint(error, version < 2 ? "Convert the model again with a current converter."
                                        : "Update the engine, or use a file in version 3.");
  }

  uint64_t tensor_count, entry_count;
  if (!fields.take(&tensor_count) || !fields.take(&entry_count)) return gguf_wait(starved);
  if (tensor_count > kGgufMaxTensors || entry_count > kGgufMaxEntries) {
    const bool tensors = tensor_count > kGgufMaxTensors;
    Status error = make_error(ErrorCode::kBadFormat, "The header claims too many %s (at byte %d).",
                              tensors ? "tensors" : "metadata items", tensors ? 8 : 16);
    error = with_expected(error, "at most %" PRIu64, tensors ? kGgufMaxTensors : kGgufMaxEntries);
    error = with_found(error, "%" PRIu64, tensors ? tensor_count : entry_count);
    return with_hint(error, kGgufDamagedHint);
  }
  reader.header.version = version;
  reader.tensor_count = tensor_count;
  reader.entry_count = entry_count;
  reader.position = fields.position;
  reader.stage = kEntries;
  return {};
}

Status bad_value_type(const GgufQuoted& key, const char* what, uint32_t type, uint64_t position) {
  Status error = make_error(ErrorCode::kBadFormat, "The %s of \"%s\" is invalid.", what, key.text);
  error =
      with_expected(error, "%s", what[0] == 'v' ? "a type from 0 to 12" : "a type from 0 to 12 other than 9 (array)");
  error = with_found(error, "%" PRIu32 " at byte %" PRIu64, type, position);
  return with_hint(error, kGgufDamagedHint);
}

Status oversized_value(const GgufReader& reader, const GgufQuoted& key, const char* unit, uint64_t found,
                       uint64_t position, uint64_t limit) {
  Status error =
      make_error(ErrorCode::kBadFormat, "The value of \"%s\" is larger than the whole header may be.", key.text);
  error = with_expected(error, "at most %" PRIu64 " %s (a header has at most %" PRIu64 " bytes)", limit, unit,
                        reader.header_limit);
  error = with_found(error, "%" PRIu64 " %s at byte %" PRIu64, found, unit, position);
  return with_hint(error, kGgufDamagedHint);
}

// Checks an entry of numbers that has arrived completely. Only bools can have invalid values.
Status check_bools(const GgufHeader& header, const GgufEntry& entry) {
  if (entry.element_type != GgufType::kBool) return {};
  for (uint64_t i = 0; i < entry.count; ++i) {
    const uint8_t value = gguf_load<uint8_t>(header, entry.value_position + i);
    if (value <= 1) continue;
    const GgufQuoted key(gguf_key(header, entry));
    Status error = make_error(ErrorCode::kBadFormat, "The bool \"%s\" is neither true nor false.", key.text);
    error = with_expected(error, "0 or 1");
    error = with_found(error, "%u at byte %" PRIu64, value, entry.value_position + i);
    return with_hint(error, kGgufDamagedHint);
  }
  return {};
}

Status end_entry(GgufReader& reader, const GgufEntry& entry) {
  GgufHeader& header = reader.header;
  if (!header.entries.push_back(entry)) return out_of_memory("the metadata", header.entries.size() * sizeof entry);
  reader.position = entry.value_position + entry.value_bytes;
  reader.stage = kEntries;
  return {};
}

// Parses key, type and count. Numbers are parsed to their end; strings are left to skip_strings.
Status parse_entry(GgufReader& reader, bool* starved) {
  const GgufHeader& header = reader.header;
  GgufFields fields{header, reader.position};
  GgufEntry entry = {};
  if (!fields.take(&entry.key_length)) return gguf_wait(starved);
  CAMELGPT_TRY(gguf_check_length("metadata key", header.entries.size() + 1, entry.key_length, kGgufMaxKeyLength,
                                 reader.position));
  entry.key_position = fields.position;
  if (!fields.has(entry.key_length)) return gguf_wait(starved);
  fields.position += entry.key_length;
  const std::string_view key = gguf_key(header, entry);

  uint32_t type;
  if (!fields.take(&type)) return gguf_wait(starved);
  if (type > static_cast<uint32_t>(GgufType::kF64)) {
    return bad_value_type(GgufQuoted(key), "value type", type, fields.position - sizeof type);
  }
  entry.type = entry.element_type = static_cast<GgufType>(type);
  entry.count = 1;
  if (entry.type == GgufType::kArray) {
    if (!fields.take(&type)) return gguf_wait(starved);
    if (type > static_cast<uint32_t>(GgufType::kF64) || type == static_cast<uint32_t>(GgufType::kArray)) {
      return bad_value_type(GgufQuoted(key), "element type", type, fields.position - sizeof type);
    }
    entry.element_type = static_cast<GgufType>(type);
    if (!fields.take(&entry.count)) return gguf_wait(starved);
  }
  entry.value_position = fields.position;

  // Divides the limit, because multiplying the count could overflow. A string takes at least its 64-bit length.
  const bool strings = entry.element_type == GgufType::kString;
  const uint64_t element_bytes = strings ? sizeof(uint64_t) : gguf_type_info(entry.element_type).bytes;
  const uint64_t limit = (reader.header_limit - fields.position) / element_bytes;
  if (entry.count > limit) {
    return oversized_value(reader, GgufQuoted(key), "elements", entry.count, fields.position - sizeof entry.count,
                           limit);
  }
  if (strings) {
    reader.current = entry;
    reader.array_index = 0;
    reader.position = fields.position;
    reader.stage = kStrings;
    return {};
  }
  entry.value_bytes = entry.count * element_bytes;
  if (!fields.has(entry.value_bytes)) return gguf_wait(starved);
  CAMELGPT_TRY(check_bools(header, entry));
  return end_entry(reader, entry);
}

// Skips the strings of the current entry. Nearly all bytes of a header are such strings.
Status skip_strings(GgufReader& reader, bool* starved) {
  const uint8_t* bytes = reader.header.bytes.data();
  const uint64_t size = reader.header.bytes.size();
  const uint64_t count = reader.current.count;
  uint64_t position = reader.position;
  uint64_t index = reader.array_index;
  bool too_long = false;
  uint64_t length = 0;
  for (; index < count; ++index) {
    if (size - position < sizeof length) break;
    std::memcpy(&length, bytes + static_cast<size_t>(position), sizeof length);
    const uint64_t arrived = size - position - sizeof length;
    if (length > arrived) {
      too_long = length > reader.header_limit - position - sizeof length;
      break;
    }
    position += sizeof length + length;
  }
  reader.position = position;
  reader.array_index = index;
  if (too_long) {
    const GgufQuoted key(gguf_key(reader.header, reader.current));
    return oversized_value(reader, key, "bytes of text", length, position,
                           reader.header_limit - position - sizeof length);
  }
  if (index < count) return gguf_wait(starved);
  reader.current.value_bytes = position - reader.current.value_position;
  return end_entry(reader, reader.current);
}

Status end_entries(GgufReader& reader) {
  GgufHeader& header = reader.header;
  const Buffer<GgufEntry>& entries = header.entries;
  const auto key = [&](uint32_t i) { return gguf_key(header, entries[i]); };
  if (!gguf_sort_labels(header.entries_by_key, entries.size(), key)) {
    return out_of_memory("the index of the metadata", entries.size() * sizeof(uint32_t));
  }
  const Buffer<uint32_t>& order = header.entries_by_key;
  for (size_t i = 1; i < order.size(); ++i) {
    if (key(order[i - 1]) != key(order[i])) continue;
    return gguf_duplicate("metadata items", key(order[i]), entries[order[i - 1]].key_position,
                          entries[order[i]].key_position);
  }

  const std::string_view alignment_key = "general.alignment";
  if (gguf_find(header, alignment_key) != nullptr) {
    uint64_t alignment;
    CAMELGPT_TRY(gguf_get_u64(header, alignment_key, kMinAlignment, kMaxAlignment, &alignment));
    if (!std::has_single_bit(alignment)) {
      Status error = make_error(ErrorCode::kBadMetadata, "The alignment \"general.alignment\" is not a power of two.");
      error = with_expected(error, "a power of two from %" PRIu64 " to %" PRIu64, kMinAlignment, kMaxAlignment);
      error = with_found(error, "%" PRIu64 " at byte %" PRIu64, alignment,
                         gguf_find(header, alignment_key)->value_position);
      return with_hint(error, "Convert the model again with the default alignment, 32.");
    }
    header.alignment = static_cast<uint32_t>(alignment);
  }
  reader.stage = kTensors;
  return {};
}

// Parses as far as the received bytes allow.
Status parse(GgufReader& reader) {
  bool starved = false;
  while (!starved && !reader.complete) {
    switch (reader.stage) {
      case kPreamble: CAMELGPT_TRY(parse_preamble(reader, &starved)); break;
      case kEntries:
        if (reader.header.entries.size() < reader.entry_count) {
          CAMELGPT_TRY(parse_entry(reader, &starved));
        } else {
          CAMELGPT_TRY(end_entries(reader));
        }
        break;
      case kStrings: CAMELGPT_TRY(skip_strings(reader, &starved)); break;
      default:
        if (reader.header.tensors.size() < reader.tensor_count) {
          CAMELGPT_TRY(gguf_parse_tensor(reader, &starved));
        } else {
          CAMELGPT_TRY(gguf_end_tensors(reader));
        }
    }
  }
  return {};
}

// Copies and parses up to kCopyBytes of the fragment.
Status take_bytes(GgufReader& reader, std::span<const uint8_t> fragment, size_t* consumed) {
  Buffer<uint8_t>& bytes = reader.header.bytes;
  if (bytes.size() >= reader.header_limit) {
    Status error = make_error(ErrorCode::kBadFormat, "The header is too large.");
    error = with_expected(error, "at most %" PRIu64 " bytes", reader.header_limit);
    error =
        with_found(error, "only %" PRIu64 " of %" PRIu64 " metadata items and %" PRIu64 " of %" PRIu64 " tensors there",
                   uint64_t{reader.header.entries.size()}, reader.entry_count, uint64_t{reader.header.tensors.size()},
                   reader.tensor_count);
    return with_hint(error, kTooLargeHint);
  }
  const uint64_t room = reader.header_limit - bytes.size();
  size_t count = fragment.size() < kCopyBytes ? fragment.size() : kCopyBytes;
  if (count > room) count = static_cast<size_t>(room);
  // Doubles the capacity, so that all buffers together take twice the size of a large header.
  const size_t needed = bytes.size() + count;
  const size_t doubled = static_cast<size_t>(std::min<uint64_t>(uint64_t{bytes.capacity()} * 2, reader.header_limit));
  if ((needed > bytes.capacity() && !bytes.reserve(std::max(needed, doubled))) || !bytes.append(fragment.data(), count))
    return out_of_memory("the header of the model", uint64_t{bytes.size()} + count);
  *consumed += count;
  CAMELGPT_TRY(parse(reader));
  if (reader.complete) {
    // The surplus was copied just now: a header that ended earlier would have been complete before.
    *consumed -= bytes.size() - static_cast<size_t>(reader.position);
    bytes.shrink(static_cast<size_t>(reader.position));
  }
  return {};
}

}  // namespace

Status GgufReader::append(std::span<const uint8_t> fragment, size_t* consumed) {
  *consumed = 0;
  if (stage == kFailed) return make_error(ErrorCode::kBadState, "This header was already rejected.");
  while (!complete && *consumed < fragment.size()) {
    Status status = take_bytes(*this, fragment.subspan(*consumed), consumed);
    if (status.ok()) continue;
    stage = kFailed;
    return status;
  }
  return {};
}

Status GgufReader::finish() const {
  if (complete) return {};
  if (stage == kFailed) return make_error(ErrorCode::kBadState, "This header was already rejected.");
  Status error = make_error(ErrorCode::kTruncated, "The file ends inside its header.");
  const uint64_t next_entry = uint64_t{header.entries.size()} + 1;
  const uint64_t next_tensor = uint64_t{header.tensors.size()} + 1;
  switch (stage) {
    case kPreamble:
      error = with_expected(error, "at least %" PRIu64 " bytes: magic, version and two counts", kPreambleBytes);
      break;
    case kEntries:
      error = with_expected(error, "metadata item %" PRIu64 " of %" PRIu64 " at byte %" PRIu64, next_entry, entry_count,
                            position);
      break;
    case kStrings:
      error = with_expected(error, "string %" PRIu64 " of %" PRIu64 " of \"%s\" at byte %" PRIu64, array_index + 1,
                            current.count, GgufQuoted(gguf_key(header, current)).text, position);
      break;
    default:
      error = with_expected(error, "tensor %" PRIu64 " of %" PRIu64 " at byte %" PRIu64, next_tensor, tensor_count,
                            position);
  }
  error = with_found(error, "the end of the file after %" PRIu64 " bytes", uint64_t{header.bytes.size()});
  return with_hint(error, kCutOffHint);
}

}  // namespace camelgpt
