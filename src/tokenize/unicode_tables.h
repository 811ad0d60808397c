// Maps code points to the character classes of the pre-tokenizers, to lower case, and to their base characters.
#pragma once

#include <cstdint>

namespace camelgpt {

// General categories, grouped. Sets of classes are bit masks of mask_of.
enum class CharacterClass : uint8_t {
  kUnassigned = 0,
  kUppercase = 1,    // Lu, Lt
  kLowercase = 2,    // Ll
  kLetter = 3,       // Lm, Lo
  kNumber = 4,       // Nd, Nl, No
  kNonspacing = 5,   // Mn
  kMark = 6,         // Mc, Me
  kPunctuation = 7,  // P
  kSymbol = 8,       // S
  kControl = 9,      // Cc, Cf, Co
  kSpace = 10,       // \s: the property White_Space, including line ends
};

constexpr uint32_t mask_of(CharacterClass one) { return 1u << static_cast<uint32_t>(one); }

inline constexpr uint32_t kLetters =
    mask_of(CharacterClass::kUppercase) | mask_of(CharacterClass::kLowercase) | mask_of(CharacterClass::kLetter);
inline constexpr uint32_t kNumbers = mask_of(CharacterClass::kNumber);
inline constexpr uint32_t kMarks = mask_of(CharacterClass::kNonspacing) | mask_of(CharacterClass::kMark);
inline constexpr uint32_t kSpaces = mask_of(CharacterClass::kSpace);
inline constexpr uint32_t kOthers = 0x7ff & ~(kLetters | kNumbers | kSpaces);  // [^\s\p{L}\p{N}]

// Unicode 16.0, the version of the regular expressions in the reference implementation.
CharacterClass unicode_class(uint32_t code_point);

// Returns the lower-case letter of an upper-case one, otherwise the code point itself. U+0130 maps to i, without the
// combining dot that its full mapping adds.
uint32_t unicode_lower(uint32_t code_point);

// Stores the canonical decomposition (NFD) without nonspacing marks in parts and returns its length, at most
// kMaxBaseParts. The length is 0 for a nonspacing mark.
inline constexpr uint32_t kMaxBaseParts = 4;
uint32_t unicode_base(uint32_t code_point, uint32_t* parts);

}  // namespace camelgpt
