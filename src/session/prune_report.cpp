// Statistics of EPDP in the latest generation.
#include <algorithm>

#include "session/session.h"

namespace camelgpt {
namespace {

// The mean multiply-adds of a step in matrices.
double pruned_macs(const Session& s, const StepPruning& p, uint32_t head_rows, double skipping_share) {
  const ModelConfig& c = config_of(s);
  const PrunedHead& head = s.memory.pruning.head;
  const uint64_t dense_head = static_cast<uint64_t>(c.vocabulary) * c.hidden;
  const double exact = p.steps == 0 ? head_rows : static_cast<double>(p.exact_rows) / static_cast<double>(p.steps);
  const bool has_coarse = head.packed && s.pruning.options.head_rows != 0;
  const double coarse = has_coarse ? static_cast<double>(head.rank) * (c.hidden + c.vocabulary) : 0;
  const double skipped = skipping_share * 3 * (c.ffn - s.memory.pruning.neurons.kept) * c.hidden * c.layers;
  return static_cast<double>(model_of(s).macs_per_token - dense_head) + exact * c.hidden + coarse - skipped;
}

}  // namespace

PruneReport session_prune_report(const Session* session) {
  const Session& s = *session;
  const ModelConfig& c = config_of(s);
  const Sequence* latest = latest_sequence(session);
  PruneReport report{};
  report.has_large_head = pruned_head_rank(c) != 0;
  report.calibrated = s.memory.pruning.head.packed || s.pruning.calibration.result.ffn != 0;
  report.head_reserved = s.memory.pruning.head_reserved;
  report.macs_per_token_dense = model_of(s).macs_per_token;
  report.head_rows = c.vocabulary;
  report.ffn_kept = 1;
  report.mean_kl = -1;
  std::copy_n(s.pruning.calibration.result.costs, kMeasuredCosts, report.costs);
  if (latest == nullptr) return report;

  const StepPruning& p = latest->pruning;
  const uint32_t rows = s.memory.pruning.head.packed ? drift_head_rows(s.pruning.options, p.guard, c.vocabulary) : 0;
  if (rows != 0) report.head_rows = rows;
  const uint32_t kv_tokens = drift_kv_tokens(s.pruning.options, p.guard);
  report.kv_tokens = kv_tokens == 0 ? latest->cache.length : std::min(latest->cache.length, kv_tokens);
  const NeuronCount& neurons = s.memory.workspace.neurons;
  if (neurons.total != 0) {
    report.ffn_kept = static_cast<float>(static_cast<double>(neurons.fired) / static_cast<double>(neurons.total));
  }
  double skipping_share = 0;  // of the steps
  if (p.skipping_steps > 0) {
    skipping_share = static_cast<double>(p.skipping_steps) / static_cast<double>(p.steps);
    report.ffn_kept = static_cast<float>(1 - skipping_share * (c.ffn - s.memory.pruning.neurons.kept) / c.ffn);
  }
  report.macs_per_token = static_cast<uint64_t>(pruned_macs(s, p, report.head_rows, skipping_share));
  report.drift_checks = p.guard.checks;
  report.drift_events = p.guard.events;
  if (p.guard.checks != 0) report.mean_kl = static_cast<float>(p.guard.mean_kl);
  report.drafted = latest->generation.drafts.drafted;
  report.accepted = latest->generation.drafts.accepted;
  return report;
}

std::span<const uint8_t> session_head_map(const Session* session) {
  const Sequence* latest = latest_sequence(session);
  if (latest == nullptr || !latest->pruning.has_map) return {};
  return session->memory.pruning.head.map;
}

std::span<const uint32_t> session_open_neurons(const Session* session) {
  return session->state == LoadState::kReady ? session->memory.workspace.open_neurons : std::span<const uint32_t>{};
}

}  // namespace camelgpt
