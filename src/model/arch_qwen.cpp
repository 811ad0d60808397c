// Qwen2 (Yang et al. 2024): queries, keys and values have biases. Qwen3 (2025): each head of queries and keys is normed
// instead. Both come with experts too; those of Qwen2 have one that all tokens go through.
#include "model/decoder.h"
#include "model/experts.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kQwen2Tensors = {.qkv_bias = true};
constexpr DecoderTensors kQwen3Tensors = {.head_norms = true};

Status read_dense(const ConfigReader& reader, ModelConfig* config) {
  config->rope = RopeStyle::kHalves;
  return read_decoder_config(reader, config);
}

Status read_with_experts(const ConfigReader& reader, bool renormalised, ModelConfig* config) {
  CAMELGPT_TRY(read_dense(reader, config));
  config->experts_renormalised = renormalised;
  return read_experts(reader, config);
}

Status read_qwen2(const GgufHeader& header, ModelConfig* config) { return read_dense({header, "qwen2"}, config); }
Status read_qwen3(const GgufHeader& header, ModelConfig* config) { return read_dense({header, "qwen3"}, config); }
Status read_qwen2moe(const GgufHeader& header, ModelConfig* config) {
  return read_with_experts({header, "qwen2moe"}, false, config);
}
Status read_qwen3moe(const GgufHeader& header, ModelConfig* config) {
  return read_with_experts({header, "qwen3moe"}, true, config);
}

Status bind_qwen2(WeightBinder* binder, Model* model) { return decoder_bind(kQwen2Tensors, binder, model); }
Status bind_qwen3(WeightBinder* binder, Model* model) { return decoder_bind(kQwen3Tensors, binder, model); }

}  // namespace

const Architecture kQwen2Architecture = {"qwen2", read_qwen2, bind_qwen2, decoder_forward};
const Architecture kQwen3Architecture = {"qwen3", read_qwen3, bind_qwen3, decoder_forward};
const Architecture kQwen2MoeArchitecture = {"qwen2moe", read_qwen2moe, bind_qwen2, decoder_forward};
const Architecture kQwen3MoeArchitecture = {"qwen3moe", read_qwen3moe, bind_qwen3, decoder_forward};

}  // namespace camelgpt
