// The tensor types of GGUF: which the engine supports, and the sizes of their blocks.
// Source: ggml's `enum ggml_type` and block structs (github.com/ggml-org/ggml, docs/gguf.md).
#pragma once

#include <cstdint>

namespace camelgpt {

// The supported types, numbered as in the file. A file's tensor may have any other number.
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
  kIQ2_XXS = 16,
  kIQ2_XS = 17,
  kIQ3_XXS = 18,
  kIQ1_S = 19,
  kIQ4_NL = 20,
  kIQ3_S = 21,
  kIQ2_S = 22,
  kIQ4_XS = 23,
  kIQ1_M = 29,
  kBF16 = 30,
  kTQ1_0 = 34,
  kTQ2_0 = 35,
  kMXFP4 = 39,
};

struct TensorTypeInfo {
  const char* name;         // ggml's, for example "Q4_K"; null for an unknown number
  uint32_t block_elements;  // values in one block; 0 if the size of the type is unknown
  uint32_t block_bytes;     // bytes of one block in the file
  bool supported = true;    // whether weights can have this type
};

TensorTypeInfo tensor_type_info(TensorType type);

// The supported types as a list for messages.
inline constexpr const char* kSupportedTensorTypes =
    "F32, F16, BF16, Q4_0 to Q8_0, Q2_K to Q6_K, IQ1_S to IQ4_XS, TQ1_0, TQ2_0 or MXFP4";

}  // namespace camelgpt
