#include "quant/grid_blocks.h"

#include <bit>
#include <cassert>
#include <cstring>

#include "base/half.h"

namespace camelgpt {
namespace {

#include "quant/grids.inc"

// The value of each nibble: the code of a grid in the low bits, the sign in bit 3. IQ1 has no signs: each group of
// eight is shifted by 1/8 up or down, so its values are eighths and bit 3 says down.
constexpr int8_t kIq2Values[16] = {8, 25, 43, 0, 0, 0, 0, 0, -8, -25, -43, 0, 0, 0, 0, 0};
constexpr int8_t kIq3XxsValues[16] = {4, 12, 20, 28, 36, 44, 52, 62, -4, -12, -20, -28, -36, -44, -52, -62};
constexpr int8_t kIq3SValues[16] = {1, 3, 5, 7, 9, 11, 13, 15, -1, -3, -5, -7, -9, -11, -13, -15};
constexpr int8_t kIq1Values[16] = {-7, 1, 9, 0, 0, 0, 0, 0, -9, -1, 7, 0, 0, 0, 0, 0};

uint32_t load_u32(const uint8_t* p) { return load_half(p) | static_cast<uint32_t>(load_half(p + 2)) << 16; }

// Writes eight quants. `entry` has a code of two bits for each; bit i of `signs` is the sign of quant i.
void put_eight(uint32_t entry, uint32_t signs, uint8_t* quants) {
  for (uint32_t i = 0; i < 8; ++i) {
    quants[i] = static_cast<uint8_t>((entry >> (2 * i) & 3) | (signs >> i & 1) << 3);
  }
}

// Writes eight quants of two entries, each with four codes of three bits.
void put_two_fours(uint32_t first, uint32_t second, uint32_t signs, uint8_t* quants) {
  const uint32_t entries = first | second << 12;
  for (uint32_t i = 0; i < 8; ++i) {
    quants[i] = static_cast<uint8_t>((entries >> (3 * i) & 7) | (signs >> i & 1) << 3);
  }
}

// Seven stored signs; the eighth makes the number of negative ones even.
uint32_t even_signs(uint32_t seven) { return seven | static_cast<uint32_t>(std::popcount(seven) & 1) << 7; }

// The sub-scale of a 4-bit scale s, whose factor is s + 1/2 (the power of two follows).
int32_t odd(uint32_t scale) { return static_cast<int32_t>(2 * scale + 1); }

void unpack_iq2_xxs(const uint8_t* block, uint32_t unit, QuantUnit* out) {
  const uint8_t* indices = block + 2 + 8 * unit;  // [4]
  const uint32_t signs = load_u32(indices + 4);   // four times seven signs, then the scale
  out->sub_scale[0] = out->sub_scale[1] = odd(signs >> 28);
  for (uint32_t g = 0; g < 4; ++g) {
    put_eight(kIq2XxsGrid[indices[g]], even_signs(signs >> (7 * g) & 127), out->quants + 8 * g);
  }
}

void unpack_iq2_xs(const uint8_t* block, uint32_t unit, QuantUnit* out) {
  for (uint32_t g = 0; g < 4; ++g) {
    const uint16_t word = load_half(block + 2 + 8 * unit + 2 * g);  // nine bits of index, seven signs
    put_eight(kIq2XsGrid[word & 511], even_signs(word >> 9), out->quants + 8 * g);
  }
  const uint8_t scales = block[66 + unit];
  out->sub_scale[0] = odd(scales & 15);
  out->sub_scale[1] = odd(scales >> 4);
}

void unpack_iq2_s(const uint8_t* block, uint32_t unit, QuantUnit* out) {
  const uint8_t* indices = block + 2 + 4 * unit;  // [4] the low eight bits
  const uint8_t* signs = block + 34 + 4 * unit;   // [4]
  const uint32_t high = block[66 + unit];         // two bits of each index
  for (uint32_t g = 0; g < 4; ++g) {
    put_eight(kIq2SGrid[indices[g] | (high >> (2 * g) & 3) << 8], signs[g], out->quants + 8 * g);
  }
  const uint8_t scales = block[74 + unit];
  out->sub_scale[0] = odd(scales & 15);
  out->sub_scale[1] = odd(scales >> 4);
}

void unpack_iq3_xxs(const uint8_t* block, uint32_t unit, QuantUnit* out) {
  const uint8_t* indices = block + 2 + 8 * unit;           // [8]
  const uint32_t signs = load_u32(block + 66 + 4 * unit);  // four times seven signs, then the scale
  out->sub_scale[0] = out->sub_scale[1] = odd(signs >> 28);
  for (uint32_t g = 0; g < 4; ++g) {
    put_two_fours(kIq3XxsGrid[indices[2 * g]], kIq3XxsGrid[indices[2 * g + 1]], even_signs(signs >> (7 * g) & 127),
                  out->quants + 8 * g);
  }
}

void unpack_iq3_s(const uint8_t* block, uint32_t unit, QuantUnit* out) {
  const uint8_t* indices = block + 2 + 8 * unit;  // [8] the low eight bits
  const uint32_t high = block[66 + unit];         // one bit of each index
  const uint8_t* signs = block + 74 + 4 * unit;   // [4]
  out->sub_scale[0] = out->sub_scale[1] = odd(block[106 + unit / 2] >> (4 * (unit % 2)) & 15u);
  for (uint32_t g = 0; g < 4; ++g) {
    const auto entry = [&](uint32_t i) { return kIq3SGrid[indices[i] | (high >> i & 1) << 8]; };
    put_two_fours(entry(2 * g), entry(2 * g + 1), signs[g], out->quants + 8 * g);
  }
}

void unpack_iq1_s(const uint8_t* block, uint32_t unit, QuantUnit* out) {
  const uint8_t* indices = block + 2 + 4 * unit;           // [4] the low eight bits
  const uint32_t word = load_half(block + 34 + 2 * unit);  // three bits of each index, the scale, the shift
  out->sub_scale[0] = out->sub_scale[1] = odd(word >> 12 & 7);
  for (uint32_t g = 0; g < 4; ++g) {
    put_eight(kIq1Grid[indices[g] | (word >> (3 * g) & 7) << 8], word >> 15 != 0 ? 255 : 0, out->quants + 8 * g);
  }
}

void unpack_iq1_m(const uint8_t* block, uint32_t unit, QuantUnit* out) {
  const uint8_t* indices = block + 4 * unit;    // [4] the low eight bits
  const uint8_t* high = block + 32 + 2 * unit;  // nibbles: three bits of the index, the shift
  const uint8_t* scales = block + 48;           // [4] words: four scales of three bits, a nibble of the block's scale
  uint32_t scale = 0;
  for (uint32_t i = 0; i < 4; ++i) scale |= static_cast<uint32_t>(load_half(scales + 2 * i) >> 12) << (4 * i);
  out->scale = static_cast<uint16_t>(scale);
  const uint32_t word = load_half(scales + 2 * (unit / 2)) >> (6 * (unit % 2));
  out->sub_scale[0] = odd(word & 7);
  out->sub_scale[1] = odd(word >> 3 & 7);
  for (uint32_t g = 0; g < 4; ++g) {
    const uint32_t nibble = high[g / 2] >> (4 * (g % 2)) & 15u;
    put_eight(kIq1Grid[indices[g] | (nibble & 7) << 8], nibble >> 3 != 0 ? 255 : 0, out->quants + 8 * g);
  }
}

// Digit `digit` of five (the most significant is 0) of a number in base 3 that is stored as ceil(256 / 243 of it).
uint32_t ternary_digit(uint8_t byte, uint32_t digit) {
  static constexpr uint8_t kPowers[5] = {1, 3, 9, 27, 81};
  return static_cast<uint8_t>(byte * kPowers[digit]) * 3u >> 8;
}

}  // namespace

void unpack_grid_unit(TensorType type, const uint8_t* block, uint32_t unit, QuantUnit* out) {
  out->scale = load_half(block);
  out->power = 0.125f;
  out->table = kIq2Values;
  switch (type) {
    case TensorType::kIQ2_XXS: return unpack_iq2_xxs(block, unit, out);
    case TensorType::kIQ2_XS: return unpack_iq2_xs(block, unit, out);
    case TensorType::kIQ2_S: return unpack_iq2_s(block, unit, out);
    case TensorType::kIQ3_XXS:
      out->power = 0.25f;
      out->table = kIq3XxsValues;
      return unpack_iq3_xxs(block, unit, out);
    case TensorType::kIQ3_S:
      out->power = 1;
      out->table = kIq3SValues;
      return unpack_iq3_s(block, unit, out);
    case TensorType::kIQ1_S: out->table = kIq1Values; return unpack_iq1_s(block, unit, out);
    case TensorType::kIQ1_M: out->table = kIq1Values; return unpack_iq1_m(block, unit, out);
    default: assert(!"a type with a grid"); return;
  }
}

// Ternary values are nibbles with an offset of 8, like Q4_0's.
void unpack_ternary_unit(TensorType type, const uint8_t* block, uint32_t unit, QuantUnit* out) {
  out->offset = 8;
  if (type == TensorType::kTQ2_0) {  // [2][4 shifts][32 bytes]
    out->scale = load_half(block + 64);
    const uint8_t* packed = block + 32 * (unit / 4);
    for (int i = 0; i < 32; ++i) out->quants[i] = static_cast<uint8_t>((packed[i] >> (2 * (unit % 4)) & 3) + 7);
    return;
  }
  // TQ1_0: [5 digits][32 bytes], [5 digits][16 bytes], [4 digits][4 bytes]
  out->scale = load_half(block + 52);
  for (uint32_t i = 0; i < 32; ++i) {
    const uint32_t at = 32 * unit + i;
    const uint32_t rest = at - 160, end = at - 240;
    const uint32_t digit = at < 160   ? ternary_digit(block[i], unit)
                           : at < 240 ? ternary_digit(block[32 + rest % 16], rest / 16)
                                      : ternary_digit(block[48 + end % 4], end / 4);
    out->quants[i] = static_cast<uint8_t>(digit + 7);
  }
}

}  // namespace camelgpt
