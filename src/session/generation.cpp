// A prompt → its answer: evaluates the prompt in batches, then chooses one token per step.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "session/session.h"
#include "tokenize/special_tokens.h"

namespace camelgpt {
namespace {

// Of three drafts, this many must be right on average for verification to pay: a batch of four tokens takes 2.4 times
// as long as one token without byte dot products, and 1.9 times as long with them. The threshold is a little higher,
// because the estimates are uncertain.
constexpr float kMinAccepted = 1.8f;

// Evaluates the next `count` tokens of the prompt, and computes logits if the prompt ends. Returns false if rows are
// missing.
bool evaluate_prompt(Session* s, Sequence* q, uint32_t count) {
  Generation& g = q->generation;
  const std::span<const int32_t> tokens = q->history.subspan(q->cache.length, count);
  if (!has_embeddings(s, tokens)) return false;
  const bool is_last = q->cache.length + count == g.prefill_end;
  pruning_forward(s, q, tokens, is_last ? 1 : 0);
  g.first_output = g.prefill_end - 1;
  if (!is_last) return true;
  if (q->is_held) keep_state(s, q);  // others may compute before the next step
  // After a forced stretch the next step computes the logits, as after any token of the answer.
  g.logits_due = q->is_held || (q->constraint.grammar != nullptr && g.generated > 0) || !pruning_logits(s, q, 0);
  return true;
}

// Writes drafts after the history and returns their number.
uint32_t draft(Session* s, Sequence* q) {
  if (!q->uses_drafts || pruning_limits_steps(*s, *q)) return 0;  // a batch would skip nothing
  const Generation& g = q->generation;
  const std::span<const int32_t> text = q->history.first(q->history_length);
  drafts_follow(&q->drafts, text);
  // A draft is worth its evaluation only if another token may follow it.
  const uint32_t limit =
      std::min({kMaxDrafts, g.options.max_tokens - g.generated - 1, q->cache.context - q->history_length - 1});
  const std::span<int32_t> drafts = q->history.subspan(q->history_length, limit);
  if (!drafts_propose(q->drafts, text, kMinAccepted, drafts)) return 0;
  const auto ends = [&](int32_t token) { return is_end_token(*s, token); };
  const auto end = std::find_if(drafts.begin(), drafts.end(), ends);
  return constraint_accepted(*s, *q, drafts.first(static_cast<size_t>(end - drafts.begin())));
}

// Computes the logits after the last token of the history, which may have been evaluated as a draft. Returns false if
// rows are missing.
bool evaluate_last(Session* s, Sequence* q) {
  Generation& g = q->generation;
  const uint32_t last = q->history_length - 1;
  bool has_logits = false;
  if (take_together(s, q, &has_logits)) {
    g.first_output = last;
    if (has_logits) return true;
  } else if (q->cache.length <= last) {
    if (!has_embeddings(s, q->history.subspan(last, 1))) return false;
    const uint32_t drafts = draft(s, q);
    g.drafts.batches += drafts > 0 ? 1 : 0;
    g.drafts.drafted += drafts;
    pruning_forward(s, q, q->history.subspan(last, 1 + drafts), 1 + drafts);
    g.first_output = last;
  }
  g.logits_due = !pruning_logits(s, q, last - g.first_output);
  return !g.logits_due;
}

// Appends a token to the history. If a different draft was evaluated at its position, cuts the cache there.
void extend_history(Sequence* q, int32_t token) {
  const uint32_t position = q->history_length++;
  if (position < q->cache.length) {
    if (q->history[position] == token) {
      ++q->generation.drafts.accepted;
    } else {
      q->cache.length = position;
    }
  }
  q->history[position] = token;
}

// The next token of a causal model; kNoToken, without an error, if rows are missing.
Status next_token(Session* s, Sequence* q, int32_t* token) {
  const Generation& g = q->generation;
  if (q->constraint.has_forced()) {
    *token = q->constraint.forced[q->constraint.forced_used++];
    q->generation.step = {*token, std::numeric_limits<float>::quiet_NaN(), FinishReason::kNone};
    return {};
  }
  if ((g.generated > 0 || g.logits_due) && !evaluate_last(s, q)) return {};
  CAMELGPT_TRY(s->token_form->choose(s, q, token));
  q->generation.step = {*token, std::numeric_limits<float>::quiet_NaN(), FinishReason::kNone, q->pruning.step_rows,
                        q->pruning.expected_kl};
  q->generation.top_count = 0;
  if (g.options.logprobs > 0) s->token_form->report(s, q, *token);
  return {};
}

// Appends new_text to the visible text, except for an end that could begin a stop string.
Status show_new_text(Sequence* q, bool* found) {
  return stop_strings_put(&q->stops, {q->new_text.data(), q->new_text.size()}, &q->text, found);
}

// Ends the answer: shows the text that was held back as an unfinished character or stop string.
Status finish_text(Sequence* q, FinishReason reason) {
  q->generation.step.finish = reason;
  q->new_text.clear();
  CAMELGPT_TRY(q->detokenizer.finish(&q->new_text));
  bool found = false;
  CAMELGPT_TRY(show_new_text(q, &found));
  return found ? Status{} : stop_strings_finish(&q->stops, &q->text);
}

// Makes room in a full context: drops the older half of the text except for its beginning. The rest is evaluated again.
void shift_context(Session* s, Sequence* q) {
  const uint32_t first = std::min(kShiftKept, q->cache.context / 4);
  const uint32_t dropped = (q->history_length - first) / 2;
  std::copy(q->history.begin() + first + dropped, q->history.end(), q->history.begin() + first);
  q->history_length -= dropped;
  q->generation.prefill_end = q->history_length;
  q->generation.is_full = false;
  // A forced stretch can fill a context of which little is evaluated.
  const uint32_t kept = std::min(first, q->cache.length);
  pruning_restart(s, q, q->history_length, cache_cut(config_of(*s), kept, &q->cache));
  if (q->uses_drafts) drafts_begin(&q->drafts, q->history.first(q->history_length));
}

Status prefill(Session* s, Sequence* q, uint32_t budget, ActivityProgress* progress) {
  const uint32_t begin = q->cache.length, end = q->generation.prefill_end;
  progress->state = ActivityState::kMore;
  q->text.clear();
  q->generation.step = {};
  if (!config_of(*s).causal) {
    pruning_forward(s, q, q->history.first(end), 0);
  } else {
    uint32_t remaining = std::max(1u, budget);
    while (q->cache.length < end && remaining > 0) {
      const uint32_t count = std::min({end - q->cache.length, remaining, kMaxBatch});
      if (!evaluate_prompt(s, q, count)) {
        progress->state = ActivityState::kNeedsWeights;
        break;
      }
      remaining -= count;
    }
  }
  progress->processed = q->cache.length - begin;
  return {};
}

// Shows the text of a chosen token. That of a control token is only matched with stop strings, unless it is asked for.
Status show_token(Session* s, Sequence* q, int32_t token, bool* found) {
  std::string_view piece = s->token_form->piece(*s, token);
  const bool is_hidden =
      s->token_form->is_control(*s, token) && !(q->generation.keep_control && !is_end_token(*s, token));
  if (is_hidden) return stop_strings_put_hidden(&q->stops, piece, &q->text, found);
  // The answer of a masked model stands alone: it does not begin with the space that separates words.
  if (!config_of(*s).causal && q->generation.generated == 1 && piece.starts_with(' ')) piece.remove_prefix(1);
  q->new_text.clear();
  CAMELGPT_TRY(q->detokenizer.put(piece, &q->new_text));
  return show_new_text(q, found);
}

Status step(Session* s, Sequence* q, ActivityProgress* progress) {
  Generation& g = q->generation;
  q->text.clear();
  g.step = {};
  const bool causal = config_of(*s).causal;
  int32_t token = kNoToken;
  CAMELGPT_TRY(causal ? next_token(s, q, &token) : masked_next(s, q, &token));
  if (token == kNoToken) {
    progress->state = ActivityState::kNeedsWeights;
    return {};
  }
  progress->processed = 1;
  if (is_end_token(*s, token) && !g.options.ignore_eos) return finish_text(q, FinishReason::kStop);
  CAMELGPT_TRY(constraint_accept(*s, q, token));
  s->token_form->accept(q, token);
  extend_history(q, token);
  ++g.generated;
  g.answer_bytes += s->token_form->bytes(*s, {&token, 1});
  bool found = false;
  CAMELGPT_TRY(show_token(s, q, token, &found));
  if (found) {
    g.step.finish = FinishReason::kStop;
    return {};
  }
  if (constraint_must_end(*q)) return finish_text(q, FinishReason::kStop);
  const bool is_full = q->history_length >= q->cache.context;
  if (g.generated >= g.options.max_tokens || (is_full && !(g.options.context_shift && causal))) {
    return finish_text(q, FinishReason::kLength);
  }
  g.is_full = is_full;
  progress->state = ActivityState::kMore;
  return {};
}

const Generation* generation_of(const Session* session) {
  return session->activity.kind == ActivityKind::kGenerate ? &session->activity.sequence->generation : nullptr;
}

}  // namespace

bool is_end_token(const Session& session, int32_t token) { return tokenizer_ends_answer(session.tokenizer, token); }

Status no_token() {
  Status status = make_error(ErrorCode::kBadState,
                             "No token can come next: all are forbidden, or the model computes non-finite numbers.");
  return with_hint(status, "Remove logit biases of minus infinity; if there are none, the model file is damaged.");
}

Status configure_generation(Session* session, const GenerationOptions& options, Sequence* sequence) {
  CAMELGPT_TRY(record_check(kGenerationOptionsRecord, &options));
  CAMELGPT_TRY(sampler_configure(&sequence->sampler, options.sampler));
  stop_strings_clear(&sequence->stops);
  return session->token_form->configure(session, options, sequence);
}

Status session_begin(Session* session, const GenerateRequest& request) {
  Session* s = session;
  if (!request.side_by_side) end_activities(s);
  s->activity = {};
  if (s->state != LoadState::kReady) return not_ready();
  if (model_kind(*s) == ModelKind::kEncoder) {
    const Status status = make_error(ErrorCode::kUnsupportedTask, "This model is an encoder: it cannot generate text.");
    return with_hint(status, "Call embed for the vector of a text, or choose a language model.");
  }
  if (request.side_by_side) CAMELGPT_TRY(expect_free_slot(*s));
  CAMELGPT_TRY(check_tokens(*s, request.prompt));
  const size_t count = request.prompt.size(), context = s->sequences[0].cache.context;
  if (count == 0 || count >= context) return does_not_fit(*s, count, context - 1);
  // Prepared separately, so that an error leaves the cached texts unchanged.
  Sequence prepared;
  prepared.generation.options = request.options;
  sampler_share(s->memory.sampler, &prepared.sampler);
  CAMELGPT_TRY(configure_generation(s, request.options, &prepared));
  for (const std::string_view stop : request.stop_strings) {
    bool has_control = false;
    CAMELGPT_TRY(specials_have_control(s->tokenizer, stop, &has_control));
    CAMELGPT_TRY(stop_strings_add(&prepared.stops, stop, has_control));
  }
  for (const LogitBias& each : request.logit_bias) {
    CAMELGPT_TRY(s->token_form->add_bias(&prepared, each.token, each.bias));
  }
  CAMELGPT_TRY(constraint_begin(s, request.grammar, &prepared));
  uint32_t reused = 0;
  Sequence* const q = choose_sequence(s, request.prompt, request.cache_salt, &reused);
  q->is_held = request.side_by_side;
  q->constraint = std::move(prepared.constraint);
  reused = cache_cut(config_of(*s), reused, &q->cache);
  std::copy(request.prompt.begin(), request.prompt.end(), q->history.begin());
  q->history_length = static_cast<uint32_t>(count);
  q->prompt_length = config_of(*s).causal ? 0 : q->history_length;
  pruning_restart(s, q, q->history_length, reused);

  q->generation = {};
  q->generation.options = request.options;
  q->generation.keep_control = request.keep_control;
  q->generation.reused = reused;
  q->generation.prefill_end = q->history_length;
  q->sampler = std::move(prepared.sampler);
  q->stops = std::move(prepared.stops);
  for (const int32_t token : request.prompt) s->token_form->accept(q, token);
  q->detokenizer = Detokenizer();
  q->text.clear();
  q->uses_drafts = s->pruning.options.drafts && config_of(*s).causal;
  if (q->uses_drafts) drafts_begin(&q->drafts, q->history.first(q->history_length));
  s->memory.workspace.neurons = {};
  s->activity = {.kind = ActivityKind::kGenerate, .sequence = q};
  return {};
}

Status generation_continue(Session* session, uint32_t budget, ActivityProgress* progress) {
  Sequence* const q = session->activity.sequence;
  Generation& g = q->generation;
  if (g.is_full) shift_context(session, q);
  if (q->constraint.grammar != nullptr) {
    bool ends = false;
    CAMELGPT_TRY(constraint_prepare(session, q, &ends));
    if (ends) {
      q->text.clear();
      g.step = {};
      return finish_text(q, FinishReason::kStop);
    }
    if (q->constraint.has_forced()) return step(session, q, progress);
    // The tokens of a forced stretch are evaluated together.
    if (q->cache.length + 1 < q->history_length) g.prefill_end = q->history_length;
  }
  return q->cache.length < q->generation.prefill_end ? prefill(session, q, budget, progress)
                                                     : step(session, q, progress);
}

GenerationStep session_generation_step(const Session* session) {
  const Generation* g = generation_of(session);
  return g == nullptr ? GenerationStep{} : g->step;
}

std::string_view session_text(const Session* session) {
  if (generation_of(session) == nullptr) return {};
  const Buffer<char>& text = session->activity.sequence->text;
  return {text.data(), text.size()};
}

uint32_t session_reused_tokens(const Session* session) {
  const Generation* g = generation_of(session);
  return g == nullptr ? 0 : g->reused;
}

DraftCounts session_draft_counts(const Session* session) {
  const Generation* g = generation_of(session);
  return g == nullptr ? DraftCounts{} : g->drafts;
}

std::span<const float> session_logits(const Session* session) {
  if (session->state != LoadState::kReady) return {};
  return session->memory.workspace.logits.first(logit_count(config_of(*session)));
}

}  // namespace camelgpt
