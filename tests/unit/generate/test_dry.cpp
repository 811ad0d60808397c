// DRY against its definition, by comparing every earlier place with the end of the text.
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <string>

#include "generate/random.h"
#include "sampler_reference.h"

namespace camelgpt {
namespace {

SamplerOptions dry(float multiplier, float base = 1.75f, uint32_t allowed_length = 2, uint32_t range = 4096) {
  SamplerOptions options = plain(0);
  options.dry_multiplier = multiplier;
  options.dry_base = base;
  options.dry_allowed_length = allowed_length;
  options.dry_range = range;
  return options;
}

bool contains(const std::vector<int32_t>& tokens, int32_t token) {
  return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
}

// The penalty of a token after a text, by the definition.
double penalty_of(int32_t token, std::vector<int32_t> text, const SamplerOptions& o,
                  const std::vector<int32_t>& breakers = {}) {
  if (contains(breakers, token)) return 0;
  if (text.size() > o.dry_range) text.erase(text.begin(), text.end() - static_cast<ptrdiff_t>(o.dry_range));
  size_t longest = 0;
  for (size_t at = 1; at < text.size(); ++at) {
    if (text[at] != token) continue;
    size_t length = 0;
    while (length < at && text[at - 1 - length] == text[text.size() - 1 - length] &&
           !contains(breakers, text[text.size() - 1 - length]))
      ++length;
    longest = std::max(longest, length);
  }
  if (longest < o.dry_allowed_length) return 0;
  return o.dry_multiplier * std::pow(o.dry_base, static_cast<double>(longest - o.dry_allowed_length));
}

// The penalty that the sampler takes from a token, measured by a bias on a token that never occurs.
void check_penalty(TestSampler& fixture, int32_t token, double expected) {
  const uint32_t vocabulary = fixture.sampler.vocabulary;
  std::vector<float> logits(vocabulary, -FLT_MAX);
  const size_t other = vocabulary - 1;
  logits[static_cast<size_t>(token)] = 1000;
  logits[other] = static_cast<float>(1000 - expected * 1.001 - 0.01);
  CHECK(fixture.choose(logits) == token);
  if (expected == 0) return;
  logits[other] = static_cast<float>(1000 - expected * 0.999 + 0.01);
  CHECK(fixture.choose(logits) == static_cast<int32_t>(other));
}

TEST_CASE("DRY penalizes the token that would extend a repetition, more for a longer one") {
  TestSampler fixture(12, dry(0.8f));
  fixture.accept({1, 2, 3, 4, 1, 2, 3});  // 4 would extend three tokens
  check_penalty(fixture, 4, 0.8 * 1.75);
  check_penalty(fixture, 3, 0);
  check_penalty(fixture, 5, 0);
  fixture.configure(dry(0.8f));
  fixture.accept({1, 2, 3, 9, 2, 3, 7, 1, 2, 3});  // 9 follows three of them, 7 two
  check_penalty(fixture, 7, 0.8);
}

TEST_CASE("DRY allows repetitions below its length, and sees its range only") {
  TestSampler fixture(12, dry(1, 2, 4));
  fixture.accept({1, 2, 3, 4, 1, 2, 3});
  check_penalty(fixture, 4, 0);
  fixture.configure(dry(1, 2, 3));
  fixture.accept({1, 2, 3, 4, 1, 2, 3});
  check_penalty(fixture, 4, 1);
  fixture.configure(dry(1, 2, 2, 6));  // the first token is out of range
  fixture.accept({1, 2, 3, 4, 1, 2, 3});
  check_penalty(fixture, 4, 1);
  fixture.configure(dry(1, 2, 2, 0));
  fixture.accept({1, 2, 3, 4, 1, 2, 3});
  check_penalty(fixture, 4, 0);
}

TEST_CASE("a repetition does not reach across a breaker, which is never penalized") {
  TestSampler fixture(12, dry(1, 2));
  REQUIRE(sampler_add_dry_breaker(&fixture.sampler, 2).ok());
  fixture.accept({1, 2, 3, 4, 5, 1, 2, 3, 4});
  check_penalty(fixture, 5, 1);  // only 3, 4 is repeated
  fixture.accept({5, 1});
  check_penalty(fixture, 2, 0);
}

TEST_CASE("DRY follows its definition in random texts, beside other penalties") {
  uint64_t random[4];
  random_seed(random, 8);
  for (int round = 0; round < 60; ++round) {
    SamplerOptions options = dry(0.5f, 1.5f, 1 + round % 4, 5 + 11 * (round % 5));
    options.repeat_last = round % 2 == 0 ? 0 : 200;  // a ring that is larger than the range
    TestSampler fixture(6, options);
    const std::vector<int32_t> breakers = round % 3 == 0 ? std::vector<int32_t>{3} : std::vector<int32_t>{};
    for (const int32_t breaker : breakers) REQUIRE(sampler_add_dry_breaker(&fixture.sampler, breaker).ok());
    std::vector<int32_t> text;
    for (int i = 0; i < 80; ++i) {
      text.push_back(static_cast<int32_t>(4 * random_unit(random)));
      sampler_accept(&fixture.sampler, text.back());
    }
    for (int32_t token = 0; token < 4; ++token) {
      const double expected = penalty_of(token, text, options, breakers);
      if (expected < 100) check_penalty(fixture, token, expected);
    }
  }
}

TEST_CASE("a long repetition cannot make a logit infinite") {
  TestSampler fixture(4, dry(100, 100, 1));
  for (int i = 0; i < 4096; ++i) sampler_accept(&fixture.sampler, 1);
  CHECK(fixture.choose({-FLT_MAX, 1000, -FLT_MAX, -FLT_MAX}) == 0);  // equal now: the lower id
}

TEST_CASE("DRY is no greedy decoding, and needs a vocabulary") {
  TestSampler fixture(4, dry(1));
  CHECK(!sampler_is_greedy(fixture.sampler));
  CHECK(std::string(sampler_vocabulary_option(dry(1))) == "dryMultiplier");
  fixture.configure(dry(0));
  CHECK(sampler_is_greedy(fixture.sampler));
  CHECK(sampler_vocabulary_option(dry(0)) == nullptr);
}

}  // namespace
}  // namespace camelgpt
