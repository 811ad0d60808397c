// XTC against its definition: sort by probability, drop all top choices but the last.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "generate/random.h"
#include "sampler_reference.h"

namespace camelgpt {
namespace {

SamplerOptions xtc(float probability, float threshold, uint64_t seed = 1) {
  SamplerOptions options = plain(1, seed);
  options.xtc_probability = probability;
  options.xtc_threshold = threshold;
  return options;
}

std::vector<float> logits_of(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

std::set<int32_t> tokens_drawn(const SamplerOptions& options, const std::vector<float>& logits, int draws = 3000) {
  TestSampler fixture(static_cast<uint32_t>(logits.size()), options);
  std::set<int32_t> drawn;
  for (int i = 0; i < draws; ++i) drawn.insert(fixture.choose(logits));
  return drawn;
}

// The definition, with a complete sort.
std::set<int32_t> remaining(const std::vector<float>& logits, double threshold) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int32_t a, int32_t b) { return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)]; });
  size_t top = 0;
  while (top < order.size() &&
         std::exp(static_cast<double>(logits[static_cast<size_t>(order[top])])) / sum >= threshold)
    ++top;
  return {order.begin() + static_cast<ptrdiff_t>(top > 0 ? top - 1 : 0), order.end()};
}

TEST_CASE("XTC keeps the least probable of the top choices and all other tokens") {
  const std::vector<float> logits = logits_of({0.05, 0.4, 0.15, 0.3, 0.1});
  CHECK(tokens_drawn(xtc(1, 0.12f), logits) == std::set<int32_t>{0, 2, 4});
  CHECK(tokens_drawn(xtc(1, 0.35f), logits) == std::set<int32_t>{0, 1, 2, 3, 4});  // one top choice stays
  CHECK(tokens_drawn(xtc(1, 0.6f), logits) == std::set<int32_t>{0, 1, 2, 3, 4});   // no top choice
  CHECK(tokens_drawn(xtc(1, 0), logits) == std::set<int32_t>{0});                  // every token is a top choice
}

TEST_CASE("XTC spares the higher id of equally probable top choices") {
  CHECK(tokens_drawn(xtc(1, 0.2f), logits_of({0.3, 0.3, 0.3, 0.1})) == std::set<int32_t>{2, 3});
}

TEST_CASE("XTC applies with its probability") {
  const std::vector<float> logits = logits_of({0.6, 0.4});
  TestSampler fixture(2, xtc(0.25f, 0.1f));
  int first = 0;
  constexpr int kDraws = 40000;
  for (int i = 0; i < kDraws; ++i) first += fixture.choose(logits) == 0 ? 1 : 0;
  CHECK(std::abs(first - 0.75 * 0.6 * kDraws) < 400);  // four standard deviations
}

TEST_CASE("XTC off draws the same tokens as before it was there, and uses up no random number") {
  const std::vector<float> logits = logits_of({0.1, 0.2, 0.3, 0.4});
  TestSampler off(4, xtc(0, 0.1f, 9)), never(4, plain(1, 9));
  for (int i = 0; i < 100; ++i) CHECK(off.choose(logits) == never.choose(logits));
}

TEST_CASE("XTC leaves what its definition says, after the other cuts") {
  uint64_t random[4];
  random_seed(random, 4);
  for (int round = 0; round < 40; ++round) {
    std::vector<float> logits(12);
    for (float& logit : logits) logit = static_cast<float>(4 * random_unit(random));
    const float threshold = static_cast<float>(0.02 + 0.2 * random_unit(random));
    const std::set<int32_t> expected = remaining(logits, threshold);
    for (const int32_t token : tokens_drawn(xtc(1, threshold, 5), logits, 300)) CHECK(expected.contains(token));
  }
  SamplerOptions options = xtc(1, 0.1f);
  options.top_k = 2;
  CHECK(tokens_drawn(options, logits_of({0.1, 0.2, 0.3, 0.4})) == std::set<int32_t>{2});
}

TEST_CASE("XTC does not touch greedy decoding") {
  SamplerOptions options = xtc(1, 0);
  options.temperature = 0;
  TestSampler fixture(3, options);
  CHECK(sampler_is_greedy(fixture.sampler));
  CHECK(fixture.choose({1, 3, 2}) == 1);
}

}  // namespace
}  // namespace camelgpt
