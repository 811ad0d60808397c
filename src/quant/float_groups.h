// Eight rows of numbers → one group of a panel of numbers: a transpose, eight by eight; floats can become halves on the
// way.
#pragma once

#include <cstddef>
#include <cstdint>

namespace camelgpt {

// rows [8, columns] → group [columns, 8]. `columns` is a multiple of eight for halves, of four for words.
void transpose_halves(const uint8_t* rows, uint32_t columns, uint8_t* group);
void transpose_words(const uint8_t* rows, uint32_t columns, uint8_t* group);

// rows [8, columns] of floats → group [columns, 8] of halves; `columns` is a multiple of eight. False where one is not
// finite as a half.
bool narrow_words(const uint8_t* rows, uint32_t columns, uint8_t* group);

// Whether none of the numbers in `count` bytes, a multiple of four, has an exponent of all ones.
bool halves_are_finite(const uint8_t* bytes, size_t count);
bool bfloats_are_finite(const uint8_t* bytes, size_t count);
bool floats_are_finite(const uint8_t* bytes, size_t count);

}  // namespace camelgpt
