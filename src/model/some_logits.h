// The logits of some tokens of the vocabulary, for example of those that a grammar allows.
#pragma once

#include <cstdint>
#include <span>

#include "model/model.h"

namespace camelgpt {

// The same as model_logits() for the tokens with a bit in `allowed` [vocabulary bits], and -infinity for the others,
// whose rows of the output head are not read. Causal models with a vocabulary only.
void model_some_logits(const Model& model, uint32_t output, std::span<const uint64_t> allowed, Workspace* workspace);

// Sets the logits of those tokens in `tokens` that have no bit in `allowed` to -infinity.
void forbid_others(std::span<const uint64_t> allowed, Range tokens, float* logits);

}  // namespace camelgpt
