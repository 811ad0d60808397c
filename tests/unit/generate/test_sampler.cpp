// The sampler: greedy choice, biases, penalties, options, seeds and log-probabilities.
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "sampler_reference.h"

using namespace camelgpt;

TEST_CASE("temperature 0 chooses the largest logit and ignores the cuts") {
  SamplerOptions options;
  options.top_k = 1;
  options.top_p = 0.1f;
  options.typical_p = 0.1f;
  TestSampler test(5, options);
  CHECK(test.choose({0, -1, 3, 2, 1}) == 2);
  CHECK(test.choose({-5, -4, -3, -2, -1}) == 4);
  CHECK(test.choose({FLT_MAX, 1, 2, 3, 4}) == 0);
  CHECK(test.choose({-FLT_MAX, -kInf, -kInf, -kInf, -kInf}) == 0);
}

TEST_CASE("temperature 0 resolves ties to the lower id, with and without biases") {
  TestSampler test(4);
  CHECK(test.choose({1, 7, 7, 7}) == 1);
  CHECK(test.choose({0.0f, -0.0f, 0.0f, -1}) == 0);
  test.bias(0, 6);
  CHECK(test.choose({1, 7, 7, 7}) == 0);
}

TEST_CASE("temperature 0 consumes no random number") {
  TestSampler test(3);
  uint64_t before[4];
  std::memcpy(before, test.sampler.random, sizeof before);
  test.choose({1, 2, 3});
  CHECK(std::memcmp(before, test.sampler.random, sizeof before) == 0);
}

TEST_CASE("a choice does not modify the logits") {
  TestSampler test(4, plain(1));
  test.bias(1, 5);
  std::vector<float> logits = {1, 2, 3, 4};
  test.choose(logits);
  CHECK(logits == std::vector<float>{1, 2, 3, 4});
}

TEST_CASE("tokens with a non-finite logit are never chosen") {
  const std::vector<float> logits = {kNaN, kInf, 1, -kInf, 2, kNaN, 0, kInf};
  TestSampler greedy(8);
  CHECK(greedy.choose(logits) == 4);
  greedy.bias(1, 1);
  greedy.bias(0, 1);
  CHECK(greedy.choose(logits) == 4);
  for (const uint32_t top_k : {0u, 2u, 3u, 7u, 100u}) {
    for (const float p : {1.0f, 0.9f}) {
      SamplerOptions options = plain(100);
      options.top_k = top_k;
      options.top_p = options.typical_p = p;
      options.min_p = 1 - p;
      TestSampler test(8, options);
      for (int i = 0; i < 300; ++i) {
        const int32_t token = test.choose(logits);
        CHECK((token == 2 || token == 4 || token == 6));
      }
    }
  }
}

TEST_CASE("tokens that are not allowed are no candidates of any option") {
  const size_t count = 200;
  RandomLogits random(3);
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SamplerOptions options = plain(seed % 4 == 0 ? 0 : 1.5f, seed);
    options.top_k = seed % 3 == 0 ? 0 : 20;
    options.top_p = seed % 5 == 0 ? 1.0f : 0.8f;
    options.repeat_penalty = seed % 7 == 0 ? 1.2f : 1.0f;
    options.xtc_probability = seed % 2 == 0 ? 0.0f : 0.5f;
    TestSampler masked(count, options), forbidden(count, options);
    masked.accept({1, 2, 3});
    forbidden.accept({1, 2, 3});
    const std::vector<float> logits = random.next(count, 2);
    std::vector<uint64_t> allowed = {0x123456789abcdef0u, 0, UINT64_MAX, 0xf0};
    std::vector<float> others = logits;
    for (size_t i = 0; i < count; ++i) {
      if ((allowed[i / 64] >> (i % 64) & 1) == 0) others[i] = -kInf;
    }
    CHECK(masked.choose(logits, allowed) == forbidden.choose(others));
  }
  TestSampler none(3);
  CHECK(none.choose({1, 2, 3}, {0}) == -1);
}

TEST_CASE("sampler_choose returns -1 if no token can be chosen") {
  for (const float temperature : {0.0f, 1.0f}) {
    for (const uint32_t top_k : {0u, 1u}) {
      SamplerOptions options;
      options.temperature = temperature;
      options.top_k = top_k;
      options.typical_p = 0.5f;
      TestSampler test(3, options);
      CHECK(test.choose({kNaN, kInf, -kInf}) == -1);
      for (int32_t token = 0; token < 3; ++token) test.bias(token, -kInf);
      CHECK(test.choose({1, 2, 3}) == -1);
    }
  }
}

TEST_CASE("biases add up, forbid tokens, and cannot overflow") {
  TestSampler test(4);
  test.bias(0, 1.5f);
  test.bias(0, 2);
  CHECK(test.choose({0, 1, 3, 2}) == 0);
  test.bias(0, -kInf);
  CHECK(test.choose({0, 1, 3, 2}) == 2);
  test.bias(0, 100);  // still forbidden
  CHECK(test.choose({50, 1, 3, 2}) == 2);
  test.bias(3, FLT_MAX);
  CHECK(test.choose({0, 1, 3, FLT_MAX}) == 3);
  test.configure(plain(0));
  CHECK(test.choose({0, 1, 3, 2}) == 2);  // configuring clears biases
  test.bias(2, -FLT_MAX);
  test.bias(1, -kInf);
  test.bias(0, -kInf);
  test.bias(3, -kInf);
  CHECK(test.choose({0, 0, -FLT_MAX, 0}) == 2);  // pushed far down, not forbidden
}

TEST_CASE("a forbidden token is never drawn") {
  TestSampler test(3, plain(1));
  test.bias(1, -kInf);
  for (int i = 0; i < 1000; ++i) CHECK(test.choose({0, 50, 0}) != 1);
}

TEST_CASE("a bias for an unknown token, NaN and +infinity are rejected") {
  TestSampler test(10);
  for (const int32_t token : {-1, 10, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()}) {
    const Status status = sampler_add_bias(&test.sampler, token, 1);
    CHECK(status.code == ErrorCode::kBadOption);
    CHECK(std::string(status.expected) == "a token from 0 to 9");
    CHECK(std::string(status.found) == std::to_string(token));
  }
  CHECK(std::string(sampler_add_bias(&test.sampler, 0, kNaN).found) == "NaN");
  CHECK(std::string(sampler_add_bias(&test.sampler, 0, kInf).found) == "infinity");
  CHECK(test.sampler.biases.empty());
}

TEST_CASE("options out of range are rejected with name, range and value, and change nothing") {
  struct Bad {
    float SamplerOptions::* option;
    float value;
    const char* name;
    const char* expected;
    const char* found;
  };
  const Bad cases[] = {
      {&SamplerOptions::temperature, -0.5f, "temperature", "a number from 0 to 100", "-0.5"},
      {&SamplerOptions::temperature, 101, "temperature", "a number from 0 to 100", "101"},
      {&SamplerOptions::temperature, kNaN, "temperature", "a number from 0 to 100", "NaN"},
      {&SamplerOptions::top_p, 0, "topP", "a number above 0 and at most 1", "0"},
      {&SamplerOptions::top_p, 1.5f, "topP", "a number above 0 and at most 1", "1.5"},
      {&SamplerOptions::top_p, -kNaN, "topP", "a number above 0 and at most 1", "NaN"},
      {&SamplerOptions::min_p, 1, "minP", "a number from 0 to below 1", "1"},
      {&SamplerOptions::min_p, -0.1f, "minP", "a number from 0 to below 1", "-0.1"},
      {&SamplerOptions::typical_p, 0, "typicalP", "a number above 0 and at most 1", "0"},
      {&SamplerOptions::repeat_penalty, 0, "repeatPenalty", "a number above 0 and at most 100", "0"},
      {&SamplerOptions::repeat_penalty, kInf, "repeatPenalty", "a number above 0 and at most 100", "inf"},
      {&SamplerOptions::presence_penalty, -101, "presencePenalty", "a number from -100 to 100", "-101"},
      {&SamplerOptions::frequency_penalty, 100.5f, "frequencyPenalty", "a number from -100 to 100", "100.5"},
  };
  TestSampler test(4, plain(1, 7));
  test.bias(3, 1);
  test.accept({2});
  for (const Bad& bad : cases) {
    SamplerOptions options;
    options.*bad.option = bad.value;
    const Status status = sampler_configure(&test.sampler, options);
    CHECK(status.code == ErrorCode::kBadOption);
    CHECK(std::string(status.message).find(bad.name) != std::string::npos);
    CHECK(std::string(status.expected) == bad.expected);
    CHECK(std::string(status.found) == bad.found);
  }
  SamplerOptions options;
  options.repeat_last = kMaxRepeatLast + 1;
  const Status status = sampler_configure(&test.sampler, options);
  CHECK(status.code == ErrorCode::kBadOption);
  CHECK(std::string(status.expected) == "a whole number from 0 to 4096");
  CHECK(std::string(status.found) == "4097");
  CHECK(test.sampler.options.seed == 7);
  CHECK(test.sampler.biases.size() == 1);
  CHECK(test.sampler.recent_count == 1);
}

TEST_CASE("options at the ends of their ranges are accepted") {
  SamplerOptions lowest;
  lowest.temperature = FLT_TRUE_MIN;
  lowest.top_p = lowest.typical_p = lowest.repeat_penalty = FLT_TRUE_MIN;
  lowest.min_p = 0;
  lowest.presence_penalty = lowest.frequency_penalty = -100;
  lowest.repeat_last = 0;
  SamplerOptions highest;
  highest.temperature = highest.repeat_penalty = highest.presence_penalty = highest.frequency_penalty = 100;
  highest.top_p = highest.typical_p = 1;
  highest.min_p = std::nextafter(1.0f, 0.0f);
  highest.repeat_last = kMaxRepeatLast;
  highest.top_k = std::numeric_limits<int32_t>::max();
  for (SamplerOptions options : {lowest, highest}) {
    TestSampler test(3, options);
    CHECK(test.choose({1, 3, 2}) == 1);
    test.accept({1, 1});
    CHECK(test.choose({-FLT_MAX, FLT_MAX, -FLT_MAX}) >= 0);
    options.repeat_last = 8;
    test.configure(options);
    test.accept({0, 1, 2});
    CHECK(test.choose({-FLT_MAX, FLT_MAX, 1e-30f}) >= 0);
  }
}

TEST_CASE("the repeat penalty divides positive and multiplies negative logits") {
  SamplerOptions options = plain(0);
  options.repeat_penalty = 2;
  TestSampler test(3, options);
  test.accept({0});
  CHECK(test.choose({3, 1.6f, 0}) == 1);
  CHECK(test.choose({3, 1.4f, 0}) == 0);
  CHECK(test.choose({-1, -1.5f, -9}) == 1);
  CHECK(test.choose({-1, -2.5f, -9}) == 0);
}

TEST_CASE("the presence penalty applies once, the frequency penalty for each occurrence") {
  SamplerOptions options = plain(0);
  options.presence_penalty = 1;
  TestSampler test(2, options);
  test.accept({0, 0, 0});
  CHECK(test.choose({2, 0.9f}) == 0);
  CHECK(test.choose({2, 1.1f}) == 1);
  options.presence_penalty = 0;
  options.frequency_penalty = 1;
  test.configure(options);
  test.accept({0, 0, 0});
  CHECK(test.choose({4, 0.9f}) == 0);
  CHECK(test.choose({4, 1.1f}) == 1);
}

TEST_CASE("a negative penalty favours tokens that occurred, and biases apply before penalties") {
  SamplerOptions options = plain(0);
  options.presence_penalty = -2;
  TestSampler test(2, options);
  test.accept({1});
  CHECK(test.choose({1, 0}) == 1);
  options.presence_penalty = 0;
  options.repeat_penalty = 2;
  test.configure(options);
  test.accept({1});
  test.bias(1, 4);
  CHECK(test.choose({2.9f, 2}) == 1);  // (2 + 4) / 2 = 3, not 2 / 2 + 4 = 5
  CHECK(test.choose({3.1f, 2}) == 0);
}

TEST_CASE("penalties consider only the last repeat_last tokens") {
  SamplerOptions options = plain(0);
  options.presence_penalty = 10;
  options.repeat_last = 3;
  TestSampler test(6, options);
  const std::vector<float> logits = {5, 4, 3, 2, 1, 0};
  CHECK(test.choose(logits) == 0);
  test.accept({0});
  CHECK(test.choose(logits) == 1);
  test.accept({1, 2});
  CHECK(test.choose(logits) == 3);
  test.accept({3});  // 0 leaves the ring
  CHECK(test.choose(logits) == 0);
  test.accept({3, 3});
  CHECK(test.choose(logits) == 0);
  test.accept({0, 1});
  CHECK(test.choose(logits) == 2);
  options.repeat_last = 0;
  test.configure(options);
  test.accept({0, 1, 2});
  CHECK(test.choose(logits) == 0);
}

TEST_CASE("penalties agree with the reference while the ring wraps around") {
  RandomLogits random(5);
  for (const uint32_t repeat_last : {1u, 2u, 7u, 64u, 4096u}) {
    SamplerOptions options = plain(0);
    options.repeat_last = repeat_last;
    options.repeat_penalty = 1.3f;
    options.presence_penalty = 0.4f;
    options.frequency_penalty = 0.2f;
    TestSampler test(50, options);
    test.bias(3, 1.5f);
    std::vector<int32_t> accepted;
    for (int i = 0; i < 300; ++i) {
      const std::vector<float> logits = random.next(50, 2);
      const int32_t token = test.choose(logits);
      CHECK(token == reference(logits, options, {{3, 1.5f}}, accepted)[0].token);
      // Accepts random tokens as well, so that the ring also holds repetitions of improbable tokens.
      accepted.push_back(i % 3 == 0 ? token : static_cast<int32_t>(random.unit() * 50));
      sampler_accept(&test.sampler, accepted.back());
    }
  }
}

TEST_CASE("penalties are correct if all tokens of a long ring are different") {
  SamplerOptions options = plain(0);
  options.repeat_last = kMaxRepeatLast;
  options.presence_penalty = 5;
  TestSampler test(200000, options);
  std::vector<float> logits(200000, 1);
  for (uint32_t i = 0; i < kMaxRepeatLast; ++i) sampler_accept(&test.sampler, static_cast<int32_t>(i));
  CHECK(test.choose(logits) == static_cast<int32_t>(kMaxRepeatLast));
}

TEST_CASE("a tiny temperature is greedy without overflow") {
  TestSampler test(3, plain(FLT_TRUE_MIN));
  for (int i = 0; i < 50; ++i) CHECK(test.choose({1, 2, 1.9999f}) == 1);
}

TEST_CASE("a candidate of zero weight is never drawn, even with the random number 0") {
  TestSampler test(3, plain(1));
  for (uint64_t& word : test.sampler.random) word = 0;
  test.sampler.random[0] = 1;  // the next output of xoshiro256** depends on word 1 only
  CHECK(test.choose({-1000, 0, -1000}) == 1);
}

TEST_CASE("equal seeds give equal sequences, different seeds different ones") {
  RandomLogits random(9);
  const std::vector<float> logits = random.next(500, 1);
  SamplerOptions options;
  options.temperature = 1;
  const auto sequence = [&](uint64_t seed) {
    options.seed = seed;
    TestSampler test(500, options);
    std::vector<int32_t> tokens;
    for (int i = 0; i < 100; ++i) {
      tokens.push_back(test.choose(logits));
      sampler_accept(&test.sampler, tokens.back());
    }
    return tokens;
  };
  CHECK(sequence(42) == sequence(42));
  CHECK(sequence(42) != sequence(43));
  CHECK(sequence(0) != sequence(uint64_t{1} << 52));
}

TEST_CASE("configuring restarts the sequence") {
  SamplerOptions options = plain(1, 5);
  options.presence_penalty = 3;
  TestSampler test(20, options);
  const std::vector<float> logits(20, 0);
  std::vector<int32_t> first, second;
  for (std::vector<int32_t>* tokens : {&first, &second}) {
    test.configure(options);
    for (int i = 0; i < 50; ++i) {
      tokens->push_back(test.choose(logits));
      sampler_accept(&test.sampler, tokens->back());
    }
  }
  CHECK(first == second);
}

TEST_CASE("a vocabulary of one token always gives that token") {
  for (const float temperature : {0.0f, 1.0f}) {
    SamplerOptions options;
    options.temperature = temperature;
    options.typical_p = 0.5f;
    TestSampler test(1, options);
    CHECK(test.choose({-7}) == 0);
  }
}

TEST_CASE("log-probabilities equal the logarithm of the softmax, in descending order") {
  RandomLogits random(21);
  for (const size_t vocabulary : {1u, 5u, 300u, 5000u}) {
    const std::vector<float> logits = random.next(vocabulary, 3);
    TestSampler test(static_cast<uint32_t>(vocabulary));
    std::vector<WeightedToken> expected = reference(logits, plain(1));
    std::sort(expected.begin(), expected.end(), more_probable);
    std::vector<TokenProbability> top(20);
    const int32_t token = static_cast<int32_t>(vocabulary / 2);
    const float logprob = sampler_log_probabilities(&test.sampler, logits, token, top);
    for (const WeightedToken& w : expected) {
      if (w.token == token) CHECK(logprob == doctest::Approx(std::log(w.p)).epsilon(1e-6));
    }
    for (size_t i = 0; i < top.size(); ++i) {
      if (i < expected.size()) {
        CHECK(top[i].token == expected[i].token);
        CHECK(top[i].logprob == doctest::Approx(std::log(expected[i].p)).epsilon(1e-6));
      } else {
        CHECK(top[i].token == -1);
        CHECK(top[i].logprob == -kInf);
      }
    }
  }
}

TEST_CASE("log-probabilities ignore non-finite logits and order ties by id") {
  TestSampler test(6);
  std::vector<TokenProbability> top(6);
  const std::vector<float> logits = {kNaN, 1, kInf, 1, -kInf, 0};
  const double sum = 2 + std::exp(-1.0);
  CHECK(sampler_log_probabilities(&test.sampler, logits, 3, top) == doctest::Approx(-std::log(sum)));
  CHECK(sampler_log_probabilities(&test.sampler, logits, 2, top) == -kInf);
  CHECK(top[0].token == 1);
  CHECK(top[1].token == 3);
  CHECK(top[2].token == 5);
  CHECK(top[2].logprob == doctest::Approx(-1 - std::log(sum)));
  CHECK(top[3].token == -1);
  CHECK(sampler_log_probabilities(&test.sampler, std::vector<float>(6, kNaN), 0, top) == -kInf);
  CHECK(top[0].token == -1);
  CHECK(sampler_log_probabilities(&test.sampler, {{FLT_MAX, -FLT_MAX, 0, 0, 0, 0}}, 1, {}) == -FLT_MAX);
}

TEST_CASE("log-probabilities ignore bias, penalties and temperature") {
  SamplerOptions options = plain(3);
  options.presence_penalty = 5;
  TestSampler test(2, options);
  test.bias(0, 10);
  test.accept({1});
  CHECK(sampler_log_probabilities(&test.sampler, {{0, 0}}, 0, {}) == doctest::Approx(-std::log(2.0)));
}
