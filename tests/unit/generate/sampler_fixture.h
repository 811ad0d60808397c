// A sampler for tests.
#pragma once

#include <initializer_list>
#include <vector>

#include "doctest/doctest.h"
#include "generate/sampler.h"

namespace camelgpt {

// Everything off except the temperature.
inline SamplerOptions plain(float temperature, uint64_t seed = 1) {
  SamplerOptions options;
  options.temperature = temperature;
  options.top_k = 0;
  options.top_p = 1;
  options.min_p = 0;
  options.seed = seed;
  return options;
}

// A sampler with its memory.
struct Fixture {
  Arena arena;
  Sampler sampler;

  explicit Fixture(uint32_t vocabulary, const SamplerOptions& options = plain(0)) {
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
  int32_t choose(const std::vector<float>& logits) { return sampler_choose(&sampler, logits); }
};

}  // namespace camelgpt
