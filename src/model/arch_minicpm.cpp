// MiniCPM (Hu et al. 2024): Llama with three scales, which older files do not name.
#include <cmath>

#include "model/architecture.h"

namespace camelgpt {
namespace {

Status read(const ConfigReader& reader, ModelConfig* config) {
  config->residual_scale = 1.4f / std::sqrt(static_cast<float>(config->layers));
  config->logit_scale = 1 / (static_cast<float>(config->hidden) / 256);
  return read_scales(reader, config);
}

}  // namespace

const Architecture kMinicpmArchitecture = {.name = "minicpm", .defaults = {.embedding_scale = 12}, .read = read};

}  // namespace camelgpt
