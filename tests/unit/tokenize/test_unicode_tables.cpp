#include <vector>

#include "doctest/doctest.h"
#include "tokenize/unicode_tables.h"

namespace camelgpt {
namespace {

void check_class(std::initializer_list<uint32_t> code_points, CharacterClass expected) {
  for (const uint32_t c : code_points) {
    CAPTURE(c);
    CHECK(unicode_class(c) == expected);
  }
}

TEST_CASE("unicode_class groups general categories") {
  check_class({'A', 'Z', 0xc4, 0x1c5, 0x391, 0x1c89 /* since 16.0 */, 0x1d400}, CharacterClass::kUppercase);
  check_class({'a', 'z', 0xe4, 0xdf, 0x3b1, 0x10428}, CharacterClass::kLowercase);
  check_class({0xaa, 0x2b0, 0x4e2d, 0x20000, 0x2fa1d, 0xac00}, CharacterClass::kLetter);
  check_class({'0', '9', 0xb2, 0xbd, 0x661, 0x2167, 0x3007, 0x1d7d8}, CharacterClass::kNumber);
  check_class({0x300, 0x301, 0x94d, 0xe0100}, CharacterClass::kNonspacing);
  check_class({0x903, 0x20dd}, CharacterClass::kMark);
  check_class({'!', '_', '~' - 1, 0xbf, 0x3001, 0x1e95f}, CharacterClass::kPunctuation);
  check_class({'$', '+', '^', '~', 0x1f600, 0x20ac}, CharacterClass::kSymbol);
  check_class({0, 0x1c, 0x7f, 0xad, 0x200b, 0xfeff, 0x180e, 0xe000, 0x10fffd}, CharacterClass::kControl);
  check_class({0x20, 0x09, 0x0d, 0x85, 0xa0, 0x1680, 0x200a, 0x2028, 0x202f, 0x205f, 0x3000}, CharacterClass::kSpace);
  check_class({0x378, 0xd800, 0xffff, 0x10ffff}, CharacterClass::kUnassigned);
  // Each code point is in exactly one of the sets that pre-tokenizers use.
  for (uint32_t c = 0; c < 0x110000; ++c) {
    const uint32_t mask = mask_of(unicode_class(c));
    if (((mask & kLetters) != 0) + ((mask & kNumbers) != 0) + ((mask & kSpaces) != 0) + ((mask & kOthers) != 0) != 1)
      FAIL(c);
  }
}

TEST_CASE("unicode_lower maps capitals to lower case and leaves the rest") {
  for (uint32_t c = 0; c < 128; ++c) CHECK(unicode_lower(c) == (c >= 'A' && c <= 'Z' ? c + 32 : c));
  CHECK(unicode_lower(0xc4) == 0xe4);
  CHECK(unicode_lower(0xd7) == 0xd7);  // the multiplication sign, between the letters
  CHECK(unicode_lower(0x100) == 0x101);
  CHECK(unicode_lower(0x101) == 0x101);
  CHECK(unicode_lower(0x130) == 'i');
  CHECK(unicode_lower(0x178) == 0xff);
  CHECK(unicode_lower(0x1c5) == 0x1c6);
  CHECK(unicode_lower(0x3a3) == 0x3c3);  // also for a final sigma
  CHECK(unicode_lower(0x42f) == 0x44f);
  CHECK(unicode_lower(0x13a0) == 0xab70);
  CHECK(unicode_lower(0x1e9e) == 0xdf);
  CHECK(unicode_lower(0x212a) == 'k');
  CHECK(unicode_lower(0x2c2f) == 0x2c5f);
  CHECK(unicode_lower(0x10400) == 0x10428);
  CHECK(unicode_lower(0x1e921) == 0x1e943);
  for (const uint32_t c : {0xdfu, 0x4e2du, 0xac00u, 0x1f600u, 0x1e922u, 0x10ffffu}) CHECK(unicode_lower(c) == c);
}

std::vector<uint32_t> base_of(uint32_t code_point) {
  uint32_t parts[kMaxBaseParts];
  const uint32_t count = unicode_base(code_point, parts);
  return {parts, parts + count};
}

TEST_CASE("unicode_base decomposes characters and drops nonspacing marks") {
  using Parts = std::vector<uint32_t>;
  CHECK(base_of('a') == Parts{'a'});
  CHECK(base_of(0xc5) == Parts{'A'});
  CHECK(base_of(0xdf) == Parts{0xdf});
  CHECK(base_of(0x100) == Parts{'A'});   // in a run with step 2
  CHECK(base_of(0x1e69) == Parts{'s'});  // two marks
  CHECK(base_of(0x212b) == Parts{'A'});  // the angstrom sign is the letter with a ring
  CHECK(base_of(0x2260) == Parts{'='});
  CHECK(base_of(0x419) == Parts{0x418});
  CHECK(base_of(0x1f82) == Parts{0x3b1});
  CHECK(base_of(0x304c) == Parts{0x304b});
  CHECK(base_of(0xfb01) == Parts{0xfb01});  // a ligature has only a compatibility decomposition
  CHECK(base_of(0xac00) == Parts{0x1100, 0x1161});
  CHECK(base_of(0xd7a3) == Parts{0x1112, 0x1175, 0x11c2});
  CHECK(base_of(0xd7a4) == Parts{0xd7a4});
  CHECK(base_of(0x9cb) == Parts{0x9c7, 0x9be});  // vowels on both sides of a consonant
  CHECK(base_of(0x1d164) == Parts{0x1d158, 0x1d165, 0x1d172});
  CHECK(base_of(0x16d6a) == Parts{0x16d63, 0x16d67, 0x16d67});
  CHECK(base_of(0xf900) == Parts{0x8c48});
  CHECK(base_of(0x2fa1d) == Parts{0x2a600});
  CHECK(base_of(0x301).empty());
  CHECK(base_of(0x344).empty());  // one code point, two marks
  for (uint32_t c = 0; c < 0x110000; ++c) {
    for (const uint32_t part : base_of(c)) {
      if (base_of(part) != Parts{part}) FAIL(c);
    }
  }
}

}  // namespace
}  // namespace camelgpt
