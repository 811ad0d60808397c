#include <random>

#include "base/utf8.h"
#include "vocabularies.h"

namespace camelgpt {
namespace {

// Feeds the bytes in pieces of the given sizes, then the rest in one piece.
std::string detokenize(std::string_view bytes, const std::vector<size_t>& sizes) {
  Detokenizer detokenizer;
  Buffer<char> text;
  for (const size_t size : sizes) {
    const size_t taken = size < bytes.size() ? size : bytes.size();
    REQUIRE(detokenizer.put(bytes.substr(0, taken), &text).ok());
    CHECK(utf8_validate({text.data(), text.size()}) == text.size());
    bytes.remove_prefix(taken);
  }
  REQUIRE(detokenizer.put(bytes, &text).ok());
  REQUIRE(detokenizer.finish(&text).ok());
  REQUIRE(detokenizer.finish(&text).ok());
  return {text.data(), text.size()};
}

#define R "\xef\xbf\xbd"

TEST_CASE("detokenizer holds back a character until it is complete") {
  Detokenizer detokenizer;
  Buffer<char> text;
  const auto put = [&](std::string_view bytes) {
    text.clear();
    REQUIRE(detokenizer.put(bytes, &text).ok());
    return std::string(text.data(), text.size());
  };
  CHECK(put("a\xf0") == "a");
  CHECK(put("\x9f") == "");
  CHECK(put("") == "");
  CHECK(put("\x98") == "");
  CHECK(put("\x80") == "\xf0\x9f\x98\x80");
  CHECK(put("\xc3") == "");
  CHECK(put("\xa4\xc3") == "\xc3\xa4");
  CHECK(put("b") == R "b");
  CHECK(put("\xe4\xb8") == "");
  text.clear();
  REQUIRE(detokenizer.finish(&text).ok());
  CHECK(std::string(text.data(), text.size()) == R);
  CHECK(put("c") == "c");
}

TEST_CASE("detokenizer replaces each maximal invalid subsequence by one U+FFFD") {
  struct {
    std::string_view bytes, text;
  } const cases[] = {
      {"", ""},
      {"\x80", R},
      {"\xc0\xaf", R R},
      {"\xe0\x80\xaf", R R R},
      {"\xed\xa0\x80", R R R},
      {"\xf4\x90\x80\x80", R R R R},
      {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf"
       "A",
       R R R R "A"},  // The Unicode Standard, table 3-11
      {"\xf0\x9f\x98", R},
      {"\xf0\x9f\x98\xf0\x9f\x98\x80", R "\xf0\x9f\x98\x80"},
      {"\xe4\xe4\xb8\xad\xb8", R "\xe4\xb8\xad" R},
      {"a\xff"
       "b\xfe",
       "a" R "b" R},
  };
  for (const auto& each : cases) {
    CAPTURE(each.text);
    CHECK(detokenize(each.bytes, {}) == each.text);
    CHECK(detokenize(each.bytes, std::vector<size_t>(each.bytes.size(), 1)) == each.text);
  }
}

TEST_CASE("detokenizer output does not depend on how the bytes are split") {
  std::mt19937 random(5);
  const std::string_view parts[] = {"a",    "\xc3\xa4", "\xe4\xb8\xad", "\xf0\x9f\x98\x80",
                                    "\x80", "\xe4",     "\xf0\x9f",     "\xff"};
  for (int round = 0; round < 2000; ++round) {
    std::string bytes;
    for (size_t count = random() % 12; count > 0; --count) bytes += parts[random() % 8];
    const std::string whole = detokenize(bytes, {});
    CHECK(utf8_validate(whole) == whole.size());
    std::vector<size_t> sizes;
    for (size_t i = 0; i < bytes.size(); ++i) sizes.push_back(random() % 4);
    CHECK(detokenize(bytes, sizes) == whole);
    if (utf8_validate(bytes) == bytes.size()) CHECK(whole == bytes);
  }
}

}  // namespace
}  // namespace camelgpt
