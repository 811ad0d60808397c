// ChatGLM (GLM Team 2024) and GEB-1.3B (Wu et al. 2024): one matrix for queries, keys and values, with biases, one for
// gate and up, rope on half of each head.
#include "model/architecture.h"

namespace camelgpt {

const Architecture kChatglmArchitecture = {
    .name = "chatglm",
    .tensors = {.fused_qkv = true, .qkv_bias = true, .fused_gate = true},
};

}  // namespace camelgpt
