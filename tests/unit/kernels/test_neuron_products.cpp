// Products with some rows or columns, which must be bit-identical to those of whole panels in every kernel set.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernel_sets.h"
#include "nn/linear.h"

using namespace camelgpt;

namespace {

constexpr TensorType kNeuronTypes[] = {TensorType::kQ8_0, TensorType::kQ4_0, TensorType::kF16};
constexpr float kUntouched = -77.0f;

// One matrix as a panel in groups and as a neuron panel.
struct Matrix {
  Arena arena;
  Panel groups, neurons;

  Matrix(TensorType type, PanelOrder order, uint32_t rows, uint32_t columns, int fill = -1) {
    std::vector<uint8_t> bytes = random_tensor(type, static_cast<uint64_t>(rows) * columns, rows + columns);
    if (fill >= 0 && type != TensorType::kF16) {  // sets all quants to `fill` and keeps the scales
      const uint32_t block = tensor_type_info(type).block_bytes;
      for (size_t at = 0; at < bytes.size(); at += block) std::memset(&bytes[at + 2], fill, block - 2);
    }
    Arena measuring;
    reserve(type, order, rows, columns, &measuring);
    REQUIRE(arena.allocate(measuring.used()));
    reserve(type, order, rows, columns, &arena);
    REQUIRE(panel_put(&groups, type, 0, bytes));
    REQUIRE(panel_put(&neurons, type, 0, bytes));
  }
  void reserve(TensorType type, PanelOrder order, uint32_t rows, uint32_t columns, Arena* from) {
    groups = panel_reserve(panel_kind_of(type), rows, columns, from);
    neurons = neuron_panel_reserve(panel_kind_of(type), order, rows, columns, from);
  }
};

// One token, quantised.
struct Input {
  Arena arena;
  Activations activations;
  Input(const Kernels& kernels, const std::vector<float>& x, Precision precision) {
    const uint32_t columns = static_cast<uint32_t>(x.size());
    Arena measuring;
    activations_reserve(1, columns, &measuring);
    REQUIRE(arena.allocate(measuring.used()));
    activations = activations_reserve(1, columns, &arena);
    activations_begin(x.data(), columns, 1, columns, precision, &activations);
    kernels.quantize({0, 1}, activations);
  }
};

// The product of a whole panel in groups, by the scalar kernels.
std::vector<float> whole_product(const Panel& panel, const std::vector<float>& x, Precision precision) {
  const Input input(kScalarKernels, x, precision);
  std::vector<float> y(padded_rows(panel.rows));
  const PanelSlice slice{panel.data, panel.group_bytes, panel.columns, panel_groups(panel.rows)};
  kScalarKernels.matmul[static_cast<int>(panel.kind)](slice, input.activations, y.data(), 0);
  return y;
}

void check_rows(const Matrix& matrix, const std::vector<float>& x, Precision precision) {
  const std::vector<float> expected = whole_product(matrix.groups, x, precision);
  for_scalar_and_each_set([&](const Kernels& kernels) {
    const Input input(kernels, x, precision);
    for (const size_t count : {0u, 1u, 2u, 3u, 4u, 5u, 11u}) {
      std::vector<uint32_t> rows;
      for (uint32_t r = 1; rows.size() < count; r += 2) rows.push_back(r);
      std::vector<float> y(count + 4, kUntouched);
      kernels.rows[static_cast<int>(matrix.neurons.kind)](matrix.neurons, rows, input.activations, y.data());
      for (size_t i = 0; i < count; ++i) CHECK(y[i] == expected[rows[i]]);
      for (size_t i = count; i < y.size(); ++i) CHECK(y[i] == kUntouched);
    }
  });
}

void check_rows(const Matrix& matrix, const std::vector<float>& x) {
  check_rows(matrix, x, Precision::k8);
  if (!multiplies_nibbles(matrix.neurons.kind)) check_rows(matrix, x, Precision::k16);
}

void check_columns(const Matrix& matrix, const std::vector<float>& x) {
  const Precision precision = multiplies_bytes(matrix.neurons.kind) ? Precision::k16 : Precision::k8;
  const std::vector<float> expected = whole_product(matrix.groups, x, precision);
  std::vector<uint32_t> columns;
  for (uint32_t c = 0; c < x.size(); ++c) {
    if (x[c] != 0) columns.push_back(c);
  }
  const uint32_t width = static_cast<uint32_t>(neuron_width(matrix.neurons));
  for_scalar_and_each_set([&](const Kernels& kernels) {
    const Input input(kernels, x, precision);
    const auto add = kernels.columns[static_cast<int>(matrix.neurons.kind)];
    std::vector<float> y(width + 8, kUntouched);
    add(matrix.neurons, columns, input.activations, {0, width}, y.data());
    for (uint32_t r = 0; r < matrix.neurons.rows; ++r) CHECK(y[r] == expected[r]);
    for (size_t r = width; r < y.size(); ++r) CHECK(y[r] == kUntouched);
    std::vector<float> sliced(width, kUntouched);
    for (uint32_t r = 0; r < width; r += 32)
      add(matrix.neurons, columns, input.activations, {r, r + 32}, sliced.data());
    CHECK(std::memcmp(sliced.data(), y.data(), matrix.neurons.rows * sizeof(float)) == 0);
  });
}

// `count` numbers, of which about `density` are not zero.
std::vector<float> sparse_floats(uint32_t count, float density, uint64_t seed) {
  std::vector<float> x = random_floats(count, seed);
  const std::vector<float> dice = random_floats(count, seed + 1);
  for (uint32_t i = 0; i < count; ++i) {
    if ((dice[i] + 1) / 2 >= density) x[i] = 0;
  }
  return x;
}

}  // namespace

TEST_CASE("products with some rows are bit-identical to those of the whole panel") {
  for (const TensorType type : kNeuronTypes) {
    CAPTURE(tensor_type_info(type).name);
    for (const uint32_t columns : {32u, 96u, 512u}) {
      check_rows(Matrix(type, PanelOrder::kRows, 27, columns), random_floats(columns, columns));
    }
  }
  check_rows(Matrix(TensorType::kF16, PanelOrder::kRows, 27, 45), random_floats(45, 1));
}

TEST_CASE("products with some columns are bit-identical to those of the whole panel") {
  for (const TensorType type : kNeuronTypes) {
    CAPTURE(tensor_type_info(type).name);
    for (const uint32_t rows : {1u, 24u, 33u, 192u}) {
      const Matrix matrix(type, PanelOrder::kColumns, rows, 320);
      for (const float density : {0.0f, 0.03f, 0.15f, 0.5f, 1.0f}) {
        check_columns(matrix, sparse_floats(320, density, rows));
      }
    }
  }
  check_columns(Matrix(TensorType::kF16, PanelOrder::kColumns, 40, 45), sparse_floats(45, 0.4f, 2));
}

TEST_CASE("products with single neurons stay exact at the extremes of weights and activations") {
  for (const TensorType type : {TensorType::kQ8_0, TensorType::kQ4_0}) {
    for (const int fill : {0x00, 0x7f, 0x80, 0xff}) {
      std::vector<float> x(128);
      for (size_t i = 0; i < x.size(); ++i) x[i] = i % 5 == 0 ? -1.0f : i > 64 ? 128.0f / 32512.0f : 1.0f;
      check_rows(Matrix(type, PanelOrder::kRows, 27, 128, fill), x);
      check_columns(Matrix(type, PanelOrder::kColumns, 32, 128, fill), x);
    }
  }
}

TEST_CASE("only positive gates are open") {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> gates = {-0.0f, 0.0f, nan, -nan, -1.0f, -infinity, 2.0f, infinity, 1e-30f, 3.0f, nan};
  const std::vector<float> up = {1, infinity, 1, nan, infinity, nan, 3, 1, 1, -2, nan};
  for (const bool squared : {false, true}) {
    for_scalar_and_each_set([&](const Kernels& kernels) {
      std::vector<float> y = gates;
      kernels.reglu(y.data(), up.data(), static_cast<uint32_t>(y.size()), squared);
      for (const size_t closed : {0u, 1u, 2u, 3u, 4u, 5u, 10u}) {
        CHECK(y[closed] == 0.0f);
        CHECK_FALSE(std::signbit(y[closed]));
      }
      CHECK(y[6] == (squared ? 12.0f : 6.0f));
      CHECK(y[7] == infinity);
      CHECK(y[8] == (squared ? 0.0f : 1e-30f));
      CHECK(y[9] == (squared ? -18.0f : -6.0f));
    });
  }
  for_scalar_and_each_set([&](const Kernels& kernels) {
    std::vector<uint32_t> list(gates.size() + kListSlack);
    CHECK(kernels.list_positive(gates.data(), static_cast<uint32_t>(gates.size()), list.data()) == 4);
    CHECK(std::vector<uint32_t>(list.begin(), list.begin() + 4) == std::vector<uint32_t>{6, 7, 8, 9});
  });
}

TEST_CASE("list_positive lists every open gate once and in order") {
  for (const uint32_t count : {0u, 1u, 3u, 4u, 31u, 200u}) {
    for (const float shift : {-2.0f, -0.7f, 0.0f, 2.0f}) {
      std::vector<float> x = random_floats(count, count);
      std::vector<uint32_t> expected;
      for (uint32_t i = 0; i < count; ++i) {
        x[i] += shift;
        if (x[i] > 0) expected.push_back(i);
      }
      for_scalar_and_each_set([&](const Kernels& kernels) {
        std::vector<uint32_t> list(count + kListSlack + 1, 77);
        list.resize(kernels.list_positive(x.data(), count, list.data()));
        CHECK(list == expected);
      });
    }
  }
}
