// The bytes of a model file → a loaded model.
#include <algorithm>
#include <cstring>
#include <new>

#include "nn/linear.h"
#include "session/session.h"
#include "tokenize/chunks.h"

namespace camelgpt {
namespace {

Status keep_string(const GgufHeader& header, std::string_view key, Buffer<char>* out) {
  if (gguf_find(header, key) == nullptr) return {};
  std::string_view value;
  CAMELGPT_TRY(gguf_get_string(header, key, &value));
  return out->append(value.data(), value.size()) ? Status{} : out_of_memory("metadata", value.size());
}

Status differ(const char* message, const char* format, uint32_t expected, uint32_t found) {
  Status status = make_error(ErrorCode::kBadMetadata, "%s", message);
  status = with_expected(status, format, expected);
  return with_found(status, "%u", found);
}

// Checks that the tokenizer fits the model, and reserves the chunk table of a byte-level model.
Status match_tokenizer(Session* s) {
  const ModelConfig& config = config_of(*s);
  if (s->tokenizer.vocabulary_size > config.vocabulary) {
    return differ("The tokenizer has more tokens than the embedding has rows.", "at most %u tokens", config.vocabulary,
                  s->tokenizer.vocabulary_size);
  }
  if (s->tokenizer.chunk_length != config.bytes.length) {
    return differ("The model and its tokenizer disagree on what a token is.",
                  "chunks of at most %u bytes (0: tokens of a vocabulary)", config.bytes.length,
                  s->tokenizer.chunk_length);
  }
  if (s->tokenizer.chunk_length == 0) return {};
  if (!chunks_reserve(kChunkCapacity, s->tokenizer.chunk_length, &s->chunks)) {
    return out_of_memory("chunks", kChunkCapacity * sizeof(ChunkTable::Chunk));
  }
  s->memory.model.chunks = &s->chunks;
  s->token_form = &kChunkTokens;
  return {};
}

// Called when the header is complete. Reads everything that the plan depends on, and checks shapes before any weight
// arrives.
Status read_header(Session* s) {
  const GgufHeader& header = s->loader->reader.header;
  s->files = s->loader->split.files;
  s->file_bytes = header.data_position + header.data_bytes;
  s->data_position = header.data_position;
  s->loader->padding_remaining = header.data_position - s->loader->split.header_bytes;
  CAMELGPT_TRY(model_open(header, &s->memory.model));
  CAMELGPT_TRY(tokenizer_build(header, &s->tokenizer));
  CAMELGPT_TRY(match_tokenizer(s));
  CAMELGPT_TRY(keep_string(header, "general.architecture", &s->architecture));
  CAMELGPT_TRY(keep_string(header, "general.name", &s->name));
  CAMELGPT_TRY(keep_string(header, "tokenizer.chat_template", &s->chat_template));
  CAMELGPT_TRY(keep_string(header, "camelgpt.tasks", &s->tasks));
  CAMELGPT_TRY(read_recommended_sampling(header, s));
  s->state = LoadState::kPlanned;
  MemoryPlan plan{};
  plan.context_length = 1;
  return measure_memory(*s, {}, true, &plan);
}

// Updates the state after weights have arrived.
Status end_weights(Session* s) {
  const Loader& loader = *s->loader;
  if (loader.padding_remaining > 0 || !weight_stream_has_rest(loader.weights)) return {};
  s->state = LoadState::kReady;
  if (!weight_stream_done(loader.weights)) return {};
  s->loader.reset();
  return pruning_check_head(s);
}

Status feed_weights(Session* s, std::span<const uint8_t> bytes) {
  Loader& loader = *s->loader;
  const size_t padding = static_cast<size_t>(std::min<uint64_t>(loader.padding_remaining, bytes.size()));
  loader.padding_remaining -= padding;
  size_t used = 0;
  CAMELGPT_TRY(weight_stream_feed(&loader.weights, loader.reader.header, bytes.subspan(padding), &used));
  return end_weights(s);
}

Status feed_header(Session* s, size_t size) {
  Loader& loader = *s->loader;
  GgufSplit& split = loader.split;
  const bool is_first = split.headers == 0;
  GgufReader& reader = is_first ? loader.reader : loader.next_reader;
  size_t consumed = 0;
  CAMELGPT_TRY(reader.append({s->staging.data(), size}, &consumed));
  if (!reader.complete) return {};
  if (loader.file_size != 0) CAMELGPT_TRY(gguf_check_size(reader.header, loader.file_size));
  loader.file_size = 0;
  CAMELGPT_TRY(is_first ? gguf_split_begin(&loader.reader.header, &split)
                        : gguf_split_add(loader.next_reader.header, &loader.reader.header, &split));
  loader.next_reader = GgufReader();
  loader.next_reader.header_limit = loader.header_limit - std::min(loader.header_limit, split.header_bytes);
  if (split.files > 1) {
    loader.split_remaining = size - consumed;
  } else {
    loader.staged_from = consumed;
    loader.staged_end = size;
  }
  return split.headers < split.files ? Status{} : read_header(s);
}

Status feed(Session* s, size_t size) {
  if (s->state == LoadState::kReady && is_complete(*s)) return {};  // a file may be longer than its last tensor
  switch (s->state) {
    case LoadState::kHeader: s->loader->split_remaining = 0; return feed_header(s, size);
    case LoadState::kWeights:
    case LoadState::kReady: s->loader->split_remaining = 0; return feed_weights(s, {s->staging.data(), size});
    case LoadState::kPlanned:
    case LoadState::kFailed: break;
  }
  return make_error(ErrorCode::kBadState, "The load does not take bytes now.");
}

Status fail(Session* s, const Status& status) {
  if (!status.ok()) s->state = LoadState::kFailed;
  return status;
}

}  // namespace

Session* session_create() {
  Session* session = new (std::nothrow) Session();
  if (session == nullptr) return nullptr;
  session->loader.reset(new (std::nothrow) Loader());
  if (session->loader != nullptr && session->staging.resize(kStagingBytes)) return session;
  delete session;
  return nullptr;
}

void session_destroy(Session* session) { delete session; }

LoadState session_load_state(const Session* session) { return session->state; }

std::span<uint8_t> session_staging(Session* session) { return session->staging.span(); }

uint64_t session_file_bytes(const Session* session) { return session->file_bytes; }

void session_set_file_size(Session* session, uint64_t bytes) {
  if (session->loader != nullptr) session->loader->file_size = bytes;
}

void session_set_header_limit(Session* session, uint64_t bytes) {
  if (session->state != LoadState::kHeader) return;
  Loader& loader = *session->loader;
  loader.header_limit = loader.reader.header_limit = std::min(bytes, kGgufMaxHeaderBytes);
}

SplitState session_split(const Session* session) {
  if (session->loader == nullptr) return {session->files, session->files, 0, 0};
  const GgufSplit& split = session->loader->split;
  return {split.files, split.headers, session->loader->split_remaining, split.data_bytes};
}

Status session_feed(Session* session, size_t size) {
  if (size > session->staging.size()) {
    return make_error(ErrorCode::kBadState, "The piece is larger than the staging buffer.");
  }
  return fail(session, feed(session, size));
}

Status session_end_of_file(const Session* session) {
  switch (session->state) {
    case LoadState::kReady: return {};
    case LoadState::kHeader: {
      const Loader& loader = *session->loader;
      return loader.split.headers == 0 ? loader.reader.finish() : loader.next_reader.finish();
    }
    case LoadState::kPlanned:
    case LoadState::kWeights: {
      Status status = make_error(ErrorCode::kTruncated, "The file ends before its last tensor does.");
      status = with_expected(status, "%llu bytes", static_cast<unsigned long long>(session->file_bytes));
      const uint64_t missing = session->file_bytes - session->data_position - session->loader->weights.position;
      status = with_found(status, "%llu bytes, without the last %llu bytes",
                          static_cast<unsigned long long>(session->file_bytes - missing),
                          static_cast<unsigned long long>(missing));
      return with_hint(status, "Download the file again: it may be incomplete.");
    }
    case LoadState::kFailed: break;
  }
  return make_error(ErrorCode::kBadState, "The load has failed.");
}

Status session_allocate(Session* session, const MemoryOptions& options) {
  Session* s = session;
  if (s->state != LoadState::kPlanned) {
    return make_error(ErrorCode::kBadState, "Memory is allocated once, after planning.");
  }
  MemoryPlan plan;
  CAMELGPT_TRY(session_plan(session, options, &plan));
  const uint64_t bytes = plan.weight_bytes + plan.cache_bytes + plan.workspace_bytes + plan.prune_bytes;
  if (!s->arena.allocate(bytes)) return fail(s, out_of_memory("the model", bytes));
  WeightBinder binder{};
  binder.halves = plan.halves;
  const Status taken = take_memory(s, options, plan.context_length, &binder);
  if (!taken.ok()) return fail(s, taken);
  weight_stream_begin(&binder, &s->loader->weights);
  s->state = LoadState::kWeights;
  const Loader& loader = *s->loader;
  return fail(s,
              feed_weights(s, s->staging.span().subspan(loader.staged_from, loader.staged_end - loader.staged_from)));
}

}  // namespace camelgpt
