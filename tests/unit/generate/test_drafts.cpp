#include <doctest/doctest.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "generate/drafts.h"
#include "random_weights.h"

using namespace camelgpt;

namespace {

struct TestDrafts {
  Arena arena;
  Drafts drafts;

  explicit TestDrafts(uint32_t context = 4096) {
    Arena measuring;
    drafts_reserve(&drafts, context, &measuring);
    REQUIRE(arena.allocate(measuring.used()));
    drafts_reserve(&drafts, context, &arena);
    drafts_begin(&drafts, {});
  }

  // Returns the proposal, by default however unlikely it is; nothing without a match.
  std::vector<int32_t> propose(std::span<const int32_t> text, float min_expected = 0) const {
    std::vector<int32_t> proposed(kMaxDrafts);
    if (!drafts_propose(drafts, text, min_expected, proposed)) proposed.clear();
    return proposed;
  }
};

std::vector<int32_t> tokens_of(std::string_view text) { return {text.begin(), text.end()}; }

std::vector<int32_t> random_text(size_t size, uint32_t vocabulary, uint64_t seed) {
  TestRandom random(seed);
  std::vector<int32_t> text(size);
  for (int32_t& token : text) token = static_cast<int32_t>(random.next() % vocabulary);
  return text;
}

// Reference: the length of the longest earlier occurrence of the text's end, by exhaustive search.
uint32_t longest_match(std::span<const int32_t> text) {
  size_t longest = 0;
  for (size_t end = 1; end < text.size(); ++end) {
    size_t length = 0;
    while (length < end && text[end - 1 - length] == text[text.size() - 1 - length]) ++length;
    longest = std::max(longest, length);
  }
  return longest < kMinMatch ? 0 : std::min(static_cast<uint32_t>(longest), kMaxMatch);
}

}  // namespace

TEST_CASE("drafts follow the longest match that an exhaustive search finds") {
  uint32_t matches = 0, misses = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    // A text of at most kMaxOccurrences tokens, so that every occurrence is compared.
    const std::vector<int32_t> text = random_text(kMaxOccurrences, static_cast<uint32_t>(2 + seed % 5), seed);
    TestDrafts test;
    uint32_t before = 0;
    for (size_t size = 1; size <= text.size(); ++size) {
      const std::span<const int32_t> seen = std::span(text).first(size);
      drafts_follow(&test.drafts, seen);
      const uint32_t match = test.drafts.match, source = test.drafts.source;
      CHECK(std::min(match, kMaxMatch) == longest_match(seen));
      if (match > 0) {
        ++matches;
        REQUIRE(match <= source);
        REQUIRE(source < size);
        CHECK(std::equal(text.begin() + source - match, text.begin() + source, seen.end() - match));
        CHECK(test.propose(seen)[0] == text[source]);
      }
      if (before > 0 && match <= before) ++misses;
      before = match;
    }
  }
  CHECK(matches > 500);
  CHECK(misses > 100);
}

TEST_CASE("drafts of a long text always come from a true match") {
  for (const uint32_t vocabulary : {2u, 3u, 10u, 1000u}) {
    std::vector<int32_t> text = random_text(1500, vocabulary, vocabulary);
    for (size_t i = 0; i < 500; ++i) text.push_back(text[100 + i]);  // repeats an earlier passage
    TestDrafts test(2000);
    uint32_t matches = 0;
    for (size_t size = 1; size <= text.size(); ++size) {
      drafts_follow(&test.drafts, std::span(text).first(size));
      const uint32_t match = test.drafts.match, source = test.drafts.source;
      if (match == 0) continue;
      ++matches;
      REQUIRE(match <= source);
      REQUIRE(source < size);
      CHECK(std::equal(text.begin() + source - match, text.begin() + source,
                       text.begin() + static_cast<ptrdiff_t>(size) - match));
    }
    CHECK(matches >= 497);
  }
}

TEST_CASE("drafts are what followed the last time") {
  TestDrafts test;
  const std::vector<int32_t> text = tokens_of("The camel drinks. Look: the camel");
  drafts_begin(&test.drafts, text);
  CHECK(test.propose(text) == tokens_of(" dr"));
}

TEST_CASE("the longer of two matches is followed, on ties the more recent") {
  TestDrafts test;
  const std::vector<int32_t> longer = tokens_of("1abcde 2bcdf 3abcd");
  drafts_begin(&test.drafts, longer);
  CHECK(test.propose(longer) == tokens_of("e 2"));
  const std::vector<int32_t> later = tokens_of("1abcde 2abcdf 3abcd");
  drafts_begin(&test.drafts, later);
  CHECK(test.propose(later) == tokens_of("f 3"));
}

TEST_CASE("drafts of a repeating text continue past its end") {
  TestDrafts test;
  for (const std::string_view period : {"x", "xy"}) {
    std::vector<int32_t> text;
    for (size_t i = 0; i < 9; ++i) text.push_back(period[i % period.size()]);
    drafts_begin(&test.drafts, text);
    const std::vector<int32_t> drafts = test.propose(text);
    REQUIRE(drafts.size() == kMaxDrafts);
    for (size_t i = 0; i < kMaxDrafts; ++i) CHECK(drafts[i] == period[(9 + i) % period.size()]);
  }
}

TEST_CASE("without an earlier occurrence there are no drafts") {
  TestDrafts test;
  std::vector<int32_t> text;
  for (int32_t token = 0; token < 100; ++token) {
    text.push_back(token);
    drafts_follow(&test.drafts, text);
    CHECK(test.propose(text).empty());
  }
  for (const size_t size : {0, 1, 2}) {
    drafts_begin(&test.drafts, std::span(text).first(size));
    CHECK(test.propose(std::span(text).first(size)).empty());
  }
}

TEST_CASE("a new text gets no drafts from the previous one") {
  TestDrafts test;
  std::vector<int32_t> first = random_text(300, 4, 1);
  first.insert(first.end(), 20, 3);
  const std::vector<int32_t> second = random_text(200, 4, 2);
  drafts_begin(&test.drafts, first);
  REQUIRE(test.drafts.match > 0);
  drafts_begin(&test.drafts, {});
  CHECK(test.propose({}).empty());
  drafts_begin(&test.drafts, first);
  drafts_begin(&test.drafts, second);
  TestDrafts only_second;
  for (size_t size = 1; size <= second.size(); ++size) {
    drafts_follow(&only_second.drafts, std::span(second).first(size));
  }
  CHECK(test.drafts.match == only_second.drafts.match);
  CHECK(test.propose(second) == only_second.propose(second));
}

TEST_CASE("wrong guesses stop the proposals, and right ones resume them") {
  TestDrafts test;
  std::vector<int32_t> text;
  const auto proposes_after = [&](std::string_view phrase) {
    for (const char c : phrase) text.push_back(c);
    drafts_follow(&test.drafts, text);
    return !test.propose(text, 1.0f).empty();
  };
  // Three tokens that are followed by a different one each time.
  int32_t other = 1000;
  std::vector<bool> proposals;
  for (int i = 0; i < 12; ++i) {
    proposals.push_back(proposes_after("abc"));
    text.push_back(other++);
  }
  CHECK_FALSE(proposals[0]);  // nothing occurred before
  CHECK(proposals[1]);
  CHECK(std::count(proposals.begin(), proposals.end(), true) < 6);
  CHECK_FALSE(proposals.back());
  proposes_after("one hump or two humps; ");
  const float lowered = test.drafts.trust;
  CHECK(lowered < 0.5f);
  CHECK(proposes_after("one hump or two humps; "));
  CHECK(test.drafts.trust > lowered);
}

TEST_CASE("drafts take the memory that the arena measured, without overflow") {
  Arena measuring;
  Drafts drafts;
  drafts_reserve(&drafts, 4096, &measuring);
  CHECK(measuring.used().value == 4096 * 4 + 4097 * 4 / 64 * 64 + 64);
  Arena huge;
  drafts_reserve(&drafts, UINT32_MAX, &huge);
  CHECK(huge.used().value > uint64_t{UINT32_MAX} * 8);
  CHECK_FALSE(huge.used().overflowed);
}
