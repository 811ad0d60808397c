// EPDP in a session: options, calibration, sidecar, report.
#include "session/pruning.h"

#include <algorithm>

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
  Status status = make_error(ErrorCode::kBadState, "This model was loaded without memory for pruning.");
  return with_hint(status, "Load it with the option epdp set to something but \"off\".");
}

Status not_worth_it(const Session& s) {
  Status status = make_error(ErrorCode::kBadInput, "There is nothing to prune in this model: its output head is too small.");
  status = with_expected(status, "at least 8192 tokens and a width of 256");
  return with_found(status, "%u tokens, width %u", s.model.config.vocabulary, s.model.config.hidden);
}

Status can_calibrate(const Session& s) {
  if (s.state != LoadState::kReady) return not_ready();
  if (!s.pruning.reserved) return not_reserved();
  return s.pruning.head.rank == 0 ? not_worth_it(s) : Status{};
}

// Rows of the head that a step scores exactly now, 0 for all.
uint32_t head_rows_now(const Pruning& p, uint32_t vocabulary) {
  return p.head.packed ? drift_head_rows(p.options, p.guard, vocabulary) : 0;
}

// Pruned logits where that is worth trying: whether they are in place and their margin is not too thin. After two thin ones in a
// row the next steps do not try: 2, then 4, up to 32.
bool try_pruned_logits(Session* s, uint32_t output, uint32_t rows) {
  Pruning& p = s->pruning;
  if (p.dense_left > 0) {
    --p.dense_left;
    return false;
  }
  const uint64_t before = rows_scored(p.head);
  const float margin = pruned_logits(s->model, output, rows, &p.head, &s->workspace);
  p.exact_rows += rows_scored(p.head) - before;
  if (margin >= p.options.margin || p.options.margin == 0) {
    p.thin_streak = 0;
    return true;
  }
  p.thin_streak = std::min(p.thin_streak + 1, kLongestStreak);
  if (p.thin_streak >= 2) p.dense_left = 1u << (p.thin_streak - 1);
  return false;
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
  model_forward(s->model, tokens, count, &s->cache, &s->workspace);
  calibration_add(s->model, s->workspace, count, total, &p.calibration);
  p.window_length += count;
  p.text_next += count;
  if (p.text_next == total) calibration_states_end(&p.calibration);
}

}  // namespace

void pruning_reserve(const ModelConfig& config, Arena* arena, Pruning* pruning) {
  pruned_head_reserve(config, arena, &pruning->head);
  pruning->dense = arena->take<float>(config.vocabulary);
  pruning->reserved = true;
}

void pruning_restart(Pruning* pruning) {
  pruning->guard = {};
  pruning->thin_streak = pruning->dense_left = 0;
  pruning->steps = pruning->exact_rows = 0;
  pruning->window_length = 0;
}

bool pruning_limits_attention(const Session& session) {
  const uint32_t kv_tokens = drift_kv_tokens(session.pruning.options, session.pruning.guard);
  return kv_tokens != 0 && session.cache.length >= kv_tokens;
}

void pruning_forward(Session* session, std::span<const int32_t> tokens, uint32_t outputs) {
  Pruning& p = session->pruning;
  StepLimits limits;
  limits.kv_tokens = drift_kv_tokens(p.options, p.guard);
  p.limited = tokens.size() == 1 && pruning_limits_attention(*session);
  model_forward(session->model, tokens, outputs, &session->cache, &session->workspace, limits);
}

void pruning_logits(Session* session, uint32_t output) {
  Session* s = session;
  Pruning& p = s->pruning;
  const uint32_t vocabulary = s->model.config.vocabulary;
  const uint32_t rows = head_rows_now(p, vocabulary);
  ++p.steps;
  const bool pruned = rows != 0 && try_pruned_logits(s, output, rows);
  if (!pruned) {
    model_logits(s->model, output, &s->workspace);
    p.exact_rows += vocabulary;
  }
  if ((!pruned && !p.limited) || !(p.options.max_kl > 0) || !drift_check_due(&p.guard)) return;
  const std::span<float> logits = s->workspace.logits.first(vocabulary);
  std::copy(logits.begin(), logits.end(), p.dense.begin());
  pruning_dense_logits(s, output);  // which this token then is chosen from
  drift_observe(p.options, kl_divergence(logits, p.dense), p.limited, &p.guard);
}

void pruning_dense_logits(Session* session, uint32_t output) {
  Session* s = session;
  if (s->pruning.limited) {  // once more, with all of the context
    --s->cache.length;
    model_forward(s->model, s->history.subspan(s->cache.length, 1), 1, &s->cache, &s->workspace);
  }
  model_logits(s->model, output, &s->workspace);
}

Status session_set_pruning(Session* session, const PruneOptions& options) {
  if (session->state != LoadState::kReady) return not_ready();
  CAMELGPT_TRY(check_prune_options(options, session->model.config));
  if ((options.head_rows != 0 || options.kv_tokens != 0) && !session->pruning.reserved) return not_reserved();
  session->pruning.options = options;
  pruning_restart(&session->pruning);
  return session_set_drafts(session, options.drafts);
}

Status session_set_prune_mode(Session* session, PruneMode mode) {
  if (session->state != LoadState::kReady) return not_ready();
  return session_set_pruning(session, prune_options(mode, session->model.config));
}

PruneReport session_prune_report(const Session* session) {
  const Pruning& p = session->pruning;
  const ModelConfig& c = session->model.config;
  PruneReport report{};
  report.calibrated = p.head.packed;
  const bool prunes = p.head.packed && p.options.head_rows != 0;
  report.head_rows = head_rows_now(p, c.vocabulary);
  if (report.head_rows == 0) report.head_rows = c.vocabulary;
  const uint32_t kv_tokens = drift_kv_tokens(p.options, p.guard);
  report.kv_tokens = kv_tokens == 0 ? session->cache.length : std::min(session->cache.length, kv_tokens);
  report.macs_dense = session->model.macs_per_token;
  const uint64_t head_dense = static_cast<uint64_t>(c.vocabulary) * c.hidden;
  const double exact = p.steps == 0 ? report.head_rows : static_cast<double>(p.exact_rows) / static_cast<double>(p.steps);
  const double coarse = prunes ? static_cast<double>(p.head.rank) * (c.hidden + c.vocabulary) : 0;
  report.macs = static_cast<uint64_t>(static_cast<double>(report.macs_dense - head_dense) + exact * c.hidden + coarse);
  const NeuronCount& neurons = session->workspace.neurons;
  report.ffn_kept = neurons.total == 0 ? 1 : static_cast<float>(static_cast<double>(neurons.fired) / static_cast<double>(neurons.total));
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
  if (!p.text.append(s->tokens.data(), token_count)) return out_of_memory("the text to calibrate with", token_count * sizeof(int32_t));
  p.text_next = p.window_length = 0;
  s->generating = s->scoring = false;
  return calibration_begin(s->model, &p.head, &p.calibration);
}

Status session_calibrate_continue(Session* session, uint32_t* left) {
  Session* s = session;
  *left = 0;
  CAMELGPT_TRY(can_calibrate(*s));
  Pruning& p = s->pruning;
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

Status session_sidecar(Session* session) {
  CAMELGPT_TRY(can_calibrate(*session));
  if (!session->pruning.head.packed) {
    Status status = make_error(ErrorCode::kBadState, "There is no sidecar yet.");
    return with_hint(status, "Calibrate first.");
  }
  session->output.clear();
  return sidecar_write(session->model, session->pruning.calibration.result, &session->output);
}

Status session_use_sidecar(Session* session, size_t size) {
  CAMELGPT_TRY(can_calibrate(*session));
  if (size > session->text.size()) return make_error(ErrorCode::kBadInput, "The text buffer is smaller than that.");
  Pruning& p = session->pruning;
  Sidecar sidecar;
  CAMELGPT_TRY(sidecar_read(session->model, {reinterpret_cast<const uint8_t*>(session->text.data()), size}, &sidecar));
  p.calibration = {};
  p.calibration.result = std::move(sidecar);
  p.text.release();
  p.text_next = 0;
  return calibration_resume(session->model, &p.head, &p.calibration);
}

}  // namespace camelgpt
