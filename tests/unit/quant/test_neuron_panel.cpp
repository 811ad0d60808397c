#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "quant/neuron_panel.h"
#include "random_weights.h"

using namespace camelgpt;

static constexpr TensorType kNeuronTypes[] = {TensorType::kQ8_0,  TensorType::kQ5_0,  TensorType::kQ4_0,
                                              TensorType::kTQ1_0, TensorType::kTQ2_0, TensorType::kF16};
static constexpr PanelOrder kNeuronOrders[] = {PanelOrder::kRows, PanelOrder::kColumns};

// An unfilled panel in `order`, a panel in groups, the tensor, and its values dequantised block by block.
struct NeuronFixture {
  Arena arena, group_arena;
  Panel panel, groups;
  std::vector<uint8_t> bytes;
  std::vector<float> values;

  NeuronFixture(TensorType type, PanelOrder order, uint32_t rows, uint32_t columns) {
    bytes = random_tensor(type, static_cast<uint64_t>(rows) * columns, rows + columns);
    values = dequantize_tensor(type, bytes);
    const PanelKind kind = panel_kind_of(type);
    const CheckedSize size = neuron_panel_bytes(kind, order, rows, columns);
    REQUIRE(arena.allocate(size));
    panel = neuron_panel_reserve(kind, order, rows, columns, &arena);
    CHECK(arena.used().value == size.aligned(kArenaAlignment).value);
    REQUIRE(group_arena.allocate(panel_bytes(kind, rows, columns)));
    groups = panel_reserve(kind, rows, columns, &group_arena);
    REQUIRE(panel_put(&groups, type, 0, bytes));
  }
};

template <typename Body>
static void for_each_fixture(Body body) {
  for (const TensorType type : kNeuronTypes) {
    CAPTURE(tensor_type_info(type).name);
    for (const PanelOrder order : kNeuronOrders) {
      CAPTURE(static_cast<int>(order));
      for (const uint32_t rows : {1u, 13u, 64u}) {
        NeuronFixture fixture(type, order, rows, tensor_type_info(type).block_elements == 256 ? 256 : 96);
        body(type, fixture);
      }
    }
  }
}

TEST_CASE("a neuron panel preserves the weights exactly") {
  for_each_fixture([](TensorType type, NeuronFixture& f) {
    REQUIRE(panel_put(&f.panel, type, 0, f.bytes));
    std::vector<float> row(f.panel.columns);
    for (uint32_t r = 0; r < f.panel.rows; ++r) {
      panel_row(f.panel, r, row.data());
      CHECK(std::equal(row.begin(), row.end(), f.values.begin() + static_cast<ptrdiff_t>(r) * f.panel.columns));
    }
  });
}

TEST_CASE("a neuron panel can be filled by any number of blocks at a time") {
  for_each_fixture([](TensorType type, NeuronFixture& f) {
    const uint32_t block = tensor_type_info(type).block_bytes;
    uint64_t first = 0;
    for (uint64_t count = 1; first * block < f.bytes.size(); first += count, count = count % 7 + 1) {
      const size_t at = static_cast<size_t>(first) * block;
      const size_t size = std::min<size_t>(static_cast<size_t>(count) * block, f.bytes.size() - at);
      REQUIRE(panel_put(&f.panel, type, first, std::span(f.bytes).subspan(at, size)));
    }
    std::vector<float> row(f.panel.columns);
    for (uint32_t r = 0; r < f.panel.rows; ++r) {
      panel_row(f.panel, r, row.data());
      CHECK(std::equal(row.begin(), row.end(), f.values.begin() + static_cast<ptrdiff_t>(r) * f.panel.columns));
    }
  });
}

TEST_CASE("neuron_panel_group writes the same group as panel_put") {
  for_each_fixture([](TensorType type, NeuronFixture& f) {
    REQUIRE(panel_put(&f.panel, type, 0, f.bytes));
    REQUIRE(f.panel.group_bytes == f.groups.group_bytes);
    std::vector<uint8_t> group(f.panel.group_bytes);
    for (uint32_t g = 0; g < panel_groups(f.panel.rows); ++g) {
      neuron_panel_group(f.panel, g, group.data());
      CHECK(std::memcmp(group.data(), f.groups.data + g * f.groups.group_bytes, group.size()) == 0);
    }
  });
}

TEST_CASE("a panel changes its order in place and back") {
  for_each_fixture([](TensorType type, NeuronFixture& f) {
    if (f.panel.order != PanelOrder::kRows) return;
    REQUIRE(panel_put(&f.panel, type, 0, f.bytes));
    const uint32_t groups = panel_groups(f.panel.rows);
    const size_t size = groups * f.panel.group_bytes;
    const std::vector<uint8_t> before(f.groups.data, f.groups.data + size);
    std::vector<uint8_t> scratch(f.panel.group_bytes);
    Panel panel = f.groups;
    neuron_panel_reorder(panel, {0, groups}, PanelOrder::kRows, scratch.data());
    panel.order = PanelOrder::kRows;
    std::vector<float> row(panel.columns);
    for (uint32_t r = 0; r < panel.rows; ++r) {
      panel_row(panel, r, row.data());
      CHECK(std::equal(row.begin(), row.end(), f.values.begin() + static_cast<ptrdiff_t>(r) * panel.columns));
    }
    neuron_panel_reorder(panel, {0, groups}, PanelOrder::kGroups, scratch.data());
    CHECK(std::equal(before.begin(), before.end(), f.groups.data));
  });
}

TEST_CASE("a neuron panel rejects scales and weights that are not finite") {
  for_each_fixture([](TensorType type, NeuronFixture& f) {
    const size_t last = f.bytes.size() - tensor_type_info(type).block_bytes;
    const size_t at = last + (type == TensorType::kTQ1_0 ? 52 : type == TensorType::kTQ2_0 ? 64 : 0);
    f.bytes[at] = 0;
    f.bytes[at + 1] = 0x7c;
    CHECK_FALSE(panel_put(&f.panel, type, 0, f.bytes));
  });
}

TEST_CASE("overflow in the size of a neuron panel is detected") {
  CHECK_FALSE(neuron_panel_bytes(PanelKind::kHalf, PanelOrder::kRows, 1ull << 40, 1ull << 40).fits_memory());
  CHECK_FALSE(neuron_panel_bytes(PanelKind::kByte, PanelOrder::kColumns, ~0ull, 1ull << 63).fits_memory());
  CHECK_FALSE(neuron_panel_bytes(PanelKind::kNibble, PanelOrder::kColumns, 1ull << 32, 1ull << 33).fits_memory());
  CHECK(neuron_panel_bytes(PanelKind::kByte, PanelOrder::kRows, 5, 64).value == 8 * (64 + 4));
  CHECK(neuron_panel_bytes(PanelKind::kNibble, PanelOrder::kColumns, 5, 64).value == 32 * (32 + 4));
}
