// A text → the log-probability of each of its tokens.
#include <algorithm>
#include <cmath>

#include "session/session.h"

namespace camelgpt {
namespace {

constexpr uint32_t kPromptDivisor = 4;  // the first quarter of a window is the prompt that neurons are selected for

// Scores one output as a generation step would see it.
TokenScore score_pruned(Session* s, Sequence* q, uint32_t output, int32_t target) {
  pruning_logits(s, q, output);
  TokenScore score{};
  score_logits(*s, target, &score.logprob, &score.best);
  score.dense_logprob = score.logprob;
  score.dense_best = score.best;
  if (!s->activity.compares) return score;
  const std::span<const float> logits = s->memory.workspace.logits.first(config_of(*s).vocabulary);
  const std::span<float> pruned_logits = s->memory.pruning.dense;
  std::copy(logits.begin(), logits.end(), pruned_logits.begin());
  pruning_dense_logits(s, q, output);
  if (q->pruning.attention_limited || q->pruning.neurons_skipped) {
    // Restores the keys and values of the pruned step, to which the next tokens attend.
    --q->cache.length;
    pruning_forward(s, q, q->history.subspan(q->cache.length, 1), 1);
  }
  score_logits(*s, target, &score.dense_logprob, &score.dense_best);
  score.kl = static_cast<float>(kl_divergence(logits, pruned_logits));
  return score;
}

// The most tokens to evaluate together at this position. Only single tokens are pruned.
uint32_t batch_limit(const Session& s, const Sequence& q) {
  const PruneOptions& o = s.pruning.options;
  const uint32_t first = q.cache.length, prompt_end = q.pruning.prompt_end;
  if (o.kv_tokens != 0 && first >= o.kv_tokens) return 1;
  if (o.ffn == 0) return kMaxBatch;
  return first < prompt_end ? std::min(kMaxBatch, prompt_end - first) : 1;
}

// Evaluates the next `count` tokens, and scores those that follow them.
void score_batch(Session* s, Sequence* q, uint32_t count) {
  const uint32_t first = q->cache.length;
  pruning_forward(s, q, q->history.subspan(first, count), count);
  TokenScore* const scores = s->scores.data() + (first - s->activity.first_output);
  const std::span<const int32_t> targets = q->history.subspan(first + 1, count);
  if (pruning_is_active(*s)) {
    for (uint32_t i = 0; i < count; ++i) scores[i] = score_pruned(s, q, i, targets[i]);
    return;
  }
  float logprobs[kMaxBatch];
  int32_t best[kMaxBatch];
  model_score(model_of(*s), targets, &s->memory.workspace, logprobs, best);
  for (uint32_t i = 0; i < count; ++i) scores[i] = {logprobs[i], best[i], logprobs[i], best[i], 0};
}

}  // namespace

void score_logits(const Session& session, int32_t target, float* logprob, int32_t* best) {
  const Kernels& k = kernels();
  const float* logits = session.memory.workspace.logits.data();
  const uint32_t vocabulary = config_of(session).vocabulary, top = k.argmax(logits, vocabulary);
  const double above = static_cast<double>(logits[target]) - static_cast<double>(logits[top]);
  *logprob = static_cast<float>(above - std::log(k.sum_exp(logits, vocabulary, logits[top])));
  *best = static_cast<int32_t>(top);
}

Status begin_answer(Session* s, std::span<const int32_t> tokens, uint32_t prompt, Sequence** sequence) {
  CAMELGPT_TRY(check_tokens(*s, tokens));
  uint32_t reused = 0;
  Sequence* const q = choose_sequence(s, tokens, 0, &reused);
  reused = cache_cut(config_of(*s), std::min(reused, prompt), &q->cache);
  std::copy(tokens.begin(), tokens.end(), q->history.begin());
  q->history_length = static_cast<uint32_t>(tokens.size());
  pruning_restart(s, q, prompt, reused);
  *sequence = q;
  return {};
}

Status session_begin(Session* session, const ScoreRequest& request) {
  Session* s = session;
  end_activities(s);
  CAMELGPT_TRY(expect_complete(*s));
  if (model_kind(*s) != ModelKind::kCausal) {
    const Status status =
        make_error(ErrorCode::kUnsupportedTask, "Only causal language models assign a text a probability.");
    return with_hint(status, "Masked models have fillMask and classify, encoders have embed.");
  }
  s->texts.ends.clear();
  if (!request.ends.empty()) return answers_begin(s, request);
  const size_t count = request.tokens.size(), context = s->sequences[0].cache.context;
  if (count == 0 || count > context) {
    CAMELGPT_TRY(check_tokens(*s, request.tokens));
    Status status = make_error(ErrorCode::kContextOverflow, "The window does not fit the context.");
    status = with_expected(status, "1 to %zu tokens", context);
    status = with_found(status, "%zu tokens", count);
    return with_hint(status, "Score in smaller windows, or load the model with a larger contextLength.");
  }
  const uint32_t first = std::clamp(request.first, 1u, static_cast<uint32_t>(count));
  s->scores.clear();
  if (!s->scores.resize(count - first)) return out_of_memory("the scores", count * sizeof(TokenScore));
  Sequence* q = nullptr;
  if (first > 1) {
    CAMELGPT_TRY(begin_answer(s, request.tokens, first - 1, &q));
  } else {
    CAMELGPT_TRY(begin_text(s, request.tokens, &q));
    pruning_restart(s, q, std::max(1u, q->history_length / kPromptDivisor), 0);
  }
  s->activity = {.kind = ActivityKind::kScore, .sequence = q, .first_output = first - 1, .compares = request.compare};
  return {};
}

Status score_continue(Session* session, uint32_t budget, ActivityProgress* progress) {
  if (!session->texts.ends.empty()) return answers_continue(session, budget, progress);
  Sequence* const q = session->activity.sequence;
  const uint32_t begin = q->cache.length;
  const uint32_t end = q->history_length - 1;  // the last token has no successor to score
  uint32_t remaining = std::max(1u, budget);
  while (q->cache.length < end && remaining > 0) {
    const uint32_t prompt = session->activity.first_output, position = q->cache.length;
    const bool scores = position >= prompt;
    const uint32_t limit = scores ? batch_limit(*session, *q) : std::min(kMaxBatch, prompt - position);
    const uint32_t count = std::min({end - position, remaining, limit});
    if (scores) {
      score_batch(session, q, count);
    } else {
      pruning_forward(session, q, q->history.subspan(position, count), 0);
    }
    remaining -= count;
  }
  progress->processed = q->cache.length - begin;
  progress->state = q->cache.length < end ? ActivityState::kMore : ActivityState::kDone;
  return {};
}

std::span<const TokenScore> session_scores(const Session* session) {
  if (session->activity.kind != ActivityKind::kScore || !session->activity.is_done) return {};
  return session->scores.span();
}

}  // namespace camelgpt
