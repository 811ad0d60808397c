// A prompt and several answers to it → the log-probability of each token of the answers.
#include <algorithm>

#include "model/kv_state.h"
#include "session/session.h"

namespace camelgpt {
namespace {

// The first token of every answer follows the prompt, so one distribution scores all of them.
void score_first_tokens(Session* s) {
  Texts& answers = s->texts;
  Workspace* const workspace = &s->memory.workspace;
  const Model& model = model_of(*s);
  const bool has_logits = model.ends == nullptr;  // of tokens
  if (has_logits) model_logits(model, 0, workspace);
  for (uint32_t i = 0; i < answers.ends.size(); ++i) {
    const uint32_t first = text_begin(answers, i);
    const int32_t target = answers.tokens[first];
    TokenScore& score = s->scores[first];
    if (has_logits) {
      score_logits(*s, target, &score.logprob, &score.best);
    } else {
      model_score(model, {&target, 1}, workspace, &score.logprob, &score.best);
    }
  }
}

// The tokens of an answer that must be evaluated: the last one has no successor to score.
std::span<const int32_t> inputs_of(const Texts& answers, uint32_t answer) {
  return answers.tokens.span().subspan(text_begin(answers, answer), text_size(answers, answer) - 1);
}

// The number of answers, from the first that is not complete, that fit into one pass, each after a copy of the prompt.
uint32_t answers_in_pass(const Session& s, const Sequence& q, uint32_t limit) {
  const Texts& answers = s.texts;
  uint64_t room = q.cache.room - kv_room(q.history_length), tokens = 0;
  uint32_t count = 0;
  while (count < kMaxTextRuns && answers.text + count < answers.ends.size()) {
    const size_t size = inputs_of(answers, answers.text + count).size();
    const uint64_t needed = kv_room(q.history_length + size);
    if (needed > room || (tokens += size) > limit) break;
    room -= needed;
    ++count;
  }
  return shares_passes(s) ? count : 0;
}

// Evaluates several answers, or the next tokens of one, and scores them. Returns the number of tokens evaluated.
uint32_t evaluate_answers(Session* s, Sequence* q, uint32_t limit) {
  Texts& answers = s->texts;
  const uint32_t prompt = q->history_length;
  const uint32_t together = q->cache.length > prompt ? 0 : answers_in_pass(*s, *q, limit);
  TokenRun runs[kMaxTextRuns];
  uint32_t count = 0;
  uint32_t place = static_cast<uint32_t>(kv_room(prompt));
  for (uint32_t i = 0; together > 1 && i < together; ++i) {
    const std::span<const int32_t> tokens = inputs_of(answers, answers.text++);
    if (tokens.empty()) continue;
    KvCache& cache = answers.caches[count];
    cache = cache_part(config_of(*s), q->cache, place);
    cache_copy(config_of(*s), prompt, q->cache, &cache);
    place += static_cast<uint32_t>(kv_room(prompt + tokens.size()));
    runs[count++] = {&cache, tokens, static_cast<uint32_t>(tokens.size())};
  }
  if (together <= 1) {
    const std::span<const int32_t> tokens = inputs_of(answers, answers.text).subspan(q->cache.length - prompt);
    const uint32_t size = std::min(limit, static_cast<uint32_t>(tokens.size()));
    if (size > 0) runs[count++] = {&q->cache, tokens.first(size), size};
    if (size == tokens.size()) ++answers.text;
  }
  if (count == 0) return 0;

  int32_t targets[kMaxBatch], best[kMaxBatch];
  float logprobs[kMaxBatch];
  uint32_t tokens = 0;
  for (const TokenRun& run : std::span(runs, count)) {
    const size_t size = run.tokens.size();
    std::copy_n(run.tokens.data() + 1, size, targets + tokens);  // each token's successor
    tokens += static_cast<uint32_t>(size);
  }
  model_forward(model_of(*s), {runs, count}, &s->memory.workspace);
  model_score(model_of(*s), {targets, tokens}, &s->memory.workspace, logprobs, best);
  tokens = 0;
  for (const TokenRun& run : std::span(runs, count)) {
    TokenScore* const scores = s->scores.data() + (run.tokens.data() + 1 - answers.tokens.data());
    for (size_t i = 0; i < run.tokens.size(); ++i, ++tokens) {
      scores[i].logprob = logprobs[tokens];
      scores[i].best = best[tokens];
    }
  }
  return tokens;
}

}  // namespace

Status answers_begin(Session* s, const ScoreRequest& request) {
  Texts& answers = s->texts;
  const uint32_t prompt = request.first;
  const size_t context = s->sequences[0].cache.context;
  assert(prompt >= 1 && prompt < request.tokens.size());
  CAMELGPT_TRY(check_tokens(*s, request.tokens));
  uint32_t begin = prompt;
  for (const uint32_t end : request.ends) {
    assert(begin < end && end <= request.tokens.size());
    const size_t size = prompt + (end - begin);
    if (size > context) return does_not_fit(*s, size, context);
    begin = end;
  }
  const std::span<const int32_t> tokens = request.tokens.subspan(prompt, begin - prompt);
  answers.tokens.clear();
  answers.text = 0;
  s->scores.clear();
  if (!answers.tokens.append(tokens.data(), tokens.size()) || !answers.ends.resize(request.ends.size()) ||
      !s->scores.resize(tokens.size())) {
    answers.ends.clear();
    return out_of_memory("the scores", tokens.size() * sizeof(TokenScore));
  }
  for (size_t i = 0; i < request.ends.size(); ++i) answers.ends[i] = request.ends[i] - prompt;
  Sequence* q = nullptr;
  CAMELGPT_TRY(begin_answer(s, request.tokens.first(prompt), prompt, &q));
  s->activity = {.kind = ActivityKind::kScore, .sequence = q};
  return {};
}

Status answers_continue(Session* session, uint32_t budget, ActivityProgress* progress) {
  Sequence* const q = session->activity.sequence;
  const uint32_t prompt = q->history_length, position = q->cache.length, limit = std::clamp(budget, 1u, kMaxBatch);
  if (position < prompt) {
    const uint32_t count = std::min(prompt - position, limit);
    const bool is_last = position + count == prompt;
    pruning_forward(session, q, q->history.subspan(position, count), is_last ? 1 : 0);
    if (is_last) score_first_tokens(session);
    progress->processed = count;
  } else {
    const uint32_t answer = session->texts.text;
    progress->processed = evaluate_answers(session, q, limit);
    if (session->texts.text != answer) cache_cut(config_of(*session), prompt, &q->cache);
  }
  progress->state = session->texts.text == session->texts.ends.size() ? ActivityState::kDone : ActivityState::kMore;
  return {};
}

}  // namespace camelgpt
