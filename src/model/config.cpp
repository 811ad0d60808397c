#include "model/config.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "kernels/kernels.h"

namespace camelgpt {
namespace {

// "<architecture>.<name>" without an allocation.
struct Key {
  char text[160];
  size_t size;
  Key(std::string_view architecture, const char* name) {
    const int written =
        std::snprintf(text, sizeof text, "%.*s.%s", static_cast<int>(architecture.size()), architecture.data(), name);
    size = written < 0                                  ? 0
           : static_cast<size_t>(written) < sizeof text ? static_cast<size_t>(written)
                                                        : sizeof text - 1;
  }
  std::string_view view() const { return {text, size}; }
};

Status read_rope(const ConfigReader& reader, ModelConfig* config) {
  config->rope_rotated = config->head_width;
  CAMELGPT_TRY(reader.optional_count("rope.dimension_count", kMaxWidth, &config->rope_rotated));
  if (config->rope_rotated > config->head_width || config->rope_rotated % 2 != 0) {
    Status status =
        make_error(ErrorCode::kBadMetadata, "The number of rotated values does not fit the width of a head.");
    status = with_expected(status, "rope.dimension_count even and at most %u", config->head_width);
    return with_found(status, "%u", config->rope_rotated);
  }
  CAMELGPT_TRY(reader.optional_positive("rope.freq_base", &config->rope_base));
  if (!reader.has("rope.scaling.type")) return {};
  std::string_view type;
  CAMELGPT_TRY(gguf_get_string(reader.header, Key(reader.architecture, "rope.scaling.type").view(), &type));
  if (type == "none") return {};
  if (type != "linear") {
    Status status = make_error(ErrorCode::kUnsupportedArchitecture, "This kind of rope scaling is not supported.");
    status = with_expected(status, "none, linear, or Llama 3's rope_freqs tensor");
    return with_found(status, "%.*s", static_cast<int>(type.size()), type.data());
  }
  float factor = 1;
  CAMELGPT_TRY(reader.positive("rope.scaling.factor", &factor));
  config->rope_position_scale = 1.0f / factor;
  return {};
}

Status read_activation(const ConfigReader& reader, ModelConfig* config) {
  if (!config->gated || !reader.has("hidden_activation")) return {};  // networks without a gate use GELU
  const Key key(reader.architecture, "hidden_activation");
  std::string_view name;
  CAMELGPT_TRY(gguf_get_string(reader.header, key.view(), &name));
  if (name == "silu") {
    config->activation = GateActivation::kSilu;
  } else if (name == "relu") {
    config->activation = GateActivation::kRelu;
  } else if (name == "relu2") {
    config->activation = GateActivation::kSquaredRelu;
  } else {
    Status status = make_error(ErrorCode::kUnsupportedArchitecture,
                               "This activation of the feed-forward network is not supported.");
    status = with_expected(status, "%s one of: silu, relu, relu2", key.text);
    return with_found(status, "%.*s", static_cast<int>(std::min<size_t>(name.size(), 64)), name.data());
  }
  return {};
}

constexpr uint64_t kMaxTokenTypes = 256;

Status read_pooling(const ConfigReader& reader, ModelConfig* config) {
  uint64_t type = 0;
  if (reader.has("pooling_type"))
    CAMELGPT_TRY(gguf_get_u64(reader.header, Key(reader.architecture, "pooling_type").view(), 0, 4, &type));
  if (type == 4) {
    const Status status =
        make_error(ErrorCode::kUnsupportedArchitecture, "Models that rank pairs of texts are not supported.");
    return with_found(status, "pooling_type 4");
  }
  if (type != 0) config->pooling = static_cast<Pooling>(type);
  return {};
}

// One number for all layers, or an array with one for each layer: all equal, except for 0 in layers with a short
// convolution.
Status read_kv_heads(const ConfigReader& reader, ModelConfig* config) {
  const Key key(reader.architecture, "attention.head_count_kv");
  const GgufEntry* entry = gguf_find(reader.header, key.view());
  config->kv_heads = config->heads;
  if (entry == nullptr || entry->type != GgufType::kArray) {
    return reader.optional_count("attention.head_count_kv", kMaxWidth, &config->kv_heads);
  }
  const bool numbers = entry->element_type != GgufType::kString && entry->count == config->layers;
  int64_t heads = 0, different = 0;
  for (uint64_t l = 0; numbers && l < entry->count; ++l) {
    const int64_t here = gguf_integer_at(reader.header, *entry, l);
    if (here == 0 && config->conv_length != 0) {
      ++config->conv_layers;
    } else {
      different += heads != 0 && here != heads;
      heads = here;
    }
  }
  if (!numbers || different != 0 || heads < 1 || heads > kMaxWidth) {
    Status status = make_error(ErrorCode::kUnsupportedArchitecture,
                               "Key/value heads that differ from layer to layer are not supported.");
    return with_expected(status, "%s one number, or the same for each of %u layers", key.text, config->layers);
  }
  config->kv_heads = static_cast<uint32_t>(heads);
  return {};
}

// Weights that layers share (Liu et al. 2024, "MobileLLM"; Hillier et al. 2024, "Super Tiny Language Models").
Status read_sharing(const ConfigReader& reader, ModelConfig* config) {
  CAMELGPT_TRY(reader.optional_count("block_repeat", kMaxLayers / config->layers, &config->block_repeat));
  config->layers *= config->block_repeat;
  if (!reader.has("ffn_sharing")) return {};
  return gguf_get_bool(reader.header, Key(reader.architecture, "ffn_sharing").view(), &config->ffn_sharing);
}

Status read_vocabulary(const ConfigReader& reader, ModelConfig* config) {
  const GgufTensor* embedding = gguf_find_tensor(reader.header, "token_embd.weight");
  if (embedding == nullptr || embedding->dimensions[1] > kMaxVocabularyRows) {
    Status status = make_error(ErrorCode::kBadTensor, "The file has no usable token embedding.");
    status = with_expected(status, "a tensor token_embd.weight [%u, vocabulary]", config->hidden);
    return with_found(status, embedding == nullptr ? "none" : "a vocabulary that is too large");
  }
  config->vocabulary = static_cast<uint32_t>(embedding->dimensions[1]);
  return {};
}

}  // namespace

bool ConfigReader::has(const char* name) const { return gguf_find(header, Key(architecture, name).view()) != nullptr; }

Status ConfigReader::count(const char* name, uint32_t limit, uint32_t* value) const {
  uint64_t wide = 0;
  CAMELGPT_TRY(gguf_get_u64(header, Key(architecture, name).view(), 1, limit, &wide));
  *value = static_cast<uint32_t>(wide);
  return {};
}

Status ConfigReader::optional_count(const char* name, uint32_t limit, uint32_t* value) const {
  return has(name) ? count(name, limit, value) : Status{};
}

Status ConfigReader::positive(const char* name, float* value) const {
  double wide = 0;
  const Key key(architecture, name);
  CAMELGPT_TRY(gguf_get_f64(header, key.view(), &wide));
  if (!(wide > 0) || !std::isfinite(static_cast<float>(wide)) || static_cast<float>(wide) == 0) {
    Status status = make_error(ErrorCode::kBadMetadata, "The value of %s is impossible.", key.text);
    status = with_expected(status, "a finite number above 0");
    return with_found(status, "%g", wide);
  }
  *value = static_cast<float>(wide);
  return {};
}

Status ConfigReader::optional_positive(const char* name, float* value) const {
  return has(name) ? positive(name, value) : Status{};
}

Status read_decoder_config(const ConfigReader& reader, ModelConfig* config) {
  CAMELGPT_TRY(reader.count("block_count", kMaxLayers, &config->layers));
  CAMELGPT_TRY(read_sharing(reader, config));
  CAMELGPT_TRY(reader.count("embedding_length", kMaxWidth, &config->hidden));
  CAMELGPT_TRY(reader.count("feed_forward_length", kMaxWidth, &config->ffn));
  CAMELGPT_TRY(reader.count("context_length", kMaxContext, &config->context_length));
  CAMELGPT_TRY(reader.count("attention.head_count", kMaxWidth, &config->heads));
  CAMELGPT_TRY(read_kv_heads(reader, config));
  if (config->heads % config->kv_heads != 0) {
    Status status = make_error(ErrorCode::kBadMetadata,
                               "The number of query heads is not a multiple of the number of key/value heads.");
    status = with_expected(status, "attention.head_count a multiple of attention.head_count_kv");
    return with_found(status, "%u and %u", config->heads, config->kv_heads);
  }
  config->head_width = config->hidden / config->heads;
  CAMELGPT_TRY(reader.optional_count("attention.key_length", kMaxWidth, &config->head_width));
  uint32_t value_width = config->head_width;
  CAMELGPT_TRY(reader.optional_count("attention.value_length", kMaxWidth, &value_width));
  if (config->head_width == 0 || config->head_width % 8 != 0 || config->head_width > kMaxHeadWidth ||
      value_width != config->head_width) {
    Status status = make_error(ErrorCode::kUnsupportedArchitecture, "Heads of this width are not supported.");
    status = with_expected(status, "equal key and value widths, a multiple of 8, at most %u", kMaxHeadWidth);
    return with_found(status, "%u and %u", config->head_width, value_width);
  }
  const bool rms = config->norm == NormKind::kRms;
  CAMELGPT_TRY(reader.positive(rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon",
                               &config->norm_epsilon));
  CAMELGPT_TRY(read_activation(reader, config));
  CAMELGPT_TRY(read_vocabulary(reader, config));
  CAMELGPT_TRY(read_pooling(reader, config));
  return config->rope == RopeStyle::kNone ? Status{} : read_rope(reader, config);
}

Status read_encoder_config(const ConfigReader& reader, ModelConfig* config) {
  config->has_head = gguf_find_tensor(reader.header, "mlm_dense.weight") != nullptr;
  const GgufTensor* types = gguf_find_tensor(reader.header, "token_types.weight");
  if (types != nullptr && types->dimensions[1] <= kMaxTokenTypes)
    config->token_types = static_cast<uint32_t>(types->dimensions[1]);
  return {};
}

Status read_scales(const ConfigReader& reader, ModelConfig* config) {
  CAMELGPT_TRY(reader.optional_positive("embedding_scale", &config->embedding_scale));
  CAMELGPT_TRY(reader.optional_positive("residual_scale", &config->residual_scale));
  if (!reader.has("logit_scale")) return {};
  float divisor = 1;
  CAMELGPT_TRY(reader.positive("logit_scale", &divisor));
  config->logit_scale = 1 / divisor;
  return {};
}

}  // namespace camelgpt
