#include "base/record.h"

#include <cmath>
#include <cstdio>
#include <cstring>

namespace camelgpt {
namespace {

// "topK" of "top_k", after the record's own prefix.
struct OptionName {
  char text[64];
  OptionName(const char* prefix, const char* name) {
    size_t length = static_cast<size_t>(std::snprintf(text, sizeof text, "%s", prefix));
    for (bool raised = false; *name != '\0' && length + 1 < sizeof text; ++name) {
      if (*name == '_') {
        raised = true;
        continue;
      }
      text[length++] = raised ? static_cast<char>(*name - 'a' + 'A') : *name;
      raised = false;
    }
    text[length] = '\0';
  }
};

template <typename T>
double load(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return static_cast<double>(value);
}

double number_at(FieldType type, const uint8_t* at) {
  switch (type) {
    case FieldType::kBool:
    case FieldType::kEnum: return *at;
    case FieldType::kU32: return load<uint32_t>(at);
    case FieldType::kI32: return load<int32_t>(at);
    case FieldType::kU64: return load<uint64_t>(at);
    case FieldType::kF32: return load<float>(at);
    case FieldType::kText:
    case FieldType::kRecord: break;
  }
  return 0;
}

bool is_in_range(const Values& values, double number) {
  if (!values.checked || (values.zero_means_unset && number == 0)) return true;
  const bool is_above = values.min_excluded ? number > values.min : number >= values.min;
  const bool is_below = values.max_excluded ? number < values.max : number <= values.max;
  return is_above && is_below;  // false for NaN
}

Status with_range(Status status, FieldType type, const Values& values) {
  const char* kind = type == FieldType::kF32 ? "number" : "whole number";
  if (values.max >= kAnyCount) return with_expected(status, "a %s of at least %g", kind, values.min);
  if (values.min_excluded) return with_expected(status, "a %s above %g and at most %g", kind, values.min, values.max);
  return with_expected(status, "a %s from %g %s %g", kind, values.min, values.max_excluded ? "to below" : "to",
                       values.max);
}

}  // namespace

Status option_out_of_range(const char* option, double found) {
  Status status = make_error(ErrorCode::kBadOption, "The option %s is out of range.", option);
  if (std::isnan(found)) return with_found(status, "NaN");
  return with_found(status, found == std::floor(found) && std::fabs(found) < 1e16 ? "%.0f" : "%g", found);
}

Status enum_check(const EnumNames& names, const char* option, uint32_t value) {
  const uint32_t count = static_cast<uint32_t>(names.names.size());
  if (value < count) return {};
  return with_expected(option_out_of_range(option, value), "0 (%s) to %u (%s)", names.names[0], count - 1,
                       names.names[count - 1]);
}

Status record_check(const Record& record, const void* value) {
  for (const Field& field : record.fields) {
    const uint8_t* at = static_cast<const uint8_t*>(value) + field.offset;
    const Values& values = field.values;
    if (field.type == FieldType::kText) continue;
    if (field.type == FieldType::kRecord) {
      for (uint32_t i = 0; i < values.count; ++i)
        CAMELGPT_TRY(record_check(*values.record, at + i * values.record->size));
      continue;
    }
    const OptionName name(record.option, field.name);
    const double number = number_at(field.type, at);
    if (field.type == FieldType::kEnum) CAMELGPT_TRY(enum_check(*values.names, name.text, static_cast<uint32_t>(*at)));
    if (field.type == FieldType::kBool && number > 1)
      return with_expected(option_out_of_range(name.text, number), "0 (false) or 1 (true)");
    if (!is_in_range(values, number)) return with_range(option_out_of_range(name.text, number), field.type, values);
  }
  return {};
}

}  // namespace camelgpt
