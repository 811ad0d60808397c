// Text → one vector, the hidden states of its tokens pooled.
#include <algorithm>
#include <cmath>

#include "nn/linear.h"
#include "session/session.h"

namespace camelgpt {
namespace {

// Adds what the last `count` tokens evaluated, of which the first has this position, give to the text's vector.
void pool(Session* s, uint32_t first, uint32_t count) {
  const ModelConfig& c = s->model.config;
  const auto state = [&](uint32_t token) { return s->workspace.x.data() + token * padded_rows(c.hidden); };
  float* sum = s->embedding.data();
  switch (s->pooling) {
    case Pooling::kOfModel:
    case Pooling::kMean:
      for (uint32_t t = 0; t < count; ++t) kernels().add(sum, state(t), c.hidden);
      return;
    case Pooling::kFirst:
      if (first == 0) std::copy_n(state(0), c.hidden, sum);
      return;
    case Pooling::kLast: std::copy_n(state(count - 1), c.hidden, sum); return;
  }
}

// Divides by the number of tokens, or by the length of the vector.
void finish(Session* s, uint32_t tokens) {
  double squares = 0;
  for (const float value : s->embedding) squares += static_cast<double>(value) * static_cast<double>(value);
  double divisor = s->pooling == Pooling::kMean ? tokens : 1;
  if (s->normalizes) divisor = squares > 0 ? std::sqrt(squares) : 1;
  scale_values(s->embedding.data(), s->model.config.hidden, static_cast<float>(1 / divisor));
}

}  // namespace

Status session_embed_begin(Session* session, size_t token_count, Pooling pooling, bool normalize) {
  Session* s = session;
  CAMELGPT_TRY(expect_whole(*s));
  CAMELGPT_TRY(begin_text(s, token_count));
  const size_t padded = padded_rows(s->model.config.hidden);
  if (!s->embedding.resize(padded)) return out_of_memory("the embedding", padded * sizeof(float));
  std::fill(s->embedding.begin(), s->embedding.end(), 0.0f);
  s->pooling = pooling == Pooling::kOfModel ? s->model.config.pooling : pooling;
  s->normalizes = normalize;
  return {};
}

Status session_embed_continue(Session* session, uint32_t max_tokens, uint32_t* left) {
  Session* s = session;
  const uint32_t most = s->model.config.causal ? std::clamp(max_tokens, 1u, kMaxBatch) : s->history_length;
  const uint32_t first = s->cache.length, count = std::min(s->history_length - first, most);
  *left = s->history_length - first - count;
  if (count == 0) return {};
  const TokenRun run{&s->cache, s->history.subspan(first, count), count};
  model_forward(s->model, {&run, 1}, &s->workspace);
  pool(s, first, count);
  if (*left == 0) finish(s, s->history_length);
  return {};
}

std::span<const float> session_embedding(const Session* session) {
  if (session->embedding.size() == 0) return {};
  return {session->embedding.data(), session->model.config.hidden};
}

}  // namespace camelgpt
