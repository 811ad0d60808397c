// The tensor types of GGUF that the engine supports, and the sizes of their blocks.
// Source: ggml's `enum ggml_type` and block structs (github.com/ggml-org/ggml, docs/gguf.md).
#pragma once

#include <cstdint>

namespace camelgpt {

// Numbered as in the file.
enum class TensorType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kIQ4_NL = 20,
  kBF16 = 30,
};

struct TensorTypeInfo {
  const char* name;         // ggml's, for example "Q4_K"; null for an unsupported type
  uint32_t block_elements;  // values in one block
  uint32_t block_bytes;     // bytes of one block in the file
};

TensorTypeInfo tensor_type_info(TensorType type);

}  // namespace camelgpt
