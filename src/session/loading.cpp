// Bytes of a file → a model in memory.
#include <algorithm>
#include <cstring>
#include <new>

#include "nn/linear.h"
#include "session/session.h"

namespace camelgpt {
namespace {

// What the end of an answer looks like in models whose metadata name only one of several end tokens.
constexpr std::string_view kEndTokens[] = {"<|im_end|>",    "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|end|>",
                                           "<end_of_turn>", "<|eom_id|>",    "</s>",       "<|user|>"};

Status keep_string(const GgufHeader& header, std::string_view key, Buffer<char>* out) {
  if (gguf_find(header, key) == nullptr) return {};
  std::string_view value;
  CAMELGPT_TRY(gguf_get_string(header, key, &value));
  if (!out->append(value.data(), value.size())) return out_of_memory("metadata", value.size());
  return {};
}

Status collect_end_tokens(Session* s) {
  const auto add = [s](int32_t token) {
    if (token == kNoToken || std::find(s->end_tokens.begin(), s->end_tokens.end(), token) != s->end_tokens.end())
      return true;
    return s->end_tokens.push_back(token);
  };
  bool kept = add(s->tokenizer.eos_token) && add(s->tokenizer.eot_token);
  for (const std::string_view text : kEndTokens) {
    const int32_t token = tokenizer_find(s->tokenizer, text);
    if (token != kNoToken && tokenizer_is_control(s->tokenizer, token)) kept = kept && add(token);
  }
  return kept ? Status{} : out_of_memory("the list of end tokens", 0);
}

// All that takes memory from the arena.
struct ModelParts {
  Model& model;
  KvCache& cache;
  Workspace& workspace;
  Sampler& sampler;
  Drafts& drafts;
  Pruning& pruning;
  std::span<int32_t>& history;
  std::span<Sequence>& others;
  std::span<int32_t>& histories;
  std::span<MaskChoice>& choices;
  std::span<float>& logprobs;
};

// Takes everything that the model needs from the arena, in one order for measuring and for real.
Status reserve_model(const GgufHeader& header, Arena* arena, uint32_t context, const MemoryOptions& options,
                     const ModelParts& parts, WeightBinder* binder, MemoryPlan* plan) {
  binder->header = &header;
  binder->arena = arena;
  binder->head_by_rows =
      prune_room(options.prune, options.trained_ffn).head && pruned_head_rank(parts.model.config) != 0;
  const ModelConfig& config = parts.model.config;
  CheckedSize before = 0;
  const auto taken = [&] {
    const uint64_t bytes = arena->used().value - before.value;
    before = arena->used();
    return bytes;
  };
  CAMELGPT_TRY(model_bind(binder, &parts.model));
  plan->weight_bytes = taken();
  KvCache caches[kMostSequences];
  for (KvCache& cache : std::span(caches).first(options.sequences))
    CAMELGPT_TRY(cache_reserve(config, context, options.kv_cache, arena, &cache));
  parts.cache = caches[0];
  plan->cache_bytes = taken();
  workspace_reserve(config, context, arena, &parts.workspace);
  sampler_reserve(&parts.sampler, config.vocabulary, arena);
  drafts_reserve(&parts.drafts, context, arena);
  parts.histories = arena->take<int32_t>(static_cast<uint64_t>(options.sequences) * context);
  parts.others = arena->take<Sequence>(options.sequences - 1);
  if (!arena->measuring()) {
    std::fill(parts.histories.begin(), parts.histories.end(), 0);
    parts.history = parts.histories.first(context);
    for (size_t i = 1; i < options.sequences; ++i)
      parts.others[i - 1] = {caches[i], parts.histories.subspan(i * context, context), 0, 0, 0};
  }
  if (!config.causal) {
    parts.choices = arena->take<MaskChoice>(context);
    parts.logprobs = arena->take<float>(context);
  }
  plan->workspace_bytes = taken();
  pruning_reserve(parts.model, binder->ffn_kinds.span(), options, arena, &parts.pruning);
  plan->prune_bytes = taken();
  plan->halves = binder->narrowed;
  const CheckedSize total = arena->used();
  return total.overflowed ? out_of_memory("the model", total.value) : Status{};
}

// The plan at its context length, whether it fits or not.
Status measure(const Session& s, const MemoryOptions& options, bool halves, MemoryPlan* plan) {
  Arena measuring;
  Model model = s.model;
  KvCache cache;
  Workspace workspace;
  Sampler sampler;
  Drafts drafts;
  Pruning pruning;
  std::span<int32_t> history, histories;
  std::span<Sequence> others;
  std::span<MaskChoice> choices;
  std::span<float> logprobs;
  WeightBinder binder{};
  binder.halves = halves;
  CAMELGPT_TRY(
      reserve_model(s.reader.header, &measuring, plan->context_length, options,
                    {model, cache, workspace, sampler, drafts, pruning, history, others, histories, choices, logprobs},
                    &binder, plan));
  plan->model_context_length = s.model.config.context_length;
  plan->file_bytes = s.file_bytes;
  plan->tokenizer_bytes = tokenizer_memory(s.tokenizer);
  plan->staging_bytes = s.staging.size();
  const CheckedSize total = measuring.used() + plan->tokenizer_bytes + plan->staging_bytes;
  plan->total_bytes = total.value;
  return total.overflowed ? out_of_memory("the model", total.value) : Status{};
}

// What there is beside the plan: the header while weights arrive, stacks, static data, gaps between allocations.
constexpr uint64_t kBesidePlan = 4u << 20;

bool fits(const Session& s, const MemoryPlan& plan, uint64_t limit) {
  return (CheckedSize(plan.total_bytes) + s.reader.header.bytes.size() + kBesidePlan).fits(limit);
}

Status too_large(const MemoryPlan& plan, uint64_t limit) {
  const auto megabytes = [](uint64_t bytes) { return static_cast<unsigned long long>(bytes / 1000000); };
  Status status = make_error(ErrorCode::kOutOfMemory, "The model takes %llu MB, more than it can have.",
                             megabytes(plan.total_bytes));
  status = with_expected(status, "a plan below %llu MB", megabytes(limit));
  const uint64_t others = plan.total_bytes - plan.weight_bytes - plan.cache_bytes;
  status =
      with_found(status, "weights %llu MB, keys and values of %u positions %llu MB, others %llu MB",
                 megabytes(plan.weight_bytes), plan.context_length, megabytes(plan.cache_bytes), megabytes(others));
  return with_hint(status,
                   "Choose a file of a smaller quantisation, a shorter contextLength, kvCache \"q8\", or weights "
                   "\"f16\" for one of F32.");
}

// The header is complete: reads everything that the plan depends on, and checks shapes before a byte of weights
// arrives.
Status read_header(Session* s) {
  const GgufHeader& header = s->reader.header;
  s->file_bytes = header.data_position + header.data_bytes;
  s->data_position = header.data_position;
  s->padding_left = header.data_position - s->split.header_bytes;
  CAMELGPT_TRY(model_open(header, &s->model));
  CAMELGPT_TRY(tokenizer_build(header, &s->tokenizer));
  if (s->tokenizer.vocabulary_size > s->model.config.vocabulary) {
    Status status = make_error(ErrorCode::kBadMetadata, "The tokenizer has more tokens than the embedding has rows.");
    status = with_expected(status, "at most %u tokens", s->model.config.vocabulary);
    return with_found(status, "%u", s->tokenizer.vocabulary_size);
  }
  if (s->tokenizer.chunks.length != s->model.config.bytes.length) {
    Status status = make_error(ErrorCode::kBadMetadata, "The model and its tokenizer differ in what a token is.");
    status =
        with_expected(status, "chunks of at most %u bytes (0: tokens of a vocabulary)", s->model.config.bytes.length);
    return with_found(status, "%u", s->tokenizer.chunks.length);
  }
  if (s->tokenizer.chunks.in_use()) s->model.chunks = &s->tokenizer.chunks;
  CAMELGPT_TRY(collect_end_tokens(s));
  CAMELGPT_TRY(keep_string(header, "general.architecture", &s->architecture));
  CAMELGPT_TRY(keep_string(header, "general.name", &s->name));
  CAMELGPT_TRY(keep_string(header, "tokenizer.chat_template", &s->chat_template));
  CAMELGPT_TRY(keep_string(header, "camelgpt.tasks", &s->tasks));
  s->state = LoadState::kPlanned;
  MemoryPlan plan{};
  plan.context_length = 1;
  return measure(*s, {}, true, &plan);
}

Status resolve_context(const Session& s, uint32_t requested, uint32_t* context) {
  const uint32_t limit = s.model.config.context_length;
  if (requested == 0) {
    *context = std::min(limit, kDefaultContextLimit);
    return {};
  }
  if (requested > limit) {
    Status status = option_out_of_range("contextLength", requested);
    status = with_expected(status, "1 to %u, the model's own context", limit);
    return with_hint(status, "Leave contextLength out to get a sensible one.");
  }
  *context = requested;
  return {};
}

// What there is to do where all that is needed first, or everything, has arrived.
Status end_weights(Session* s) {
  if (s->padding_left > 0 || !weight_stream_has_rest(s->weights)) return {};
  s->state = LoadState::kReady;
  if (!is_whole(*s)) return {};
  s->weights.targets.release();
  s->reader.header = GgufHeader();  // names were kept for messages
  return pruning_check_head(s);
}

// Of models that read bytes, more texts than that would not leave half of the ids of chunks free.
constexpr uint32_t kMostKeptChunks = 1u << 15;

Status check_sequences(const Session& s, uint32_t sequences, uint32_t context) {
  const uint32_t most = std::max(kMostKeptChunks / context, 1u);
  if (!reads_bytes(s) || sequences <= most) return {};
  Status status = option_out_of_range("sequences", sequences);
  status = with_expected(status, "1 to %u", std::min(most, kMostSequences));
  return with_hint(status, "A model that reads bytes can keep %u tokens in all: give it a shorter contextLength.",
                   kMostKeptChunks);
}

Status feed_weights(Session* s, std::span<const uint8_t> bytes) {
  const size_t padding = static_cast<size_t>(std::min<uint64_t>(s->padding_left, bytes.size()));
  s->padding_left -= padding;
  bytes = bytes.subspan(padding);
  size_t used = 0;
  CAMELGPT_TRY(weight_stream_feed(&s->weights, s->reader.header, bytes, &used));
  return end_weights(s);
}

Status fail(Session* s, const Status& status) {
  if (!status.ok()) s->state = LoadState::kFailed;
  return status;
}

// The reader of the file whose header is arriving.
GgufReader& header_reader(Session* s) { return s->split.headers == 0 ? s->reader : s->next; }

Status feed_header(Session* s, size_t size) {
  GgufSplit& split = s->split;
  GgufReader& reader = header_reader(s);
  size_t consumed = 0;
  CAMELGPT_TRY(reader.append({s->staging.data(), size}, &consumed));
  if (!reader.complete) return {};
  CAMELGPT_TRY(split.headers == 0 ? gguf_split_begin(&s->reader.header, &split)
                                  : gguf_split_add(s->next.header, &s->reader.header, &split));
  s->next = GgufReader();
  s->next.header_limit = kGgufMaxHeaderBytes - std::min(kGgufMaxHeaderBytes, split.header_bytes);
  if (split.files > 1) {
    s->split_left = size - consumed;
  } else {
    s->staged_from = consumed;
    s->staged_end = size;
  }
  return split.headers < split.files ? Status{} : read_header(s);
}

Status feed(Session* s, size_t size) {
  s->split_left = 0;
  switch (s->state) {
    case LoadState::kHeader: return feed_header(s, size);
    case LoadState::kWeights: return feed_weights(s, {s->staging.data(), size});
    case LoadState::kReady:
      if (is_whole(*s)) return {};  // a file may go on after its last tensor
      return feed_weights(s, {s->staging.data(), size});
    case LoadState::kPlanned:
    case LoadState::kFailed: break;
  }
  return make_error(ErrorCode::kBadState, "The load does not take bytes now.");
}

}  // namespace

Session* session_create() {
  Session* session = new (std::nothrow) Session();
  if (session != nullptr && !session->staging.resize(kStagingBytes)) {
    delete session;
    return nullptr;
  }
  return session;
}

void session_destroy(Session* session) { delete session; }

LoadState session_load_state(const Session* session) { return session->state; }

std::span<uint8_t> session_staging(Session* session) { return session->staging.span(); }

uint64_t session_file_bytes(const Session* session) { return session->file_bytes; }

SplitState session_split(const Session* session) {
  const GgufSplit& split = session->split;
  return {split.files, split.headers, session->split_left, split.data_bytes};
}

Status session_feed(Session* session, size_t size) {
  if (size > session->staging.size())
    return make_error(ErrorCode::kBadState, "More bytes than the staging buffer holds.");
  return fail(session, feed(session, size));
}

Status session_end_of_file(const Session* session) {
  switch (session->state) {
    case LoadState::kReady: return {};
    case LoadState::kHeader: return session->split.headers == 0 ? session->reader.finish() : session->next.finish();
    case LoadState::kPlanned:
    case LoadState::kWeights: {
      Status status = make_error(ErrorCode::kTruncated, "The file ends before its last tensor does.");
      status = with_expected(status, "%llu bytes", static_cast<unsigned long long>(session->file_bytes));
      const uint64_t missing = session->file_bytes - session->data_position - session->weights.position;
      status = with_found(status, "%llu bytes missing", static_cast<unsigned long long>(missing));
      return with_hint(status, "Download the file again: it may be cut off.");
    }
    case LoadState::kFailed: break;
  }
  return make_error(ErrorCode::kBadState, "The load has failed.");
}

Status session_plan(const Session* session, const MemoryOptions& options, MemoryPlan* plan) {
  if (session->state == LoadState::kHeader || session->state == LoadState::kFailed) return not_ready();
  if (session->state != LoadState::kPlanned) {
    return make_error(ErrorCode::kBadState, "The plan is asked for before memory is allocated.");
  }
  CAMELGPT_TRY(record_check(kMemoryOptionsRecord, &options));
  *plan = {};
  CAMELGPT_TRY(resolve_context(*session, options.context_length, &plan->context_length));
  CAMELGPT_TRY(check_sequences(*session, options.sequences, plan->context_length));
  Status measured = measure(*session, options, options.weights == FloatWeights::kHalf, plan);
  const bool right = measured.ok() && fits(*session, *plan, options.limit);
  if (!right && options.weights == FloatWeights::kAuto) measured = measure(*session, options, true, plan);
  CAMELGPT_TRY(measured);
  return fits(*session, *plan, options.limit) ? Status{} : too_large(*plan, options.limit);
}

Status session_allocate(Session* session, const MemoryOptions& options) {
  Session& s = *session;
  if (s.state != LoadState::kPlanned)
    return make_error(ErrorCode::kBadState, "Memory is allocated once, after planning.");
  MemoryPlan plan;
  CAMELGPT_TRY(session_plan(session, options, &plan));
  const uint64_t bytes = plan.weight_bytes + plan.cache_bytes + plan.workspace_bytes + plan.prune_bytes;
  if (!s.arena.allocate(bytes)) return fail(session, out_of_memory("the model", bytes));
  WeightBinder binder{};
  binder.halves = plan.halves;
  const ModelParts parts{s.model,   s.cache,  s.workspace, s.sampler, s.drafts,  s.pruning,
                         s.history, s.others, s.histories, s.choices, s.logprobs};
  const Status reserved = reserve_model(s.reader.header, &s.arena, plan.context_length, options, parts, &binder, &plan);
  if (!reserved.ok()) return fail(session, reserved);
  session->model.macs_per_token = binder.macs;
  weight_stream_begin(&binder, &session->weights);
  session->state = LoadState::kWeights;
  const std::span<const uint8_t> staged =
      session->staging.span().subspan(session->staged_from, session->staged_end - session->staged_from);
  return fail(session, feed_weights(session, staged));
}

}  // namespace camelgpt
