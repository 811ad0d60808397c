// Tables of fields: what a program knows about a plain struct without its type.
//
// A table stands in a .cpp file beside its struct. Each row names a member; its place and type come from the struct,
// its default from a default-constructed struct. From the tables come the checks of options, and, printed by
// bindings/print_records.cpp, the TypeScript types, the defaults, the flags of the CLI and docs/options.md.
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

// What a field may hold. Only what applies to the field's type is set.
struct Values {
  double min = 0, max = 0;           // 64-bit integers are compared as doubles, so their ranges end at 2^53 - 1
  const EnumNames* names = nullptr;  // of the field's numbers; of an array of records: of its elements
  const Record* record = nullptr;
  bool min_excluded = false, max_excluded = false;
  bool checked = false;           // whether there is a range
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

// The largest count that an option accepts. Texts name no upper end then.
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
  const char* name;  // as in C++; users know it in camelCase
  const char* help;  // null unless CAMELGPT_RECORD_WORDS is defined
  uint16_t offset;
  FieldType type;
  Values values;
};

struct Record {
  const char* name;    // the struct
  const char* option;  // what the names of its fields follow in messages, "epdp." for example
  std::span<const Field> fields;
  size_t size;
  const char* help;      // null unless CAMELGPT_RECORD_WORDS is defined
  const void* defaults;  // likewise: a default-constructed struct
};

// kBadOption names the first field whose value is outside its range (NaN always is) or whose enum has no such number,
// with the range and the value found.
Status record_check(const Record& record, const void* value);
// The same for an enum that is not in a record.
Status enum_check(const EnumNames& names, const char* option, uint32_t value);
// The error of both, for ranges that depend on a model.
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

// Words are for the program that prints the tables. They would be dead weight in the engine.
#ifdef CAMELGPT_RECORD_WORDS
template <typename T>
inline constexpr T kDefaultRecord{};
#define CAMELGPT_WORDS(text) text
#define CAMELGPT_DEFAULTS(Struct) &::camelgpt::kDefaultRecord<Struct>
#else
#define CAMELGPT_WORDS(text) nullptr
#define CAMELGPT_DEFAULTS(Struct) nullptr
#endif

// A row of a table. `help` is one line for --help; a last sentence "Default: ..." replaces the number of the default.
#define CAMELGPT_FIELD(Struct, member, values, help)                                                             \
  ::camelgpt::Field {                                                                                            \
    #member, CAMELGPT_WORDS(help), offsetof(Struct, member), ::camelgpt::field_type<decltype(Struct::member)>(), \
        ::camelgpt::values                                                                                       \
  }
#define CAMELGPT_RECORD(Struct, option, fields, help) \
  ::camelgpt::Record { #Struct, option, fields, sizeof(Struct), CAMELGPT_WORDS(help), CAMELGPT_DEFAULTS(Struct) }

// kPruneModeNames of the enum PruneMode, for example.
#define CAMELGPT_ENUM(Enum, ...)                                 \
  inline constexpr const char* k##Enum##Texts[] = {__VA_ARGS__}; \
  inline constexpr ::camelgpt::EnumNames k##Enum##Names = {#Enum, k##Enum##Texts};

}  // namespace camelgpt
