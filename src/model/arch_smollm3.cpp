// SmolLM3 (Bakouch et al. 2025): Llama without rope in every fourth layer.
#include "model/architecture.h"

namespace camelgpt {

const Architecture kSmollm3Architecture = {.name = "smollm3", .defaults = {.rope_period = 4}};

}  // namespace camelgpt
