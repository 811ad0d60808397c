#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "prune/drift.h"
#include "random_weights.h"

using namespace camelgpt;

static PruneOptions budget(float max_kl) {
  PruneOptions options;
  options.head_rows = 100;
  options.kv_tokens = 64;
  options.max_kl = max_kl;
  return options;
}

static uint32_t steps_to_check(DriftGuard* guard) {
  uint32_t steps = 1;
  while (!drift_check_due(guard)) ++steps;
  return steps;
}

TEST_CASE("the guard checks soon at first, then at intervals that grow") {
  DriftGuard guard;
  CHECK(steps_to_check(&guard) == kDriftSoon);
  drift_observe(budget(0.02f), 0.01, false, &guard);
  CHECK(steps_to_check(&guard) == kDriftInterval);
  CHECK(guard.checks == 1);
  CHECK(guard.events == 0);
  CHECK(steps_to_check(&guard) == 2 * kDriftInterval);
  for (int i = 0; i < 9; ++i) steps_to_check(&guard);
  CHECK(steps_to_check(&guard) == kMaxDriftInterval);
  drift_observe(budget(0.02f), 0.03, false, &guard);
  CHECK(steps_to_check(&guard) == kDriftSoon);
  CHECK(steps_to_check(&guard) == kDriftInterval);
}

TEST_CASE("drift within the budget changes nothing; above it, less is pruned, in the end nothing") {
  const PruneOptions options = budget(0.02f);
  DriftGuard guard;
  for (int i = 0; i < 50; ++i) drift_observe(options, 0.019, false, &guard);
  CHECK(guard.events == 0);
  CHECK(drift_head_rows(options, guard, 10000) == 100);
  CHECK(drift_kv_tokens(options, guard) == 64);
  uint32_t rows = 100;
  for (int i = 0; i < 80; ++i) {
    drift_observe(options, 1.0, false, &guard);
    const uint32_t now = drift_head_rows(options, guard, 10000);
    CHECK((now == 0 || now >= rows));
    rows = now == 0 ? UINT32_MAX : now;
  }
  CHECK(drift_head_rows(options, guard, 10000) == 0);
  CHECK(drift_kv_tokens(options, guard) == 64 << 8);
  CHECK(guard.events > 3);
}

TEST_CASE("pruned attention has a larger budget") {
  const PruneOptions options = budget(0.02f);
  DriftGuard guard;
  for (int i = 0; i < 50; ++i) drift_observe(options, 0.045, true, &guard);
  CHECK(guard.events == 0);
  drift_observe(options, 0.045, false, &guard);
  drift_observe(options, 0.045, false, &guard);
  CHECK(guard.events > 0);
}

TEST_CASE("one bad token among good ones is not an event but is checked again soon") {
  const PruneOptions options = budget(0.02f);
  DriftGuard guard;
  for (int i = 0; i < 10; ++i) drift_observe(options, 0.001, false, &guard);
  steps_to_check(&guard);
  drift_observe(options, 0.05, false, &guard);
  CHECK(guard.events == 0);
  CHECK(steps_to_check(&guard) == kDriftSoon);
  drift_observe(options, NAN, false, &guard);  // NaN counts as drift
  CHECK(guard.events == 0);
  for (int i = 0; i < 3; ++i) drift_observe(options, NAN, false, &guard);
  CHECK(guard.events > 0);
}

TEST_CASE("kl_divergence agrees with the definition, also for logits that are exact or shifted") {
  TestRandom random(3);
  std::vector<float> dense(1000), pruned(1000);
  for (size_t i = 0; i < dense.size(); ++i) {
    dense[i] = random.real() * 8;
    pruned[i] = i % 3 == 0 ? dense[i] : dense[i] + random.real() + 5;
  }
  const auto logprobs = [](const std::vector<float>& logits) {
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
    std::vector<double> result;
    for (const float logit : logits) result.push_back(static_cast<double>(logit) - std::log(sum));
    return result;
  };
  const std::vector<double> p = logprobs(dense), q = logprobs(pruned);
  double expected = 0;
  for (size_t i = 0; i < p.size(); ++i) expected += std::exp(p[i]) * (p[i] - q[i]);
  CHECK(std::fabs(kl_divergence(dense, pruned) - expected) < 1e-5);
  CHECK(kl_divergence(dense, dense) == 0);
}
