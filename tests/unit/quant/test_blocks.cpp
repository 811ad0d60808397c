#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "base/half.h"
#include "gguf/tensor_type.h"
#include "quant/block_goldens.h"
#include "quant/blocks.h"

using namespace camelgpt;

static TensorType type_named(const char* name) {
  for (uint32_t i = 0; i < 64; ++i) {
    const TensorTypeInfo info = tensor_type_info(static_cast<TensorType>(i));
    if (info.name != nullptr && std::strcmp(info.name, name) == 0) return static_cast<TensorType>(i);
  }
  return TensorType::kF32;
}

TEST_CASE("blocks dequantise to the values of the reference implementation") {
  for (const BlockGolden& golden : kBlockGoldens) {
    CAPTURE(golden.name);
    const TensorType type = type_named(golden.name);
    REQUIRE(tensor_type_info(type).block_bytes == golden.bytes);
    REQUIRE(tensor_type_info(type).block_elements == golden.elements);
    float values[256];
    dequantize_block(type, golden.block, values);
    for (uint32_t i = 0; i < golden.elements; ++i) {
      CAPTURE(i);
      const float expected = std::bit_cast<float>(golden.values[i]);
      // The reference may order product and sum differently: a difference of one unit in the last place.
      CHECK(std::fabs(values[i] - expected) <= std::fabs(expected) * 1.2e-7f);
    }
  }
}

TEST_CASE("halves survive the conversion to float and back") {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const uint16_t half = static_cast<uint16_t>(bits);
    if (!half_is_finite(half)) continue;
    CHECK(float_to_half(half_to_float(half)) == half);
  }
  CHECK(half_to_float(0x3c00) == 1.0f);
  CHECK(half_to_float(0x0001) == 0x1p-24f);
  CHECK(half_to_float(0xfbff) == -65504.0f);
  CHECK(std::isinf(half_to_float(0x7c00)));
  CHECK(std::isnan(half_to_float(0x7e00)));
}

TEST_CASE("floats round to the nearest half, ties to even") {
  CHECK(float_to_half(1.0f + 0x1p-11f) == 0x3c00);  // a tie: down to even
  CHECK(float_to_half(1.0f + 0x1p-11f + 0x1p-20f) == 0x3c01);
  CHECK(float_to_half(1.0f + 3 * 0x1p-11f) == 0x3c02);  // a tie: up to even
  CHECK(float_to_half(0x1p-25f) == 0);                  // half of the smallest subnormal
  CHECK(float_to_half(0x1.8p-24f) == 2);
  CHECK(float_to_half(65519.0f) == 0x7bff);
  CHECK(float_to_half(65520.0f) == 0x7c00);
  CHECK(float_to_half(-0.0f) == 0x8000);
}
