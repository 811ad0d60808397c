#include <cstring>
#include <string>

#include "base/utf8.h"
#include "doctest/doctest.h"

namespace camelgpt {
namespace {

std::string utf8_of(uint32_t c) {
  if (c < 0x80) return {static_cast<char>(c)};
  const auto tail = [c](int shift) { return static_cast<char>(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x800) return {static_cast<char>(0xc0 | c >> 6), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xe0 | c >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | c >> 18), tail(12), tail(6), tail(0)};
}

struct Invalid {
  std::string_view bytes;
  uint32_t length;
  bool incomplete;
};

TEST_CASE("utf8 decodes every character") {
  for (uint32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xd800 && c <= 0xdfff) continue;
    const std::string text = utf8_of(c) + "x";
    const Utf8Character character = utf8_decode(text);
    REQUIRE(character.code_point == c);
    REQUIRE(character.length == text.size() - 1);
    REQUIRE(!character.incomplete);
  }
}

TEST_CASE("utf8 reports the maximal ill-formed subpart of invalid bytes") {
  const Invalid cases[] = {
      {"\x80", 1, false},  // continuation without a lead
      {"\xbfx", 1, false},
      {"\xc0\x80", 1, false},  // overlong
      {"\xc1\xbf", 1, false},
      {"\xe0\x9f\xbf", 1, false},
      {"\xf0\x8f\xbf\xbf", 1, false},
      {"\xed\xa0\x80", 1, false},  // surrogates
      {"\xed\xbf\xbf", 1, false},
      {"\xf4\x90\x80\x80", 1, false},  // past U+10FFFF
      {"\xf5\x80\x80\x80", 1, false},
      {"\xff", 1, false},
      {"\xc3x", 1, false},  // the next byte is not a continuation
      {"\xe4\xb8x", 2, false},
      {"\xf0\x9f\x98x", 3, false},
      {"\xf0\x9fx", 2, false},
      {"\xe1\x80\xe2", 2, false},
      {"\xc3", 1, true},  // the text ends inside
      {"\xe4", 1, true},
      {"\xe4\xb8", 2, true},
      {"\xe0\xa0", 2, true},
      {"\xf0\x9f\x98", 3, true},
      {"\xf4\x8f", 2, true},
  };
  for (const Invalid& invalid : cases) {
    CAPTURE(invalid.bytes);
    const Utf8Character character = utf8_decode(invalid.bytes);
    CHECK(character.code_point == kInvalidCodePoint);
    CHECK(character.length == invalid.length);
    CHECK(character.incomplete == invalid.incomplete);
  }
}

TEST_CASE("utf8 finds the first invalid byte at any distance from the start") {
  CHECK(utf8_validate("") == 0);
  for (size_t before = 0; before < 40; ++before) {
    for (size_t after = 0; after < 20; ++after) {
      const std::string left(before, 'a'), right(after, 'b');
      CHECK(utf8_validate(left + right) == before + after);
      CHECK(utf8_validate(left + "\xe4\xb8\xad" + right) == before + after + 3);
      CHECK(utf8_validate(left + "\xff" + right) == before);
      CHECK(utf8_validate(left + "\xe4\xb8" + right) == before);
      CHECK(utf8_validate(left + "\xc3\xa4\x80" + right) == before + 2);
    }
  }
}

}  // namespace
}  // namespace camelgpt
