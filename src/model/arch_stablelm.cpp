// StableLM 2 (Bellagente et al. 2024): layer norms, rope on a part of each head.
#include "model/architecture.h"

namespace camelgpt {

const Architecture kStablelmArchitecture = {
    .name = "stablelm",
    .defaults = {.norm = NormKind::kLayer, .rope = RopeStyle::kHalves},
};

}  // namespace camelgpt
