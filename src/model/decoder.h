// The decoder that most architectures are a form of: blocks of attention and a feed-forward network around a residual
// stream. An architecture reads its configuration, says which tensors it has, and takes the graph from here.
#pragma once

#include "model/model.h"

namespace camelgpt {

// What differs in the tensors. Biases that are not required are taken where the file has them.
struct DecoderTensors {
  bool fused_qkv = false;   // attn_qkv holds queries, keys and values
  bool qkv_bias = false;    // required
  bool head_norms = false;  // attn_q_norm and attn_k_norm
  bool pre_norms = true;    // attn_norm and ffn_norm, before a block
  bool post_norms = false;  // post_attention_norm and post_ffw_norm, of what a block adds
  bool fused_gate = false;  // ffn_up holds gate and up
  bool encoder = false;     // norms of the stream after each block (attn_output_norm, layer_output_norm) and of the
                            // embedding; types of tokens; of the head see mlm_dense
  const char* rope_factors = "rope_freqs.weight";  // taken where the file has it
  const char* output_norm = "output_norm.weight";
};

// As Architecture::bind and Architecture::forward.
Status decoder_bind(const DecoderTensors& tensors, WeightBinder* binder, Model* model);
void decoder_forward(const Model& model, std::span<const TokenRun> runs, Workspace* workspace);
// The parts of these two that follow the embedding: without it and the head, and with workspace->rows and workspace->x
// as the tokens.
Status decoder_bind_layers(const DecoderTensors& tensors, WeightBinder* binder, Model* model);
void decoder_layers(const Model& model, std::span<const TokenRun> runs, Workspace* workspace);

}  // namespace camelgpt
