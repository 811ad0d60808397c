// The table of architectures. A row says which tensors a model has, which values its configuration starts from, and
// what is special about it. All architectures share the decoder's graph (model/decoder.h).
#pragma once

#include "model/model.h"

namespace camelgpt {

// The tensors of a file. Optional biases are bound if the file has them.
struct DecoderTensors {
  bool fused_qkv = false;    // attn_qkv holds queries, keys and values
  bool qkv_bias = false;     // required
  bool head_norms = false;   // attn_q_norm and attn_k_norm
  bool pre_norms = true;     // attn_norm and ffn_norm, before a block
  bool post_norms = false;   // post_attention_norm and post_ffw_norm, of a block's output
  bool fused_gate = false;   // ffn_up holds gate and up
  bool encoder = false;      // norms of the stream after each block (attn_output_norm, layer_output_norm) and of the
                             // embedding; token types; if the model has a head, mlm_dense, mlm_norm and mlm_output
  bool experts = false;      // if the metadata declare any (model/experts.h)
  bool short_convs = false;  // in layers without key/value heads (model/short_conv.h)
  const char* output_norm = "output_norm.weight";
};

// The input and output of a model that does not have an embedding and an output head over a vocabulary: how tokens
// become vectors, and vectors become logits.
struct ModelEnds {
  // Binds the tensors before and after the layers.
  Status (*bind)(WeightBinder* binder, Model* model);
  // Takes memory from the arena. Returns the largest number of columns of a product's input.
  uint32_t (*reserve)(const ModelConfig& config, Arena* arena, Workspace* workspace);
  // workspace->x [rows, hidden] = the vectors of the tokens.
  void (*embed)(const Model& model, TokenRows rows, Workspace* workspace);
  // Implement model_logits() and model_score().
  void (*logits)(const Model& model, uint32_t output, Workspace* workspace);
  void (*score)(const Model& model, std::span<const int32_t> targets, Workspace* workspace, float* logprobs,
                int32_t* best);
};

struct Architecture {
  const char* name;  // general.architecture
  DecoderTensors tensors = {};
  ModelConfig defaults = {};  // overridden by metadata
  // Reads the keys that only this architecture has, after all others. Null if there are none.
  Status (*read)(const ConfigReader& reader, ModelConfig* config) = nullptr;
  const ModelEnds* ends = nullptr;
};

extern const Architecture kLlamaArchitecture;
extern const Architecture kQwen2Architecture;
extern const Architecture kQwen3Architecture;
extern const Architecture kGemmaArchitecture;
extern const Architecture kGemma2Architecture;
extern const Architecture kGemma3Architecture;
extern const Architecture kPhi3Architecture;
extern const Architecture kGpt2Architecture;
extern const Architecture kStablelmArchitecture;
extern const Architecture kOlmo2Architecture;
extern const Architecture kGraniteArchitecture;
extern const Architecture kChatglmArchitecture;
extern const Architecture kSmollm3Architecture;
extern const Architecture kQwen2MoeArchitecture;
extern const Architecture kQwen3MoeArchitecture;
extern const Architecture kOlmoeArchitecture;
extern const Architecture kBertArchitecture;
extern const Architecture kNomicBertArchitecture;
extern const Architecture kCamelGptArchitecture;
extern const Architecture kLfm2Architecture;
extern const Architecture kMinicpmArchitecture;
extern const Architecture kOpenElmArchitecture;
extern const Architecture kStlmArchitecture;

}  // namespace camelgpt
