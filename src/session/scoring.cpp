// How probable a given text is.
#include <algorithm>
#include <cmath>

#include "session/session.h"

namespace camelgpt {
namespace {

constexpr uint32_t kPromptPart = 4;  // of a window, its first quarter is the prompt by which neurons are chosen

struct Scored {
  float logprob;
  int32_t best;
};

// What the logits in the workspace say of a token.
Scored score_logits(const Session& s, int32_t target) {
  const Kernels& k = kernels();
  const float* logits = s.workspace.logits.data();
  const uint32_t vocabulary = s.model.config.vocabulary, best = k.argmax(logits, vocabulary);
  const double above = static_cast<double>(logits[target]) - static_cast<double>(logits[best]);
  return {static_cast<float>(above - std::log(k.sum_exp(logits, vocabulary, logits[best]))),
          static_cast<int32_t>(best)};
}

// Scores one output as a step would see it.
TokenScore score_pruned(Session* s, uint32_t output, int32_t target) {
  pruning_logits(s, output);
  const Scored pruned = score_logits(*s, target);
  TokenScore score{pruned.logprob, pruned.best, pruned.logprob, pruned.best, 0};
  if (!s->comparing) return score;
  const std::span<const float> logits = s->workspace.logits.first(s->model.config.vocabulary);
  std::copy(logits.begin(), logits.end(), s->pruning.dense.begin());
  pruning_dense_logits(s, output);
  if (s->pruning.limited || s->pruning.light) {  // what follows sees what a pruned step has left
    --s->cache.length;
    pruning_forward(s, s->history.subspan(s->cache.length, 1), 1);
  }
  const Scored dense = score_logits(*s, target);
  score.dense_logprob = dense.logprob;
  score.dense_best = dense.best;
  score.kl = static_cast<float>(kl_divergence(logits, s->pruning.dense));
  return score;
}

// Tokens to evaluate at once from here on: what a step leaves out is left out of single tokens alone.
uint32_t scored_together(const Session& s) {
  const PruneOptions& o = s.pruning.options;
  const uint32_t first = s.cache.length, prompt_end = s.pruning.prompt_end;
  if (o.kv_tokens != 0 && first >= o.kv_tokens) return 1;
  if (o.ffn == 0) return kMaxBatch;
  return first < prompt_end ? std::min(kMaxBatch, prompt_end - first) : 1;
}

}  // namespace

Status session_score_begin(Session* session, size_t token_count, bool compare) {
  Session* s = session;
  CAMELGPT_TRY(expect_whole(*s));
  if (model_kind(*s) != ModelKind::kCausal) {
    const Status status =
        make_error(ErrorCode::kUnsupportedTask, "Only models that say what comes next give a text a probability.");
    return with_hint(status, "Masked models have fillMask and classify, encoders have embed.");
  }
  CAMELGPT_TRY(check_tokens(*s, token_count));
  if (token_count == 0 || token_count > s->cache.context) {
    Status status = make_error(ErrorCode::kContextOverflow, "The window does not fit the context.");
    status = with_expected(status, "1 to %u tokens", s->cache.context);
    status = with_found(status, "%zu tokens", token_count);
    return with_hint(status, "Score in smaller windows, or load the model with a larger contextLength.");
  }
  s->generating = s->predicting = false;
  s->scores.clear();
  if (!s->scores.resize(token_count - 1)) return out_of_memory("the scores", token_count * sizeof(TokenScore));
  take_oldest_sequence(s);
  std::copy_n(s->tokens.begin(), token_count, s->history.begin());
  s->history_length = static_cast<uint32_t>(token_count);
  s->cache.length = 0;
  pruning_restart(std::max(1u, s->history_length / kPromptPart), 0, &s->pruning);
  s->scoring = true;
  s->comparing = compare;
  return {};
}

Status session_score_continue(Session* session, uint32_t max_tokens, uint32_t* left) {
  Session* s = session;
  if (!s->scoring) return make_error(ErrorCode::kBadState, "There is no window to score.");
  // The last token has no successor to score: it is not evaluated.
  const uint32_t end = s->history_length - 1;
  uint32_t budget = std::max(1u, max_tokens);
  while (s->cache.length < end && budget > 0) {
    const uint32_t first = s->cache.length;
    const uint32_t most = scored_together(*s);
    const uint32_t count = std::min({end - first, budget, most});
    pruning_forward(s, s->history.subspan(first, count), count);
    if (pruning_is_active(s->pruning)) {
      for (uint32_t i = 0; i < count; ++i) s->scores[first + i] = score_pruned(s, i, s->history[first + 1 + i]);
    } else {
      float logprobs[kMaxBatch];
      int32_t best[kMaxBatch];
      model_score(s->model, s->history.subspan(first + 1, count), &s->workspace, logprobs, best);
      for (uint32_t i = 0; i < count; ++i) s->scores[first + i] = {logprobs[i], best[i], logprobs[i], best[i], 0};
    }
    budget -= count;
  }
  *left = end - s->cache.length;
  return {};
}

std::span<const TokenScore> session_scores(const Session* session) { return session->scores.span(); }

}  // namespace camelgpt
