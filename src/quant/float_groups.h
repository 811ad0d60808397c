// Eight rows of floats, halves or bfloat16 → one panel group, by transposing; floats can be rounded to halves.
#pragma once

#include <cstddef>
#include <cstdint>

namespace camelgpt {

// rows [8, columns] → group [columns, 8]. `columns` is a multiple of eight for halves (or bfloat16), of four for
// floats.
void transpose_halves(const uint8_t* rows, uint32_t columns, uint8_t* group);
void transpose_floats(const uint8_t* rows, uint32_t columns, uint8_t* group);

// rows [8, columns] of floats → group [columns, 8] of halves; `columns` is a multiple of eight. False if a value is not
// finite as a half.
bool transpose_floats_to_halves(const uint8_t* rows, uint32_t columns, uint8_t* group);

// Whether all numbers in `count` bytes (a multiple of four) are finite: no exponent is all ones.
bool halves_are_finite(const uint8_t* bytes, size_t count);
bool bfloats_are_finite(const uint8_t* bytes, size_t count);
bool floats_are_finite(const uint8_t* bytes, size_t count);

}  // namespace camelgpt
