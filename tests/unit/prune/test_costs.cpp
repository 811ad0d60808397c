#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "prune/costs.h"
#include "prune/drift.h"
#include "random_weights.h"

using namespace camelgpt;

static constexpr uint32_t kRows = 9600;

static ModelConfig config() {
  ModelConfig config{};
  config.vocabulary = kRows;
  return config;
}

// Normally distributed, about.
static float noise(TestRandom* random) {
  float sum = 0;
  for (int i = 0; i < 12; ++i) sum += static_cast<float>(random->next() % 4096) / 4096;
  return sum - 6;
}

struct Logits {
  std::vector<float> dense, coarse;
};
static Logits logits(float spread, float error, uint64_t seed) {
  TestRandom random(seed);
  Logits made;
  for (uint32_t i = 0; i < kRows; ++i) {
    made.dense.push_back(spread * noise(&random));
    made.coarse.push_back(made.dense.back() - error * noise(&random));
  }
  return made;
}

static CoarseErrors errors_of(const Logits& logits) {
  uint32_t rows[kErrorRows];
  float errors[kErrorRows];
  error_rows(kRows, rows);
  for (uint32_t i = 0; i < kErrorRows; ++i) {
    REQUIRE(rows[i] < kRows);
    REQUIRE((i == 0 || rows[i] > rows[i - 1]));
    errors[i] = logits.dense[rows[i]] - logits.coarse[rows[i]];
  }
  return coarse_errors(errors);
}

static HeadCosts costs_of(float spread, float error) {
  HeadCosts costs;
  for (uint32_t i = 0; i < 2 * kCostGroups; ++i) {
    const Logits made = logits(spread, error, i + 1);
    head_costs_add(config(), made.dense, made.coarse, i / 2, &costs);
  }
  return costs;
}

TEST_CASE("the errors of a few rows tell the mass that coarse logits understate") {
  const CoarseErrors found = errors_of(logits(2, 1.5f, 7));
  CHECK(found.deviation == doctest::Approx(1.5f).epsilon(0.1));
  CHECK(found.shift == doctest::Approx(1.5f * 1.5f / 2).epsilon(0.25));
  const float infinite[4] = {0, 1, HUGE_VALF, 0};
  CHECK(coarse_errors(infinite).deviation == HUGE_VALF);
}

TEST_CASE("a step is safe if its tail is light and its lead is wide compared with the errors") {
  CHECK(expected_kl(1, 0, 2) == 0);
  CHECK(expected_kl(3, 1, 2) == doctest::Approx(0.5));
  CHECK(expected_kl(0, 0, 2) == HUGE_VALF);
  const HeadLimits limits{8, 0.02f};
  CHECK(is_within_limits({12, 1, 0.01f}, limits));
  CHECK_FALSE(is_within_limits({7, 1, 0.01f}, limits));
  CHECK(is_within_limits({7, 1, 0.01f}, {0, 0.02f}));
  CHECK_FALSE(is_within_limits({12, 1, 0.1f}, limits));
  CHECK(is_within_limits({12, 1, 0.1f}, {8, 0}));
  CHECK_FALSE(is_within_limits({12, 4, 0.01f}, limits));
  CHECK_FALSE(is_within_limits({HUGE_VALF, HUGE_VALF, HUGE_VALF}, limits));
}

TEST_CASE("a step is widened as long as that takes less than a dense step") {
  for (uint32_t i = kFirstChoice; i < kFirstChoice + kRowChoices; ++i) {
    CHECK(wider_rows(kRows / kRowDivisors[i], kRows) == kRows / kRowDivisors[i] * kWiderRows);
    CHECK(kRowDivisors[i] == kRowDivisors[i + kWiderChoice] * kWiderRows);
  }
  CHECK(wider_rows(kRows / 8, kRows) == 0);
  // A choice is widened twice as far as the divisors have an entry for it.
  for (uint32_t i = kFirstChoice; i < kFirstChoice + kRowChoices; ++i) {
    const bool is_listed = i + 2 * kWiderChoice < kRowNumbers;
    CHECK((wider_rows(wider_rows(kRows / kRowDivisors[i], kRows), kRows) != 0) == is_listed);
  }
}

TEST_CASE("a step is narrow only if its tail is far within the budget") {
  CHECK(narrow_rows(400, {8, 0.02f}) == 100);
  CHECK(narrow_rows(400, {8, 0}) == 0);  // nothing tells how heavy the tail is
  const HeadLimits limits{8, 0.02f}, narrow = narrow_limits(limits);
  CHECK(is_within_limits({12, 1, 0.001f}, narrow));
  CHECK(is_within_limits({12, 1, 0.004f}, limits));
  CHECK_FALSE(is_within_limits({12, 1, 0.004f}, narrow));
  CHECK_FALSE(is_within_limits({7, 1, 0.001f}, narrow));
}

TEST_CASE("the cost of a number of rows is the divergence of a step with these rows") {
  const Logits made = logits(4, 1, 3);
  HeadCosts costs;
  head_costs_add(config(), made.dense, made.coarse, 0, &costs);
  const float shift = errors_of(made).shift;
  uint32_t compared = 0;
  for (uint32_t i = 0; i < kRowChoices; ++i) {
    const HeadCosts::Sums& sums = costs.sums[2][i];  // of the aggressive mode
    if (sums.dense + sums.wider > 0) continue;
    const uint32_t scored = kFirstChoice + i - (sums.narrow > 0 ? kWiderChoice : 0);
    const float threshold = select_rows(made.coarse, kRows / kRowDivisors[scored]).threshold;
    std::vector<float> pruned = made.dense;
    for (uint32_t row = 0; row < kRows; ++row) {
      if (made.coarse[row] < threshold) pruned[row] = made.coarse[row] + shift;
    }
    CHECK(sums.kl[0] == doctest::Approx(kl_divergence(made.dense, pruned)).epsilon(0.01));
    ++compared;
  }
  CHECK(compared > 0);
}

TEST_CASE("the chosen rows keep the promise, and careful modes score more") {
  for (const float error : {0.1f, 0.8f, 1.2f}) {
    CAPTURE(error);
    const HeadCosts costs = costs_of(8, error);
    const MeasuredCost exact = head_costs_choose(config(), costs, 0), balanced = head_costs_choose(config(), costs, 1);
    CHECK(exact.head_rows >= balanced.head_rows);
    CHECK(exact.kl <= 0.005f);
    CHECK(balanced.kl <= 0.01f);
    CHECK(balanced.top1 >= 0.99f);
  }
  CHECK(head_costs_choose(config(), costs_of(8, 0.1f), 1).head_rows < kRows / 32);
  CHECK(head_costs_choose(config(), {}, 1).head_rows == kRows / 32);  // without states, the mode's number stays
}
