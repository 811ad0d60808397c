// CamelGPT: a masked language model. The tokens of a prompt see one another, and those of an answer, which are masks at
// first, see all. The graph is Llama's; its gate is a ReLU.
#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  config->causal = false;
  const ConfigReader reader{header, "camelgpt"};
  CAMELGPT_TRY(reader.optional_count("block_length", kMaxContext, &config->answer_block));
  return read_decoder_config(reader, config);
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kCamelGptArchitecture = {"camelgpt", read_config, bind, decoder_forward};

}  // namespace camelgpt
