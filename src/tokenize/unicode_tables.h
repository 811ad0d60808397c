// Code points to the classes by which text is cut before merging.
#pragma once

#include <cstdint>

namespace camelgpt {

enum class CharacterClass : uint8_t {
  kOther = 0,   // punctuation, symbols, marks, controls, everything unassigned
  kLetter = 1,  // \p{L}: Lu, Ll, Lt, Lm, Lo
  kNumber = 2,  // \p{N}: Nd, Nl, No
  kSpace = 3,   // \s: the property White_Space, line ends included
};

// By Unicode 16.0, the version of the reference's regular expressions.
CharacterClass unicode_class(uint32_t code_point);

}  // namespace camelgpt
