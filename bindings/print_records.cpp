// Prints every table as JSON. Built with Emscripten and run by Node, so that sizes and offsets are those of the engine.
// scripts/lib/records.mjs generates build/wasm/records.ts from the output.
#include <cmath>
#include <cstdio>
#include <cstring>

#include "records.h"

#ifndef CAMELGPT_RECORD_WORDS
#error "compile this and the tables with CAMELGPT_RECORD_WORDS"
#endif

using namespace camelgpt;

namespace {

// Help texts hold no control characters.
void print_text(const char* text) {
  std::putchar('"');
  for (; *text != '\0'; ++text) {
    if (*text == '"' || *text == '\\') std::putchar('\\');
    std::putchar(*text);
  }
  std::putchar('"');
}

void print_names(const EnumNames& names) {
  std::printf("{\"type\": \"%s\", \"names\": [", names.type);
  for (size_t i = 0; i < names.names.size(); ++i) {
    std::printf(i == 0 ? "" : ", ");
    print_text(names.names[i]);
  }
  std::printf("]}");
}

template <typename T>
T read(const void* record, size_t offset) {
  T value;
  std::memcpy(&value, static_cast<const char*>(record) + offset, sizeof value);
  return value;
}

void print_default(const Field& field, const void* defaults) {
  switch (field.type) {
    case FieldType::kBool: std::printf(read<uint8_t>(defaults, field.offset) != 0 ? "true" : "false"); break;
    case FieldType::kEnum: print_text(field.values.names->names[read<uint8_t>(defaults, field.offset)]); break;
    case FieldType::kU32: std::printf("%u", read<uint32_t>(defaults, field.offset)); break;
    case FieldType::kI32: std::printf("%d", read<int32_t>(defaults, field.offset)); break;
    case FieldType::kU64:
      std::printf("%llu", static_cast<unsigned long long>(read<uint64_t>(defaults, field.offset)));
      break;
    case FieldType::kF32: std::printf("%.9g", static_cast<double>(read<float>(defaults, field.offset))); break;
    case FieldType::kText:
    case FieldType::kRecord: std::printf("null"); break;
  }
}

void print_field(const Field& field, const void* defaults) {
  static constexpr const char* kTypes[] = {"bool", "enum", "u32", "i32", "u64", "f32", "text", "record"};
  const Values& values = field.values;
  std::printf("{\"name\": \"%s\", \"type\": \"%s\", \"offset\": %u, \"help\": ", field.name,
              kTypes[static_cast<size_t>(field.type)], field.offset);
  print_text(field.help);
  std::printf(", \"default\": ");
  print_default(field, defaults);
  if (values.checked) {
    std::printf(", \"min\": %.17g, \"minExcluded\": %s", values.min, values.min_excluded ? "true" : "false");
    std::printf(", \"max\": %.17g, \"maxExcluded\": %s", values.max, values.max_excluded ? "true" : "false");
  }
  if (values.zero_means_unset) std::printf(", \"zeroMeansUnset\": true");
  if (values.negative_means_none) std::printf(", \"negativeMeansNone\": true");
  if (values.record != nullptr) {
    std::printf(", \"record\": \"%s\", \"inlined\": %s", values.record->name, values.inlined ? "true" : "false");
  }
  if (values.names != nullptr) {
    std::printf(", \"enum\": ");
    print_names(*values.names);
  }
  std::printf("}");
}

void print_record(const Record& record) {
  std::printf("{\"name\": \"%s\", \"size\": %zu, \"help\": ", record.name, record.size);
  print_text(record.help);
  std::printf(", \"fields\": [\n");
  for (const Field& field : record.fields) {
    print_field(field, record.defaults);
    std::printf(&field == &record.fields.back() ? "\n" : ",\n");
  }
  std::printf("]}");
}

}  // namespace

int main() {
  // A record follows the records that it contains.
  const Record* const records[] = {
      &kSamplerOptionsRecord,
      &kGenerationOptionsRecord,
      &kPruneOptionsRecord,
      &kMemoryOptionsRecord,
      &kMemoryPlanRecord,
      &kRecommendedSamplingRecord,
      &kModelInfoRecord,
      &kSidecarInfoRecord,
      &kSplitStateRecord,
      &kFileRangeRecord,
      &kTokenScoreRecord,
      &kActivityProgressRecord,
      &kGenerationStepRecord,
      &kTokenProbabilityRecord,
      &kGrammarMatchRecord,
      &kMeasuredCostRecord,
      &kPruneReportRecord,
      kRecordsRecord.fields[0].values.record,
      kRecordsRecord.fields[1].values.record,
      &kRecordsRecord,
  };
  // Enums that no record contains.
  const EnumNames* const enums[] = {&kLoadStateNames, &kPoolingNames};
  std::printf("{\"records\": [\n");
  for (const Record* record : records) {
    std::printf(record == records[0] ? "" : ",\n");
    print_record(*record);
  }
  std::printf("\n], \"enums\": [");
  for (const EnumNames* names : enums) {
    std::printf(names == enums[0] ? "\n" : ",\n");
    print_names(*names);
  }
  std::printf("\n]}\n");
  return 0;
}
