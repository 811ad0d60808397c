// Tables that describe the fields of plain structs.
//
// The table of a struct is in a .cpp file next to it. Each row names a member; the offset and type are taken from the
// struct, the default from a default-constructed one. record_check() checks options by their table. The TypeScript
// types, the defaults, the flags of the CLI and docs/options.md are generated from the output of
// bindings/print_records.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "base/status.h"

namespace camelgpt {

enum class FieldType : uint8_t { kBool, kEnum, kU32, kI32, kU64, kF32, kText, kRecord };

// Names of an enum, by number from 0.
struct EnumNames {
  const char* type;
  std::span<const char* const> names;
};

struct Record;

// The values that a field accepts. Members that do not apply to the field's type keep their defaults.
struct Values {
  double min = 0, max = 0;           // 64-bit integers are compared as doubles, so their ranges end at 2^53 - 1
  const EnumNames* names = nullptr;  // of the field's numbers; of an array of records: of its elements
  const Record* record = nullptr;
  bool min_excluded = false, max_excluded = false;
  bool checked = false;           // whether the range applies
  bool zero_means_unset = false;  // 0 is accepted as "not given", though the range excludes it
  bool negative_means_none = false;
  bool inlined = false;  // the record's fields count as fields of the outer one
  uint8_t count = 1;     // records in an array

  constexpr Values or_unset() const {
    Values values = *this;
    values.zero_means_unset = true;
    return values;
  }
};

// The largest count that an option accepts. Messages and help texts do not mention it.
inline constexpr double kAnyCount = 2147483647;

constexpr Values range(double min, double max) { return {.min = min, .max = max, .checked = true}; }
constexpr Values above(double min, double max) {
  return {.min = min, .max = max, .min_excluded = true, .checked = true};
}
constexpr Values below(double min, double max) {
  return {.min = min, .max = max, .max_excluded = true, .checked = true};
}
constexpr Values any_value() { return {}; }
constexpr Values none_if_negative() { return {.negative_means_none = true}; }
constexpr Values one_of(const EnumNames& names) { return {.names = &names}; }
constexpr Values fields_of(const Record& record) { return {.record = &record, .inlined = true}; }
constexpr Values nested(const Record& record) { return {.record = &record}; }
constexpr Values array_of(const Record& record, const EnumNames& names) {
  return {.names = &names, .record = &record, .count = static_cast<uint8_t>(names.names.size())};
}

struct Field {
  const char* name;  // as in C++; users see it in camelCase
  const char* help;  // null unless CAMELGPT_RECORD_WORDS is defined
  uint16_t offset;
  FieldType type;
  Values values;
};

struct Record {
  const char* name;    // the struct
  const char* option;  // prefix of the fields' names in messages, for example "epdp."
  std::span<const Field> fields;
  size_t size;
  const char* help;      // null unless CAMELGPT_RECORD_WORDS is defined
  const void* defaults;  // likewise: a default-constructed struct
};

// kBadOption for the first field whose value is out of range (NaN always is) or not a value of its enum. The error has
// the name of the field, the range and the value.
Status record_check(const Record& record, const void* value);
// The same as record_check(), but for an enum outside a record.
Status enum_check(const EnumNames& names, const char* option, uint32_t value);
// Returns the error of record_check(), for ranges that depend on the model.
Status option_out_of_range(const char* option, double found);

template <typename T>
constexpr FieldType field_type() {
  if constexpr (std::is_same_v<T, bool>) {
    return FieldType::kBool;
  } else if constexpr (std::is_enum_v<T>) {
    static_assert(sizeof(T) == 1);
    return FieldType::kEnum;
  } else if constexpr (std::is_same_v<T, float>) {
    return FieldType::kF32;
  } else if constexpr (std::is_same_v<T, int32_t>) {
    return FieldType::kI32;
  } else if constexpr (std::is_same_v<T, const char*>) {
    return FieldType::kText;
  } else if constexpr (std::is_unsigned_v<T>) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8);
    return sizeof(T) == 4 ? FieldType::kU32 : FieldType::kU64;
  } else {
    static_assert(std::is_class_v<std::remove_extent_t<T>>);
    return FieldType::kRecord;
  }
}

// Only the program that prints the tables needs help texts and defaults; the engine is built without them.
#ifdef CAMELGPT_RECORD_WORDS
template <typename T>
inline constexpr T kDefaultRecord{};
#define CAMELGPT_WORDS(text) text
#define CAMELGPT_DEFAULTS(Struct) &::camelgpt::kDefaultRecord<Struct>
#else
#define CAMELGPT_WORDS(text) nullptr
#define CAMELGPT_DEFAULTS(Struct) nullptr
#endif

// A row of a table. `help` is one line for --help; a final sentence "Default: ..." replaces the default's value.
#define CAMELGPT_FIELD(Struct, member, values, help)                                                             \
  ::camelgpt::Field {                                                                                            \
    #member, CAMELGPT_WORDS(help), offsetof(Struct, member), ::camelgpt::field_type<decltype(Struct::member)>(), \
        ::camelgpt::values                                                                                       \
  }
#define CAMELGPT_RECORD(Struct, option, fields, help) \
  ::camelgpt::Record { #Struct, option, fields, sizeof(Struct), CAMELGPT_WORDS(help), CAMELGPT_DEFAULTS(Struct) }

// Defines the EnumNames of an enum, for example kPruneModeNames of PruneMode.
#define CAMELGPT_ENUM(Enum, ...)                                 \
  inline constexpr const char* k##Enum##Texts[] = {__VA_ARGS__}; \
  inline constexpr ::camelgpt::EnumNames k##Enum##Names = {#Enum, k##Enum##Texts};

}  // namespace camelgpt
