// A calibration text → the tables of EPDP, in short steps; the tables ↔ a sidecar.
#include <algorithm>

#include "session/session.h"

namespace camelgpt {
namespace {

constexpr uint32_t kWindow = 512;        // tokens of the calibration text that share a context
constexpr uint32_t kStepsPerBatch = 64;  // evaluating a batch takes about as long as this many steps of the analysis

Status no_memory_reserved() {
  Status status = make_error(ErrorCode::kBadState, "The model was loaded without memory for this pruning.");
  return with_hint(status, "Load it with the option epdp set to a mode, or to numbers that ask for this.");
}

Status nothing_to_prune(const Session& s) {
  Status status = make_error(ErrorCode::kBadInput,
                             "There is nothing to prune in this model: its output head is too small, or is not used in "
                             "every step.");
  status = with_expected(status, "at least 8192 tokens and a width of 256");
  return with_found(status, "%u tokens, width %u", config_of(s).vocabulary, config_of(s).hidden);
}

// Returns an error unless memory is reserved for a pruned output head and the head is large enough.
Status expect_prunable_head(const Session& s) {
  if (!s.memory.pruning.head_reserved) return no_memory_reserved();
  return s.memory.pruning.head.rank == 0 ? nothing_to_prune(s) : Status{};
}

Status expect_calibratable(const Session& s) {
  CAMELGPT_TRY(expect_complete(s));
  return expect_prunable_head(s);
}

// In a mode, skips the neurons that the model was trained to do without, if memory was reserved for the others.
void take_trained_ffn(Session* s) {
  const float ffn = s->pruning.calibration.result.ffn;
  const uint32_t kept = kept_neurons(config_of(*s), ffn);
  const bool applies = s->pruning.by_mode && kept != 0 && kept == s->memory.pruning.neurons.kept;
  s->pruning.options.ffn = applies ? ffn : 0;
}

// Evaluates the next tokens of the calibration text and adds their hidden states.
void learn(Session* s, Sequence* q) {
  Pruning& p = s->pruning;
  const uint32_t window = std::min(kWindow, q->cache.context);
  if (p.window_length >= window) p.window_length = 0;
  if (p.window_length == 0) q->cache.length = 0;
  const uint32_t total = static_cast<uint32_t>(p.text.size());
  const uint32_t count = std::min({kMaxBatch, window - p.window_length, total - p.text_next});
  const std::span<int32_t> tokens = q->history.subspan(p.window_length, count);
  std::copy_n(p.text.begin() + p.text_next, count, tokens.begin());
  const TokenRun run{&q->cache, tokens, count};
  model_forward(model_of(*s), {&run, 1}, &s->memory.workspace);
  calibration_add(model_of(*s), s->memory.workspace, count, total, &p.calibration);
  p.window_length += count;
  p.text_next += count;
  if (p.text_next == total) calibration_states_end(&p.calibration);
}

Status begin_calibration(Session* s, std::span<const int32_t> tokens) {
  Pruning& p = s->pruning;
  CAMELGPT_TRY(check_tokens(*s, tokens));
  if (tokens.size() < kMinCalibrationTokens || tokens.size() > UINT32_MAX / 2) {
    Status status = make_error(ErrorCode::kBadInput, "The text is too short to calibrate with.");
    status = with_expected(status, "at least %u tokens", kMinCalibrationTokens);
    return with_found(status, "%zu tokens", tokens.size());
  }
  p.calibration.stage = Calibration::Stage::kDone;  // if memory runs out, there is nothing to resume
  p.text.clear();
  p.text_next = 0;
  if (!p.text.append(tokens.data(), tokens.size())) {
    return out_of_memory("the text to calibrate with", tokens.size_bytes());
  }
  const Status status = calibration_begin(model_of(*s), &s->memory.pruning.head, &p.calibration);
  if (!status.ok()) p.calibration.stage = Calibration::Stage::kDone;
  return status;
}

}  // namespace

Status session_set_pruning(Session* session, const PruneOptions& wanted) {
  Session* s = session;
  if (s->state != LoadState::kReady) return not_ready();
  const ModelConfig& config = config_of(*s);
  CAMELGPT_TRY(record_check(kPruneOptionsRecord, &wanted));
  if (s->chunks.in_use()) return {};  // byte-level models stay dense
  CAMELGPT_TRY(check_prune_options(wanted, config));
  const bool by_mode = wanted.mode != PruneMode::kCustom;
  const PruneOptions options = by_mode ? prune_options(wanted.mode, config) : wanted;
  const PruneMemory& memory = s->memory.pruning;
  const uint32_t kept = kept_neurons(config, options.ffn);
  if (memory.dense.empty() && (options.head_rows != 0 || options.kv_tokens != 0)) return no_memory_reserved();
  if (options.head_rows != 0 && !memory.head_reserved) return no_memory_reserved();
  if (kept != memory.neurons.kept && kept != 0) return no_memory_reserved();
  s->activity = {};
  Pruning& p = s->pruning;
  p.options = options;
  p.by_mode = by_mode && wanted.mode != PruneMode::kOff;
  if (kept == 0) p.options.ffn = 0;
  p.neurons_of = nullptr;
  pruning_restart(s, latest_sequence(s), 0, 0);
  if (by_mode) take_trained_ffn(s);
  return {};
}

Status session_begin(Session* session, const CalibrateRequest& request) {
  Session* s = session;
  s->activity = {};
  CAMELGPT_TRY(expect_calibratable(*s));
  Pruning& p = s->pruning;
  if (!request.tokens.empty()) {
    CAMELGPT_TRY(begin_calibration(s, request.tokens));
  } else if (p.calibration.stage == Calibration::Stage::kDone) {
    return make_error(ErrorCode::kBadState, "There is no calibration to resume.");
  }
  Sequence* const q = take_oldest_sequence(s);
  forget_text(q);
  pruning_restart(s, q, 0, 0);
  p.window_length = 0;
  s->activity = {.kind = ActivityKind::kCalibrate, .sequence = q};
  return {};
}

Status calibrate_continue(Session* session, ActivityProgress* progress) {
  Pruning& p = session->pruning;
  if (p.calibration.stage == Calibration::Stage::kStates) {
    learn(session, session->activity.sequence);
  } else {
    const Status status =
        calibration_step(model_of(*session), &session->memory.workspace, &session->memory.pruning.head, &p.calibration);
    if (!status.ok()) {
      p.calibration = {};
      return status;
    }
  }
  progress->processed = 1;
  progress->state = calibrate_remaining(*session) > 0 ? ActivityState::kMore : ActivityState::kDone;
  return {};
}

uint64_t calibrate_remaining(const Session& session) {
  const Pruning& p = session.pruning;
  const uint32_t tokens = static_cast<uint32_t>(p.text.size()) - p.text_next;
  return calibration_remaining(model_of(session), p.calibration) +
         uint64_t{(tokens + kMaxBatch - 1) / kMaxBatch} * kStepsPerBatch;
}

Status session_set_trained_ffn(Session* session, float ffn) {
  if (session->state != LoadState::kReady) return not_ready();
  PruneOptions options;
  options.ffn = ffn;
  CAMELGPT_TRY(check_prune_options(options, config_of(*session)));
  session->pruning.calibration.result.ffn = ffn;
  return {};
}

Status session_sidecar(const Session* session, Buffer<char>* bytes) {
  const Session& s = *session;
  const PrunedHead& head = s.memory.pruning.head;
  // A model without a prunable head has a sidecar if it was trained to skip neurons.
  const bool only_ffn = pruned_head_rank(config_of(s)) == 0 && s.pruning.calibration.result.ffn != 0;
  if (!only_ffn) {
    CAMELGPT_TRY(expect_calibratable(s));
    if (!head.packed) {
      return with_hint(make_error(ErrorCode::kBadState, "There is no sidecar yet."), "Calibrate first.");
    }
  }
  Sidecar sidecar = s.pruning.calibration.result;
  sidecar.data_position = s.data_position;
  return sidecar_write(model_of(s), head, sidecar, bytes);
}

Status session_use_sidecar(Session* session, std::span<const uint8_t> bytes) {
  Session* s = session;
  if (s->state != LoadState::kReady) return not_ready();
  if (pruned_head_rank(config_of(*s)) != 0) CAMELGPT_TRY(expect_prunable_head(*s));
  if (s->activity.kind == ActivityKind::kCalibrate) s->activity = {};
  Pruning& p = s->pruning;
  p.calibration = {};
  p.text.release();
  p.text_next = 0;
  CAMELGPT_TRY(sidecar_read(model_of(*s), bytes, &s->memory.pruning.head, &p.calibration.result));
  take_trained_ffn(s);
  return is_complete(*s) ? pruning_check_head(s) : Status{};
}

Status pruning_check_head(Session* session) {
  PrunedHead& head = session->memory.pruning.head;
  const Sidecar& sidecar = session->pruning.calibration.result;
  if (!head.packed || sidecar.head == 0) return {};
  const Status status = sidecar_check_head(model_of(*session), sidecar);
  if (!status.ok()) head.packed = false;
  return status;
}

}  // namespace camelgpt
