// Texts → one vector each: the hidden states of its tokens, pooled.
#include <algorithm>
#include <cmath>

#include "nn/linear.h"
#include "session/session.h"

namespace camelgpt {
namespace {

float* vector_of(const Session& s, uint32_t text) {
  return const_cast<float*>(s.texts.vectors.data()) + size_t{text} * padded_rows(config_of(s).hidden);
}

// Adds the hidden states of a run to the vector of its text. `output`: the run's first one in the workspace. `first`:
// its position in the text.
void pool(Session* s, uint32_t text, uint32_t output, uint32_t first, uint32_t count) {
  const uint32_t hidden = config_of(*s).hidden;
  const auto state = [&](uint32_t token) {
    return s->memory.workspace.x.data() + size_t{output + token} * padded_rows(hidden);
  };
  float* vector = vector_of(*s, text);
  switch (s->activity.pooling) {
    case Pooling::kOfModel:
    case Pooling::kMean:
      for (uint32_t t = 0; t < count; ++t) kernels().add(vector, state(t), hidden);
      return;
    case Pooling::kFirst:
      if (first == 0) std::copy_n(state(0), hidden, vector);
      return;
    case Pooling::kLast: std::copy_n(state(count - 1), hidden, vector); return;
  }
}

// Divides the sum by the number of tokens, or by its own length to normalize it.
void finish(Session* s, uint32_t text) {
  const uint32_t hidden = config_of(*s).hidden;
  const std::span<float> vector(vector_of(*s, text), hidden);
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * static_cast<double>(value);
  double divisor = s->activity.pooling == Pooling::kMean ? text_size(s->texts, text) : 1;
  if (s->activity.normalizes) divisor = squares > 0 ? std::sqrt(squares) : 1;
  scale_values(vector.data(), hidden, static_cast<float>(1 / divisor));
}

// Takes the request's texts. Errors: those of check_tokens and does_not_fit.
Status take_texts(Session* s, const EmbedRequest& request) {
  Texts& e = s->texts;
  e.tokens.clear();
  e.ends.clear();
  e.vectors.clear();
  e.text = e.evaluated = e.place = 0;
  CAMELGPT_TRY(check_tokens(*s, request.tokens));
  const uint32_t all = static_cast<uint32_t>(request.tokens.size());
  const std::span<const uint32_t> ends = request.ends.empty() ? std::span(&all, 1) : request.ends;
  uint32_t begin = 0;
  for (const uint32_t end : ends) {
    assert(begin <= end && end <= all);
    const uint32_t size = end - begin, context = s->sequences[0].cache.context;
    if (size == 0 || size > context) return does_not_fit(*s, size, context);
    begin = end;
  }
  const size_t floats = ends.size() * padded_rows(config_of(*s).hidden);
  const bool taken = e.tokens.append(request.tokens.data(), begin) && e.ends.append(ends.data(), ends.size()) &&
                     e.vectors.resize(floats);
  return taken ? Status{} : out_of_memory("the embeddings", floats * sizeof(float));
}

// Multiply-adds of a pass, roughly: work between two checks for an abort.
constexpr uint64_t kPassMacs = uint64_t{1} << 32;
constexpr uint32_t kMaxPassTokens = 256;

// Tokens of a pass, unless a single text has more. A model that sees both ways goes through the batches of a pass layer
// by layer, so a longer pass reads the weights of a layer from memory once and has fewer batches that are not full.
uint32_t pass_limit(const Session& s, uint32_t budget) {
  const ModelConfig& c = config_of(s);
  if (c.causal) return std::clamp(budget, 1u, kMaxBatch);
  const uint64_t tokens = kPassMacs / std::max<uint64_t>(model_of(s).macs_per_token, 1);
  const uint32_t most = std::min(kMaxPassTokens, forward_tokens(c, s.sequences[0].cache.context));
  return static_cast<uint32_t>(std::clamp<uint64_t>(tokens, kMaxBatch, most));
}

// The tokens of one pass: up to `limit`, of the text that is begun and of texts after it.
struct EmbedPass {
  TokenRun runs[kMaxTextRuns];
  uint32_t count = 0;   // of runs
  uint32_t tokens = 0;  // of all runs
};

// Adds as many tokens of the next text as fit. Returns false if there is no room for any.
bool add_run(Session* s, uint32_t limit, EmbedPass* pass) {
  Texts& e = s->texts;
  const uint32_t text = e.text + pass->count, first = e.evaluated + pass->tokens;
  if (pass->count == kMaxTextRuns || pass->tokens >= limit || text == e.ends.size()) return false;
  if (pass->count > 0 && !shares_passes(*s)) return false;
  const uint32_t done = first - text_begin(e, text), size = text_size(e, text);
  const bool causal = config_of(*s).causal;
  const uint32_t count = causal ? std::min(size - done, limit - pass->tokens) : size;
  if (pass->count > 0 && count > limit - pass->tokens) return false;
  KvCache& cache = e.caches[pass->count];
  if (done > 0) {
    cache = e.cache;
  } else {
    // The place after the text before.
    uint32_t place = 0;
    if (pass->count > 0) place = e.place + static_cast<uint32_t>(kv_room(text_size(e, text - 1)));
    const KvCache& whole = s->activity.sequence->cache;
    if (place + kv_room(size) > whole.room) return false;
    e.place = place;
    cache = cache_part(config_of(*s), whole, place);
  }
  pass->runs[pass->count++] = {&cache, e.tokens.span().subspan(first, count), count};
  pass->tokens += count;
  return true;
}

}  // namespace

Status session_begin(Session* session, const EmbedRequest& request) {
  Session* s = session;
  end_activities(s);
  CAMELGPT_TRY(expect_complete(*s));
  CAMELGPT_TRY(take_texts(s, request));
  Sequence* const q = take_oldest_sequence(s);
  forget_text(q);
  const std::span<const int32_t> tokens = s->texts.tokens.span();
  if (tokens.size() <= q->history.size()) {  // keeps a single text, and the chunks of a byte-level model
    std::copy(tokens.begin(), tokens.end(), q->history.begin());
    q->history_length = static_cast<uint32_t>(tokens.size());
  }
  pruning_restart(s, q, 1, 0);
  s->activity = {.kind = ActivityKind::kEmbed,
                 .sequence = q,
                 .pooling = request.pooling == Pooling::kOfModel ? config_of(*s).pooling : request.pooling,
                 .normalizes = request.normalize};
  return {};
}

Status embed_continue(Session* session, uint32_t budget, ActivityProgress* progress) {
  Session* const s = session;
  Texts& e = s->texts;
  const uint32_t limit = pass_limit(*s, budget);
  EmbedPass pass;
  while (add_run(s, limit, &pass)) {
  }
  model_forward(model_of(*s), {pass.runs, pass.count}, &s->memory.workspace);
  uint32_t output = 0;
  for (uint32_t i = 0; i < pass.count; ++i) {
    const uint32_t first = e.evaluated - text_begin(e, e.text);
    const uint32_t count = static_cast<uint32_t>(pass.runs[i].tokens.size());
    pool(s, e.text, output, first, count);
    output += count;
    e.evaluated += count;
    if (e.evaluated == e.ends[e.text]) {
      finish(s, e.text++);
    } else {
      e.cache = e.caches[i];
    }
  }
  progress->processed = pass.tokens;
  if (e.text < e.ends.size()) {
    progress->state = ActivityState::kMore;
  } else if (e.ends.size() == 1) {
    s->activity.sequence->cache.length = e.evaluated;
  }
  return {};
}

std::span<const float> session_embedding(const Session* session, size_t text) {
  if (session->activity.kind != ActivityKind::kEmbed || !session->activity.is_done) return {};
  if (text >= session->texts.ends.size()) return {};
  return {vector_of(*session, static_cast<uint32_t>(text)), config_of(*session).hidden};
}

}  // namespace camelgpt
