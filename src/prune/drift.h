// The drift guard: now and then the dense step runs beside the pruned one, and where the two have drifted apart less is
// left out from then on.
#pragma once

#include <cstdint>
#include <span>

#include "prune/options.h"

namespace camelgpt {

inline constexpr uint32_t kDriftInterval = 64;  // steps between two looks
inline constexpr uint32_t kDriftSoon = 8;       // after a look that found too much, or after an event

struct DriftGuard {
  uint32_t until_check = kDriftSoon;
  uint32_t widened = 0;  // how often what is kept has been doubled
  double mean_kl = 0;    // of the last looks, weighted towards the latest; at first half of the budget
  uint64_t checks = 0;
  uint64_t events = 0;  // looks that found too much
};

// Counts a step: whether the dense step is to run beside it.
bool drift_check_due(DriftGuard* guard);
// What a look found: kl in nats, of a step whose attention was pruned or not. Pruned attention may cost kLimitedBudget
// times the budget.
inline constexpr double kLimitedBudget = 2.5;
void drift_observe(const PruneOptions& options, double kl, bool limited, DriftGuard* guard);
// Rows of the head to score exactly now, and positions for attention to read; 0 for all.
uint32_t drift_head_rows(const PruneOptions& options, const DriftGuard& guard, uint32_t vocabulary);
uint32_t drift_kv_tokens(const PruneOptions& options, const DriftGuard& guard);

// The Kullback-Leibler divergence of the distribution of `pruned` logits from that of `dense` ones, in nats.
double kl_divergence(std::span<const float> dense, std::span<const float> pruned);

}  // namespace camelgpt
