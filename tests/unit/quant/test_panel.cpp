#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "base/half.h"
#include "quant/neuron_panel.h"
#include "quant/panel.h"
#include "random_weights.h"

using namespace camelgpt;

// A panel of random weights and the same weights dequantised block by block.
struct PanelFixture {
  Arena arena;
  Panel panel;
  std::vector<uint8_t> bytes;
  std::vector<float> values;

  PanelFixture(TensorType type, uint32_t rows, uint32_t columns) {
    bytes = random_tensor(type, static_cast<uint64_t>(rows) * columns, rows + columns);
    values = dequantize_tensor(type, bytes);
    REQUIRE(arena.allocate(panel_bytes(panel_kind_of(type), rows, columns)));
    panel = panel_reserve(panel_kind_of(type), rows, columns, &arena);
  }
};

TEST_CASE("a panel preserves the weights exactly") {
  for (const TensorType type : kAllTensorTypes) {
    CAPTURE(tensor_type_info(type).name);
    for (const uint32_t rows : {1u, 8u, 13u, 24u}) {
      for (const uint32_t columns : {256u, 768u}) {
        PanelFixture f(type, rows, columns);
        REQUIRE(panel_put(&f.panel, type, 0, f.bytes));
        std::vector<float> row(columns);
        for (uint32_t r = 0; r < rows; ++r) {
          panel_row(f.panel, r, row.data());
          CHECK(std::equal(row.begin(), row.end(), f.values.begin() + static_cast<ptrdiff_t>(r) * columns));
        }
      }
    }
  }
}

TEST_CASE("a panel can be filled by any number of blocks at a time") {
  for (const TensorType type : kAllTensorTypes) {
    CAPTURE(tensor_type_info(type).name);
    const uint32_t block = tensor_type_info(type).block_bytes;
    PanelFixture whole(type, 11, 512), piecewise(type, 11, 512);
    REQUIRE(panel_put(&whole.panel, type, 0, whole.bytes));
    uint64_t first = 0;
    for (uint64_t count = 1; first * block < piecewise.bytes.size(); first += count, count = count % 7 + 1) {
      const size_t at = static_cast<size_t>(first) * block;
      const size_t size = std::min<size_t>(static_cast<size_t>(count) * block, piecewise.bytes.size() - at);
      REQUIRE(panel_put(&piecewise.panel, type, first, std::span(piecewise.bytes).subspan(at, size)));
    }
    CHECK(std::memcmp(whole.panel.data, piecewise.panel.data, 2 * whole.panel.group_bytes) == 0);
  }
}

TEST_CASE("rows can be copied from panel to panel") {
  for (const TensorType type : kAllTensorTypes) {
    CAPTURE(tensor_type_info(type).name);
    const uint32_t rows = 19, columns = 512;
    PanelFixture from(type, rows, columns), to(type, rows, columns);
    REQUIRE(panel_put(&from.panel, type, 0, from.bytes));
    for (uint32_t r = 0; r < rows; ++r) {
      const uint32_t source = r * 7 % rows;
      panel_copy_lane(to.panel, from.panel.data + source / kPanelRows * from.panel.group_bytes, source % kPanelRows, r);
    }
    std::vector<float> row(columns);
    for (uint32_t r = 0; r < rows; ++r) {
      panel_row(to.panel, r, row.data());
      CHECK(std::equal(row.begin(), row.end(), from.values.begin() + static_cast<ptrdiff_t>(r * 7 % rows) * columns));
    }
  }
}

TEST_CASE("a panel rejects scales and weights that are not finite") {
  for (const TensorType type : kAllTensorTypes) {
    CAPTURE(tensor_type_info(type).name);
    PanelFixture f(type, 8, 256);
    const uint32_t block = tensor_type_info(type).block_bytes;
    const size_t at = type == TensorType::kF32     ? 2
                      : type == TensorType::kQ2_K  ? 80
                      : type == TensorType::kQ3_K  ? 108
                      : type == TensorType::kQ6_K  ? 208
                      : type == TensorType::kTQ1_0 ? 52
                      : type == TensorType::kTQ2_0 ? 64
                                                   : 0;
    if (type == TensorType::kIQ1_M) {  // the scale is in the high nibbles of four words
      for (size_t i = 0; i < 4; ++i) f.bytes[block + 49 + 2 * i] = i == 3 ? 0x70 : 0xf0;
    } else if (type == TensorType::kMXFP4) {
      f.bytes[block] = 253;
    } else {
      f.bytes[block + at] = 0x80;  // the second block
      f.bytes[block + at + 1] = 0x7f;
    }
    CHECK_FALSE(panel_put(&f.panel, type, 0, f.bytes));
  }
}

TEST_CASE("overflow in the size of a panel is detected") {
  CHECK_FALSE(panel_bytes(PanelKind::kFloat, 1ull << 40, 1ull << 40).fits_memory());
  CHECK_FALSE(panel_bytes(PanelKind::kNibbleMin, 1ull << 63, 1ull << 63).fits_memory());
  CHECK(panel_bytes(PanelKind::kNibbleMin, 8, 32).value == 160);
  CHECK(panel_bytes(PanelKind::kByte, 9, 64).value == 2 * 2 * 272);
}

TEST_CASE("a float panel rejects a value that is not finite at any position") {
  for (const TensorType type : {TensorType::kF32, TensorType::kF16, TensorType::kBF16}) {
    CAPTURE(tensor_type_info(type).name);
    const uint32_t bytes = tensor_type_info(type).block_bytes;
    for (const uint32_t columns : {256u, 3u}) {
      for (const uint32_t at : {0u, 5u, 8 * columns - 1, 8 * columns, 9 * columns - 1}) {
        for (const int sign : {0, 0x80}) {
          PanelFixture f(type, 9, columns);
          uint8_t* top = &f.bytes[(at + 1) * bytes - 2];  // the two bytes with sign and exponent
          top[0] |= type == TensorType::kF16 ? 0 : 0x80;
          top[1] = static_cast<uint8_t>(sign | (type == TensorType::kF16 ? 0x7c : 0x7f));
          CHECK_FALSE(panel_put(&f.panel, type, 0, f.bytes));
        }
      }
    }
  }
}

// Puts F32 values into a panel of halves and reads them back; false if the panel rejects one.
static bool round_trip_halves(PanelOrder order, uint32_t rows, uint32_t columns, const std::vector<float>& values,
                              std::vector<float>* out) {
  Arena arena;
  const bool groups = order == PanelOrder::kGroups;
  REQUIRE(arena.allocate(groups ? panel_bytes(PanelKind::kHalf, rows, columns)
                                : neuron_panel_bytes(PanelKind::kHalf, order, rows, columns)));
  Panel panel = groups ? panel_reserve(PanelKind::kHalf, rows, columns, &arena)
                       : neuron_panel_reserve(PanelKind::kHalf, order, rows, columns, &arena);
  const std::span bytes(reinterpret_cast<const uint8_t*>(values.data()), values.size() * 4);
  const size_t first = values.size() / 3;  // two calls, neither with whole rows
  if (!panel_put(&panel, TensorType::kF32, 0, bytes.first(first * 4))) return false;
  if (!panel_put(&panel, TensorType::kF32, first, bytes.subspan(first * 4))) return false;
  out->resize(values.size());
  for (uint32_t r = 0; r < rows; ++r) panel_row(panel, r, out->data() + static_cast<size_t>(r) * columns);
  return true;
}

TEST_CASE("a panel of halves rounds floats and rejects those that are too large") {
  for (const PanelOrder order : {PanelOrder::kGroups, PanelOrder::kRows, PanelOrder::kColumns}) {
    for (const uint32_t columns : {256u, 3u}) {
      CAPTURE(static_cast<int>(order));
      const uint32_t rows = 29;
      TestRandom random(columns);
      std::vector<float> values(rows * columns), out;
      for (float& value : values)
        value = std::ldexp(random.real(), static_cast<int>(random.next() % 40) - 28);  // subnormal halves too
      REQUIRE(round_trip_halves(order, rows, columns, values, &out));
      for (size_t i = 0; i < values.size(); ++i) CHECK(out[i] == half_to_float(float_to_half(values[i])));
      for (const size_t at : {size_t{0}, size_t{8 * columns}, values.size() - 1}) {
        for (const float large : {65520.0f, -65520.0f, HUGE_VALF, NAN}) {
          std::vector<float> wrong = values;
          wrong[at] = large;
          CHECK_FALSE(round_trip_halves(order, rows, columns, wrong, &out));
          wrong[at] = std::copysign(65519.0f, large);
          CHECK(round_trip_halves(order, rows, columns, wrong, &out));
        }
      }
    }
  }
}
