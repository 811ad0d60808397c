// A model's header and memory options → the memory plan, and the arena divided up as planned.
#include <algorithm>

#include "session/session.h"

namespace camelgpt {
namespace {

// Takes EPDP's memory from the arena.
void reserve_pruning(const Model& model, std::span<const FfnKinds> kinds, const MemoryOptions& options, Arena* arena,
                     PruneMemory* memory) {
  const ModelConfig& c = model.config;
  const PruneRoom room = prune_room(options.prune, options.trained_ffn);
  const uint32_t kept = kinds.size() == c.layers && !c.ffn_differs ? kept_neurons(c, room.ffn) : 0;
  memory->head_reserved = room.head;
  if (room.head) pruned_head_reserve(c, arena, &memory->head);
  if (kept != 0) prompt_neurons_reserve(model, kinds, kept, arena, &memory->neurons);
  if (room.head || room.attention || kept != 0) memory->dense = arena->take<float>(c.vocabulary);
}

// Takes all of ModelMemory from the arena. Measuring and allocating run the same code.
Status reserve_memory(const GgufHeader& header, const MemoryOptions& options, uint32_t context, Arena* arena,
                      ModelMemory* memory, WeightBinder* binder, MemoryPlan* plan) {
  const ModelConfig& config = memory->model.config;
  binder->header = &header;
  binder->arena = arena;
  binder->head_by_rows =
      options.has_sidecar && prune_room(options.prune, options.trained_ffn).head && pruned_head_rank(config) != 0;
  CheckedSize before = 0;
  const auto taken = [&] {
    const uint64_t bytes = arena->used().value - before.value;
    before = arena->used();
    return bytes;
  };
  CAMELGPT_TRY(model_bind(binder, &memory->model));
  model_set_context(context, &memory->model);
  plan->weight_bytes = taken();
  for (uint32_t i = 0; i < options.sequences; ++i) {
    CAMELGPT_TRY(cache_reserve(config, context, options.kv_cache, arena, &memory->caches[i]));
  }
  plan->cache_bytes = taken();
  workspace_reserve(memory->model, context, arena, &memory->workspace);
  sampler_reserve(&memory->sampler, config.vocabulary, arena);
  for (uint32_t i = 0; i < options.sequences; ++i) drafts_reserve(&memory->drafts[i], context, arena);
  memory->histories = arena->take<int32_t>(static_cast<uint64_t>(options.sequences) * context);
  if (options.sequences > 1 && model_has_many_logits(memory->model)) {
    memory->states = arena->take<float>(uint64_t{options.sequences} * padded_rows(config.hidden));
    memory->logits = arena->take<float>(uint64_t{options.sequences} * padded_rows(config.vocabulary));
  }
  if (!config.causal) {
    memory->choices = arena->take<MaskChoice>(context);
    memory->logprobs = arena->take<float>(context);
  }
  plan->workspace_bytes = taken();
  reserve_pruning(memory->model, binder->ffn_kinds.span(), options, arena, &memory->pruning);
  plan->prune_bytes = taken();
  plan->halves = binder->narrowed;
  const CheckedSize total = arena->used();
  return total.overflowed ? out_of_memory("the model", total.value) : Status{};
}

// Memory outside the plan: the header while weights arrive, stacks, static data, gaps between allocations.
constexpr uint64_t kBesidePlan = 4u << 20;

CheckedSize needed_bytes(const Session& s, const MemoryPlan& plan) {
  return CheckedSize(plan.total_bytes) + s.loader->reader.header.bytes.capacity() + kBesidePlan;
}

bool fits(const Session& s, const MemoryPlan& plan, const MemoryOptions& options) {
  return needed_bytes(s, plan).fits(options.max_memory == 0 ? SIZE_MAX
                                                            : std::min<uint64_t>(options.max_memory, SIZE_MAX));
}

Status too_large(const Session& s, const MemoryPlan& plan, const MemoryOptions& options) {
  const auto megabytes = [](uint64_t bytes) { return static_cast<unsigned long long>(bytes / 1000000); };
  const uint64_t needed = needed_bytes(s, plan).value;
  Status status = make_error(ErrorCode::kOutOfMemory, "The model needs %llu MB, more than %s.", megabytes(needed),
                             options.max_memory == 0 ? "is available" : "maxMemory permits");
  if (options.max_memory == 0) {
    status = with_expected(status, "a plan below %llu MB", megabytes(SIZE_MAX));
  } else {
    status = with_expected(status, "maxMemory of at least %llu", static_cast<unsigned long long>(needed));
  }
  const uint64_t others = plan.total_bytes - plan.weight_bytes - plan.cache_bytes;
  status =
      with_found(status, "weights %llu MB, keys and values of %u positions %llu MB, others %llu MB",
                 megabytes(plan.weight_bytes), plan.context_length, megabytes(plan.cache_bytes), megabytes(others));
  return with_hint(
      status,
      "Choose a smaller quantisation, a shorter contextLength, fewer sequences, kvCache \"q8\", or weights "
      "\"f16\" for an F32 file.");
}

Status resolve_context(const Session& s, uint32_t requested, uint32_t* context) {
  const uint32_t limit = config_of(s).context_length;
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

// The most tokens that a byte-level model may cache, so that half of the chunk ids are free.
constexpr uint32_t kMaxKeptChunks = 1u << 15;

Status check_sequences(const Session& s, uint32_t sequences, uint32_t context) {
  const uint32_t limit = std::max(kMaxKeptChunks / context, 1u);
  if (!s.chunks.in_use() || sequences <= limit) return {};
  Status status = option_out_of_range("sequences", sequences);
  status = with_expected(status, "1 to %u", std::min(limit, kMaxSequences));
  return with_hint(status, "A byte-level model can cache %u tokens in all: choose a shorter contextLength.",
                   kMaxKeptChunks);
}

uint64_t chunk_table_bytes(const ChunkTable& chunks) {
  return uint64_t{chunks.chunks.capacity()} * sizeof(ChunkTable::Chunk) +
         uint64_t{chunks.slots.capacity()} * sizeof(uint32_t);
}

}  // namespace

Status measure_memory(const Session& session, const MemoryOptions& options, bool halves, MemoryPlan* plan) {
  Arena measuring;
  ModelMemory memory;
  memory.model = session.memory.model;
  WeightBinder binder{};
  binder.halves = halves;
  CAMELGPT_TRY(
      reserve_memory(session.loader->reader.header, options, plan->context_length, &measuring, &memory, &binder, plan));
  plan->model_context_length = config_of(session).context_length;
  plan->file_bytes = session.file_bytes;
  plan->tokenizer_bytes = tokenizer_memory(session.tokenizer) + chunk_table_bytes(session.chunks);
  plan->staging_bytes = session.staging.size();
  const CheckedSize total = measuring.used() + plan->tokenizer_bytes + plan->staging_bytes;
  plan->total_bytes = total.value;
  return total.overflowed ? out_of_memory("the model", total.value) : Status{};
}

Status take_memory(Session* session, const MemoryOptions& options, uint32_t context, WeightBinder* binder) {
  MemoryPlan plan;
  ModelMemory& memory = session->memory;
  CAMELGPT_TRY(
      reserve_memory(session->loader->reader.header, options, context, &session->arena, &memory, binder, &plan));
  memory.model.macs_per_token = binder->macs;
  std::fill(memory.histories.begin(), memory.histories.end(), 0);  // kept_chunks() reads all of them
  session->sequence_count = options.sequences;
  for (uint32_t i = 0; i < options.sequences; ++i) {
    Sequence& sequence = session->sequences[i];
    sequence.cache = memory.caches[i];
    sequence.history = memory.histories.subspan(size_t{i} * context, context);
    sequence.drafts = memory.drafts[i];
    sampler_share(memory.sampler, &sequence.sampler);
  }
  return {};
}

Status session_plan(const Session* session, const MemoryOptions& options, MemoryPlan* plan) {
  const Session& s = *session;
  if (!has_header(s)) return not_ready();
  if (s.state != LoadState::kPlanned) {
    return make_error(ErrorCode::kBadState, "Memory is planned before it is allocated.");
  }
  CAMELGPT_TRY(record_check(kMemoryOptionsRecord, &options));
  *plan = {};
  CAMELGPT_TRY(resolve_context(s, options.context_length, &plan->context_length));
  CAMELGPT_TRY(check_sequences(s, options.sequences, plan->context_length));
  Status measured = measure_memory(s, options, options.weights == FloatWeights::kHalf, plan);
  const bool fits_exact = measured.ok() && fits(s, *plan, options);
  if (!fits_exact && options.weights == FloatWeights::kAuto) measured = measure_memory(s, options, true, plan);
  CAMELGPT_TRY(measured);
  return fits(s, *plan, options) ? Status{} : too_large(s, *plan, options);
}

}  // namespace camelgpt
