// Masks → tokens: the answers of masked language models, and what may stand in a text's gaps.
#include <algorithm>
#include <cmath>

#include "session/session.h"

namespace camelgpt {
namespace {

Status not_masked() {
  Status status = make_error(ErrorCode::kUnsupportedTask, "This model was not trained to fill masks.");
  status = with_expected(status, "a masked language model");
  return with_hint(status, "Call generateText, score or classify with it; encoders without an output head have embed.");
}

std::span<float> logits_of(Session* s, uint32_t output) {
  model_logits(s->model, output, &s->workspace);
  s->pruning.exact_rows += s->model.config.vocabulary;
  return s->workspace.logits.first(s->model.config.vocabulary);
}

// Evaluates a part of the history that sees itself and what comes before it.
void evaluate_part(Session* s, uint32_t first, uint32_t count) {
  s->cache.length = first;
  pruning_forward(s, s->history.subspan(first, count), 0);
  s->first_output = first;
  s->pruning.steps += count;
  s->pruning.light_steps += s->pruning.light ? count : 0;
}

// Decides all masks of a part of the history in so many steps. What the cache held before it stays.
Status fill_masks(Session* s, uint32_t first, uint32_t count, uint32_t steps) {
  const std::span<int32_t> part = s->history.subspan(first, count);
  const int32_t mask = s->tokenizer.mask_token;
  const uint32_t masks = static_cast<uint32_t>(std::count(part.begin(), part.end(), mask));
  for (uint32_t step = 1; std::find(part.begin(), part.end(), mask) != part.end(); ++step) {
    evaluate_part(s, first, count);
    uint32_t left = 0;
    for (uint32_t i = 0; i < count; ++i) {
      if (part[i] != mask) continue;
      const std::span<float> logits = logits_of(s, i);
      const int32_t token = sampler_choose(&s->sampler, logits);
      if (token < 0) return no_token();
      s->choices[left++] = {i, token, sampler_log_probabilities(&s->sampler, logits, token, {})};
    }
    sort_surest_first(s->choices.first(left));
    const uint32_t decided = masks - left, wanted = std::max(masks_decided(masks, step, steps), decided + 1);
    for (const MaskChoice& choice : s->choices.first(wanted - decided)) {
      part[choice.position] = choice.token;
      s->logprobs[first + choice.position] = choice.logprob;
    }
  }
  s->cache.length = first;
  return {};
}

}  // namespace

Status begin_text(Session* session, size_t token_count) {
  Session* s = session;
  CAMELGPT_TRY(check_tokens(*s, token_count));
  if (token_count == 0 || token_count > s->cache.context) return does_not_fit(*s, token_count, s->cache.context);
  take_oldest_sequence(s);
  std::copy_n(s->tokens.begin(), token_count, s->history.begin());
  s->history_length = static_cast<uint32_t>(token_count);
  s->cache.length = 0;
  s->prompt_length = 0;
  s->generating = s->scoring = s->predicting = false;
  pruning_restart(s->history_length, 0, &s->pruning);
  return {};
}

Status masked_next(Session* session, int32_t* token) {
  Session* s = session;
  if (s->pending == 0) {
    if (s->cache.length < s->history_length) evaluate_part(s, s->cache.length, s->history_length - s->cache.length);
    const uint32_t first = s->history_length;
    const uint32_t count =
        std::min({s->model.config.answer_block, s->options.max_tokens - s->generated, s->cache.context - first});
    std::fill_n(s->history.begin() + first, count, s->tokenizer.mask_token);
    CAMELGPT_TRY(fill_masks(s, first, count, s->options.steps));
    s->pending = count;
  }
  --s->pending;
  *token = s->history[s->history_length];
  s->top_tokens[0] = s->last_token = {*token, s->logprobs[s->history_length]};
  s->top_count = s->options.logprobs > 0 ? 1 : 0;  // what else was probable in that place is not kept
  return {};
}

Status forbid_unspeakable(Session* session) {
  for (uint32_t token = 0; token < session->tokenizer.vocabulary_size; ++token) {
    const int32_t id = static_cast<int32_t>(token);
    if (!tokenizer_is_control(session->tokenizer, id) || is_end_token(*session, id)) continue;
    CAMELGPT_TRY(sampler_add_bias(&session->sampler, id, -HUGE_VALF));
  }
  return {};
}

Status session_predict_begin(Session* session, size_t token_count, size_t prompt_count) {
  Session* s = session;
  CAMELGPT_TRY(expect_whole(*s));
  if (model_kind(*s) != ModelKind::kMasked) return not_masked();
  CAMELGPT_TRY(begin_text(s, token_count));
  const uint32_t prompt = prompt_count < token_count ? static_cast<uint32_t>(prompt_count) : 0;
  if (prompt > 0) {
    pruning_restart(prompt, 0, &s->pruning);
    evaluate_part(s, 0, prompt);
  }
  evaluate_part(s, prompt, s->history_length - prompt);
  s->predicting = true;
  return {};
}

Status session_predict(Session* session, uint32_t position, int32_t token, uint32_t top) {
  Session* s = session;
  if (!s->predicting) return make_error(ErrorCode::kBadState, "There is no text to predict in.");
  if (position < s->first_output || position >= s->history_length ||
      token >= static_cast<int32_t>(s->model.config.vocabulary)) {
    return make_error(ErrorCode::kBadInput, "There is no such position, or no such token.");
  }
  s->top_count = std::min(top, kMaxLogprobs);
  LogProbability candidates[kMaxLogprobs];
  const std::span<float> logits = logits_of(s, position - s->first_output);
  s->last_token = {token,
                   sampler_log_probabilities(&s->sampler, logits, std::max(token, 0), {candidates, s->top_count})};
  for (uint32_t i = 0; i < s->top_count; ++i) s->top_tokens[i] = {candidates[i].token, candidates[i].logprob};
  return {};
}

Status session_fill(Session* session, size_t token_count) {
  Session* s = session;
  CAMELGPT_TRY(expect_whole(*s));
  if (model_kind(*s) != ModelKind::kMasked) return not_masked();
  CAMELGPT_TRY(begin_text(s, token_count));
  CAMELGPT_TRY(fill_masks(s, 0, s->history_length, s->options.steps));
  std::copy_n(s->history.begin(), token_count, s->tokens.begin());
  return {};
}

}  // namespace camelgpt
