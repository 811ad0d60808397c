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

constexpr char kHeadsKey[] = "attention.head_count", kKvHeadsKey[] = "attention.head_count_kv";
constexpr char kFfnKey[] = "feed_forward_length";

// Older files have scale_linear instead of scaling.factor. 0 means that nothing is scaled.
Status read_rope_factor(const ConfigReader& reader, ModelConfig* config) {
  const char* name = reader.has("rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear";
  if (!reader.has(name)) return {};
  double factor = 0;
  CAMELGPT_TRY(gguf_get_f64(reader.header, Key(reader.architecture, name).view(), &factor));
  if (factor == 0) return {};
  float checked = 1;
  CAMELGPT_TRY(reader.positive(name, &checked));
  config->rope_position_scale = 1.0f / checked;
  if (std::isfinite(config->rope_position_scale)) return {};
  const Status status = make_error(ErrorCode::kBadMetadata, "The value of %s is too small.", name);
  return with_found(with_expected(status, "0, or a factor with a finite reciprocal"), "%g", factor);
}

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
  config->rope_original_context = config->context_length;
  CAMELGPT_TRY(
      reader.optional_count("rope.scaling.original_context_length", kMaxContext, &config->rope_original_context));
  CAMELGPT_TRY(reader.optional_positive("rope.scaling.attn_factor", &config->rope_magnitude));
  std::string_view type = "linear";
  if (reader.has("rope.scaling.type"))
    CAMELGPT_TRY(gguf_get_string(reader.header, Key(reader.architecture, "rope.scaling.type").view(), &type));
  if (type == "none") return {};
  config->rope_yarn = type == "yarn";
  config->rope_factor_sets = config->rope_factor_sets || type == "longrope";
  if (type != "linear" && type != "yarn" && type != "longrope") {
    Status status = make_error(ErrorCode::kUnsupportedArchitecture, "This kind of rope scaling is not supported.");
    status = with_expected(status, "none, linear, yarn, longrope, or Llama 3's rope_freqs tensor");
    return with_found(status, "%.*s", static_cast<int>(std::min<size_t>(type.size(), 64)), type.data());
  }
  return read_rope_factor(reader, config);
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

// Reads the heads and neurons of all layers. Layers without key/value heads have a short convolution.
Status read_layers(const ConfigReader& reader, ModelConfig* config) {
  ModelConfig& c = *config;
  const uint32_t blocks = c.layers / c.block_repeat;
  CAMELGPT_TRY(reader.counts(kFfnKey, blocks, 1, kMaxWidth, &c.ffn));
  CAMELGPT_TRY(reader.counts(kHeadsKey, blocks, 1, kMaxWidth, &c.heads));
  c.kv_heads = c.heads;
  if (reader.has(kKvHeadsKey))
    CAMELGPT_TRY(reader.counts(kKvHeadsKey, blocks, c.conv_length != 0 ? 0 : 1, kMaxWidth, &c.kv_heads));
  for (uint32_t block = 0; block < blocks; ++block) {
    const LayerCounts counts = read_layer_counts(reader, c, block);
    c.ffn_differs |= counts.ffn != c.ffn;
    if (counts.kv_heads == 0) {
      c.conv_layers += c.block_repeat;
      continue;
    }
    if (counts.heads % counts.kv_heads != 0) {
      Status status = make_error(ErrorCode::kBadMetadata,
                                 "The number of query heads is not a multiple of the number of key/value heads.");
      status = with_expected(status, "attention.head_count a multiple of attention.head_count_kv");
      return with_found(status, "%u and %u in layer %u", counts.heads, counts.kv_heads, block);
    }
    c.all_kv_heads += counts.kv_heads * c.block_repeat;
    c.max_group = std::max(c.max_group, counts.heads / counts.kv_heads);
  }
  if (c.all_kv_heads != 0) return {};
  const Status status = make_error(ErrorCode::kUnsupportedArchitecture, "No layer of the model has attention.");
  return with_expected(status, "%s above 0 in a layer", kKvHeadsKey);
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

Status ConfigReader::counts(const char* name, uint32_t layers, uint32_t minimum, uint32_t maximum,
                            uint32_t* most) const {
  const Key key(architecture, name);
  const GgufEntry* entry = gguf_find(header, key.view());
  if (entry == nullptr || entry->type != GgufType::kArray) {
    uint64_t value = 0;
    CAMELGPT_TRY(gguf_get_u64(header, key.view(), minimum, maximum, &value));
    *most = static_cast<uint32_t>(value);
    return {};
  }
  const GgufType element = entry->element_type;
  const bool whole = element != GgufType::kString && element != GgufType::kBool && element != GgufType::kF32 &&
                     element != GgufType::kF64;
  if (!whole || entry->count != layers) {
    Status status = make_error(ErrorCode::kBadMetadata, "The array %s does not fit the number of layers.", key.text);
    status = with_expected(status, "a whole number for each of %u layers", layers);
    return whole ? with_found(status, "an array of length %llu", static_cast<unsigned long long>(entry->count))
                 : with_found(status, "an array of another type");
  }
  *most = 0;
  for (uint32_t l = 0; l < layers; ++l) {
    const int64_t value = gguf_integer_at(header, *entry, l);
    if (value < minimum || value > maximum) {
      Status status = make_error(ErrorCode::kBadMetadata, "The value of %s for layer %u is impossible.", key.text, l);
      status = with_expected(status, "%u to %u", minimum, maximum);
      return with_found(status, "%lld", static_cast<long long>(value));
    }
    *most = std::max(*most, static_cast<uint32_t>(value));
  }
  return {};
}

uint32_t ConfigReader::count_at(const char* name, uint32_t layer, uint32_t otherwise) const {
  const GgufEntry* entry = gguf_find(header, Key(architecture, name).view());
  if (entry == nullptr) return otherwise;
  return static_cast<uint32_t>(gguf_integer_at(header, *entry, entry->type == GgufType::kArray ? layer : 0));
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

LayerCounts read_layer_counts(const ConfigReader& reader, const ModelConfig& config, uint32_t block) {
  const uint32_t heads = reader.count_at(kHeadsKey, block, config.heads);
  // With experts, the width of one may come from another key.
  const uint32_t ffn = config.experts != 0 ? config.ffn : reader.count_at(kFfnKey, block, config.ffn);
  return {heads, reader.count_at(kKvHeadsKey, block, heads), ffn};
}

Status read_decoder_config(const ConfigReader& reader, ModelConfig* config) {
  CAMELGPT_TRY(reader.count("block_count", kMaxLayers, &config->layers));
  CAMELGPT_TRY(read_sharing(reader, config));
  CAMELGPT_TRY(reader.count("embedding_length", kMaxWidth, &config->hidden));
  CAMELGPT_TRY(reader.count("context_length", kMaxContext, &config->context_length));
  CAMELGPT_TRY(read_layers(reader, config));
  config->head_width = config->hidden / read_layer_counts(reader, *config, 0).heads;
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
