// Super Tiny Language Models (Hillier et al. 2024) that read and write bytes: what goes through the decoder are vectors
// of chunks, which byte_level.h makes and takes. docs/formats.md has the keys and tensors.
#include "model/byte_level.h"
#include "model/decoder.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {};
constexpr uint32_t kMostChunks = 1u << 15;  // of a context: half of the chunks that have ids

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "stlm"};
  CAMELGPT_TRY(read_decoder_config(reader, config));
  CAMELGPT_TRY(reader.count("context_length", kMostChunks, &config->context_length));
  CAMELGPT_TRY(reader.optional_positive("attention.scale", &config->attention_scale));
  return read_byte_config(reader, config);
}

Status bind(WeightBinder* binder, Model* model) {
  CAMELGPT_TRY(bind_bytes(binder, model));
  return decoder_bind_layers(kTensors, binder, model);
}

void forward(const Model& model, std::span<const TokenRun> runs, Workspace* workspace) {
  embed_chunks(model, token_rows(model, runs, workspace), workspace);
  decoder_layers(model, runs, workspace);
}

}  // namespace

const Architecture kStlmArchitecture = {"stlm", read_config, bind, forward};

}  // namespace camelgpt
