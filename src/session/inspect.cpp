// A planned or loaded model → its description.
#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "session/session.h"

namespace camelgpt {
namespace {

// Appends formatted text; false if memory is exhausted.
bool print(Buffer<char>* out, const char* format, ...) __attribute__((format(printf, 2, 3)));
bool print(Buffer<char>* out, const char* format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  const int size = std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (size < 0) return true;
  return out->append(text, std::min(static_cast<size_t>(size), sizeof text - 1));
}

std::string_view view(const Buffer<char>& buffer) { return {buffer.data(), buffer.size()}; }

// The header; null if it is not in memory.
const GgufHeader* header_of(const Session& s) {
  const bool has_it = s.state == LoadState::kPlanned || s.state == LoadState::kWeights;
  return has_it ? &s.loader->reader.header : nullptr;
}

}  // namespace

Status session_model_info(const Session* session, ModelInfo* info) {
  if (!has_header(*session)) return not_ready();
  const ModelConfig& c = config_of(*session);
  *info = {};
  info->kind = model_kind(*session);
  info->architecture = view(session->architecture);
  info->parameters = model_of(*session).parameters;
  info->layers = c.layers;
  info->hidden = c.hidden;
  info->heads = c.heads;
  info->kv_heads = c.kv_heads;
  info->head_width = c.head_width;
  info->ffn = c.ffn;
  info->vocabulary = c.vocabulary;
  info->macs_per_token = model_of(*session).macs_per_token;
  info->bos_token = session->tokenizer.bos_token;
  info->eos_token = session->tokenizer.eos_token;
  info->mask_token = session->tokenizer.mask_token;
  info->wants_composed_text = session->tokenizer.composes || (session->tokenizer.kind == TokenizerKind::kWordPiece &&
                                                              !session->tokenizer.strip_accents);
  info->sampling = session->sampling;
  return {};
}

ModelKind model_kind(const Session& session) {
  const ModelConfig& c = config_of(session);
  if (c.has_head && c.causal) return ModelKind::kCausal;
  return c.has_head && session.tokenizer.mask_token != kNoToken ? ModelKind::kMasked : ModelKind::kEncoder;
}

Status session_metadata_json(const Session* session, Buffer<char>* json) {
  const GgufHeader* header = header_of(*session);
  return header == nullptr ? not_ready() : gguf_metadata_json(*header, 16, json);
}

Status session_tensors_json(const Session* session, bool halves, Buffer<char>* json) {
  const GgufHeader* header = header_of(*session);
  if (header == nullptr) return not_ready();
  bool kept = print(json, "[");
  for (size_t i = 0; i < header->tensors.size(); ++i) {
    const GgufTensor& tensor = header->tensors[i];
    const TensorTypeInfo info = tensor_type_info(tensor.type);
    const bool narrowed = halves && tensor.type == TensorType::kF32 && tensor.dimension_count > 1;
    kept = kept && print(json, "%s{\"name\": \"", i == 0 ? "" : ", ");
    for (const char c : gguf_name(*header, tensor)) {  // a name in a file can contain anything
      const bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';
      kept = kept && json->append(plain ? &c : "?", 1);
    }
    kept = kept && print(json, "\", \"type\": \"%s\", \"shape\": [", info.name);
    for (uint32_t d = 0; d < tensor.dimension_count; ++d) {
      kept = kept && print(json, "%s%llu", d == 0 ? "" : ", ", static_cast<unsigned long long>(tensor.dimensions[d]));
    }
    kept = kept && print(json, "], \"bytes\": %llu, \"panel\": \"%s\"}", static_cast<unsigned long long>(tensor.bytes),
                         !info.supported ? "none"
                                         : panel_layout(narrowed ? PanelKind::kHalf : panel_kind_of(tensor.type)).name);
  }
  kept = kept && print(json, "]");
  return kept ? Status{} : out_of_memory("the list of tensors", header->tensors.size() * 128);
}

Status session_metadata_string(const Session* session, std::string_view key, std::string_view* value) {
  const Buffer<char>* kept = key == "general.architecture"      ? &session->architecture
                             : key == "general.name"            ? &session->name
                             : key == "tokenizer.chat_template" ? &session->chat_template
                             : key == "camelgpt.tasks"          ? &session->tasks
                                                                : nullptr;
  if (kept == nullptr) {
    return make_error(ErrorCode::kBadInput,
                      "Only general.architecture, general.name, tokenizer.chat_template and camelgpt.tasks are kept.");
  }
  *value = view(*kept);
  return {};
}

std::string_view session_notes(const Session* session) { return view(session->tokenizer.notes); }

const char* kernels_name() { return kernels().name; }

}  // namespace camelgpt
