// The sampler: every rule against a naive reference that sorts everything, and drawn frequencies against exact
// probabilities.
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "doctest/doctest.h"
#include "generate/random.h"
#include "generate/sampler_fixture.h"

using namespace camelgpt;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// Roughly normal logits, like a model's.
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

struct Weighted {
  int32_t token;
  double logit;
  double p;
};

void softmax(std::vector<Weighted>& list, double temperature) {
  double largest = -INFINITY, sum = 0;
  for (const Weighted& w : list) largest = std::max(largest, w.logit);
  for (Weighted& w : list) sum += w.p = std::exp((w.logit - largest) / temperature);
  for (Weighted& w : list) w.p /= sum;
}

bool more_probable(const Weighted& a, const Weighted& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
}

// Keeps the shortest beginning of the list whose probability reaches `p` (or exceeds it).
void keep_mass(std::vector<Weighted>& list, double p, bool exceed) {
  double sum = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    sum += list[i].p;
    if (exceed ? sum > p : sum >= p) {
      list.resize(i + 1);
      return;
    }
  }
}

// The chain as it is documented, in double, by complete sorts: what remains, in the order of ids, with its
// probabilities.
std::vector<Weighted> reference(const std::vector<float>& logits, const SamplerOptions& options,
                                const std::vector<LogitBias>& biases = {}, const std::vector<int32_t>& accepted = {}) {
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
  std::vector<Weighted> list;
  for (size_t i = 0; i < adjusted.size(); ++i) {
    if (std::isfinite(adjusted[i])) list.push_back({static_cast<int32_t>(i), adjusted[i], 0});
  }
  std::sort(list.begin(), list.end(), more_probable);
  if (options.temperature == 0 && !list.empty()) list.resize(1);
  if (options.top_k > 0 && list.size() > options.top_k) list.resize(options.top_k);
  if (options.typical_p < 1) {
    softmax(list, 1);
    double entropy = 0;
    for (const Weighted& w : list) entropy -= w.p > 0 ? w.p * std::log(w.p) : 0;
    std::sort(list.begin(), list.end(), [&](const Weighted& a, const Weighted& b) {
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
    std::erase_if(list,
                  [&](const Weighted& w) { return w.logit < best + std::log(static_cast<double>(options.min_p)); });
  }
  if (options.temperature > 0) softmax(list, options.temperature);
  std::sort(list.begin(), list.end(), [](const Weighted& a, const Weighted& b) { return a.token < b.token; });
  return list;
}

int32_t draw_from(const std::vector<Weighted>& list, double unit) {
  double passed = 0;
  for (const Weighted& w : list) {
    passed += w.p;
    if (passed > unit) return w.token;
  }
  return list.empty() ? -1 : list.back().token;
}

// Draws from many random distributions and compares with the reference fed with the same uniform numbers. At a high
// temperature all that remain are almost equally probable, so a difference in what a cut keeps shifts nearly every
// draw.
void check_against_reference(const SamplerOptions& base, size_t vocabulary, double deviation, int distributions) {
  RandomLogits random(vocabulary + static_cast<size_t>(distributions));
  Fixture fixture(static_cast<uint32_t>(vocabulary));
  int different = 0;
  for (int i = 0; i < distributions; ++i) {
    const std::vector<float> logits = random.next(vocabulary, deviation);
    for (const float temperature : {0.7f, 100.0f}) {
      SamplerOptions options = base;
      options.temperature = temperature;
      options.seed = static_cast<uint64_t>(i);
      fixture.configure(options);
      const std::vector<Weighted> expected = reference(logits, options);
      uint64_t state[4];
      random_seed(state, options.seed);
      for (int k = 0; k < 10; ++k) different += fixture.choose(logits) != draw_from(expected, random_unit(state));
    }
  }
  CHECK(different == 0);
}

// Sum of (observed − expected)² / expected over tokens, and no token that the reference excludes.
void check_distribution(const std::vector<float>& logits, const SamplerOptions& options, double chi_square_limit) {
  constexpr int kDraws = 200000;
  Fixture fixture(static_cast<uint32_t>(logits.size()), options);
  std::vector<int> observed(logits.size());
  for (int i = 0; i < kDraws; ++i) ++observed[static_cast<size_t>(fixture.choose(logits))];
  std::vector<double> expected(logits.size());
  for (const Weighted& w : reference(logits, options)) expected[static_cast<size_t>(w.token)] = w.p * kDraws;
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

TEST_CASE("splitmix64 and xoshiro256** give the numbers of their authors' programs") {
  uint64_t seed = 1234567;
  for (const uint64_t expected :
       {6457827717110365317u, 3203168211198807973u, 9817491932198370423u, 4593380528125082431u}) {
    CHECK(splitmix64_next(&seed) == expected);
  }
  uint64_t state[4] = {1, 2, 3, 4};
  for (const uint64_t expected : {uint64_t{11520}, uint64_t{0}, uint64_t{1509978240}, uint64_t{1215971899390074240}}) {
    CHECK(random_bits(state) == expected);
  }
}

TEST_CASE("random_unit stays in [0, 1) and fills it evenly") {
  uint64_t state[4];
  random_seed(state, 0);
  int tenths[10] = {};
  for (int i = 0; i < 100000; ++i) {
    const double unit = random_unit(state);
    REQUIRE((unit >= 0 && unit < 1));
    ++tenths[static_cast<int>(unit * 10)];
  }
  for (const int count : tenths) CHECK(std::abs(count - 10000) < 400);  // four standard deviations
}

TEST_CASE("temperature 0 takes the largest logit, whatever the cuts say") {
  SamplerOptions options;
  options.top_k = 1;
  options.top_p = 0.1f;
  options.typical_p = 0.1f;
  Fixture fixture(5, options);
  CHECK(fixture.choose({0, -1, 3, 2, 1}) == 2);
  CHECK(fixture.choose({-5, -4, -3, -2, -1}) == 4);
  CHECK(fixture.choose({FLT_MAX, 1, 2, 3, 4}) == 0);
  CHECK(fixture.choose({-FLT_MAX, -kInf, -kInf, -kInf, -kInf}) == 0);
}

TEST_CASE("temperature 0 breaks ties in favour of the lower id, with and without biases") {
  Fixture fixture(4);
  CHECK(fixture.choose({1, 7, 7, 7}) == 1);
  CHECK(fixture.choose({0.0f, -0.0f, 0.0f, -1}) == 0);
  fixture.bias(0, 6);
  CHECK(fixture.choose({1, 7, 7, 7}) == 0);
}

TEST_CASE("temperature 0 uses up no random number") {
  Fixture fixture(3);
  uint64_t before[4];
  std::memcpy(before, fixture.sampler.random, sizeof before);
  fixture.choose({1, 2, 3});
  CHECK(std::memcmp(before, fixture.sampler.random, sizeof before) == 0);
}

TEST_CASE("a choice leaves the logits as they are") {
  Fixture fixture(4, plain(1));
  fixture.bias(1, 5);
  std::vector<float> logits = {1, 2, 3, 4};
  fixture.choose(logits);
  CHECK(logits == std::vector<float>{1, 2, 3, 4});
}

TEST_CASE("non-finite logits never win") {
  const std::vector<float> logits = {kNaN, kInf, 1, -kInf, 2, kNaN, 0, kInf};
  Fixture greedy(8);
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
      Fixture fixture(8, options);
      for (int i = 0; i < 300; ++i) {
        const int32_t token = fixture.choose(logits);
        CHECK((token == 2 || token == 4 || token == 6));
      }
    }
  }
}

TEST_CASE("the answer is -1 when no token can be chosen") {
  for (const float temperature : {0.0f, 1.0f}) {
    for (const uint32_t top_k : {0u, 1u}) {
      SamplerOptions options;
      options.temperature = temperature;
      options.top_k = top_k;
      options.typical_p = 0.5f;
      Fixture fixture(3, options);
      CHECK(fixture.choose({kNaN, kInf, -kInf}) == -1);
      for (int32_t token = 0; token < 3; ++token) fixture.bias(token, -kInf);
      CHECK(fixture.choose({1, 2, 3}) == -1);
    }
  }
}

TEST_CASE("a bias adds up, forbids, and cannot overflow") {
  Fixture fixture(4);
  fixture.bias(0, 1.5f);
  fixture.bias(0, 2);
  CHECK(fixture.choose({0, 1, 3, 2}) == 0);
  fixture.bias(0, -kInf);
  CHECK(fixture.choose({0, 1, 3, 2}) == 2);
  fixture.bias(0, 100);  // still forbidden
  CHECK(fixture.choose({50, 1, 3, 2}) == 2);
  fixture.bias(3, FLT_MAX);
  CHECK(fixture.choose({0, 1, 3, FLT_MAX}) == 3);
  fixture.configure(plain(0));
  CHECK(fixture.choose({0, 1, 3, 2}) == 2);  // configuring forgets biases
  fixture.bias(2, -FLT_MAX);
  fixture.bias(1, -kInf);
  fixture.bias(0, -kInf);
  fixture.bias(3, -kInf);
  CHECK(fixture.choose({0, 0, -FLT_MAX, 0}) == 2);  // pushed far down, not forbidden
}

TEST_CASE("a forbidden token is never drawn") {
  Fixture fixture(3, plain(1));
  fixture.bias(1, -kInf);
  for (int i = 0; i < 1000; ++i) CHECK(fixture.choose({0, 50, 0}) != 1);
}

TEST_CASE("a bias for an unknown token or of an impossible size is refused") {
  Fixture fixture(10);
  for (const int32_t token : {-1, 10, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()}) {
    const Status status = sampler_add_bias(&fixture.sampler, token, 1);
    CHECK(status.code == ErrorCode::kBadOption);
    CHECK(std::string(status.expected) == "a token from 0 to 9");
    CHECK(std::string(status.found) == std::to_string(token));
  }
  CHECK(std::string(sampler_add_bias(&fixture.sampler, 0, kNaN).found) == "NaN");
  CHECK(std::string(sampler_add_bias(&fixture.sampler, 0, kInf).found) == "infinity");
  CHECK(fixture.sampler.biases.empty());
}

TEST_CASE("options out of range are refused by name, range and value, and change nothing") {
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
  Fixture fixture(4, plain(1, 7));
  fixture.bias(3, 1);
  fixture.accept({2});
  for (const Bad& bad : cases) {
    SamplerOptions options;
    options.*bad.option = bad.value;
    const Status status = sampler_configure(&fixture.sampler, options);
    CHECK(status.code == ErrorCode::kBadOption);
    CHECK(std::string(status.message).find(bad.name) != std::string::npos);
    CHECK(std::string(status.expected) == bad.expected);
    CHECK(std::string(status.found) == bad.found);
  }
  SamplerOptions options;
  options.repeat_last = kMaxRepeatLast + 1;
  const Status status = sampler_configure(&fixture.sampler, options);
  CHECK(status.code == ErrorCode::kBadOption);
  CHECK(std::string(status.expected) == "a whole number from 0 to 4096");
  CHECK(std::string(status.found) == "4097");
  CHECK(fixture.sampler.options.seed == 7);
  CHECK(fixture.sampler.biases.size() == 1);
  CHECK(fixture.sampler.recent_count == 1);
}

TEST_CASE("options at the ends of their ranges are accepted") {
  SamplerOptions least;
  least.temperature = FLT_TRUE_MIN;
  least.top_p = least.typical_p = least.repeat_penalty = FLT_TRUE_MIN;
  least.min_p = 0;
  least.presence_penalty = least.frequency_penalty = -100;
  least.repeat_last = 0;
  SamplerOptions most;
  most.temperature = most.repeat_penalty = most.presence_penalty = most.frequency_penalty = 100;
  most.top_p = most.typical_p = 1;
  most.min_p = std::nextafter(1.0f, 0.0f);
  most.repeat_last = kMaxRepeatLast;
  most.top_k = std::numeric_limits<int32_t>::max();
  for (SamplerOptions options : {least, most}) {
    Fixture fixture(3, options);
    CHECK(fixture.choose({1, 3, 2}) == 1);
    fixture.accept({1, 1});
    CHECK(fixture.choose({-FLT_MAX, FLT_MAX, -FLT_MAX}) >= 0);
    options.repeat_last = 8;
    fixture.configure(options);
    fixture.accept({0, 1, 2});
    CHECK(fixture.choose({-FLT_MAX, FLT_MAX, 1e-30f}) >= 0);
  }
}

TEST_CASE("the repeat penalty divides positive and multiplies negative logits") {
  SamplerOptions options = plain(0);
  options.repeat_penalty = 2;
  Fixture fixture(3, options);
  fixture.accept({0});
  CHECK(fixture.choose({3, 1.6f, 0}) == 1);
  CHECK(fixture.choose({3, 1.4f, 0}) == 0);
  CHECK(fixture.choose({-1, -1.5f, -9}) == 1);
  CHECK(fixture.choose({-1, -2.5f, -9}) == 0);
}

TEST_CASE("the presence penalty counts once, the frequency penalty each time") {
  SamplerOptions options = plain(0);
  options.presence_penalty = 1;
  Fixture fixture(2, options);
  fixture.accept({0, 0, 0});
  CHECK(fixture.choose({2, 0.9f}) == 0);
  CHECK(fixture.choose({2, 1.1f}) == 1);
  options.presence_penalty = 0;
  options.frequency_penalty = 1;
  fixture.configure(options);
  fixture.accept({0, 0, 0});
  CHECK(fixture.choose({4, 0.9f}) == 0);
  CHECK(fixture.choose({4, 1.1f}) == 1);
}

TEST_CASE("a negative penalty favours what occurred, and a bias comes before the penalties") {
  SamplerOptions options = plain(0);
  options.presence_penalty = -2;
  Fixture fixture(2, options);
  fixture.accept({1});
  CHECK(fixture.choose({1, 0}) == 1);
  options.presence_penalty = 0;
  options.repeat_penalty = 2;
  fixture.configure(options);
  fixture.accept({1});
  fixture.bias(1, 4);
  CHECK(fixture.choose({2.9f, 2}) == 1);  // (2 + 4) / 2 = 3, not 2 / 2 + 4 = 5
  CHECK(fixture.choose({3.1f, 2}) == 0);
}

TEST_CASE("the penalties see only the last repeat_last tokens") {
  SamplerOptions options = plain(0);
  options.presence_penalty = 10;
  options.repeat_last = 3;
  Fixture fixture(6, options);
  const std::vector<float> logits = {5, 4, 3, 2, 1, 0};
  CHECK(fixture.choose(logits) == 0);
  fixture.accept({0});
  CHECK(fixture.choose(logits) == 1);
  fixture.accept({1, 2});
  CHECK(fixture.choose(logits) == 3);
  fixture.accept({3});  // 0 leaves the ring
  CHECK(fixture.choose(logits) == 0);
  fixture.accept({3, 3});
  CHECK(fixture.choose(logits) == 0);
  fixture.accept({0, 1});
  CHECK(fixture.choose(logits) == 2);
  options.repeat_last = 0;
  fixture.configure(options);
  fixture.accept({0, 1, 2});
  CHECK(fixture.choose(logits) == 0);
}

TEST_CASE("penalties are those of the reference while the ring wraps around") {
  RandomLogits random(5);
  for (const uint32_t repeat_last : {1u, 2u, 7u, 64u, 4096u}) {
    SamplerOptions options = plain(0);
    options.repeat_last = repeat_last;
    options.repeat_penalty = 1.3f;
    options.presence_penalty = 0.4f;
    options.frequency_penalty = 0.2f;
    Fixture fixture(50, options);
    fixture.bias(3, 1.5f);
    std::vector<int32_t> accepted;
    for (int i = 0; i < 300; ++i) {
      const std::vector<float> logits = random.next(50, 2);
      const int32_t token = fixture.choose(logits);
      CHECK(token == reference(logits, options, {{3, 1.5f}}, accepted)[0].token);
      // Chosen tokens and others, so that the ring holds repetitions of improbable tokens too.
      accepted.push_back(i % 3 == 0 ? token : static_cast<int32_t>(random.unit() * 50));
      sampler_accept(&fixture.sampler, accepted.back());
    }
  }
}

TEST_CASE("penalties count right when every token of a long ring is different") {
  SamplerOptions options = plain(0);
  options.repeat_last = kMaxRepeatLast;
  options.presence_penalty = 5;
  Fixture fixture(200000, options);
  std::vector<float> logits(200000, 1);
  for (uint32_t i = 0; i < kMaxRepeatLast; ++i) sampler_accept(&fixture.sampler, static_cast<int32_t>(i));
  CHECK(fixture.choose(logits) == static_cast<int32_t>(kMaxRepeatLast));
}

TEST_CASE("drawn frequencies follow the softmax at several temperatures") {
  const std::vector<float> logits = {0.3f, 2, -1, 1.5f, 0, -0.7f, 2.2f, 1};
  // 7 degrees of freedom: 30 is exceeded once in ten thousand times.
  for (const float temperature : {0.5f, 1.0f, 2.0f, 100.0f}) check_distribution(logits, plain(temperature, 11), 30);
}

TEST_CASE("drawn frequencies follow the probabilities that the cuts leave") {
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

TEST_CASE("top-k keeps what a complete sort keeps") {
  for (const uint32_t top_k : {1u, 2u, 3u, 40u, 199u, 200u, 1000u}) {
    SamplerOptions options = plain(1);
    options.top_k = top_k;
    check_against_reference(options, 200, 3, 40);
  }
  SamplerOptions options = plain(1);
  options.top_k = 40;
  check_against_reference(options, 5000, 3, 20);
}

TEST_CASE("top-k takes the lower ids among equal logits") {
  SamplerOptions options = plain(100);
  options.top_k = 3;
  Fixture fixture(1000, options);
  std::vector<float> logits(1000, 1);
  logits[700] = 2;
  std::vector<int> observed(1000);
  for (int i = 0; i < 1000; ++i) ++observed[static_cast<size_t>(fixture.choose(logits))];
  CHECK(observed[0] > 250);
  CHECK(observed[1] > 250);
  CHECK(observed[700] > 250);
  CHECK(observed[0] + observed[1] + observed[700] == 1000);
}

TEST_CASE("top-k works on rising and falling logits") {
  for (const bool rising : {true, false}) {
    SamplerOptions options = plain(100);
    options.top_k = 50;
    Fixture fixture(3000, options);
    std::vector<float> logits(3000);
    for (size_t i = 0; i < 3000; ++i) logits[i] = static_cast<float>(rising ? i : 3000 - i) * 0.01f;
    for (int i = 0; i < 200; ++i) {
      const int32_t token = fixture.choose(logits);
      CHECK((rising ? token >= 2950 : token < 50));
    }
  }
}

TEST_CASE("top-p keeps what a complete sort keeps") {
  for (const float top_p : {0.001f, 0.1f, 0.5f, 0.9f, 0.95f, 0.999f}) {
    SamplerOptions options = plain(1);
    options.top_p = top_p;
    for (const double deviation : {0.001, 0.5, 3.0, 20.0}) check_against_reference(options, 300, deviation, 20);
    check_against_reference(options, 5000, 3, 10);
  }
}

TEST_CASE("top-p takes the lower ids among equal logits, and the fewest that reach it") {
  SamplerOptions options = plain(1);
  options.top_p = 0.5f;
  Fixture fixture(8, options);
  std::vector<int> observed(8);
  for (int i = 0; i < 1000; ++i) ++observed[static_cast<size_t>(fixture.choose(std::vector<float>(8, -3)))];
  for (size_t i = 0; i < 8; ++i) CHECK((observed[i] > 0) == (i < 4));
}

TEST_CASE("top-p next to 1 keeps everything that has any weight") {
  SamplerOptions options = plain(100);
  options.top_p = std::nextafter(1.0f, 0.0f);
  Fixture fixture(3, options);
  std::vector<int> observed(3);
  for (int i = 0; i < 1000; ++i) ++observed[static_cast<size_t>(fixture.choose({0, -5, -10}))];
  for (const int count : observed) CHECK(count > 200);
}

TEST_CASE("min-p keeps what a complete sort keeps") {
  for (const float min_p : {1e-6f, 0.01f, 0.05f, 0.5f, 0.99f}) {
    SamplerOptions options = plain(1);
    options.min_p = min_p;
    check_against_reference(options, 300, 3, 40);
  }
}

TEST_CASE("typical-p keeps what a complete sort keeps") {
  for (const float typical_p : {0.001f, 0.2f, 0.5f, 0.9f, 0.999f}) {
    SamplerOptions options = plain(1);
    options.typical_p = typical_p;
    for (const double deviation : {0.5, 3.0, 10.0}) check_against_reference(options, 300, deviation, 20);
    check_against_reference(options, 5000, 3, 10);
  }
}

TEST_CASE("typical-p can drop the most probable token") {
  // Entropy 2.03 nats: −log p is 0.98 for token 0 and 2.92 for the others, of which any is nearer.
  std::vector<float> logits(13, 0.0f);
  logits[0] = 1.94f;
  SamplerOptions options = plain(1);
  options.typical_p = 0.3f;
  Fixture fixture(13, options);
  for (int i = 0; i < 500; ++i) CHECK(fixture.choose(logits) != 0);
}

TEST_CASE("typical-p goes on until its share is exceeded, top-p until it is reached") {
  const std::vector<float> logits(4, 0);
  SamplerOptions options = plain(1);
  const auto kept = [&] {
    Fixture fixture(4, options);
    int32_t highest = 0;
    for (int i = 0; i < 300; ++i) highest = std::max(highest, fixture.choose(logits));
    return highest + 1;
  };
  options.typical_p = 0.5f;
  CHECK(kept() == 3);
  options.typical_p = 1;
  options.top_p = 0.5f;
  CHECK(kept() == 2);
}

TEST_CASE("all cuts together keep what the chain of complete sorts keeps") {
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
    Fixture fixture(4, options);
    for (int i = 0; i < 100; ++i) {
      CHECK(fixture.choose({-FLT_MAX, FLT_MAX, -FLT_MAX, 0}) == 1);
      CHECK(fixture.choose({-FLT_MAX, -FLT_MAX, 3, -FLT_MAX}) == 2);
      CHECK(fixture.choose({-FLT_MAX, -FLT_MAX, -FLT_MAX, -FLT_MAX}) >= 0);
    }
  }
}

TEST_CASE("a tiny temperature is greedy without overflow") {
  Fixture fixture(3, plain(FLT_TRUE_MIN));
  for (int i = 0; i < 50; ++i) CHECK(fixture.choose({1, 2, 1.9999f}) == 1);
}

TEST_CASE("a candidate without weight is not drawn, not even by the random number 0") {
  Fixture fixture(3, plain(1));
  for (uint64_t& word : fixture.sampler.random) word = 0;
  fixture.sampler.random[0] = 1;  // the next output of xoshiro256** depends on word 1 only
  CHECK(fixture.choose({-1000, 0, -1000}) == 1);
}

TEST_CASE("the same seed gives the same sequence, another seed another") {
  RandomLogits random(9);
  const std::vector<float> logits = random.next(500, 1);
  SamplerOptions options;
  options.temperature = 1;
  const auto sequence = [&](uint64_t seed) {
    options.seed = seed;
    Fixture fixture(500, options);
    std::vector<int32_t> tokens;
    for (int i = 0; i < 100; ++i) {
      tokens.push_back(fixture.choose(logits));
      sampler_accept(&fixture.sampler, tokens.back());
    }
    return tokens;
  };
  CHECK(sequence(42) == sequence(42));
  CHECK(sequence(42) != sequence(43));
  CHECK(sequence(0) != sequence(uint64_t{1} << 52));
}

TEST_CASE("configuring anew starts the sequence again") {
  SamplerOptions options = plain(1, 5);
  options.presence_penalty = 3;
  Fixture fixture(20, options);
  const std::vector<float> logits(20, 0);
  std::vector<int32_t> first, second;
  for (std::vector<int32_t>* tokens : {&first, &second}) {
    fixture.configure(options);
    for (int i = 0; i < 50; ++i) {
      tokens->push_back(fixture.choose(logits));
      sampler_accept(&fixture.sampler, tokens->back());
    }
  }
  CHECK(first == second);
}

TEST_CASE("a vocabulary of one token always gives that token") {
  for (const float temperature : {0.0f, 1.0f}) {
    SamplerOptions options;
    options.temperature = temperature;
    options.typical_p = 0.5f;
    Fixture fixture(1, options);
    CHECK(fixture.choose({-7}) == 0);
  }
}

TEST_CASE("log-probabilities are those of the softmax, most probable first") {
  RandomLogits random(21);
  for (const size_t vocabulary : {1u, 5u, 300u, 5000u}) {
    const std::vector<float> logits = random.next(vocabulary, 3);
    Fixture fixture(static_cast<uint32_t>(vocabulary));
    std::vector<Weighted> expected = reference(logits, plain(1));
    std::sort(expected.begin(), expected.end(), more_probable);
    std::vector<LogProbability> top(20);
    const int32_t token = static_cast<int32_t>(vocabulary / 2);
    const float logprob = sampler_log_probabilities(&fixture.sampler, logits, token, top);
    for (const Weighted& w : expected) {
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

TEST_CASE("log-probabilities leave non-finite logits out and order ties by id") {
  Fixture fixture(6);
  std::vector<LogProbability> top(6);
  const std::vector<float> logits = {kNaN, 1, kInf, 1, -kInf, 0};
  const double sum = 2 + std::exp(-1.0);
  CHECK(sampler_log_probabilities(&fixture.sampler, logits, 3, top) == doctest::Approx(-std::log(sum)));
  CHECK(sampler_log_probabilities(&fixture.sampler, logits, 2, top) == -kInf);
  CHECK(top[0].token == 1);
  CHECK(top[1].token == 3);
  CHECK(top[2].token == 5);
  CHECK(top[2].logprob == doctest::Approx(-1 - std::log(sum)));
  CHECK(top[3].token == -1);
  CHECK(sampler_log_probabilities(&fixture.sampler, std::vector<float>(6, kNaN), 0, top) == -kInf);
  CHECK(top[0].token == -1);
  CHECK(sampler_log_probabilities(&fixture.sampler, {{FLT_MAX, -FLT_MAX, 0, 0, 0, 0}}, 1, {}) == -FLT_MAX);
}

TEST_CASE("log-probabilities are those before bias, penalties and temperature") {
  SamplerOptions options = plain(3);
  options.presence_penalty = 5;
  Fixture fixture(2, options);
  fixture.bias(0, 10);
  fixture.accept({1});
  CHECK(sampler_log_probabilities(&fixture.sampler, {{0, 0}}, 0, {}) == doctest::Approx(-std::log(2.0)));
}
