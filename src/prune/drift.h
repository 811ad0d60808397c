// The drift guard: occasionally compares a pruned step with the dense one, and prunes less when they diverge.
#pragma once

#include <cstdint>
#include <span>

#include "prune/options.h"

namespace camelgpt {

inline constexpr uint32_t kDriftInterval = 64;  // steps between the first two checks
// The interval doubles after each check within the budget, up to this, since every step estimates its own divergence.
inline constexpr uint32_t kMaxDriftInterval = 256;
inline constexpr uint32_t kDriftSoon = 8;  // steps until the first check, or after one above the budget

struct DriftGuard {
  uint32_t until_check = kDriftSoon;   // steps
  uint32_t interval = kDriftInterval;  // steps to the check after the next one
  uint32_t widened = 0;                // times that head_rows and kv_tokens were doubled; above 0, all neurons run
  double mean_kl = 0;  // nats: moving average that starts at half of the budget; without a budget, the plain mean
  uint64_t checks = 0;
  uint64_t events = 0;  // checks that raised `widened`, because mean_kl exceeded the budget
};

// Counts a step and returns whether to run the dense step with it.
bool drift_check_due(DriftGuard* guard);
// Factor on PruneOptions::max_kl, the budget, for steps with pruned attention.
inline constexpr double kPrunedAttentionBudget = 2.5;
// Records a check. `kl` is in nats; `attention_pruned` tells whether the step's attention was pruned. If the mean
// exceeds the budget, the numbers of head rows and positions double.
void drift_observe(const PruneOptions& options, double kl, bool attention_pruned, DriftGuard* guard);
// Return the current number of head rows to score exactly, and of positions for attention to read; 0 means all.
uint32_t drift_head_rows(const PruneOptions& options, const DriftGuard& guard, uint32_t vocabulary);
uint32_t drift_kv_tokens(const PruneOptions& options, const DriftGuard& guard);

// Returns the Kullback-Leibler divergence KL(dense || pruned) of two distributions given as logits, in nats.
double kl_divergence(std::span<const float> dense, std::span<const float> pruned);

}  // namespace camelgpt
