#include "prune/drift.h"

#include <algorithm>
#include <cmath>

#include "kernels/kernels.h"
#include "model/config.h"

namespace camelgpt {
namespace {

constexpr double kNewestWeight = 0.125;  // in the moving average
// Caps one check, in budgets: three bad tokens in a row cause an event, two do not.
constexpr double kMaxObserved = 2.5;
constexpr uint32_t kMaxWidened = 8;

void check_soon(DriftGuard* guard) {
  guard->until_check = kDriftSoon;
  guard->interval = kDriftInterval;
}

}  // namespace

bool drift_check_due(DriftGuard* guard) {
  if (guard->until_check > 1) {
    --guard->until_check;
    return false;
  }
  guard->until_check = guard->interval;
  guard->interval = std::min(2 * guard->interval, kMaxDriftInterval);
  return true;
}

void drift_observe(const PruneOptions& options, double kl, bool attention_pruned, DriftGuard* guard) {
  const double budget = static_cast<double>(options.max_kl) * (attention_pruned ? kPrunedAttentionBudget : 1);
  if (budget == 0) {  // the guard only measures
    guard->mean_kl += (kl - guard->mean_kl) / static_cast<double>(++guard->checks);
    return;
  }
  const double observed = std::isfinite(kl) ? std::min(kl, kMaxObserved * budget) : kMaxObserved * budget;
  if (guard->checks == 0) guard->mean_kl = budget / 2;
  guard->mean_kl += (observed - guard->mean_kl) * kNewestWeight;
  ++guard->checks;
  if (guard->mean_kl <= budget) {
    if (observed > budget) check_soon(guard);
    return;
  }
  ++guard->events;
  guard->widened = std::min(guard->widened + 1, kMaxWidened);
  guard->mean_kl = budget / 2;  // earlier checks say nothing about the new settings
  check_soon(guard);
}

uint32_t drift_head_rows(const PruneOptions& options, const DriftGuard& guard, uint32_t vocabulary) {
  const uint64_t rows = static_cast<uint64_t>(options.head_rows) << guard.widened;  // 0 stays 0
  return rows * 2 >= vocabulary ? 0 : static_cast<uint32_t>(rows);
}

uint32_t drift_kv_tokens(const PruneOptions& options, const DriftGuard& guard) {
  const uint64_t tokens = static_cast<uint64_t>(options.kv_tokens) << guard.widened;
  return tokens >= kMaxContext ? 0 : static_cast<uint32_t>(tokens);
}

double kl_divergence(std::span<const float> dense, std::span<const float> pruned) {
  const Kernels& k = kernels();
  const uint32_t count = static_cast<uint32_t>(dense.size());
  const float dense_top = dense[k.argmax(dense.data(), count)], pruned_top = pruned[k.argmax(pruned.data(), count)];
  const double dense_sum = k.sum_exp(dense.data(), count, dense_top);
  const double offset = std::log(k.sum_exp(pruned.data(), count, pruned_top)) + static_cast<double>(pruned_top) -
                        std::log(dense_sum) - static_cast<double>(dense_top);
  double sum = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (dense[i] == pruned[i]) continue;  // scored exactly: it differs only by `offset`, which is added at the end
    sum += static_cast<double>(std::exp(dense[i] - dense_top)) * static_cast<double>(dense[i] - pruned[i]);
  }
  return sum / dense_sum + offset;
}

}  // namespace camelgpt
