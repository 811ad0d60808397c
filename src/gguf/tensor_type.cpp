#include "gguf/tensor_type.h"

namespace camelgpt {

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
    case TensorType::kIQ4_NL: return {"IQ4_NL", 32, 18};
    case TensorType::kBF16: return {"BF16", 1, 2};
  }
  return {nullptr, 0, 0};
}

}  // namespace camelgpt
