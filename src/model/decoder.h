// The decoder that all architectures share: layers of attention and a feed-forward network around a residual stream.
// DecoderTensors and ModelConfig say which form of it a model is.
#pragma once

#include "model/architecture.h"

namespace camelgpt {

// Binds the embedding, the output head and what belongs to them, of models without ModelEnds.
Status decoder_bind_ends(WeightBinder* binder, Model* model);
Status decoder_bind_layers(WeightBinder* binder, Model* model);

// As model_forward, with workspace->rows filled and the vectors of the tokens in workspace->x.
void decoder_forward(const Model& model, std::span<const TokenRun> runs, Workspace* workspace);

}  // namespace camelgpt
