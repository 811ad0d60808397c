#include "gguf/tensor_type.h"

namespace camelgpt {
namespace {

// Types that no weight can have. Sizes are unknown for types that ggml has removed.
TensorTypeInfo unsupported_type_info(uint32_t type) {
  switch (type) {
    case 4: return {"Q4_2", 0, 0, false};
    case 5: return {"Q4_3", 0, 0, false};
    case 9: return {"Q8_1", 32, 36, false};
    case 15: return {"Q8_K", 256, 292, false};
    case 24: return {"I8", 1, 1, false};
    case 25: return {"I16", 1, 2, false};
    case 26: return {"I32", 1, 4, false};
    case 27: return {"I64", 1, 8, false};
    case 28: return {"F64", 1, 8, false};
    case 31: return {"Q4_0_4_4", 0, 0, false};
    case 32: return {"Q4_0_4_8", 0, 0, false};
    case 33: return {"Q4_0_8_8", 0, 0, false};
    case 36: return {"IQ4_NL_4_4", 0, 0, false};
    case 37: return {"IQ4_NL_4_8", 0, 0, false};
    case 38: return {"IQ4_NL_8_8", 0, 0, false};
    case 40: return {"NVFP4", 64, 36, false};
    case 41: return {"Q1_0", 128, 18, false};
    case 42: return {"Q2_0", 64, 18, false};
    default: return {nullptr, 0, 0, false};
  }
}

}  // namespace

TensorTypeInfo tensor_type_info(TensorType type) {
  switch (type) {
    case TensorType::kF32: return {"F32", 1, 4};
    case TensorType::kF16: return {"F16", 1, 2};
    case TensorType::kQ4_0: return {"Q4_0", 32, 18};
    case TensorType::kQ4_1: return {"Q4_1", 32, 20};
    case TensorType::kQ5_0: return {"Q5_0", 32, 22};
    case TensorType::kQ5_1: return {"Q5_1", 32, 24};
    case TensorType::kQ8_0: return {"Q8_0", 32, 34};
    case TensorType::kQ2_K: return {"Q2_K", 256, 84};
    case TensorType::kQ3_K: return {"Q3_K", 256, 110};
    case TensorType::kQ4_K: return {"Q4_K", 256, 144};
    case TensorType::kQ5_K: return {"Q5_K", 256, 176};
    case TensorType::kQ6_K: return {"Q6_K", 256, 210};
    case TensorType::kIQ2_XXS: return {"IQ2_XXS", 256, 66};
    case TensorType::kIQ2_XS: return {"IQ2_XS", 256, 74};
    case TensorType::kIQ3_XXS: return {"IQ3_XXS", 256, 98};
    case TensorType::kIQ1_S: return {"IQ1_S", 256, 50};
    case TensorType::kIQ4_NL: return {"IQ4_NL", 32, 18};
    case TensorType::kIQ3_S: return {"IQ3_S", 256, 110};
    case TensorType::kIQ2_S: return {"IQ2_S", 256, 82};
    case TensorType::kIQ4_XS: return {"IQ4_XS", 256, 136};
    case TensorType::kIQ1_M: return {"IQ1_M", 256, 56};
    case TensorType::kBF16: return {"BF16", 1, 2};
    case TensorType::kTQ1_0: return {"TQ1_0", 256, 54};
    case TensorType::kTQ2_0: return {"TQ2_0", 256, 66};
    case TensorType::kMXFP4: return {"MXFP4", 32, 17};
  }
  return unsupported_type_info(static_cast<uint32_t>(type));
}

}  // namespace camelgpt
