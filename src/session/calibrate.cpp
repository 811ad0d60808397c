// A calibration text → the tables of EPDP, in short steps; the tables ↔ a sidecar.
#include <algorithm>

#include "quant/neuron_panel.h"
#include "session/session.h"

namespace camelgpt {
namespace {

constexpr uint32_t kWindow = 128;        // tokens of the calibration text that share a context
constexpr uint32_t kMaxWindows = 32;     // of a longer text, evenly spaced windows are evaluated
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

// In a mode, scores as many rows of the head as the calibration found to keep its promise, and skips the neurons that
// the model was trained to do without, if memory was reserved for the others.
void take_calibration(Session* s) {
  Pruning& p = s->pruning;
  if (p.mode == PruneMode::kCustom) return;
  const Sidecar& result = p.calibration.result;
  const uint32_t kept = kept_neurons(config_of(*s), result.ffn);
  const bool applies = p.mode != PruneMode::kOff && kept != 0 && kept == s->memory.pruning.neurons.kept;
  p.options.ffn = applies ? result.ffn : 0;
  for (uint32_t i = 0; i < kMeasuredCosts; ++i) {
    if (p.mode == kMeasuredModes[i] && result.costs[i].head_rows != 0) p.options.head_rows = result.costs[i].head_rows;
  }
}

// Stores the output head row by row while steps read single rows of it, and otherwise in groups of eight, which make
// dense steps fast. Takes a tenth of a second for 170 MB.
void order_head(Session* s) {
  const Panel& head = s->memory.model.head.weight;
  const bool by_rows = s->memory.pruning.head.packed && s->pruning.options.head_rows != 0;
  const PanelOrder order = by_rows ? PanelOrder::kRows : PanelOrder::kGroups;
  if (!is_complete(*s) || !has_neuron_order(head.kind) || head.order == order) return;
  parallel([&](const Worker& worker) {
    const std::span<uint8_t> scratch = s->memory.workspace.threads[worker.index].group;
    worker.for_each_slice(panel_groups(head.rows), 1,
                          [&](Range groups) { neuron_panel_reorder(head, groups, order, scratch.data()); });
  });
  for (Model* model : {&s->memory.model, &s->memory.pruning.neurons.pruned_model}) {
    if (model->embedding.data == head.data) model->embedding.order = order;
    model->head.weight.order = order;
  }
}

uint32_t window_length(const Session& s) { return std::min(kWindow, s.sequences[0].cache.context); }

// Copies the windows of the text that are evaluated. Each begins with the model's BOS token if the text does, since
// states without it are unlike those of any prompt.
Status sample_windows(std::span<const int32_t> tokens, bool has_bos, uint32_t window, Buffer<int32_t>* sampled) {
  const std::span<const int32_t> text = tokens.subspan(has_bos ? 1 : 0);
  const size_t length = window - (has_bos ? 1 : 0);
  const size_t windows = std::min<size_t>(kMaxWindows, (text.size() + length - 1) / length);
  const bool is_sampled = windows * length < text.size();
  for (size_t i = 0; i < windows; ++i) {
    const size_t begin = is_sampled ? i * (text.size() - length) / (windows - 1) : i * length;
    const std::span<const int32_t> part = text.subspan(begin, std::min(length, text.size() - begin));
    if ((has_bos && !sampled->append(tokens.data(), 1)) || !sampled->append(part.data(), part.size())) {
      return out_of_memory("the text to calibrate with", windows * window * sizeof(int32_t));
    }
  }
  return {};
}

// Evaluates the next tokens of the calibration text and adds their hidden states. After an interruption, the window's
// earlier tokens are evaluated again first.
void learn(Session* s, Sequence* q) {
  Pruning& p = s->pruning;
  const uint32_t total = static_cast<uint32_t>(p.text.size()), window = window_length(*s);
  const uint32_t position = p.text_next % window, first = p.text_next - position;
  if (position == 0) q->cache.length = 0;
  const uint32_t begin = q->cache.length;
  const bool again = begin < position;
  const uint32_t count = std::min({kMaxBatch, (again ? position : window) - begin, total - first - begin});
  const std::span<int32_t> tokens = q->history.subspan(begin, count);
  std::copy_n(p.text.begin() + first + begin, count, tokens.begin());
  const TokenRun run{&q->cache, tokens, again ? 0 : count};
  model_forward(model_of(*s), {&run, 1}, &s->memory.workspace);
  if (again) return;
  calibration_add(model_of(*s), s->memory.workspace, count, total, &p.calibration);
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
  CAMELGPT_TRY(sample_windows(tokens, tokens[0] == s->tokenizer.bos_token, window_length(*s), &p.text));
  const Status status = calibration_begin(model_of(*s), &s->memory.pruning.head, &p.calibration);
  order_head(s);
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
  Pruning& p = s->pruning;
  if (s->activity.kind != ActivityKind::kGenerate) s->activity = {};
  p.options = options;
  p.mode = wanted.mode;
  if (kept == 0) p.options.ffn = 0;
  p.neurons_of = nullptr;
  for (Sequence& q : std::span(s->sequences, s->sequence_count)) pruning_reset(*s, q.pruning.prompt_end, &q);
  take_calibration(s);
  order_head(s);
  return {};
}

Status session_begin(Session* session, const CalibrateRequest& request) {
  Session* s = session;
  end_activities(s);
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
  if (p.calibration.stage == Calibration::Stage::kDone) {
    take_calibration(session);
    order_head(session);
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
  take_calibration(s);
  return is_complete(*s) ? pruning_check_head(s) : Status{};
}

Status pruning_check_head(Session* session) {
  PrunedHead& head = session->memory.pruning.head;
  const Sidecar& sidecar = session->pruning.calibration.result;
  Status status;
  if (head.packed && sidecar.head != 0) status = sidecar_check_head(model_of(*session), sidecar);
  if (!status.ok()) head.packed = false;
  order_head(session);
  return status;
}

}  // namespace camelgpt
