// Prompt → answer, one token a step.
#include <algorithm>
#include <cmath>
#include <limits>

#include "session/session.h"

namespace camelgpt {
namespace {

// How many of three drafts have to be right for verifying them to pay: a batch of four takes 2.4 times as long as a
// single token where there is no dot product of bytes, and 1.9 times as long where there is one. A little more, since
// guesses are uncertain.
constexpr float kLeastAccepted = 1.8f;

// Evaluates the next `count` tokens of the prompt, after the last one also the logits. False: rows are missing.
bool evaluate(Session* s, uint32_t count) {
  const std::span<const int32_t> tokens = s->history.subspan(s->cache.length, count);
  if (!has_embeddings(s, tokens)) return false;
  const bool is_last = s->cache.length + count == s->history_length;
  pruning_forward(s, tokens, is_last ? 1 : 0);
  s->first_output = s->history_length - 1;
  if (is_last) s->logits_due = !pruning_logits(s, 0);
  return true;
}

// Puts drafts behind the history and says how many.
uint32_t draft(Session* s) {
  if (!s->uses_drafts || pruning_limits_steps(*s)) return 0;  // a batch would leave nothing out
  const std::span<const int32_t> text = s->history.first(s->history_length);
  drafts_follow(&s->drafts, text);
  // Only where another token may follow is a draft worth its evaluation.
  const uint32_t most =
      std::min({kMaxDrafts, s->options.max_tokens - s->generated - 1, s->cache.context - s->history_length - 1});
  const std::span<int32_t> drafts = s->history.subspan(s->history_length, most);
  if (!drafts_propose(s->drafts, text, kLeastAccepted, drafts)) return 0;
  const auto ends = [&](int32_t token) { return is_end_token(*s, token); };
  return static_cast<uint32_t>(std::find_if(drafts.begin(), drafts.end(), ends) - drafts.begin());
}

// Makes the logits after the last token of the history. It may have been evaluated as a draft. False: rows are missing.
bool evaluate_last(Session* s) {
  const uint32_t last = s->history_length - 1;
  if (s->cache.length <= last) {
    if (!has_embeddings(s, s->history.subspan(last, 1))) return false;
    const uint32_t drafts = draft(s);  // tokens of the history
    s->draft_counts.batches += drafts > 0 ? 1 : 0;
    s->draft_counts.drafted += drafts;
    pruning_forward(s, s->history.subspan(last, 1 + drafts), 1 + drafts);
    s->first_output = last;
  }
  s->logits_due = !pruning_logits(s, last - s->first_output);
  return !s->logits_due;
}

// Adds a token to the history. What was evaluated in its place is forgotten unless it is the same.
void extend_history(Session* s, int32_t token) {
  const uint32_t at = s->history_length++;
  if (at < s->cache.length) {
    if (s->history[at] == token) {
      ++s->draft_counts.accepted;
    } else {
      s->cache.length = at;
    }
  }
  s->history[at] = token;
}

// The sampler is told of tokens of a vocabulary alone.
void accept(Session* s, int32_t token) {
  if (!reads_bytes(*s)) sampler_accept(&s->sampler, token);
}

void report_probabilities(Session* s, int32_t token) {
  s->top_count = s->options.logprobs;
  s->last_token = {token, std::numeric_limits<float>::quiet_NaN()};
  if (s->top_count == 0) return;
  if (reads_bytes(*s)) {  // too many chunks are possible to rank them
    s->top_count = 0;
    s->last_token.logprob = chunk_log_probability(*s, token);
    return;
  }
  LogProbability top[kMaxLogprobs];
  s->last_token.logprob = sampler_log_probabilities(&s->sampler, s->workspace.logits.first(s->model.config.vocabulary),
                                                    token, {top, s->top_count});
  for (uint32_t i = 0; i < s->top_count; ++i) s->top_tokens[i] = {top[i].token, top[i].logprob};
}

// No token, and no error: rows are missing.
Status next_token(Session* s, int32_t* token) {
  if ((s->generated > 0 || s->logits_due) && !evaluate_last(s)) return {};
  *token = reads_bytes(*s) ? choose_chunk(s)
                           : sampler_choose(&s->sampler, s->workspace.logits.first(s->model.config.vocabulary));
  if (*token < 0) return no_token();
  report_probabilities(s, *token);
  return {};
}

// Every token with one of the characters at which, by default, a sequence of DRY ends.
Status add_dry_breakers(Session* s) {
  for (uint32_t token = 0; token < s->tokenizer.vocabulary_size; ++token) {
    const int32_t id = static_cast<int32_t>(token);
    const bool ends = tokenizer_piece(s->tokenizer, id).find_first_of("\n:\"*") != std::string_view::npos;
    if (ends) CAMELGPT_TRY(sampler_add_dry_breaker(&s->sampler, id));
  }
  return {};
}

// The text of the answer's end: what was held back for unfinished characters and stop strings.
Status finish_text(Session* s) {
  s->generating = false;
  s->fresh.clear();
  CAMELGPT_TRY(s->detokenizer.finish(&s->fresh));
  bool found = false;
  CAMELGPT_TRY(stop_strings_put(&s->stops, {s->fresh.data(), s->fresh.size()}, &s->output, &found));
  return found ? Status{} : stop_strings_finish(&s->stops, &s->output);
}

}  // namespace

bool is_end_token(const Session& session, int32_t token) {
  return std::find(session.end_tokens.begin(), session.end_tokens.end(), token) != session.end_tokens.end();
}

Status no_token() {
  Status status =
      make_error(ErrorCode::kBadState, "No token can come next: all are forbidden, or the model's numbers broke.");
  return with_hint(status, "Remove logit biases of minus infinity; if there are none, the model file is damaged.");
}

Status does_not_fit(const Session& session, size_t tokens, size_t most) {
  if (tokens == 0) {
    Status status = make_error(ErrorCode::kBadInput, "The text is empty.");
    status = with_expected(status, "at least one token");
    return with_hint(status, "Give the model some text.");
  }
  Status status = make_error(ErrorCode::kContextOverflow, "The text is longer than the context.");
  status = with_expected(status, "at most %zu tokens", most);
  status = with_found(status, "%zu tokens", tokens);
  return with_hint(status, "Shorten the text, or load the model with a larger contextLength (at most %u).",
                   session.model.config.context_length);
}

Status session_configure(Session* session, const GenerationOptions& options) {
  if (session->state != LoadState::kReady) return not_ready();
  CAMELGPT_TRY(record_check(kGenerationOptionsRecord, &options));
  CAMELGPT_TRY(sampler_configure(&session->sampler, options.sampler));
  session->options = options;
  stop_strings_clear(&session->stops);
  if (reads_bytes(*session)) return configure_chunks(session);
  if (options.sampler.dry_multiplier > 0) CAMELGPT_TRY(add_dry_breakers(session));
  if (!session->model.config.causal) CAMELGPT_TRY(forbid_unspeakable(session));
  if (options.ignore_eos) {
    for (const int32_t token : session->end_tokens) {
      CAMELGPT_TRY(sampler_add_bias(&session->sampler, token, -HUGE_VALF));
    }
  }
  return {};
}

Status session_add_stop(Session* session, size_t text_size) {
  if (text_size > session->text.size())
    return make_error(ErrorCode::kBadInput, "The text buffer is smaller than that.");
  return stop_strings_add(&session->stops, {session->text.data(), text_size});
}

Status session_add_logit_bias(Session* session, int32_t token, float bias) {
  if (session->state != LoadState::kReady) return not_ready();
  if (reads_bytes(*session)) return no_option_of_chunks("logitBias");
  return sampler_add_bias(&session->sampler, token, bias);
}

Status session_prompt(Session* session, size_t token_count) {
  Session* s = session;
  if (s->state != LoadState::kReady) return not_ready();
  if (model_kind(*s) == ModelKind::kEncoder) {
    const Status status = make_error(ErrorCode::kUnsupportedTask, "This model is an encoder: it cannot generate text.");
    return with_hint(status, "Call embed for the vector of a text, or choose a language model.");
  }
  CAMELGPT_TRY(check_tokens(*s, token_count));
  if (token_count == 0 || token_count >= s->cache.context) return does_not_fit(*s, token_count, s->cache.context - 1);
  s->reused = cache_cut(s->model.config, choose_sequence(s, static_cast<uint32_t>(token_count)), &s->cache);
  std::copy_n(s->tokens.begin(), token_count, s->history.begin());
  s->history_length = static_cast<uint32_t>(token_count);
  for (size_t i = 0; i < token_count; ++i) accept(s, s->tokens[i]);
  s->detokenizer = Detokenizer();
  s->stops.held.clear();
  s->generated = 0;
  s->answer_bytes = 0;
  s->draft_counts = {};
  if (s->uses_drafts) drafts_begin(&s->drafts, s->history.first(s->history_length));
  s->top_count = 0;
  pruning_restart(s->history_length, s->reused, &s->pruning);
  s->workspace.neurons = {};
  s->scoring = s->predicting = s->logits_due = false;
  s->pending = 0;
  s->prompt_length = s->model.config.causal ? 0 : s->history_length;
  s->generating = true;
  return {};
}

uint32_t session_reused_tokens(const Session* session) { return session->reused; }

Status session_prefill(Session* session, uint32_t max_tokens, uint32_t* left) {
  Session* s = session;
  if (!s->generating) return make_error(ErrorCode::kBadState, "There is no prompt to evaluate.");
  uint32_t budget = std::max(1u, max_tokens);
  if (!s->model.config.causal && s->cache.length < s->history_length) {
    pruning_forward(s, s->history.first(s->history_length), 0);
  }
  while (s->cache.length < s->history_length && budget > 0) {
    const uint32_t count = std::min({s->history_length - s->cache.length, budget, kMaxBatch});
    if (!evaluate(s, count)) break;
    budget -= count;
  }
  *left = s->history_length - s->cache.length;
  return {};
}

Status session_step(Session* session, StepResult* result) {
  Session* s = session;
  *result = StepResult::kContinue;
  s->output.clear();
  if (!s->generating) return make_error(ErrorCode::kBadState, "There is no generation to go on with.");
  if (s->history_length >= s->cache.context) return make_error(ErrorCode::kBadState, "The context is full.");
  // The token of the last step is evaluated only now: the last one of an answer never is.
  const bool causal = s->model.config.causal;
  if (s->cache.length + (s->generated > 0) < (causal ? s->history_length : s->prompt_length)) {
    return make_error(ErrorCode::kBadState, "The prompt is not evaluated yet.");
  }
  int32_t token = kNoToken;
  const Status chosen = causal ? next_token(s, &token) : masked_next(s, &token);
  if (!chosen.ok()) {
    s->generating = false;
    return chosen;
  }
  if (token == kNoToken) {
    *result = StepResult::kMissing;
    return {};
  }
  if (is_end_token(*s, token) && !s->options.ignore_eos) {
    *result = StepResult::kStop;
    return finish_text(s);
  }
  accept(s, token);
  extend_history(s, token);
  ++s->generated;
  s->answer_bytes += static_cast<int64_t>(chunks_bytes(s->tokenizer.chunks, token).size());

  s->fresh.clear();
  if (!tokenizer_is_control(s->tokenizer, token)) {
    std::string_view piece = tokenizer_piece(s->tokenizer, token);
    // An answer of its own begins with a word, not with the space between it and the prompt.
    if (!causal && s->generated == 1 && piece.starts_with(' ')) piece.remove_prefix(1);
    CAMELGPT_TRY(s->detokenizer.put(piece, &s->fresh));
  }
  bool found = false;
  CAMELGPT_TRY(stop_strings_put(&s->stops, {s->fresh.data(), s->fresh.size()}, &s->output, &found));
  if (found) {
    *result = StepResult::kStop;
    s->generating = false;
  } else if (s->generated >= s->options.max_tokens || s->history_length >= s->cache.context) {
    const bool goes_on = s->generated < s->options.max_tokens && s->options.context_shift && causal;
    *result = goes_on ? StepResult::kFull : StepResult::kLength;
    return goes_on ? Status{} : finish_text(s);
  }
  return {};
}

Status session_shift(Session* session) {
  Session* s = session;
  if (!s->generating || !s->options.context_shift || s->history_length < s->cache.context) {
    return make_error(ErrorCode::kBadState, "The context is not full.");
  }
  const uint32_t first = std::min(kShiftKept, s->cache.context / 4), forgotten = (s->history_length - first) / 2;
  std::copy(s->history.begin() + first + forgotten, s->history.end(), s->history.begin() + first);
  s->history_length -= forgotten;
  pruning_restart(s->history_length, cache_cut(s->model.config, first, &s->cache), &s->pruning);
  if (s->uses_drafts) drafts_begin(&s->drafts, s->history.first(s->history_length));
  s->first_output = s->history_length - 1;  // the one that session_prefill leaves
  return {};
}

Status session_set_drafts(Session* session, bool use) {
  if (session->state != LoadState::kReady) return not_ready();
  use = use && session->model.config.causal;
  if (use && !session->uses_drafts) drafts_begin(&session->drafts, session->history.first(session->history_length));
  session->uses_drafts = use;
  return {};
}

DraftCounts session_draft_counts(const Session* session) { return session->draft_counts; }

TokenProbability session_last_token(const Session* session) { return session->last_token; }

std::span<const TokenProbability> session_top_tokens(const Session* session) {
  return {session->top_tokens, session->top_count};
}

std::span<const float> session_logits(const Session* session) {
  if (session->state != LoadState::kReady) return {};
  return session->workspace.logits.first(logit_count(session->model.config));
}

}  // namespace camelgpt
