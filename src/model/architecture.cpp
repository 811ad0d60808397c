#include "model/architecture.h"

#include <algorithm>
#include <cstdio>

#include "model/experts.h"
#include "model/short_conv.h"

namespace camelgpt {
namespace {

constexpr const Architecture* kArchitectures[] = {
    &kLlamaArchitecture,    &kQwen2Architecture,    &kQwen3Architecture,    &kGemmaArchitecture,
    &kGemma2Architecture,   &kGemma3Architecture,   &kPhi3Architecture,     &kGpt2Architecture,
    &kStablelmArchitecture, &kOlmo2Architecture,    &kGraniteArchitecture,  &kChatglmArchitecture,
    &kSmollm3Architecture,  &kQwen2MoeArchitecture, &kQwen3MoeArchitecture, &kOlmoeArchitecture,
    &kLfm2Architecture,     &kMinicpmArchitecture,  &kBertArchitecture,     &kNomicBertArchitecture,
    &kCamelGptArchitecture, &kStlmArchitecture,     &kOpenElmArchitecture,
};

// The names of all architectures, for messages.
struct ArchitectureNames {
  char text[240];  // fits into Status::expected
  ArchitectureNames() {
    size_t size = 0;
    for (const Architecture* architecture : kArchitectures) {
      const int written =
          std::snprintf(text + size, sizeof text - size, "%s%s", size == 0 ? "" : ", ", architecture->name);
      size = std::min(sizeof text - 1, size + static_cast<size_t>(std::max(written, 0)));
    }
  }
};

Status read_config(const Architecture& architecture, const ConfigReader& reader, ModelConfig* config) {
  *config = architecture.defaults;
  if (architecture.tensors.short_convs)
    CAMELGPT_TRY(reader.count("shortconv.l_cache", kMaxConvLength, &config->conv_length));
  CAMELGPT_TRY(read_decoder_config(reader, config));
  if (architecture.tensors.experts) CAMELGPT_TRY(read_experts(reader, config));
  return architecture.read != nullptr ? architecture.read(reader, config) : Status{};
}

}  // namespace

Status model_open(const GgufHeader& header, Model* model) {
  std::string_view name;
  CAMELGPT_TRY(gguf_get_string(header, "general.architecture", &name));
  for (const Architecture* architecture : kArchitectures) {
    if (name == architecture->name) model->architecture = architecture;
  }
  if (model->architecture == nullptr) {
    Status status = make_error(ErrorCode::kUnsupportedArchitecture, "The architecture of this model is not supported.");
    status = with_expected(status, "one of: %s", ArchitectureNames().text);
    status = with_found(status, "%.*s", static_cast<int>(std::min<size_t>(name.size(), 64)), name.data());
    return with_hint(status, "Choose a model of a supported architecture.");
  }
  CAMELGPT_TRY(read_config(*model->architecture, {header, name}, &model->config));
  model->ends = model->architecture->ends;
  model->parameters = 0;
  for (const GgufTensor& tensor : header.tensors) {
    model->parameters += tensor.dimensions[0] * tensor.dimensions[1] * tensor.dimensions[2] * tensor.dimensions[3];
  }
  return {};
}

}  // namespace camelgpt
