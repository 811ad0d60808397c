// The decoder that all architectures share: layers of attention and a feed-forward network around a residual stream.
// DecoderTensors and ModelConfig select its variant.
#pragma once

#include "model/architecture.h"
#include "nn/rope.h"

namespace camelgpt {

// Binds the embedding, the output head and the tensors that belong to them, in models without ModelEnds.
Status decoder_bind_ends(WeightBinder* binder, Model* model);
Status decoder_bind_layers(WeightBinder* binder, Model* model);

// The rope of all layers, or of local layers if they have another base.
RopeOptions rope_options(const Model& model, bool is_local);
// Whether a layer rotates queries and keys.
bool has_rope(const ModelConfig& config, uint32_t layer);

// Like model_forward(), but workspace->rows is filled and workspace->x holds the vectors of the tokens.
void decoder_forward(const Model& model, std::span<const TokenRun> runs, Workspace* workspace);

}  // namespace camelgpt
