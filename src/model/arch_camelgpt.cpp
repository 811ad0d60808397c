// CamelGPT: a masked language model. The tokens of a prompt see one another, and those of an answer, which are masks at
// first, see all. The graph is Llama's; its gate is a ReLU.
#include "model/architecture.h"

namespace camelgpt {
namespace {

Status read(const ConfigReader& reader, ModelConfig* config) {
  return reader.optional_count("block_length", kMaxContext, &config->answer_block);
}

}  // namespace

const Architecture kCamelGptArchitecture = {.name = "camelgpt", .defaults = {.causal = false}, .read = read};

}  // namespace camelgpt
