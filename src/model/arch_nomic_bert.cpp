// Nomic's BERT (Nussbaum et al. 2024): an encoder with rope and a gate.
#include "model/architecture.h"

namespace camelgpt {

const Architecture kNomicBertArchitecture = {
    .name = "nomic-bert",
    .tensors = {.fused_qkv = true, .pre_norms = false, .encoder = true},
    .defaults = {.norm = NormKind::kLayer, .causal = false, .rope = RopeStyle::kHalves},
    .read = read_encoder_config,
};

}  // namespace camelgpt
