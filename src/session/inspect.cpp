// What a loaded or planned model is, for reports.
#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "session/session.h"

namespace camelgpt {
namespace {

// Appends formatted text; false where memory does not suffice.
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

}  // namespace

Status session_model_info(const Session* session, ModelInfo* info) {
  if (session->state == LoadState::kHeader || session->state == LoadState::kFailed) return not_ready();
  const ModelConfig& c = session->model.config;
  *info = {};
  info->kind = model_kind(*session);
  info->architecture = {session->architecture.data(), session->architecture.size()};
  info->parameters = session->model.parameters;
  info->layers = c.layers;
  info->hidden = c.hidden;
  info->heads = c.heads;
  info->kv_heads = c.kv_heads;
  info->head_width = c.head_width;
  info->ffn = c.ffn;
  info->vocabulary = c.vocabulary;
  info->macs_per_token = session->model.macs_per_token;
  info->bos_token = session->tokenizer.bos_token;
  info->eos_token = session->tokenizer.eos_token;
  info->mask_token = session->tokenizer.mask_token;
  info->wants_composed_text = session->tokenizer.kind == TokenizerKind::kWordPiece && !session->tokenizer.strip_accents;
  return {};
}

ModelKind model_kind(const Session& session) {
  const ModelConfig& c = session.model.config;
  if (c.has_head && c.causal) return ModelKind::kCausal;
  return c.has_head && session.tokenizer.mask_token != kNoToken ? ModelKind::kMasked : ModelKind::kEncoder;
}

Status session_metadata_json(Session* session) {
  if (session->state != LoadState::kPlanned && session->state != LoadState::kWeights) return not_ready();
  session->output.clear();
  return gguf_metadata_json(session->reader.header, 16, &session->output);
}

Status session_tensors_json(Session* session, bool halves) {
  if (session->state != LoadState::kPlanned && session->state != LoadState::kWeights) return not_ready();
  Buffer<char>* out = &session->output;
  out->clear();
  const GgufHeader& header = session->reader.header;
  bool kept = print(out, "[");
  for (size_t i = 0; i < header.tensors.size(); ++i) {
    const GgufTensor& tensor = header.tensors[i];
    const std::string_view name = gguf_name(header, tensor);
    const bool narrowed = halves && tensor.type == TensorType::kF32 && tensor.dimension_count > 1;
    kept = kept && print(out, "%s{\"name\": \"", i == 0 ? "" : ", ");
    for (const char c : name) {  // names are text from a file: only plain characters go through
      const bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';
      kept = kept && out->append(plain ? &c : "?", 1);
    }
    kept = kept && print(out, "\", \"type\": \"%s\", \"shape\": [", tensor_type_info(tensor.type).name);
    for (uint32_t d = 0; d < tensor.dimension_count; ++d) {
      kept = kept && print(out, "%s%llu", d == 0 ? "" : ", ", static_cast<unsigned long long>(tensor.dimensions[d]));
    }
    kept = kept && print(out, "], \"bytes\": %llu, \"panel\": \"%s\"}", static_cast<unsigned long long>(tensor.bytes),
                         panel_layout(narrowed ? PanelKind::kHalf : panel_kind_of(tensor.type)).name);
  }
  kept = kept && print(out, "]");
  return kept ? Status{} : out_of_memory("the list of tensors", header.tensors.size() * 128);
}

Status session_metadata_string(Session* session, size_t key_size) {
  if (key_size > session->text.size()) return make_error(ErrorCode::kBadInput, "The text buffer is smaller than that.");
  const std::string_view key(session->text.data(), key_size);
  const Buffer<char>* kept = key == "general.architecture"      ? &session->architecture
                             : key == "general.name"            ? &session->name
                             : key == "tokenizer.chat_template" ? &session->chat_template
                             : key == "camelgpt.tasks"          ? &session->tasks
                                                                : nullptr;
  session->output.clear();
  if (kept == nullptr) {
    return make_error(ErrorCode::kBadInput,
                      "Only general.architecture, general.name, tokenizer.chat_template and camelgpt.tasks are kept.");
  }
  if (!session->output.append(kept->data(), kept->size())) return out_of_memory("metadata", kept->size());
  return {};
}

const char* kernels_name() { return kernels().name; }

}  // namespace camelgpt
