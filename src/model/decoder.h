// The decoder that all architectures share: layers of attention and a feed-forward network around a residual stream.
// DecoderTensors and ModelConfig select its variant.
#pragma once

#include "model/architecture.h"

namespace camelgpt {

// Binds the embedding, the output head and the tensors that belong to them, in models without ModelEnds.
Status decoder_bind_ends(WeightBinder* binder, Model* model);
Status decoder_bind_layers(WeightBinder* binder, Model* model);

// Like model_forward(), but workspace->rows is filled and workspace->x holds the vectors of the tokens.
void decoder_forward(const Model& model, std::span<const TokenRun> runs, Workspace* workspace);

}  // namespace camelgpt
