// The sampler's cuts (top-k, typical-p, top-p, min-p), and the frequencies of its draws.
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <vector>

#include "sampler_reference.h"

using namespace camelgpt;

namespace {

int32_t draw_from(const std::vector<WeightedToken>& list, double unit) {
  double passed = 0;
  for (const WeightedToken& w : list) {
    passed += w.p;
    if (passed > unit) return w.token;
  }
  return list.empty() ? -1 : list.back().token;
}

// Compares draws from random distributions with the reference, which gets the same uniform numbers. At a high
// temperature all remaining tokens are almost equally probable, so a token that a cut wrongly keeps or drops shifts
// nearly every draw.
void check_against_reference(const SamplerOptions& base, size_t vocabulary, double deviation, int distributions) {
  RandomLogits random(vocabulary + static_cast<size_t>(distributions));
  TestSampler test(static_cast<uint32_t>(vocabulary));
  int different = 0;
  for (int i = 0; i < distributions; ++i) {
    const std::vector<float> logits = random.next(vocabulary, deviation);
    for (const float temperature : {0.7f, 100.0f}) {
      SamplerOptions options = base;
      options.temperature = temperature;
      options.seed = static_cast<uint64_t>(i);
      test.configure(options);
      const std::vector<WeightedToken> expected = reference(logits, options);
      uint64_t state[4];
      random_seed(state, options.seed);
      for (int k = 0; k < 10; ++k) different += test.choose(logits) != draw_from(expected, random_unit(state));
    }
  }
  CHECK(different == 0);
}

// Checks that the chi-square statistic Σ (observed − expected)² / expected is below the limit, and that no token is
// drawn that the reference excludes.
void check_distribution(const std::vector<float>& logits, const SamplerOptions& options, double chi_square_limit) {
  constexpr int kDraws = 200000;
  TestSampler test(static_cast<uint32_t>(logits.size()), options);
  std::vector<int> observed(logits.size());
  for (int i = 0; i < kDraws; ++i) ++observed[static_cast<size_t>(test.choose(logits))];
  std::vector<double> expected(logits.size());
  for (const WeightedToken& w : reference(logits, options)) expected[static_cast<size_t>(w.token)] = w.p * kDraws;
  double chi_square = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (expected[i] == 0) {
      CHECK(observed[i] == 0);
    } else {
      chi_square += (observed[i] - expected[i]) * (observed[i] - expected[i]) / expected[i];
    }
  }
  CHECK(chi_square < chi_square_limit);
}

}  // namespace

TEST_CASE("drawn frequencies follow the softmax at several temperatures") {
  const std::vector<float> logits = {0.3f, 2, -1, 1.5f, 0, -0.7f, 2.2f, 1};
  // With 7 degrees of freedom, chi-square exceeds 30 once in ten thousand times.
  for (const float temperature : {0.5f, 1.0f, 2.0f, 100.0f}) check_distribution(logits, plain(temperature, 11), 30);
}

TEST_CASE("drawn frequencies follow the probabilities after the cuts") {
  const std::vector<float> logits = {0.3f, 2, -1, 1.5f, 0, -0.7f, 2.2f, 1};
  SamplerOptions options = plain(0.8f, 3);
  SUBCASE("top-k") { options.top_k = 4; }
  SUBCASE("top-p") { options.top_p = 0.8f; }
  SUBCASE("min-p") { options.min_p = 0.2f; }
  SUBCASE("typical-p") { options.typical_p = 0.6f; }
  SUBCASE("all of them") {
    options.top_k = 7;
    options.typical_p = 0.95f;
    options.top_p = 0.9f;
    options.min_p = 0.1f;
  }
  check_distribution(logits, options, 30);
}

TEST_CASE("top-k agrees with the reference") {
  for (const uint32_t top_k : {1u, 2u, 3u, 40u, 199u, 200u, 1000u}) {
    SamplerOptions options = plain(1);
    options.top_k = top_k;
    check_against_reference(options, 200, 3, 40);
  }
  SamplerOptions options = plain(1);
  options.top_k = 40;
  check_against_reference(options, 5000, 3, 20);
}

TEST_CASE("top-k prefers lower ids among equal logits") {
  SamplerOptions options = plain(100);
  options.top_k = 3;
  TestSampler test(1000, options);
  std::vector<float> logits(1000, 1);
  logits[700] = 2;
  std::vector<int> observed(1000);
  for (int i = 0; i < 1000; ++i) ++observed[static_cast<size_t>(test.choose(logits))];
  CHECK(observed[0] > 250);
  CHECK(observed[1] > 250);
  CHECK(observed[700] > 250);
  CHECK(observed[0] + observed[1] + observed[700] == 1000);
}

TEST_CASE("top-k works on rising and falling logits") {
  for (const bool rising : {true, false}) {
    SamplerOptions options = plain(100);
    options.top_k = 50;
    TestSampler test(3000, options);
    std::vector<float> logits(3000);
    for (size_t i = 0; i < 3000; ++i) logits[i] = static_cast<float>(rising ? i : 3000 - i) * 0.01f;
    for (int i = 0; i < 200; ++i) {
      const int32_t token = test.choose(logits);
      CHECK((rising ? token >= 2950 : token < 50));
    }
  }
}

TEST_CASE("top-p agrees with the reference") {
  for (const float top_p : {0.001f, 0.1f, 0.5f, 0.9f, 0.95f, 0.999f}) {
    SamplerOptions options = plain(1);
    options.top_p = top_p;
    for (const double deviation : {0.001, 0.5, 3.0, 20.0}) check_against_reference(options, 300, deviation, 20);
    check_against_reference(options, 5000, 3, 10);
  }
}

TEST_CASE("top-p keeps the fewest tokens that reach it, lower ids first among equal logits") {
  SamplerOptions options = plain(1);
  options.top_p = 0.5f;
  TestSampler test(8, options);
  std::vector<int> observed(8);
  for (int i = 0; i < 1000; ++i) ++observed[static_cast<size_t>(test.choose(std::vector<float>(8, -3)))];
  for (size_t i = 0; i < 8; ++i) CHECK((observed[i] > 0) == (i < 4));
}

TEST_CASE("top-p just below 1 keeps all tokens with a noticeable probability") {
  SamplerOptions options = plain(100);
  options.top_p = std::nextafter(1.0f, 0.0f);
  TestSampler test(3, options);
  std::vector<int> observed(3);
  for (int i = 0; i < 1000; ++i) ++observed[static_cast<size_t>(test.choose({0, -5, -10}))];
  for (const int count : observed) CHECK(count > 200);
}

TEST_CASE("min-p agrees with the reference") {
  for (const float min_p : {1e-6f, 0.01f, 0.05f, 0.5f, 0.99f}) {
    SamplerOptions options = plain(1);
    options.min_p = min_p;
    check_against_reference(options, 300, 3, 40);
  }
}

TEST_CASE("typical-p agrees with the reference") {
  for (const float typical_p : {0.001f, 0.2f, 0.5f, 0.9f, 0.999f}) {
    SamplerOptions options = plain(1);
    options.typical_p = typical_p;
    for (const double deviation : {0.5, 3.0, 10.0}) check_against_reference(options, 300, deviation, 20);
    check_against_reference(options, 5000, 3, 10);
  }
}

TEST_CASE("typical-p can drop the most probable token") {
  // The entropy is 2.03 nats. −log p is 0.98 for token 0 and 2.92 for each of the others, which is nearer.
  std::vector<float> logits(13, 0.0f);
  logits[0] = 1.94f;
  SamplerOptions options = plain(1);
  options.typical_p = 0.3f;
  TestSampler test(13, options);
  for (int i = 0; i < 500; ++i) CHECK(test.choose(logits) != 0);
}

TEST_CASE("typical-p keeps tokens until their sum exceeds it, top-p until the sum reaches it") {
  const std::vector<float> logits(4, 0);
  SamplerOptions options = plain(1);
  const auto kept = [&] {
    TestSampler test(4, options);
    int32_t highest = 0;
    for (int i = 0; i < 300; ++i) highest = std::max(highest, test.choose(logits));
    return highest + 1;
  };
  options.typical_p = 0.5f;
  CHECK(kept() == 3);
  options.typical_p = 1;
  options.top_p = 0.5f;
  CHECK(kept() == 2);
}

TEST_CASE("all cuts together agree with the reference") {
  SamplerOptions options = plain(1);
  options.top_p = 0.95f;
  options.min_p = 0.05f;
  options.typical_p = 0.97f;
  check_against_reference(options, 1000, 2, 60);
  options.top_k = 40;
  check_against_reference(options, 1000, 2, 60);
}

TEST_CASE("extreme finite logits do not disturb the cuts") {
  for (const float p : {1.0f, 0.9f}) {
    SamplerOptions options = plain(1);
    options.top_p = options.typical_p = p;
    options.min_p = 1 - p;
    TestSampler test(4, options);
    for (int i = 0; i < 100; ++i) {
      CHECK(test.choose({-FLT_MAX, FLT_MAX, -FLT_MAX, 0}) == 1);
      CHECK(test.choose({-FLT_MAX, -FLT_MAX, 3, -FLT_MAX}) == 2);
      CHECK(test.choose({-FLT_MAX, -FLT_MAX, -FLT_MAX, -FLT_MAX}) >= 0);
    }
  }
}
