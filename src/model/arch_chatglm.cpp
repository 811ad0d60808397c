// ChatGLM (GLM Team 2024) and GEB-1.3B (Wu et al. 2024): one matrix for queries, keys and values, with biases, one for
// gate and up, rope on half of each head.
#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {.fused_qkv = true, .qkv_bias = true, .fused_gate = true};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "chatglm"};
  return read_decoder_config(reader, config);
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kChatglmArchitecture = {"chatglm", read_config, bind, decoder_forward};

}  // namespace camelgpt
