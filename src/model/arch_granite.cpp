// Granite 3 (Granite Team 2024): Llama with four scales.
#include "model/architecture.h"

namespace camelgpt {
namespace {

Status read(const ConfigReader& reader, ModelConfig* config) {
  CAMELGPT_TRY(reader.optional_positive("attention.scale", &config->attention_scale));
  return read_scales(reader, config);
}

}  // namespace

const Architecture kGraniteArchitecture = {.name = "granite", .read = read};

}  // namespace camelgpt
