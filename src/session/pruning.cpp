// EPDP in a session: options, calibration, sidecar, report.
#include "session/pruning.h"

#include <algorithm>
#include <cstring>

#include "nn/linear.h"
#include "session/session.h"

namespace camelgpt {
namespace {

constexpr uint32_t kCalibrationWindow = 512;  // tokens that see one another
constexpr uint32_t kPartsPerBatch = 64;       // that evaluating one takes as long as, about
constexpr uint32_t kLongestStreak = 6;        // of thin margins that is counted

uint64_t rows_scored(const PrunedHead& head) {
  uint64_t rows = 0;
  for (const HeadThread& thread : head.threads) rows += thread.scored;
  return rows;
}

Status not_reserved() {
  Status status = make_error(ErrorCode::kBadState, "This model was loaded without memory for this pruning.");
  return with_hint(status, "Load it with the option epdp set to a mode, or to numbers that ask for this.");
}

Status not_worth_it(const Session& s) {
  Status status =
      make_error(ErrorCode::kBadInput,
                 "There is nothing to prune in this model: its output head is too small, or is not one of steps.");
  status = with_expected(status, "at least 8192 tokens and a width of 256");
  return with_found(status, "%u tokens, width %u", s.model.config.vocabulary, s.model.config.hidden);
}

// Room for a pruned head, and a head that is worth it.
Status has_room(const Session& s) {
  if (!s.pruning.head_reserved) return not_reserved();
  return s.pruning.head.rank == 0 ? not_worth_it(s) : Status{};
}

Status can_calibrate(const Session& s) {
  CAMELGPT_TRY(expect_whole(s));
  return has_room(s);
}

// Rows of the head that a step scores exactly now, 0 for all.
uint32_t head_rows_now(const Pruning& p, uint32_t vocabulary) {
  return p.head.packed ? drift_head_rows(p.options, p.guard, vocabulary) : 0;
}

// Pruned logits with so many rows of the head exact. Returns their margin.
float score_rows(Session* s, uint32_t output, uint32_t rows) {
  Pruning& p = s->pruning;
  const uint64_t before = rows_scored(p.head);
  const float margin = pruned_logits(s->model, output, rows, &p.head, &s->workspace);
  p.exact_rows += rows_scored(p.head) - before;
  return margin;
}

// Pruned logits where that is worth trying: whether they are in place and their margin is not too thin. After two thin
// ones in a row the next steps do not try: 2, then 4, up to 32.
bool try_pruned_logits(Session* s, uint32_t output, uint32_t rows) {
  Pruning& p = s->pruning;
  if (p.dense_left > 0) {
    --p.dense_left;
    return false;
  }
  if (score_rows(s, output, rows) >= p.options.margin || p.options.margin == 0) {
    p.thin_streak = 0;
    return true;
  }
  p.thin_streak = std::min(p.thin_streak + 1, kLongestStreak);
  if (p.thin_streak >= 2) p.dense_left = 1u << (p.thin_streak - 1);
  return false;
}

// Whether a step takes the best token and asks for nothing else.
bool takes_best(const Session& s) {
  const GenerationOptions& o = s.options;
  return o.temperature == 0 && o.logprobs == 0 && o.repeat_penalty == 1 && o.presence_penalty == 0 &&
         o.frequency_penalty == 0 && s.sampler.biases.empty();
}

// As long as each row costs a part of a download, a step that takes the best token scores this part of the vocabulary
// at first, and as many rows as the mode wants only where their best lies less than this above the others, nats. In
// 1,286 steps of answers of SmolLM2-135M the best row was always found so, in 86 % at once.
constexpr uint32_t kGreedyPart = 96;
constexpr float kGreedyMargin = 10;

// Whether so many rows of the head are there that a step would score; if not, session->missing says which are not.
bool has_selected(Session* s, uint32_t output, uint32_t rows) {
  s->missing.clear();
  const float least = selected_rows(s->model, output, rows, &s->pruning.head, &s->workspace);
  const std::span<const float> logits = s->workspace.logits;
  const Panel& head = s->model.head.weight;
  const uint32_t together = head.order == PanelOrder::kGroups ? kPanelRows : 1;  // rows that are scored together
  for (uint32_t row = 0; row < head.rows; ++row) {
    if (logits[row] < least) continue;
    const uint32_t first = row / together * together;
    row = std::min(first + together, head.rows) - 1;
    for (uint32_t r = first; r <= row; ++r) want_row(s, head, r);
  }
  return s->missing.empty();
}

// The same of all rows that a pruned step needs. Where a few of them are enough, it leaves their logits: *scored.
bool has_head_rows(Session* s, uint32_t output, uint32_t rows, bool* scored) {
  Pruning& p = s->pruning;
  s->missing.clear();
  if (rows == 0 || p.wants_head || p.dense_left > 0) return false;
  const uint32_t few = std::min(rows, s->model.config.vocabulary / kGreedyPart);
  if (!takes_best(*s)) return has_selected(s, output, rows);
  if (!has_selected(s, output, few)) return false;
  *scored = score_rows(s, output, few) >= std::max(kGreedyMargin, p.options.margin);
  return *scored || has_selected(s, output, rows);
}

bool limits_attention(const Session& s) {
  const uint32_t kv_tokens = drift_kv_tokens(s.pruning.options, s.pruning.guard);
  return kv_tokens != 0 && s.model.config.causal && s.cache.length >= kv_tokens;
}

// Before a prompt has told which, and after drift, all neurons are computed.
bool limits_neurons(const Session& s) {
  const Pruning& p = s.pruning;
  return pruning_watches_prompt(p) && p.neurons.seen > 0 && s.cache.length >= p.prompt_end && p.guard.widened == 0;
}

// Evaluates the next tokens of the text that is learnt from.
void learn(Session* s) {
  Pruning& p = s->pruning;
  const uint32_t window = std::min(kCalibrationWindow, s->cache.context);
  if (p.window_length == 0 || p.window_length >= window) {
    p.window_length = 0;
    s->cache.length = 0;
  }
  const uint32_t total = static_cast<uint32_t>(p.text.size());
  const uint32_t count = std::min({kMaxBatch, window - p.window_length, total - p.text_next});
  const std::span<int32_t> tokens = s->history.subspan(p.window_length, count);
  std::copy_n(p.text.begin() + p.text_next, count, tokens.begin());
  const TokenRun run{&s->cache, tokens, count};
  model_forward(s->model, {&run, 1}, &s->workspace);
  calibration_add(s->model, s->workspace, count, total, &p.calibration);
  p.window_length += count;
  p.text_next += count;
  if (p.text_next == total) calibration_states_end(&p.calibration);
}

}  // namespace

void pruning_reserve(const Model& model, std::span<const FfnKinds> kinds, const MemoryOptions& options, Arena* arena,
                     Pruning* pruning) {
  const ModelConfig& c = model.config;
  const uint32_t kept = kinds.size() == c.layers ? kept_neurons(c, options.ffn) : 0;
  pruning->head_reserved = options.head_rows;
  if (options.head_rows) pruned_head_reserve(c, arena, &pruning->head);
  if (kept != 0) prompt_neurons_reserve(model, kinds, kept, arena, &pruning->neurons);
  if (options.head_rows || options.kv_tokens || kept != 0) pruning->dense = arena->take<float>(c.vocabulary);
}

void pruning_restart(uint32_t prompt, uint32_t reused, Pruning* pruning) {
  pruning->guard = {};
  pruning->thin_streak = pruning->dense_left = 0;
  pruning->wants_head = false;
  pruning->steps = pruning->exact_rows = pruning->light_steps = 0;
  pruning->window_length = 0;
  pruning->prompt_end = prompt;
  if (pruning_watches_prompt(*pruning)) prompt_neurons_begin(prompt, reused, &pruning->neurons);
}

bool pruning_limits_steps(const Session& session) { return limits_attention(session) || limits_neurons(session); }

void pruning_forward(Session* session, std::span<const int32_t> tokens, uint32_t outputs) {
  Session* s = session;
  Pruning& p = s->pruning;
  const uint32_t count = static_cast<uint32_t>(tokens.size());
  TokenRun run{&s->cache, tokens, outputs, drift_kv_tokens(p.options, p.guard)};
  const bool is_step = count == 1 || !s->model.config.causal;
  p.limited = count == 1 && limits_attention(*s);
  p.light = is_step && limits_neurons(*s);
  if (p.light) {
    prompt_neurons_pack(s->model, &p.neurons);
    return model_forward(p.neurons.pruned_model, {&run, 1}, &s->workspace);
  }
  if (!pruning_watches_prompt(p) || s->cache.length >= p.prompt_end) {
    return model_forward(s->model, {&run, 1}, &s->workspace);
  }
  // All tokens go through the last layer too: what its neurons do matters as much.
  s->workspace.importance = p.neurons.importance;
  run.outputs = count;
  model_forward(s->model, {&run, 1}, &s->workspace);
  s->workspace.importance = {};
  p.neurons.seen += count;
  const size_t stride = padded_rows(s->model.config.hidden);
  float* x = s->workspace.x.data();
  std::memmove(x, x + (count - outputs) * stride, outputs * stride * sizeof(float));
}

bool pruning_logits(Session* session, uint32_t output) {
  Session* s = session;
  Pruning& p = s->pruning;
  const uint32_t vocabulary = s->model.config.vocabulary;
  const uint32_t rows = head_rows_now(p, vocabulary);
  const bool whole = is_whole(*s);
  bool scored = false;  // pruned logits are in place
  if (!whole && !has_head_rows(s, output, rows, &scored)) return false;
  const bool pruned = scored || (rows != 0 && !p.wants_head && try_pruned_logits(s, output, rows));
  p.wants_head = !pruned && !whole;
  if (p.wants_head) return false;
  ++p.steps;
  p.light_steps += p.light ? 1 : 0;
  if (!pruned) {
    model_logits(s->model, output, &s->workspace);
    p.exact_rows += vocabulary;
  }
  if (!whole) return true;  // the first look comes when there is something to compare with
  // What chosen neurons cost an answer is measured even where there is no budget.
  const bool watched = p.options.max_kl > 0 ? pruned || p.limited || p.light : p.light && s->generating;
  if (!watched || !drift_check_due(&p.guard)) return true;
  const std::span<float> logits = s->workspace.logits.first(vocabulary);
  std::copy(logits.begin(), logits.end(), p.dense.begin());
  pruning_dense_logits(s, output);  // which this token then is chosen from
  drift_observe(p.options, kl_divergence(logits, p.dense), p.limited, &p.guard);
  return true;
}

void pruning_dense_logits(Session* session, uint32_t output) {
  Session* s = session;
  if (s->pruning.limited || s->pruning.light) {  // once more, with all of the context and all neurons
    --s->cache.length;
    const TokenRun run{&s->cache, s->history.subspan(s->cache.length, 1), 1};
    model_forward(s->model, {&run, 1}, &s->workspace);
  }
  model_logits(s->model, output, &s->workspace);
}

namespace {

// Modes leave out what the model was trained to do without, where there is room for the rest.
void take_trained_ffn(Session* s) {
  Pruning& p = s->pruning;
  const float ffn = p.calibration.result.ffn;
  const uint32_t kept = kept_neurons(s->model.config, ffn);
  p.options.ffn = p.by_mode && kept != 0 && kept == p.neurons.kept ? ffn : 0;
}

}  // namespace

Status session_set_pruning(Session* session, const PruneOptions& options) {
  if (session->state != LoadState::kReady) return not_ready();
  if (reads_bytes(*session)) return {};  // there is nothing to leave out
  CAMELGPT_TRY(check_prune_options(options, session->model.config));
  const Pruning& p = session->pruning;
  const uint32_t kept = kept_neurons(session->model.config, options.ffn);
  if (p.dense.empty() && (options.head_rows != 0 || options.kv_tokens != 0)) return not_reserved();
  if (options.head_rows != 0 && !p.head_reserved) return not_reserved();
  if (kept != p.neurons.kept && kept != 0) return not_reserved();
  session->pruning.options = options;
  session->pruning.by_mode = false;
  if (kept == 0) session->pruning.options.ffn = 0;
  pruning_restart(0, 0, &session->pruning);
  return session_set_drafts(session, options.drafts);
}

Status session_set_prune_mode(Session* session, PruneMode mode) {
  if (session->state != LoadState::kReady) return not_ready();
  CAMELGPT_TRY(session_set_pruning(session, prune_options(mode, session->model.config)));
  session->pruning.by_mode = mode != PruneMode::kOff && !reads_bytes(*session);
  take_trained_ffn(session);
  return {};
}

PruneReport session_prune_report(const Session* session) {
  const Pruning& p = session->pruning;
  const ModelConfig& c = session->model.config;
  PruneReport report{};
  report.has_large_head = pruned_head_rank(c) != 0;
  report.calibrated = p.head.packed || p.calibration.result.ffn != 0;
  const bool prunes = p.head.packed && p.options.head_rows != 0;
  report.head_rows = head_rows_now(p, c.vocabulary);
  if (report.head_rows == 0) report.head_rows = c.vocabulary;
  const uint32_t kv_tokens = drift_kv_tokens(p.options, p.guard);
  report.kv_tokens = kv_tokens == 0 ? session->cache.length : std::min(session->cache.length, kv_tokens);
  report.macs_dense = session->model.macs_per_token;
  const uint64_t head_dense = static_cast<uint64_t>(c.vocabulary) * c.hidden;
  const double exact =
      p.steps == 0 ? report.head_rows : static_cast<double>(p.exact_rows) / static_cast<double>(p.steps);
  const double coarse = prunes ? static_cast<double>(p.head.rank) * (c.hidden + c.vocabulary) : 0;
  const NeuronCount& neurons = session->workspace.neurons;
  report.ffn_kept = neurons.total == 0
                        ? 1
                        : static_cast<float>(static_cast<double>(neurons.fired) / static_cast<double>(neurons.total));
  double left_out = 0;  // multiply-adds with neurons that were not chosen
  if (p.light_steps > 0) {
    const double light = static_cast<double>(p.light_steps) / static_cast<double>(p.steps);
    report.ffn_kept = static_cast<float>(1 - light * (c.ffn - p.neurons.kept) / c.ffn);
    left_out = light * 3 * (c.ffn - p.neurons.kept) * c.hidden * c.layers;
  }
  report.macs =
      static_cast<uint64_t>(static_cast<double>(report.macs_dense - head_dense) + exact * c.hidden + coarse - left_out);
  report.drift_checks = p.guard.checks;
  report.drift_events = p.guard.events;
  report.mean_kl = p.guard.checks == 0 ? -1 : static_cast<float>(p.guard.mean_kl);
  report.drafted = session->draft_counts.drafted;
  report.accepted = session->draft_counts.accepted;
  std::copy_n(p.calibration.result.costs, kMeasuredCosts, report.costs);
  return report;
}

Status session_calibrate_begin(Session* session, size_t token_count) {
  Session* s = session;
  CAMELGPT_TRY(can_calibrate(*s));
  CAMELGPT_TRY(check_tokens(*s, token_count));
  if (token_count < kLeastCalibrationTokens || token_count > UINT32_MAX / 2) {
    Status status = make_error(ErrorCode::kBadInput, "The text is too short to calibrate with.");
    status = with_expected(status, "at least %u tokens", kLeastCalibrationTokens);
    return with_found(status, "%zu tokens", token_count);
  }
  Pruning& p = s->pruning;
  p.text.clear();
  if (!p.text.append(s->tokens.data(), token_count))
    return out_of_memory("the text to calibrate with", token_count * sizeof(int32_t));
  p.text_next = p.window_length = 0;
  s->generating = s->scoring = false;
  return calibration_begin(s->model, &p.head, &p.calibration);
}

Status session_calibrate_continue(Session* session, uint32_t* left) {
  Session* s = session;
  *left = 0;
  Pruning& p = s->pruning;
  if (p.calibration.stage == Calibration::Stage::kDone && p.calibration.result.ffn != 0) return {};
  CAMELGPT_TRY(can_calibrate(*s));
  if (p.calibration.stage == Calibration::Stage::kDone) return {};
  s->generating = s->scoring = false;
  if (p.calibration.stage == Calibration::Stage::kStates) {
    learn(s);
  } else {
    const Status status = calibration_step(s->model, &s->workspace, &p.head, &p.calibration);
    if (!status.ok()) {
      p.calibration = {};
      return status;
    }
  }
  const uint32_t batches = (static_cast<uint32_t>(p.text.size()) - p.text_next + kMaxBatch - 1) / kMaxBatch;
  *left = calibration_left(s->model, p.calibration) + batches * kPartsPerBatch;
  return {};
}

Status session_set_trained_ffn(Session* session, float ffn) {
  if (session->state != LoadState::kReady) return not_ready();
  PruneOptions options;
  options.ffn = ffn;
  CAMELGPT_TRY(check_prune_options(options, session->model.config));
  session->pruning.calibration.result.ffn = ffn;
  return {};
}

Status session_sidecar(Session* session) {
  const bool knows_head = session->pruning.head.packed, knows_ffn = session->pruning.calibration.result.ffn != 0;
  const bool no_head = pruned_head_rank(session->model.config) == 0;
  if (!(no_head && knows_ffn)) CAMELGPT_TRY(can_calibrate(*session));
  if (!knows_head && !(no_head && knows_ffn)) {
    Status status = make_error(ErrorCode::kBadState, "There is no sidecar yet.");
    return with_hint(status, "Calibrate first.");
  }
  session->output.clear();
  session->pruning.calibration.result.data_position = session->data_position;
  return sidecar_write(session->model, session->pruning.head, session->pruning.calibration.result, &session->output);
}

Status session_use_sidecar(Session* session, size_t size) {
  if (session->state != LoadState::kReady) return not_ready();
  if (pruned_head_rank(session->model.config) != 0) CAMELGPT_TRY(has_room(*session));
  if (size > session->text.size()) return make_error(ErrorCode::kBadInput, "The text buffer is smaller than that.");
  Pruning& p = session->pruning;
  p.calibration = {};
  p.text.release();
  p.text_next = 0;
  CAMELGPT_TRY(sidecar_read(session->model, {reinterpret_cast<const uint8_t*>(session->text.data()), size}, &p.head,
                            &p.calibration.result));
  session->text.release();
  take_trained_ffn(session);
  return is_whole(*session) ? pruning_check_head(session) : Status{};
}

Status pruning_check_head(Session* session) {
  Pruning& p = session->pruning;
  if (!p.head.packed || p.calibration.result.head == 0) return {};
  const Status status = sidecar_check_head(session->model, p.calibration.result);
  if (!status.ok()) p.head.packed = false;
  return status;
}

}  // namespace camelgpt
