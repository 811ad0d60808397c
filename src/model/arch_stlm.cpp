// Super Tiny Language Models (Hillier et al. 2024) that read and write bytes: the vectors in the decoder are those of
// chunks (model/byte_level.h). docs/formats.md has the keys and tensors.
#include "model/architecture.h"
#include "model/byte_level.h"

namespace camelgpt {
namespace {

constexpr uint32_t kMaxChunks = 1u << 15;  // of a context: half of the chunks that have ids

Status read(const ConfigReader& reader, ModelConfig* config) {
  CAMELGPT_TRY(reader.count("context_length", kMaxChunks, &config->context_length));
  CAMELGPT_TRY(reader.optional_positive("attention.scale", &config->attention_scale));
  return read_byte_config(reader, config);
}

constexpr ModelEnds kEnds = {bind_bytes, reserve_bytes, embed_chunks, byte_logits, byte_score};

}  // namespace

const Architecture kStlmArchitecture = {.name = "stlm", .read = read, .ends = &kEnds};

}  // namespace camelgpt
