// Llama (Touvron et al. 2023): also SmolLM2, TinyLlama, Llama 3, Mistral, MobileLLM and others, variants with a ReLU as
// the gate's activation, and, with experts, Mixtral.
#include "model/architecture.h"

namespace camelgpt {

const Architecture kLlamaArchitecture = {
    .name = "llama",
    .tensors = {.experts = true},
    .defaults = {.experts_renormalised = true},
};

}  // namespace camelgpt
