// Llama (Touvron et al. 2023): SmolLM2, TinyLlama, Llama 3, Mistral, MobileLLM and others are of this form; so are
// those with a ReLU as the gate's activation, and with experts Mixtral.
#include "model/architecture.h"

namespace camelgpt {

const Architecture kLlamaArchitecture = {
    .name = "llama",
    .tensors = {.experts = true},
    .defaults = {.experts_renormalised = true},
};

}  // namespace camelgpt
