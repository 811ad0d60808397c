// The structs through which JavaScript and the core exchange data, in one block of memory at a fixed address.
//
// A call reads its options from the block and stores its results in it. build/wasm/records.ts, which is generated from
// the tables, has the offset of each field.
#pragma once

#include "camelgpt.h"

namespace camelgpt {

// The error of the last call that failed. Strings are NUL-terminated.
struct Failure {
  const char* code = "";
  const char* message = "";
  const char* expected = "";
  const char* found = "";
  const char* hint = "";
};

// An array in linear memory.
struct View {
  size_t address = 0;
  uint32_t size = 0;  // of elements
};

struct Records {
  Failure failure;
  View view;  // the result of calls that return an array
  SplitState split_state{};
  FileRange wanted;
  MemoryOptions memory_options;
  MemoryPlan memory_plan{};
  ModelInfo model_info{};
  SidecarInfo sidecar_info;
  GenerationOptions generation_options;
  ActivityProgress activity_progress;
  GenerationStep generation_step;
  GrammarMatch grammar_match{};
  PruneOptions prune_options;
  PruneReport prune_report{};
};
extern const Record kRecordsRecord;

}  // namespace camelgpt
