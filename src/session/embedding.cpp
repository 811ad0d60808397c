// A text → one vector: the hidden states of its tokens, pooled.
#include <algorithm>
#include <cmath>

#include "nn/linear.h"
#include "session/session.h"

namespace camelgpt {
namespace {

// Pools the hidden states of the last pass into the vector: `count` tokens from position `first` on.
void pool(Session* s, uint32_t first, uint32_t count) {
  const uint32_t hidden = config_of(*s).hidden;
  const auto state = [&](uint32_t token) { return s->memory.workspace.x.data() + token * padded_rows(hidden); };
  float* vector = s->embedding.data();
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
void finish(Session* s, uint32_t tokens) {
  double squares = 0;
  for (const float value : s->embedding) squares += static_cast<double>(value) * static_cast<double>(value);
  double divisor = s->activity.pooling == Pooling::kMean ? tokens : 1;
  if (s->activity.normalizes) divisor = squares > 0 ? std::sqrt(squares) : 1;
  scale_values(s->embedding.data(), config_of(*s).hidden, static_cast<float>(1 / divisor));
}

}  // namespace

Status session_begin(Session* session, const EmbedRequest& request) {
  Session* s = session;
  s->activity = {};
  CAMELGPT_TRY(expect_complete(*s));
  const size_t padded = padded_rows(config_of(*s).hidden);
  s->embedding.clear();
  if (!s->embedding.resize(padded)) return out_of_memory("the embedding", padded * sizeof(float));
  Sequence* q = nullptr;
  CAMELGPT_TRY(begin_text(s, request.tokens, &q));
  s->activity = {.kind = ActivityKind::kEmbed,
                 .sequence = q,
                 .pooling = request.pooling == Pooling::kOfModel ? config_of(*s).pooling : request.pooling,
                 .normalizes = request.normalize};
  return {};
}

Status embed_continue(Session* session, uint32_t budget, ActivityProgress* progress) {
  Sequence* const q = session->activity.sequence;
  const uint32_t limit = config_of(*session).causal ? std::clamp(budget, 1u, kMaxBatch) : q->history_length;
  const uint32_t first = q->cache.length, count = std::min(q->history_length - first, limit);
  const TokenRun run{&q->cache, q->history.subspan(first, count), count};
  model_forward(model_of(*session), {&run, 1}, &session->memory.workspace);
  pool(session, first, count);
  progress->processed = count;
  if (first + count < q->history_length) {
    progress->state = ActivityState::kMore;
  } else {
    finish(session, q->history_length);
  }
  return {};
}

std::span<const float> session_embedding(const Session* session) {
  if (session->activity.kind != ActivityKind::kEmbed || !session->activity.is_done) return {};
  return {session->embedding.data(), config_of(*session).hidden};
}

}  // namespace camelgpt
