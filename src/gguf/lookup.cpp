// Look-ups: keys and names → entries and tensors, entries → typed values.
#include <cinttypes>
#include <cmath>

#include "gguf/internal.h"

namespace camelgpt {
namespace {

constexpr char kOtherConverterHint[] =
    "Convert the model again with a current converter, or choose another file of the model.";

// The index in `order` (sorted by label) whose label is `wanted`, or -1.
template <typename Label>
int64_t find_label(const Buffer<uint32_t>& order, std::string_view wanted, Label label) {
  size_t low = 0, high = order.size();
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (label(order[middle]) < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < order.size() && label(order[low]) == wanted ? int64_t{order[low]} : -1;
}

Status find_entry(const GgufHeader& header, std::string_view key, const GgufEntry** entry) {
  *entry = gguf_find(header, key);
  if (*entry != nullptr) return {};
  Status error = make_error(ErrorCode::kMissingMetadata, "The model's metadata lacks \"%s\".", GgufQuoted(key).text);
  error = with_expected(error, "this key in the metadata");
  error = with_found(error, "%" PRIu64 " other keys", uint64_t{header.entries.size()});
  return with_hint(error, kOtherConverterHint);
}

Status wrong_type(std::string_view key, const GgufEntry& entry, const char* expected_prefix, const char* expected) {
  const bool array = entry.type == GgufType::kArray;
  Status error =
      make_error(ErrorCode::kBadMetadata, "The metadata value \"%s\" has the wrong type.", GgufQuoted(key).text);
  error = with_expected(error, "%s%s", expected_prefix, expected);
  error = with_found(error, "%s%s at byte %" PRIu64, array ? "an array of " : "",
                     gguf_type_info(entry.element_type).name, entry.value_position);
  return with_hint(error, kOtherConverterHint);
}

// Calls use(element `index` in its stored type).
template <typename Use>
auto with_number(const GgufHeader& header, const GgufEntry& entry, uint64_t index, Use use) {
  assert(index < entry.count);
  const uint64_t position = entry.value_position + index * gguf_type_info(entry.element_type).bytes;
  switch (entry.element_type) {
    case GgufType::kI8: return use(gguf_load<int8_t>(header, position));
    case GgufType::kU16: return use(gguf_load<uint16_t>(header, position));
    case GgufType::kI16: return use(gguf_load<int16_t>(header, position));
    case GgufType::kU32: return use(gguf_load<uint32_t>(header, position));
    case GgufType::kI32: return use(gguf_load<int32_t>(header, position));
    case GgufType::kF32: return use(gguf_load<float>(header, position));
    case GgufType::kU64: return use(gguf_load<uint64_t>(header, position));
    case GgufType::kI64: return use(gguf_load<int64_t>(header, position));
    case GgufType::kF64: return use(gguf_load<double>(header, position));
    case GgufType::kString:
    case GgufType::kArray: assert(false && "not a number"); [[fallthrough]];
    case GgufType::kU8:
    case GgufType::kBool: break;
  }
  return use(gguf_load<uint8_t>(header, position));
}

int64_t to_integer(uint64_t value) { return value > INT64_MAX ? INT64_MAX : static_cast<int64_t>(value); }

int64_t to_integer(double value) {
  if (std::isnan(value)) return 0;
  if (value >= 0x1p63) return INT64_MAX;
  if (value < -0x1p63) return INT64_MIN;
  return static_cast<int64_t>(value);
}

}  // namespace

bool gguf_is_integer(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kU16:
    case GgufType::kI16:
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kU64:
    case GgufType::kI64: return true;
    default: return false;
  }
}

std::string_view gguf_key(const GgufHeader& header, const GgufEntry& entry) {
  return gguf_text(header, entry.key_position, entry.key_length);
}

std::string_view gguf_name(const GgufHeader& header, const GgufTensor& tensor) {
  return gguf_text(header, tensor.name_position, tensor.name_length);
}

const GgufEntry* gguf_find(const GgufHeader& header, std::string_view key) {
  const int64_t index =
      find_label(header.entries_by_key, key, [&](uint32_t i) { return gguf_key(header, header.entries[i]); });
  return index < 0 ? nullptr : &header.entries[static_cast<size_t>(index)];
}

const GgufTensor* gguf_find_tensor(const GgufHeader& header, std::string_view name) {
  const int64_t index =
      find_label(header.tensors_by_name, name, [&](uint32_t i) { return gguf_name(header, header.tensors[i]); });
  return index < 0 ? nullptr : &header.tensors[static_cast<size_t>(index)];
}

Status gguf_get_u64(const GgufHeader& header, std::string_view key, uint64_t minimum, uint64_t maximum,
                    uint64_t* value) {
  const GgufEntry* entry;
  CAMELGPT_TRY(find_entry(header, key, &entry));
  if (!gguf_is_integer(entry->type)) return wrong_type(key, *entry, "", "an integer");

  const bool is_u64 = entry->type == GgufType::kU64;
  const uint64_t found = is_u64 ? gguf_load<uint64_t>(header, entry->value_position)
                                : static_cast<uint64_t>(gguf_integer_at(header, *entry, 0));
  const bool negative = !is_u64 && static_cast<int64_t>(found) < 0;
  if (negative || found < minimum || found > maximum) {
    Status error =
        make_error(ErrorCode::kBadMetadata, "The metadata value \"%s\" is out of range.", GgufQuoted(key).text);
    error = with_expected(error, "an integer from %" PRIu64 " to %" PRIu64, minimum, maximum);
    error = negative
                ? with_found(error, "%" PRId64 " at byte %" PRIu64, static_cast<int64_t>(found), entry->value_position)
                : with_found(error, "%" PRIu64 " at byte %" PRIu64, found, entry->value_position);
    return with_hint(error, kOtherConverterHint);
  }
  *value = found;
  return {};
}

Status gguf_get_f64(const GgufHeader& header, std::string_view key, double* value) {
  const GgufEntry* entry;
  CAMELGPT_TRY(find_entry(header, key, &entry));
  const bool is_float = entry->type == GgufType::kF32 || entry->type == GgufType::kF64;
  if (!is_float && !gguf_is_integer(entry->type)) return wrong_type(key, *entry, "", "a number");
  const double found = gguf_number_at(header, *entry, 0);
  if (!std::isfinite(found)) {
    Status error =
        make_error(ErrorCode::kBadMetadata, "The metadata value \"%s\" is not finite.", GgufQuoted(key).text);
    error = with_expected(error, "a finite number");
    error = with_found(error, "%f at byte %" PRIu64, found, entry->value_position);
    return with_hint(error, kOtherConverterHint);
  }
  *value = found;
  return {};
}

Status gguf_get_bool(const GgufHeader& header, std::string_view key, bool* value) {
  const GgufEntry* entry;
  CAMELGPT_TRY(find_entry(header, key, &entry));
  if (entry->type != GgufType::kBool) return wrong_type(key, *entry, "", "a bool");
  *value = gguf_load<uint8_t>(header, entry->value_position) != 0;
  return {};
}

Status gguf_get_string(const GgufHeader& header, std::string_view key, std::string_view* value) {
  const GgufEntry* entry;
  CAMELGPT_TRY(find_entry(header, key, &entry));
  if (entry->type != GgufType::kString) return wrong_type(key, *entry, "", "a string");
  GgufStringCursor(header, *entry).next(value);
  return {};
}

Status gguf_get_array(const GgufHeader& header, std::string_view key, GgufType element_type, const GgufEntry** entry) {
  const GgufEntry* found;
  CAMELGPT_TRY(find_entry(header, key, &found));
  if (found->type != GgufType::kArray || found->element_type != element_type) {
    return wrong_type(key, *found, "an array of ", gguf_type_info(element_type).name);
  }
  *entry = found;
  return {};
}

Status gguf_get_numbers(const GgufHeader& header, std::string_view key, bool floats, const GgufEntry** entry) {
  const GgufEntry* found;
  CAMELGPT_TRY(find_entry(header, key, &found));
  const GgufType type = found->element_type;
  const bool is_float = type == GgufType::kF32 || type == GgufType::kF64;
  if (found->type != GgufType::kArray || !(gguf_is_integer(type) || (floats && is_float))) {
    return wrong_type(key, *found, "an array of ", floats ? "numbers" : "integers");
  }
  *entry = found;
  return {};
}

bool GgufStringCursor::next(std::string_view* value) {
  if (remaining == 0) return false;
  const uint64_t length = gguf_load<uint64_t>(*header, position);  // checked when the header was read
  *value = gguf_text(*header, position + sizeof length, length);
  position += sizeof length + length;
  --remaining;
  return true;
}

double gguf_number_at(const GgufHeader& header, const GgufEntry& entry, uint64_t index) {
  return with_number(header, entry, index, [](auto number) { return static_cast<double>(number); });
}

int64_t gguf_integer_at(const GgufHeader& header, const GgufEntry& entry, uint64_t index) {
  return with_number(header, entry, index, [](auto number) {
    if constexpr (std::is_same_v<decltype(number), uint64_t>) {
      return to_integer(number);
    } else if constexpr (std::is_floating_point_v<decltype(number)>) {
      return to_integer(static_cast<double>(number));
    } else {
      return int64_t{number};
    }
  });
}

}  // namespace camelgpt
