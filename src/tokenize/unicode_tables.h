// Code points to the classes by which text is cut into words, to their small letters, and to what remains of them
// without accents.
#pragma once

#include <cstdint>

namespace camelgpt {

// What a code point is, by its general category. Sets are written as masks: see in_class.
enum class CharacterClass : uint8_t {
  kUnassigned = 0,
  kCapital = 1,      // Lu, Lt
  kSmall = 2,        // Ll
  kLetter = 3,       // Lm, Lo
  kNumber = 4,       // Nd, Nl, No
  kNonspacing = 5,   // Mn
  kMark = 6,         // Mc, Me
  kPunctuation = 7,  // P
  kSymbol = 8,       // S
  kControl = 9,      // Cc, Cf, Co
  kSpace = 10,       // \s: the property White_Space, line ends included
};

constexpr uint32_t mask_of(CharacterClass one) { return 1u << static_cast<uint32_t>(one); }

inline constexpr uint32_t kLetters =
    mask_of(CharacterClass::kCapital) | mask_of(CharacterClass::kSmall) | mask_of(CharacterClass::kLetter);
inline constexpr uint32_t kNumbers = mask_of(CharacterClass::kNumber);
inline constexpr uint32_t kMarks = mask_of(CharacterClass::kNonspacing) | mask_of(CharacterClass::kMark);
inline constexpr uint32_t kSpaces = mask_of(CharacterClass::kSpace);
inline constexpr uint32_t kOthers = 0x7ff & ~(kLetters | kNumbers | kSpaces);  // [^\s\p{L}\p{N}]

// By Unicode 16.0, the version of the reference's regular expressions.
CharacterClass unicode_class(uint32_t code_point);

// The small letter of a capital one; anything else is itself. U+0130 gives i, without the dot above that follows it.
uint32_t unicode_small(uint32_t code_point);

// The canonical decomposition (NFD) without its nonspacing marks, as parts[0 to the result - 1]: one to kMaxBaseParts
// code points. Of a nonspacing mark nothing remains: 0.
inline constexpr uint32_t kMaxBaseParts = 4;
uint32_t unicode_base(uint32_t code_point, uint32_t* parts);

}  // namespace camelgpt
