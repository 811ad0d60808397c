// Shared by the tests of the sampler: a sampler with its memory, random logits, and a naive reference.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "doctest/doctest.h"
#include "generate/random.h"
#include "generate/sampler.h"

namespace camelgpt {

inline constexpr float kInf = std::numeric_limits<float>::infinity();
inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// Options with every cut and penalty off.
inline SamplerOptions plain(float temperature, uint64_t seed = 1) {
  SamplerOptions options;
  options.temperature = temperature;
  options.top_k = 0;
  options.top_p = 1;
  options.min_p = 0;
  options.seed = seed;
  return options;
}

// A sampler with its scratch memory.
struct TestSampler {
  Arena arena;
  Sampler sampler;

  explicit TestSampler(uint32_t vocabulary, const SamplerOptions& options = plain(0)) {
    Arena plan;
    sampler_reserve(&sampler, vocabulary, &plan);
    REQUIRE(arena.allocate(plan.used()));
    sampler_reserve(&sampler, vocabulary, &arena);
    REQUIRE(arena.used().value == plan.used().value);
    configure(options);
  }
  void configure(const SamplerOptions& options) { REQUIRE(sampler_configure(&sampler, options).ok()); }
  void bias(int32_t token, float value) { REQUIRE(sampler_add_bias(&sampler, token, value).ok()); }
  void accept(std::initializer_list<int32_t> tokens) {
    for (const int32_t token : tokens) sampler_accept(&sampler, token);
  }
  int32_t choose(const std::vector<float>& logits, const std::vector<uint64_t>& allowed = {}) {
    return sampler_choose(&sampler, logits, allowed);
  }
};

// Produces roughly normal logits, like a model's.
struct RandomLogits {
  uint64_t state[4];
  explicit RandomLogits(uint64_t seed) { random_seed(state, seed); }
  double unit() { return random_unit(state); }
  std::vector<float> next(size_t count, double deviation) {
    std::vector<float> logits(count);
    for (float& logit : logits) {
      double sum = -6;
      for (int i = 0; i < 12; ++i) sum += unit();
      logit = static_cast<float>(sum * deviation);
    }
    return logits;
  }
};

struct WeightedToken {
  int32_t token;
  double logit;
  double p;
};

inline void softmax(std::vector<WeightedToken>& list, double temperature) {
  double largest = -INFINITY, sum = 0;
  for (const WeightedToken& w : list) largest = std::max(largest, w.logit);
  for (WeightedToken& w : list) sum += w.p = std::exp((w.logit - largest) / temperature);
  for (WeightedToken& w : list) w.p /= sum;
}

inline bool more_probable(const WeightedToken& a, const WeightedToken& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
}

// Keeps the shortest prefix of the list whose total probability reaches `p`, or exceeds it if `exceed` is set.
inline void keep_mass(std::vector<WeightedToken>& list, double p, bool exceed) {
  double sum = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    sum += list[i].p;
    if (exceed ? sum > p : sum >= p) {
      list.resize(i + 1);
      return;
    }
  }
}

// The documented chain, in double and with complete sorts. Returns the remaining tokens and their probabilities in
// ascending order of id.
inline std::vector<WeightedToken> reference(const std::vector<float>& logits, const SamplerOptions& options,
                                            const std::vector<LogitBias>& biases = {},
                                            const std::vector<int32_t>& accepted = {}) {
  std::vector<float> adjusted = logits;
  for (const LogitBias& bias : biases) adjusted[static_cast<size_t>(bias.token)] += bias.bias;
  const size_t seen = std::min<size_t>(accepted.size(), options.repeat_last);
  for (size_t token = 0; token < logits.size(); ++token) {
    const auto count =
        std::count(accepted.end() - static_cast<ptrdiff_t>(seen), accepted.end(), static_cast<int32_t>(token));
    if (count == 0) continue;
    float& logit = adjusted[token];
    logit = logit <= 0 ? logit * options.repeat_penalty : logit / options.repeat_penalty;
    logit -= static_cast<float>(count) * options.frequency_penalty + options.presence_penalty;
  }
  std::vector<WeightedToken> list;
  for (size_t i = 0; i < adjusted.size(); ++i) {
    if (std::isfinite(adjusted[i])) list.push_back({static_cast<int32_t>(i), adjusted[i], 0});
  }
  std::sort(list.begin(), list.end(), more_probable);
  if (options.temperature == 0 && !list.empty()) list.resize(1);
  if (options.top_k > 0 && list.size() > options.top_k) list.resize(options.top_k);
  if (options.typical_p < 1) {
    softmax(list, 1);
    double entropy = 0;
    for (const WeightedToken& w : list) entropy -= w.p > 0 ? w.p * std::log(w.p) : 0;
    std::sort(list.begin(), list.end(), [&](const WeightedToken& a, const WeightedToken& b) {
      const double score_a = std::fabs(-std::log(a.p) - entropy), score_b = std::fabs(-std::log(b.p) - entropy);
      return score_a < score_b || (score_a == score_b && a.token < b.token);
    });
    keep_mass(list, options.typical_p, true);
    std::sort(list.begin(), list.end(), more_probable);
  }
  if (options.top_p < 1) {
    softmax(list, 1);
    keep_mass(list, options.top_p, false);
  }
  if (options.min_p > 0) {
    const double best = list[0].logit;
    std::erase_if(
        list, [&](const WeightedToken& w) { return w.logit < best + std::log(static_cast<double>(options.min_p)); });
  }
  if (options.temperature > 0) softmax(list, options.temperature);
  std::sort(list.begin(), list.end(), [](const WeightedToken& a, const WeightedToken& b) { return a.token < b.token; });
  return list;
}

}  // namespace camelgpt
