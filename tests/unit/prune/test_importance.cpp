#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "prune/importance.h"
#include "prune/matrices.h"
#include "random_weights.h"

using namespace camelgpt;

static constexpr uint32_t kWidth = 96, kRank = 32, kCount = 400;

// Returns random rows in a few directions of decreasing strength, plus noise.
static std::vector<float> correlated(uint64_t seed, uint32_t directions, float noise) {
  TestRandom random(seed), basis(7);
  std::vector<float> base(directions * kWidth);
  for (float& value : base) value = basis.real();
  std::vector<float> x(kCount * kWidth);
  for (uint32_t r = 0; r < kCount; ++r) {
    for (uint32_t d = 0; d < directions; ++d) {
      const float factor = random.real() * 4 / static_cast<float>(d + 1);
      for (uint32_t i = 0; i < kWidth; ++i) x[r * kWidth + i] += factor * base[d * kWidth + i];
    }
    for (uint32_t i = 0; i < kWidth; ++i) x[r * kWidth + i] += noise * random.real();
  }
  return x;
}

static HeadImportance importance_of(const std::vector<float>& states, const std::vector<float>& rows) {
  HeadImportance importance;
  REQUIRE(importance_begin(kWidth, kRank, &importance).ok());
  importance_add_states(states.data(), kWidth, kCount, &importance);
  importance_add_rows(rows.data(), kWidth, kCount, &importance);
  importance_centre_rows(&importance);
  for (uint32_t i = 0; i < kImportanceSteps; ++i) importance_step(&importance);
  REQUIRE(importance_end(&importance).ok());
  return importance;
}

// Returns the squared error of the approximated scores, relative to their squares.
static double relative_error(const HeadImportance& importance, const std::vector<float>& states,
                             const std::vector<float>& rows) {
  const float* centre = importance.directions.centre.data();
  std::vector<float> r(kCount * kRank), s(kCount * kRank), centred = rows;
  for (uint32_t i = 0; i < kCount * kWidth; ++i) centred[i] -= centre[i % kWidth];
  multiply(centred.data(), importance.directions.to_rows.data(), kCount, kWidth, kRank, r.data());
  multiply(states.data(), importance.directions.to_states.data(), kCount, kWidth, kRank, s.data());
  double error = 0, total = 0;
  for (uint32_t i = 0; i < kCount; i += 3) {
    for (uint32_t j = 0; j < kCount; j += 3) {
      const double exact = dot(&rows[i * kWidth], &states[j * kWidth], kWidth);
      const double coarse = dot(centre, &states[j * kWidth], kWidth) + dot(&r[i * kRank], &s[j * kRank], kRank);
      error += (exact - coarse) * (exact - coarse);
      total += exact * exact;
    }
  }
  return error / total;
}

TEST_CASE("scores in few directions are reproduced with that many coordinates") {
  const std::vector<float> states = correlated(1, kRank / 2, 0), rows = correlated(2, kRank / 2, 0);
  CHECK(relative_error(importance_of(states, rows), states, rows) < 1e-6);
}

TEST_CASE("the directions that carry the scores are kept and the others dropped") {
  const std::vector<float> states = correlated(1, 24, 0.5f), rows = correlated(2, 24, 0.5f);
  const HeadImportance importance = importance_of(states, rows);
  CHECK(relative_error(importance, states, rows) < 0.001);
  // The coordinates of states are uncorrelated and have a mean square of 1.
  std::vector<float> s(kCount * kRank), gram(kRank * kRank);
  multiply(states.data(), importance.directions.to_states.data(), kCount, kWidth, kRank, s.data());
  add_gram(s.data(), kRank, kCount, kRank, gram.data());
  for (uint32_t i = 0; i < kRank; ++i) {
    for (uint32_t j = 0; j < kRank; ++j)
      CHECK(std::fabs(gram[i * kRank + j] / kCount - (i == j ? 1.0f : 0.0f)) < 0.05f);
  }
}

TEST_CASE("the mean of the rows takes no direction") {
  const std::vector<float> states = correlated(1, kRank, 0);
  std::vector<float> rows = correlated(2, kRank, 0);
  TestRandom random(5);
  std::vector<float> shared(kWidth);
  for (float& value : shared) value = random.real() * 20;
  for (uint32_t i = 0; i < kCount * kWidth; ++i) rows[i] += shared[i % kWidth];
  CHECK(relative_error(importance_of(states, rows), states, rows) < 1e-6);
}

TEST_CASE("fewer directions than coordinates, or none at all, still give finite numbers") {
  const std::vector<float> zeros(kCount * kWidth);
  const std::vector<float> states = correlated(1, 2, 0), rows = correlated(2, 3, 0);
  CHECK(relative_error(importance_of(states, rows), states, rows) < 1e-6);
  for (const auto& [s, r] : {std::pair(zeros, rows), std::pair(states, zeros), std::pair(zeros, zeros)}) {
    const HeadImportance importance = importance_of(s, r);
    for (const float value : importance.directions.to_rows) CHECK(std::isfinite(value));
    for (const float value : importance.directions.to_states) CHECK(std::isfinite(value));
  }
}

TEST_CASE("non-finite states are rejected") {
  std::vector<float> states = correlated(1, 2, 0);
  states[5] = NAN;
  HeadImportance importance;
  REQUIRE(importance_begin(kWidth, kRank, &importance).ok());
  importance_add_states(states.data(), kWidth, kCount, &importance);
  importance_add_rows(states.data(), kWidth, kCount, &importance);
  importance_centre_rows(&importance);
  for (uint32_t i = 0; i < kImportanceSteps; ++i) importance_step(&importance);
  CHECK(importance_end(&importance).code == ErrorCode::kBadState);
}
