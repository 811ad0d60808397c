// Stop strings: which text is shown or held back, independent of how it is cut into pieces.
#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "doctest/doctest.h"
#include "generate/random.h"
#include "session/stop_strings.h"

using namespace camelgpt;

namespace {

struct Fixture {
  StopStrings stops;
  Buffer<char> out;

  explicit Fixture(std::initializer_list<std::string_view> strings) {
    for (const std::string_view text : strings) REQUIRE(stop_strings_add(&stops, text).ok());
  }
  // The text that one more piece shows; sets `found`.
  std::string put(std::string_view piece) {
    const size_t before = out.size();
    REQUIRE(stop_strings_put(&stops, piece, &out, &found).ok());
    return std::string(out.data() + before, out.size() - before);
  }
  std::string finish() {
    const size_t before = out.size();
    REQUIRE(stop_strings_finish(&stops, &out).ok());
    return std::string(out.data() + before, out.size() - before);
  }
  bool found = false;
};

struct Result {
  std::string text;
  bool found;
  bool operator==(const Result&) const = default;
};

// The text that is shown of all pieces, or of those before a stop string.
Result run(std::initializer_list<std::string_view> strings, const std::vector<std::string>& pieces) {
  Fixture fixture(strings);
  std::string shown;
  for (const std::string& piece : pieces) {
    shown += fixture.put(piece);
    if (fixture.found) return {shown, true};
  }
  return {shown + fixture.finish(), false};
}

// The definition: the stop string that ends first, the longest of those that end there.
Result naive(const std::vector<std::string>& strings, const std::string& text) {
  for (size_t end = 1; end <= text.size(); ++end) {
    size_t longest = 0;
    for (const std::string& stop : strings) {
      if (std::string_view(text).substr(0, end).ends_with(stop)) longest = std::max(longest, stop.size());
    }
    if (longest > 0) return {text.substr(0, end - longest), true};
  }
  return {text, false};
}

}  // namespace

TEST_CASE("without stop strings text passes immediately") {
  Fixture fixture({});
  CHECK(fixture.put("anything") == "anything");
  CHECK(fixture.put("") == "");
  CHECK_FALSE(fixture.found);
  CHECK(fixture.finish() == "");
}

TEST_CASE("a stop string inside one piece ends the text before it") {
  CHECK(run({"STOP"}, {"go on STOP here"}) == Result{"go on ", true});
  CHECK(run({"STOP"}, {"STOP"}) == Result{"", true});
  CHECK(run({"\n"}, {"line\nnext\n"}) == Result{"line", true});
}

TEST_CASE("a stop string may span pieces") {
  Fixture fixture({"</end>"});
  CHECK(fixture.put("text<") == "text");
  CHECK(fixture.put("/e") == "");
  CHECK(fixture.put("nd") == "");
  CHECK_FALSE(fixture.found);
  CHECK(fixture.put("> more") == "");
  CHECK(fixture.found);
  CHECK(fixture.finish() == "");
}

TEST_CASE("held text is shown as soon as it cannot be a stop string") {
  Fixture fixture({"</end>"});
  CHECK(fixture.put("a</e") == "a");
  CHECK(fixture.put("m>") == "</em>");
  CHECK(fixture.put("<<") == "<");
  CHECK(fixture.put("/") == "");
  CHECK(fixture.put("<") == "</");
  CHECK_FALSE(fixture.found);
}

TEST_CASE("finish shows the text that was held back, and the next text begins without it") {
  Fixture fixture({"abc"});
  CHECK(fixture.put("xab") == "x");
  CHECK(fixture.finish() == "ab");
  CHECK(fixture.finish() == "");
  CHECK(fixture.put("c") == "c");  // not the end of the old "ab"
  CHECK_FALSE(fixture.found);
  CHECK(fixture.put("abc") == "");
  CHECK(fixture.found);
}

TEST_CASE("after a stop string a new text begins") {
  Fixture fixture({"ab", "ba"});
  fixture.put("xab");
  CHECK(fixture.found);
  CHECK(fixture.put("a") == "");
  CHECK_FALSE(fixture.found);
  CHECK(fixture.finish() == "a");
}

TEST_CASE("clearing the held text abandons the match in progress") {
  Fixture fixture({"abc", "xyz!"});
  CHECK(fixture.put("xyzab") == "xyz");
  fixture.stops.held.clear();
  CHECK(fixture.put("c") == "c");
  CHECK_FALSE(fixture.found);
  CHECK(fixture.put("abc") == "");
  CHECK(fixture.found);
}

TEST_CASE("a stop string is found after a false start of itself") {
  CHECK(run({"aab"}, {"aaab"}) == Result{"a", true});
  CHECK(run({"aab"}, {"a", "a", "a", "a", "b"}) == Result{"aa", true});
  CHECK(run({"abab"}, {"ab", "a", "abab"}) == Result{"aba", true});
  CHECK(run({"abcabd"}, {"abcabcabd"}) == Result{"abc", true});
}

TEST_CASE("of overlapping stop strings the one that is complete first ends the text") {
  CHECK(run({"ab", "abc"}, {"xabc"}) == Result{"x", true});
  CHECK(run({"abc", "ab"}, {"xa", "bc"}) == Result{"x", true});
  CHECK(run({"abcd", "bc"}, {"abcd"}) == Result{"a", true});
  CHECK(run({"abcd", "bc"}, {"ab", "d"}) == Result{"abd", false});
  // Two that end at the same byte: the text ends before the longer one.
  CHECK(run({"bc", "abc"}, {"xabc"}) == Result{"x", true});
  CHECK(run({"bc", "abc"}, {"xxbc"}) == Result{"xx", true});
}

TEST_CASE("the longest beginning of any stop string is held back") {
  Fixture fixture({"bx", "abcd"});
  CHECK(fixture.put("1ab") == "1");
  CHECK(fixture.put("c") == "");
  CHECK(fixture.put("b") == "abc");
  CHECK(fixture.put("x") == "");
  CHECK(fixture.found);
}

TEST_CASE("characters of several bytes are never split") {
  // U+00E9 and U+00E8 share their first byte.
  Fixture fixture({"\u00e9t\u00e9"});
  CHECK(fixture.put("\u00e8") == "\u00e8");
  CHECK(fixture.put("l'\u00e9") == "l'");
  CHECK(fixture.put("t\u00e8") == "\u00e9t\u00e8");
  CHECK(fixture.put("\U0001F42A\u00e9t\u00e9") == "\U0001F42A");
  CHECK(fixture.found);
  CHECK(run({"\U0001F42B"}, {"\U0001F42A", "\U0001F42B"}) == Result{"\U0001F42A", true});
}

TEST_CASE("zero bytes are text like any other") {
  const std::string zero(1, '\0');
  Fixture fixture({std::string_view("a\0b", 3)});
  CHECK(fixture.put("xa" + zero) == "x");
  CHECK(fixture.put("b") == "");
  CHECK(fixture.found);
}

TEST_CASE("random texts end according to the definition, however they are cut") {
  uint64_t state[4];
  random_seed(state, 77);
  const auto below = [&](size_t limit) { return static_cast<size_t>(random_unit(state) * static_cast<double>(limit)); };
  const auto text_of = [&](size_t length) {
    std::string text;
    for (size_t i = 0; i < length; ++i) text += static_cast<char>('a' + below(2));
    return text;
  };
  int found = 0;
  for (int i = 0; i < 2000; ++i) {
    std::vector<std::string> strings;
    StopStrings stops;
    for (size_t k = 0, count = 1 + below(4); k < count; ++k) {
      strings.push_back(text_of(2 + below(9)));
      REQUIRE(stop_strings_add(&stops, strings.back()).ok());
    }
    const std::string text = text_of(below(60));
    const Result expected = naive(strings, text);
    Buffer<char> out;
    Result result{"", false};
    for (size_t at = 0; at < text.size() && !result.found;) {
      const size_t length = std::min(below(6), text.size() - at);
      REQUIRE(stop_strings_put(&stops, std::string_view(text).substr(at, length), &out, &result.found).ok());
      // The shown text is always a prefix of the final text.
      REQUIRE(out.size() <= expected.text.size());
      at += length;
    }
    if (!result.found) REQUIRE(stop_strings_finish(&stops, &out).ok());
    result.text.assign(out.data(), out.size());
    CHECK(result == expected);
    found += result.found;
  }
  CHECK(found > 500);
  CHECK(found < 1900);
}

TEST_CASE("a long repetitive text against long repetitive stop strings takes linear work") {
  StopStrings stops;
  for (uint32_t i = 0; i < kMaxStopStrings; ++i) {
    REQUIRE(stop_strings_add(&stops, std::string(kMaxStopStringBytes - 1 - i, 'a') + "b").ok());
  }
  Buffer<char> out;
  bool found = false;
  for (int i = 0; i < 20; ++i) REQUIRE(stop_strings_put(&stops, std::string(1000, 'a'), &out, &found).ok());
  CHECK_FALSE(found);
  CHECK(out.size() == 20000 - (kMaxStopStringBytes - 1));
  REQUIRE(stop_strings_put(&stops, "b", &out, &found).ok());
  CHECK(found);
  CHECK(out.size() == 20000 - (kMaxStopStringBytes - 1));
}

TEST_CASE("clearing forgets strings and held text") {
  Fixture fixture({"abc"});
  CHECK(fixture.put("ab") == "");
  stop_strings_clear(&fixture.stops);
  CHECK(fixture.put("c") == "c");
  CHECK(fixture.finish() == "");
  REQUIRE(stop_strings_add(&fixture.stops, "xy").ok());
  CHECK(fixture.put("abcxy") == "abc");
  CHECK(fixture.found);
}

TEST_CASE("a stop string that is empty, too long, not UTF-8 or one too many is refused") {
  StopStrings stops;
  Status status = stop_strings_add(&stops, "");
  CHECK(status.code == ErrorCode::kBadOption);
  CHECK(std::string(status.found) == "an empty string");
  status = stop_strings_add(&stops, std::string(1025, 'x'));
  CHECK(status.code == ErrorCode::kBadOption);
  CHECK(std::string(status.expected) == "at most 1024 bytes");
  CHECK(std::string(status.found) == "1025 bytes");
  status = stop_strings_add(&stops, "a\xa9");
  CHECK(status.code == ErrorCode::kBadOption);
  CHECK(std::string(status.found) == "an invalid byte at 1");
  CHECK(stops.ends.empty());
  for (int i = 0; i < 64; ++i) CHECK(stop_strings_add(&stops, std::string(1024, static_cast<char>('0' + i))).ok());
  status = stop_strings_add(&stops, "x");
  CHECK(status.code == ErrorCode::kBadOption);
  CHECK(std::string(status.expected) == "at most 64");
  CHECK(std::string(status.found) == "65");
}

TEST_CASE("hidden text completes a stop string that spells it, and is never shown") {
  Fixture fixture({});
  REQUIRE(stop_strings_add(&fixture.stops, "\n<end>", true).ok());
  REQUIRE(stop_strings_add(&fixture.stops, "ab").ok());
  const auto put_hidden = [&](std::string_view piece) {
    const size_t before = fixture.out.size();
    REQUIRE(stop_strings_put_hidden(&fixture.stops, piece, &fixture.out, &fixture.found).ok());
    return std::string(fixture.out.data() + before, fixture.out.size() - before);
  };
  CHECK(fixture.put("x\n") == "x");
  CHECK(put_hidden("<other>") == "\n");
  CHECK(!fixture.found);
  CHECK(fixture.put("y\n") == "y");
  CHECK(put_hidden("<end>").empty());
  CHECK(fixture.found);
  // The other stop string is matched in the visible text, as if there were no hidden one.
  CHECK(fixture.put("ya") == "y");
  CHECK(put_hidden("<end>").empty());
  CHECK(!fixture.found);
  CHECK(fixture.put("b").empty());
  CHECK(fixture.found);
  CHECK(fixture.put("za") == "z");
  CHECK(put_hidden("<end>").empty());
  CHECK(fixture.put("c") == "ac");
  CHECK(fixture.put("a").empty());
  CHECK(put_hidden("<end>").empty());
  CHECK(fixture.finish() == "a");
}

TEST_CASE("hidden text is ignored if no stop string spells it") {
  Fixture fixture({"<end>", "ab"});
  CHECK(fixture.put("a").empty());
  REQUIRE(stop_strings_put_hidden(&fixture.stops, "<end>", &fixture.out, &fixture.found).ok());
  CHECK(!fixture.found);
  CHECK(fixture.put("b").empty());
  CHECK(fixture.found);
}
