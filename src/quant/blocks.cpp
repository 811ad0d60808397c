#include "quant/blocks.h"

#include <cassert>
#include <cstring>

#include "base/half.h"
#include "quant/grid_blocks.h"

namespace camelgpt {
namespace {

uint16_t load_u16(const uint8_t* p) { return static_cast<uint16_t>(p[0] | p[1] << 8); }

uint32_t load_u32(const uint8_t* p) {
  return static_cast<uint32_t>(p[0]) | static_cast<uint32_t>(p[1]) << 8 | static_cast<uint32_t>(p[2]) << 16 |
         static_cast<uint32_t>(p[3]) << 24;
}

// Low nibbles are values 0-15, high nibbles 16-31.
void unpack_nibbles(const uint8_t* packed, uint8_t* quants) {
  for (int i = 0; i < 16; ++i) {
    quants[i] = packed[i] & 15;
    quants[i + 16] = packed[i] >> 4;
  }
}

// Adds the fifth bit of 32 values: bit i belongs to value i.
void add_fifth_bits(uint32_t bits, uint8_t* quants) {
  for (int i = 0; i < 32; ++i) quants[i] = static_cast<uint8_t>(quants[i] | (bits >> i & 1) << 4);
}

// Q4_K and Q5_K: eight pairs of a 6-bit scale and a 6-bit minimum in twelve bytes.
void unpack_scale_min_6(const uint8_t* packed, uint32_t unit, int32_t* scale, int32_t* minimum) {
  if (unit < 4) {
    *scale = packed[unit] & 63;
    *minimum = packed[unit + 4] & 63;
  } else {
    *scale = (packed[unit + 4] & 15) | (packed[unit - 4] >> 6) << 4;
    *minimum = (packed[unit + 4] >> 4) | (packed[unit] >> 6) << 4;
  }
}

// Q3_K: sixteen 6-bit scales with an offset of 32 in twelve bytes: the low four bits in the first eight bytes, the high
// two bits in the last four.
int32_t unpack_scale_q3(const uint8_t* packed, uint32_t index) {
  const int32_t low = index < 8 ? packed[index] & 15 : packed[index - 8] >> 4;
  const int32_t high = packed[8 + index % 4] >> (2 * (index / 4)) & 3;
  return (low | high << 4) - 32;
}

void unpack_q2_k(const uint8_t* block, uint32_t unit, QuantUnit* out) {
  const uint8_t* scales = block;       // [16] low nibble scale, high nibble minimum
  const uint8_t* quants = block + 16;  // [64]
  out->scale = load_u16(block + 80);
  out->minimum = load_u16(block + 82);
  for (int h = 0; h < 2; ++h) {
    out->sub_scale[h] = scales[2 * unit + h] & 15;
    out->sub_minimum[h] = -(scales[2 * unit + h] >> 4);
  }
  const uint8_t* packed = quants + 32 * (unit / 4);
  for (int i = 0; i < 32; ++i) out->quants[i] = packed[i] >> (2 * (unit % 4)) & 3;
}

void unpack_q3_k(const uint8_t* block, uint32_t unit, QuantUnit* out) {
  const uint8_t* high_bits = block;    // [32] bit `unit` of byte i
  const uint8_t* quants = block + 32;  // [64] two low bits
  const uint8_t* scales = block + 96;  // [12]
  out->scale = load_u16(block + 108);
  out->offset = 4;
  for (uint32_t h = 0; h < 2; ++h) out->sub_scale[h] = unpack_scale_q3(scales, 2 * unit + h);
  const uint8_t* packed = quants + 32 * (unit / 4);
  for (int i = 0; i < 32; ++i) {
    out->quants[i] = static_cast<uint8_t>((packed[i] >> (2 * (unit % 4)) & 3) | (high_bits[i] >> unit & 1) << 2);
  }
}

void unpack_q4_k(const uint8_t* block, uint32_t unit, QuantUnit* out) {
  out->scale = load_u16(block);
  out->minimum = load_u16(block + 2);
  unpack_scale_min_6(block + 4, unit, &out->sub_scale[0], &out->sub_minimum[0]);
  const uint8_t* packed = block + 16 + 32 * (unit / 2);
  for (int i = 0; i < 32; ++i) out->quants[i] = unit % 2 == 0 ? packed[i] & 15 : packed[i] >> 4;
}

void unpack_q5_k(const uint8_t* block, uint32_t unit, QuantUnit* out) {
  const uint8_t* high_bits = block + 16;  // [32] bit `unit` of byte i
  out->scale = load_u16(block);
  out->minimum = load_u16(block + 2);
  unpack_scale_min_6(block + 4, unit, &out->sub_scale[0], &out->sub_minimum[0]);
  const uint8_t* packed = block + 48 + 32 * (unit / 2);
  for (int i = 0; i < 32; ++i) {
    const uint8_t low = unit % 2 == 0 ? packed[i] & 15 : packed[i] >> 4;
    out->quants[i] = static_cast<uint8_t>(low | (high_bits[i] >> unit & 1) << 4);
  }
}

void unpack_q6_k(const uint8_t* block, uint32_t unit, QuantUnit* out) {
  const uint32_t half = unit / 4;     // 128 values each
  const uint32_t quarter = unit % 4;  // 32 values each
  const uint8_t* low = block + 64 * half + 32 * (quarter % 2);
  const uint8_t* high = block + 128 + 32 * half;
  const uint8_t* scales = block + 192;  // [16] signed
  out->scale = load_u16(block + 208);
  out->offset = 32;
  for (uint32_t h = 0; h < 2; ++h) out->sub_scale[h] = static_cast<int8_t>(scales[2 * unit + h]);
  for (int i = 0; i < 32; ++i) {
    const int nibble = quarter < 2 ? low[i] & 15 : low[i] >> 4;
    out->quants[i] = static_cast<uint8_t>(nibble | (high[i] >> (2 * quarter) & 3) << 4);
  }
}

// IQ4_XS: a signed 6-bit scale for each unit, four low bits in the nibbles of four bytes, two high bits in a word.
void unpack_iq4_xs(const uint8_t* block, uint32_t unit, QuantUnit* out) {
  const int32_t low = block[4 + unit / 2] >> (4 * (unit % 2)) & 15;
  const int32_t high = load_u16(block + 2) >> (2 * unit) & 3;
  out->scale = load_u16(block);
  out->sub_scale[0] = out->sub_scale[1] = (low | high << 4) - 32;
  out->table = kIq4NlValues;
  unpack_nibbles(block + 8 + 16 * unit, out->quants);
}

// MXFP4: half of 2^(exponent - 127) as bfloat16, since its values are doubled. Infinity if a weight would not be
// finite: the largest value is 12.
uint16_t e8m0_to_bfloat16(uint8_t exponent) {
  if (exponent > 252) return 0x7f80;
  return exponent < 2 ? static_cast<uint16_t>(0x20 << exponent) : static_cast<uint16_t>((exponent - 1) << 7);
}

}  // namespace

void unpack_unit(TensorType type, const uint8_t* block, uint32_t unit, QuantUnit* out) {
  out->minimum = 0;
  out->sub_scale[0] = out->sub_scale[1] = 1;
  out->sub_minimum[0] = out->sub_minimum[1] = 1;
  out->offset = 0;
  out->table = nullptr;
  out->power = 1;
  switch (type) {
    case TensorType::kQ4_0:
      out->scale = load_u16(block);
      out->offset = 8;
      unpack_nibbles(block + 2, out->quants);
      return;
    case TensorType::kIQ4_NL:
      out->scale = load_u16(block);
      out->table = kIq4NlValues;
      unpack_nibbles(block + 2, out->quants);
      return;
    case TensorType::kMXFP4:
      out->scale = e8m0_to_bfloat16(block[0]);
      out->table = kMxfp4Values;
      unpack_nibbles(block + 1, out->quants);
      return;
    case TensorType::kQ4_1:
      out->scale = load_u16(block);
      out->minimum = load_u16(block + 2);
      unpack_nibbles(block + 4, out->quants);
      return;
    case TensorType::kQ5_0:
      out->scale = load_u16(block);
      out->offset = 16;
      unpack_nibbles(block + 6, out->quants);
      add_fifth_bits(load_u32(block + 2), out->quants);
      return;
    case TensorType::kQ5_1:
      out->scale = load_u16(block);
      out->minimum = load_u16(block + 2);
      unpack_nibbles(block + 8, out->quants);
      add_fifth_bits(load_u32(block + 4), out->quants);
      return;
    case TensorType::kQ8_0:
      out->scale = load_u16(block);
      out->offset = 128;
      for (int i = 0; i < 32; ++i) out->quants[i] = block[2 + i] ^ 0x80;
      return;
    case TensorType::kQ2_K: unpack_q2_k(block, unit, out); return;
    case TensorType::kQ3_K: unpack_q3_k(block, unit, out); break;
    case TensorType::kQ4_K: unpack_q4_k(block, unit, out); break;
    case TensorType::kQ5_K: unpack_q5_k(block, unit, out); break;
    case TensorType::kQ6_K: unpack_q6_k(block, unit, out); break;
    case TensorType::kIQ4_XS: unpack_iq4_xs(block, unit, out); return;
    case TensorType::kIQ1_S:
    case TensorType::kIQ1_M:
    case TensorType::kIQ2_XXS:
    case TensorType::kIQ2_XS:
    case TensorType::kIQ2_S:
    case TensorType::kIQ3_XXS:
    case TensorType::kIQ3_S: unpack_grid_unit(type, block, unit, out); return;
    case TensorType::kTQ1_0:
    case TensorType::kTQ2_0: unpack_ternary_unit(type, block, unit, out); return;
    case TensorType::kF32:
    case TensorType::kF16:
    case TensorType::kBF16: assert(!"float types have no units"); return;
  }
  if (type == TensorType::kQ4_K || type == TensorType::kQ5_K) {  // one scale and minimum for all 32 values
    out->sub_scale[1] = out->sub_scale[0];
    out->sub_minimum[0] = out->sub_minimum[1] = -out->sub_minimum[0];
  }
}

float unit_scale(TensorType type, const QuantUnit& unit) {
  return type == TensorType::kMXFP4 ? bfloat16_to_float(unit.scale) : half_to_float(unit.scale) * unit.power;
}

void dequantize_block(TensorType type, const uint8_t* block, float* values) {
  switch (type) {
    case TensorType::kF32: std::memcpy(values, block, sizeof(float)); return;
    case TensorType::kF16: *values = half_to_float(load_u16(block)); return;
    case TensorType::kBF16: *values = bfloat16_to_float(load_u16(block)); return;
    default: break;
  }
  const uint32_t units = tensor_type_info(type).block_elements / 32;
  QuantUnit unit;
  for (uint32_t u = 0; u < units; ++u) {
    unpack_unit(type, block, u, &unit);
    const float scale = unit_scale(type, unit);
    const float minimum = half_to_float(unit.minimum);
    for (int i = 0; i < 32; ++i) {
      const float factor = scale * static_cast<float>(unit.sub_scale[i / 16]);
      const float addend = minimum * static_cast<float>(unit.sub_minimum[i / 16]);
      const int32_t quant = unit.table != nullptr ? unit.table[unit.quants[i]] : unit.quants[i] - unit.offset;
      values[32 * u + i] = factor * static_cast<float>(quant) + addend;
    }
  }
}

}  // namespace camelgpt
