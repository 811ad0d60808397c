// Masks → tokens: the answers of masked language models, and predictions for the masks of a text.
#include <algorithm>
#include <cmath>

#include "session/session.h"

namespace camelgpt {
namespace {

Status not_masked() {
  Status status = make_error(ErrorCode::kUnsupportedTask, "This model was not trained to fill masks.");
  status = with_expected(status, "a masked language model");
  return with_hint(status,
                   "Call generateText, score or classify with it; for encoders without an output head there is embed.");
}

std::span<float> logits_of(Session* s, Sequence* q, uint32_t output) {
  const uint32_t vocabulary = config_of(*s).vocabulary;
  model_logits(model_of(*s), output, &s->memory.workspace);
  q->pruning.exact_rows += vocabulary;
  return s->memory.workspace.logits.first(vocabulary);
}

uint32_t count_masks(const Session& s, std::span<const int32_t> tokens) {
  return static_cast<uint32_t>(std::count(tokens.begin(), tokens.end(), s.tokenizer.mask_token));
}

// Evaluates history [first, first + count), whose tokens attend to one another and to those before. Each token counts
// as a step.
void evaluate_masked(Session* s, Sequence* q, uint32_t first, uint32_t count) {
  q->cache.length = first;
  pruning_forward(s, q, q->history.subspan(first, count), 0);
  q->pruning.steps += count;
  q->pruning.skipping_steps += q->pruning.neurons_skipped ? count : 0;
}

// Step `step` of `steps` on history [first, first + count): predicts all masks and decides the most certain ones, until
// masks_decided() of the `masks` before the first step are decided. *remaining: masks that are still undecided.
Status decide_masks(Session* s, Sequence* q, uint32_t first, uint32_t count, uint32_t masks, uint32_t step,
                    uint32_t steps, uint32_t* remaining) {
  evaluate_masked(s, q, first, count);
  const std::span<int32_t> tokens = q->history.subspan(first, count);
  const std::span<MaskChoice> choices = s->memory.choices;
  uint32_t undecided = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (tokens[i] != s->tokenizer.mask_token) continue;
    const std::span<float> logits = logits_of(s, q, i);
    const int32_t token = sampler_choose(&q->sampler, logits);
    if (token < 0) return no_token();
    choices[undecided++] = {i, token, sampler_log_probabilities(&q->sampler, logits, token, {})};
  }
  sort_surest_first(choices.first(undecided));
  const uint32_t decided = masks - undecided;
  const uint32_t target = std::max(masks_decided(masks, step, steps), decided + 1);
  for (const MaskChoice& choice : choices.first(target - decided)) {
    tokens[choice.position] = choice.token;
    s->memory.logprobs[first + choice.position] = choice.logprob;
  }
  q->cache.length = first;
  *remaining = masks - target;
  return {};
}

// Appends a block of masks to the history and decides it.
Status decide_block(Session* s, Sequence* q) {
  Generation& g = q->generation;
  if (q->cache.length < q->history_length) {
    evaluate_masked(s, q, q->cache.length, q->history_length - q->cache.length);
  }
  const uint32_t first = q->history_length;
  const uint32_t count =
      std::min({config_of(*s).answer_block, g.options.max_tokens - g.generated, q->cache.context - first});
  std::fill_n(q->history.begin() + first, count, s->tokenizer.mask_token);
  uint32_t remaining = count;
  for (uint32_t step = 1; remaining > 0; ++step) {
    CAMELGPT_TRY(decide_masks(s, q, first, count, count, step, g.options.steps, &remaining));
  }
  g.pending = count;
  return {};
}

}  // namespace

Status masked_next(Session* session, Sequence* sequence, int32_t* token) {
  Generation& g = sequence->generation;
  if (g.pending == 0) CAMELGPT_TRY(decide_block(session, sequence));
  --g.pending;
  const uint32_t position = sequence->history_length;
  *token = sequence->history[position];
  g.step = {*token, session->memory.logprobs[position], FinishReason::kNone};
  g.top[0] = {*token, g.step.logprob};
  g.top_count = g.options.logprobs > 0 ? 1 : 0;  // the alternatives are not kept
  return {};
}

Status session_begin(Session* session, const PredictRequest& request) {
  Session* s = session;
  end_activities(s);
  CAMELGPT_TRY(expect_complete(*s));
  if (model_kind(*s) != ModelKind::kMasked) return not_masked();
  Sequence* q = nullptr;
  CAMELGPT_TRY(begin_text(s, request.tokens, &q));
  const bool has_prompt = request.prompt_count > 0 && request.prompt_count < request.tokens.size();
  const uint32_t prompt = has_prompt ? static_cast<uint32_t>(request.prompt_count) : 0;
  if (has_prompt) pruning_restart(s, q, prompt, 0);
  CAMELGPT_TRY(sampler_configure(&q->sampler, {}));
  q->generation = {};
  s->activity = {.kind = ActivityKind::kPredict, .sequence = q, .first_output = prompt};
  return {};
}

Status predict_continue(Session* session, ActivityProgress* progress) {
  Sequence* const q = session->activity.sequence;
  const uint32_t prompt = session->activity.first_output;
  if (prompt > 0) evaluate_masked(session, q, 0, prompt);
  evaluate_masked(session, q, prompt, q->history_length - prompt);
  progress->processed = q->history_length;
  return {};
}

Status session_predict(Session* session, uint32_t position, int32_t token, uint32_t top, float* logprob) {
  const Activity& a = session->activity;
  if (a.kind != ActivityKind::kPredict || !a.is_done) {
    return make_error(ErrorCode::kBadState, "No text was evaluated for predictions.");
  }
  Sequence* const q = a.sequence;
  const bool has_token = token < static_cast<int32_t>(config_of(*session).vocabulary);
  if (position < a.first_output || position >= q->history_length || !has_token) {
    Status status = make_error(ErrorCode::kBadInput, "There is no such position, or no such token.");
    status = with_expected(status, "positions %u to %u, tokens below %u", a.first_output, q->history_length - 1,
                           config_of(*session).vocabulary);
    return with_found(status, "position %u, token %d", position, token);
  }
  Generation& g = q->generation;
  g.top_count = std::min(top, kMaxLogprobs);
  const std::span<float> logits = logits_of(session, q, position - a.first_output);
  *logprob = sampler_log_probabilities(&q->sampler, logits, std::max(token, 0), {g.top, g.top_count});
  return {};
}

Status session_begin(Session* session, const FillRequest& request) {
  Session* s = session;
  end_activities(s);
  CAMELGPT_TRY(expect_complete(*s));
  if (model_kind(*s) != ModelKind::kMasked) return not_masked();
  Sequence* q = nullptr;
  CAMELGPT_TRY(begin_text(s, request.tokens, &q));
  CAMELGPT_TRY(configure_generation(s, request.options, q));
  s->activity = {.kind = ActivityKind::kFill,
                 .sequence = q,
                 .masks = count_masks(*s, request.tokens),
                 .steps = request.options.steps};
  return {};
}

Status fill_continue(Session* session, ActivityProgress* progress) {
  Activity& a = session->activity;
  uint32_t remaining = count_masks(*session, a.sequence->history.first(a.sequence->history_length));
  if (remaining == 0) return {};
  const uint32_t before = remaining;
  CAMELGPT_TRY(
      decide_masks(session, a.sequence, 0, a.sequence->history_length, a.masks, ++a.step, a.steps, &remaining));
  progress->processed = before - remaining;
  progress->state = remaining == 0 ? ActivityState::kDone : ActivityState::kMore;
  return {};
}

std::span<const int32_t> session_filled(const Session* session) {
  const Activity& a = session->activity;
  if (a.kind != ActivityKind::kFill || !a.is_done) return {};
  return a.sequence->history.first(a.sequence->history_length);
}

}  // namespace camelgpt
