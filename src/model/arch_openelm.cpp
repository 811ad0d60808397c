// OpenELM (Mehta et al. 2024): heads and neurons that differ from layer to layer, norms on each head of queries and
// keys.
#include "model/architecture.h"

namespace camelgpt {

const Architecture kOpenElmArchitecture = {
    .name = "openelm",
    .tensors = {.fused_qkv = true, .head_norms = true},
    .defaults = {.rope = RopeStyle::kHalves},
};

}  // namespace camelgpt
