// Compares every kernel set with the scalar one: odd sizes, tails, extremes.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/half.h"
#include "kernel_sets.h"
#include "nn/linear.h"
#include "random_weights.h"

using namespace camelgpt;

TEST_CASE("the kernel set in use is one of those tested") {
  MESSAGE("in use: " << std::string(kernels().name));
  bool is_tested = false;
  for_each_set([&](const Kernels& set) { is_tested = is_tested || &set == &kernels(); });
  CHECK(is_tested);
}

// Fills the gap between the rows that a product writes.
static constexpr float kUntouched = -77.0f;

// y [tokens, padded rows + 8] of a product by one kernel set.
static std::vector<float> product(const Kernels& kernels, const Panel& panel, const std::vector<float>& x,
                                  uint32_t tokens, Precision precision) {
  Arena measuring, arena;
  activations_reserve(tokens, panel.columns, &measuring);
  REQUIRE(arena.allocate(measuring.used()));
  Activations activations = activations_reserve(tokens, panel.columns, &arena);
  activations_begin(x.data(), panel.columns, tokens, panel.columns, precision, &activations);
  kernels.quantize({0, tokens}, activations);
  const size_t stride = padded_rows(panel.rows) + 8;
  std::vector<float> y(stride * tokens, kUntouched);
  const PanelSlice slice{panel.data, panel.group_bytes, panel.columns, panel_groups(panel.rows)};
  kernels.matmul[static_cast<int>(panel.kind)](slice, activations, y.data(), stride);
  for (uint32_t t = 0; t < tokens; ++t) {
    for (size_t i = padded_rows(panel.rows); i < stride; ++i) CHECK(y[t * stride + i] == kUntouched);
  }
  return y;
}

// The precisions that products with a panel kind support.
static std::vector<Precision> precisions(PanelKind kind) {
  if (multiplies_nibbles(kind)) return {Precision::k8};
  return {Precision::k8, Precision::k16};
}

struct RandomPanel {
  Arena arena;
  Panel panel;
  std::vector<float> values;
  RandomPanel(TensorType type, uint32_t rows, uint32_t columns, uint64_t seed) {
    const std::vector<uint8_t> bytes = random_tensor(type, static_cast<uint64_t>(rows) * columns, seed);
    values = dequantize_tensor(type, bytes);
    REQUIRE(arena.allocate(panel_bytes(panel_kind_of(type), rows, columns)));
    panel = panel_reserve(panel_kind_of(type), rows, columns, &arena);
    REQUIRE(panel_put(&panel, type, 0, bytes));
  }
};

TEST_CASE("scalar products match the dequantised weights up to the rounding of activations") {
  for (const TensorType type : kAllTensorTypes) {
    CAPTURE(tensor_type_info(type).name);
    const uint32_t rows = 11, columns = 512;
    const RandomPanel weights(type, rows, columns, 5);
    const std::vector<float> x = random_floats(columns * 2, 6);
    for (const Precision precision : precisions(weights.panel.kind)) {
      const std::vector<float> y = product(kScalarKernels, weights.panel, x, 2, precision);
      const bool quantised = panel_layout(weights.panel.kind).float_bytes == 0;
      const double max_error = quantised ? (precision == Precision::k16 ? 1.0 : 0.5) / max_quant(precision) : 0;
      for (uint32_t t = 0; t < 2; ++t) {
        for (uint32_t r = 0; r < rows; ++r) {
          double exact = 0, bound = 1e-5;
          for (uint32_t c = 0; c < columns; ++c) {
            const double w = static_cast<double>(weights.values[r * columns + c]);
            exact += w * static_cast<double>(x[t * columns + c]);
            bound += std::fabs(w) * (max_error + 1e-6);
          }
          CHECK(std::fabs(static_cast<double>(y[t * (padded_rows(rows) + 8) + r]) - exact) < bound);
        }
      }
    }
  }
}

TEST_CASE("products of every kernel set are bit-identical to the scalar ones") {
  for (const TensorType type : kAllTensorTypes) {
    CAPTURE(tensor_type_info(type).name);
    for (const uint32_t tokens : {1u, 2u, 4u, 5u, 7u}) {
      CAPTURE(tokens);
      const RandomPanel weights(type, 27, 768, tokens);
      const std::vector<float> x = random_floats(768 * tokens, 100 + tokens);
      for (const Precision precision : precisions(weights.panel.kind)) {
        const std::vector<float> expected = product(kScalarKernels, weights.panel, x, tokens, precision);
        for_each_set([&](const Kernels& set) { CHECK(product(set, weights.panel, x, tokens, precision) == expected); });
      }
    }
  }
}

TEST_CASE("products stay exact at the extremes of weights and activations") {
  for (const TensorType type : kAllTensorTypes) {
    if (panel_layout(panel_kind_of(type)).float_bytes != 0) continue;
    CAPTURE(tensor_type_info(type).name);
    for (const uint8_t fill : {0x00, 0x7f, 0x80, 0xff}) {
      RandomPanel weights(type, 8, 256, 3);
      const PanelLayout layout = panel_layout(weights.panel.kind);
      uint8_t* unit = weights.panel.data + layout.super_bytes;
      for (uint32_t u = 0; u < 8; ++u, unit += layout.unit_bytes) std::memset(unit, fill, layout.values_bytes);
      std::vector<float> x(4 * 256);
      for (size_t i = 0; i < x.size(); ++i) x[i] = i % 5 == 0 ? -1.0f : 1.0f;
      for (size_t i = 256; i < 512; ++i) x[i] = i % 32 == 0 ? 1.0f : 128.0f / 32512.0f;  // low bytes of -128
      for (const Precision precision : precisions(weights.panel.kind)) {
        for (const uint32_t tokens : {1u, 4u}) {
          const std::vector<float> expected = product(kScalarKernels, weights.panel, x, tokens, precision);
          for_each_set(
              [&](const Kernels& set) { CHECK(product(set, weights.panel, x, tokens, precision) == expected); });
        }
      }
    }
  }
}

TEST_CASE("inputs of 8 bits keep 16 bits of the largest value of a unit") {
  const uint32_t columns = 256;
  for (const TensorType type : kAllTensorTypes) {
    if (panel_layout(panel_kind_of(type)).float_bytes != 0) continue;
    CAPTURE(tensor_type_info(type).name);
    const RandomPanel weights(type, 24, columns, 12);
    for (uint32_t column = 0; column < kUnitColumns; ++column) {
      CAPTURE(column);
      std::vector<float> x = random_floats(columns * 5, 200 + column);
      // Of the tokens, the first has outliers, the second two equal ones, the third nothing else, the fourth more than
      // 16 bits hold, the fifth none.
      for (uint32_t u = 0; u < columns; u += kUnitColumns) {
        x[u + column] = u % 64 == 0 ? 90.0f : -90.0f;
        x[columns + u + column] = x[columns + u + (column + 7) % kUnitColumns] = -3.0f;
        std::fill_n(x.begin() + 2 * columns + u, kUnitColumns, 0.0f);
        x[2 * columns + u + column] = 5.0f;
        x[3 * columns + u + column] = -1e6f;
      }
      const std::vector<float> expected = product(kScalarKernels, weights.panel, x, 5, Precision::k8);
      const size_t stride = expected.size() / 5;
      for (uint32_t r = 0; r < 24; ++r) {
        double exact = 0, bound = 1e-3;
        for (uint32_t c = 0; c < columns; ++c) {
          const double w = static_cast<double>(weights.values[r * columns + c]);
          exact += w * static_cast<double>(x[c]);
          bound += std::fabs(w) * (c % kUnitColumns == column ? 0.51 / 127 + 2e-5 : 0.51 / 127);
        }
        CHECK(std::fabs(static_cast<double>(expected[r]) - exact) < bound);
      }
      for_each_set([&](const Kernels& set) {
        CHECK(product(set, weights.panel, x, 5, Precision::k8) == expected);
        for (uint32_t t = 0; t < 5; ++t) {
          const std::vector<float> one(x.begin() + columns * t, x.begin() + columns * (t + 1));
          const std::vector<float> alone = product(set, weights.panel, one, 1, Precision::k8);
          CHECK(std::memcmp(alone.data(), &expected[t * stride], 24 * sizeof(float)) == 0);
        }
      });
    }
  }
}

TEST_CASE("a token's product does not depend on its batch") {
  for (const TensorType type : kAllTensorTypes) {
    const RandomPanel weights(type, 24, 256, 8);
    const std::vector<float> x = random_floats(256 * 6, 9);
    for (const Precision precision : precisions(weights.panel.kind)) {
      for_each_set([&](const Kernels& kernels) {
        const std::vector<float> together = product(kernels, weights.panel, x, 6, precision);
        for (uint32_t t = 0; t < 6; ++t) {
          const std::vector<float> one(x.begin() + 256 * t, x.begin() + 256 * (t + 1));
          const std::vector<float> alone = product(kernels, weights.panel, one, 1, precision);
          CHECK(std::memcmp(alone.data(), &together[t * alone.size()], 24 * sizeof(float)) == 0);
        }
      });
    }
  }
}

TEST_CASE("products of floats are the same for every number of columns and tokens") {
  for (const TensorType type : {TensorType::kF16, TensorType::kBF16, TensorType::kF32}) {
    for (const uint32_t columns : {1u, 2u, 255u, 256u, 257u, 512u, 515u}) {
      CAPTURE(columns);
      const RandomPanel weights(type, 19, columns, columns);
      for (const uint32_t tokens : {1u, 2u, 3u, 4u, 5u, 9u}) {
        const std::vector<float> x = random_floats(size_t{columns} * tokens, tokens);
        const std::vector<float> expected = product(kScalarKernels, weights.panel, x, tokens, Precision::k16);
        for_each_set(
            [&](const Kernels& set) { CHECK(product(set, weights.panel, x, tokens, Precision::k16) == expected); });
      }
    }
  }
}

TEST_CASE("the product of zero activations is zero") {
  const RandomPanel weights(TensorType::kQ4_1, 8, 64, 1);
  for_each_set([&](const Kernels& kernels) {
    const std::vector<float> y = product(kernels, weights.panel, std::vector<float>(64, 0.0f), 1, Precision::k8);
    for (int r = 0; r < 8; ++r) CHECK(y[static_cast<size_t>(r)] == 0.0f);
  });
}

TEST_CASE("vector operations agree with the scalar ones") {
  for (const uint32_t count : {1u, 3u, 8u, 31u, 576u}) {
    CAPTURE(count);
    const std::vector<float> x = random_floats(count, count, 9.0f), weight = random_floats(count, 2);
    for_each_set([&](const Kernels& kernels) {
      std::vector<float> a(count), b(count);
      kernels.rms_norm(x.data(), weight.data(), count, 1e-5f, a.data());
      kScalarKernels.rms_norm(x.data(), weight.data(), count, 1e-5f, b.data());
      for (uint32_t i = 0; i < count; ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-5));
      a = b = x;
      kernels.swiglu(a.data(), weight.data(), count);
      kScalarKernels.swiglu(b.data(), weight.data(), count);
      for (uint32_t i = 0; i < count; ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-5));
      a = b = x;
      kernels.geglu(a.data(), weight.data(), count);
      kScalarKernels.geglu(b.data(), weight.data(), count);
      for (uint32_t i = 0; i < count; ++i) CHECK(std::fabs(a[i] - b[i]) < 1e-6f * (1 + std::fabs(x[i])));
      a = b = x;
      kernels.geglu(a.data(), nullptr, count);
      kScalarKernels.geglu(b.data(), nullptr, count);
      for (uint32_t i = 0; i < count; ++i) CHECK(std::fabs(a[i] - b[i]) < 1e-6f * (1 + std::fabs(x[i])));
      a = b = x;
      kernels.softcap(a.data(), count, 2.5f);
      kScalarKernels.softcap(b.data(), count, 2.5f);
      for (uint32_t i = 0; i < count; ++i) CHECK(std::fabs(a[i] - b[i]) < 1e-6f);
      for (const float* bias : {static_cast<const float*>(nullptr), x.data()}) {
        kernels.layer_norm(x.data(), weight.data(), bias, count, 1e-5f, a.data());
        kScalarKernels.layer_norm(x.data(), weight.data(), bias, count, 1e-5f, b.data());
        for (uint32_t i = 0; i < count; ++i) CHECK(std::fabs(a[i] - b[i]) < 1e-5f * (1 + std::fabs(b[i])));
      }
      a = b = x;
      kernels.add(a.data(), weight.data(), count);
      kScalarKernels.add(b.data(), weight.data(), count);
      CHECK(a == b);
      CHECK(kernels.argmax(x.data(), count) == kScalarKernels.argmax(x.data(), count));
      CHECK(kernels.sum_exp(x.data(), count, 9.0f) ==
            doctest::Approx(kScalarKernels.sum_exp(x.data(), count, 9.0f)).epsilon(1e-5));
    });
  }
}

TEST_CASE("swiglu is correct for gates far from zero") {
  for_each_set([&](const Kernels& kernels) {
    float gate[4] = {-1000.0f, 1000.0f, -88.0f, 88.5f};
    const float up[4] = {1, 1, 1, 1};
    kernels.swiglu(gate, up, 4);
    CHECK(std::fabs(gate[0]) < 1e-30f);
    CHECK(gate[1] == doctest::Approx(1000.0f));
    CHECK(std::fabs(gate[2]) < 1e-30f);
    CHECK(gate[3] == doctest::Approx(88.5f));
  });
}

TEST_CASE("rope rotates pairs and leaves the rest of a head unchanged") {
  const uint32_t heads = 3, width = 24;
  const std::vector<float> x = random_floats(heads * width, 4);
  for (const uint32_t rotated : {2u, 8u, 20u, 24u}) {
    const std::vector<float> cosine = random_floats(rotated / 2, 5), sine = random_floats(rotated / 2, 6);
    std::vector<float> expected = x;
    kScalarKernels.rope(expected.data(), heads, width, rotated, cosine.data(), sine.data());
    CHECK(expected[0] == x[0] * cosine[0] - x[1] * sine[0]);
    if (rotated < width) CHECK(expected[width - 1] == x[width - 1]);
    for_each_set([&](const Kernels& kernels) {
      std::vector<float> y = x;
      kernels.rope(y.data(), heads, width, rotated, cosine.data(), sine.data());
      CHECK(y == expected);
    });
    std::vector<float> halves = x;
    kScalarKernels.rope_halves(halves.data(), heads, width, rotated, cosine.data(), sine.data());
    for (uint32_t h = 0; h < heads; ++h) {  // reorders the values into adjacent pairs
      std::vector<float> pairs = x;
      for (uint32_t i = 0; i < rotated; ++i) pairs[h * width + i] = x[h * width + i / 2 + i % 2 * (rotated / 2)];
      kScalarKernels.rope(pairs.data(), heads, width, rotated, cosine.data(), sine.data());
      for (uint32_t i = 0; i < rotated; ++i)
        CHECK(halves[h * width + i / 2 + i % 2 * (rotated / 2)] == pairs[h * width + i]);
      for (uint32_t i = rotated; i < width; ++i) CHECK(halves[h * width + i] == x[h * width + i]);
    }
    for_each_set([&](const Kernels& kernels) {
      std::vector<float> y = x;
      kernels.rope_halves(y.data(), heads, width, rotated, cosine.data(), sine.data());
      CHECK(y == halves);
    });
  }
}

// Random keys and values in the layout of `type`; memory past the context is garbage.
struct RandomKv {
  KvType type;
  uint32_t kv_heads, room, width;
  std::vector<int16_t> words[2];
  std::vector<int8_t> bytes[2];
  std::vector<float> scales[2];
  uint32_t window = 0;
  float softcap = 0;

  RandomKv(KvType type, uint32_t kv_heads, uint32_t context, uint32_t width, uint64_t seed)
      : type(type), kv_heads(kv_heads), room(static_cast<uint32_t>(kv_room(context))), width(width) {
    for (uint32_t which = 0; which < 2; ++which) {
      const size_t rows = static_cast<size_t>(kv_heads) * room;
      words[which].assign(rows * width, -32768);
      bytes[which].assign(rows * width, -128);
      scales[which].assign(rows, std::nanf(""));
      const std::vector<float> x = random_floats(rows * width, seed + which, 2.0f);
      for (size_t row = 0; row < rows; ++row) {
        const uint32_t position = static_cast<uint32_t>(row % room);
        if (position >= context) continue;
        put(which, static_cast<uint32_t>(row), {&x[row * width], &x[row * width] + width});
      }
    }
  }

  // Stores a key (which = 0) or value (1) at a row of [kv_heads, room].
  void put(uint32_t which, uint32_t row, const std::vector<float>& x) {
    int16_t quants[kMaxHeadWidth];
    const RowLimits limits = which == 0 ? key_limits(type) : value_limits(type);
    scales[which][row] = kScalarKernels.round_row(x.data(), width, limits, quants);
    for (uint32_t i = 0; i < width; ++i) {
      const uint32_t position = row % room;
      const size_t in_head = which == 0 ? key_index(width, position, i) : value_index(width, position, i);
      const size_t at = static_cast<size_t>(row - position) * width + in_head;
      words[which][at] = quants[i];
      bytes[which][at] = static_cast<int8_t>(quants[i]);
    }
  }

  // Attention of queries [tokens, kv_heads * group * width], of which the first is at `position`.
  std::vector<float> attend(const Kernels& kernels, const float* q, uint32_t position, uint32_t tokens, uint32_t group,
                            const std::vector<uint32_t>& tiles = {}) const {
    const uint32_t stride = kv_heads * group * width;
    std::vector<float> out(tokens * stride), scratch(attention_scratch_bytes(tokens, group, width) / sizeof(float));
    AttentionArguments a{};
    a.q = q;
    a.q_stride = a.out_stride = stride;
    a.kv_type = type;
    const auto stored = [&](int which) {
      return type == KvType::k16 ? static_cast<const void*>(words[which].data()) : bytes[which].data();
    };
    a.keys = stored(0);
    a.values = stored(1);
    a.key_scales = scales[0].data();
    a.value_scales = scales[1].data();
    a.room = room;
    a.position = position;
    a.tokens = tokens;
    a.head_width = width;
    a.group = group;
    a.kv_head_count = kv_heads;
    a.tiles = tiles.empty() ? nullptr : tiles.data();
    a.tile_count = static_cast<uint32_t>(tiles.size());
    a.scale = 1.0f / std::sqrt(static_cast<float>(width));
    a.window = window;
    a.softcap = softcap;
    a.out = out.data();
    a.scratch = scratch.data();
    kernels.attend(a);
    return out;
  }
};

static constexpr KvType kKvTypes[] = {KvType::k16, KvType::k8};

static void check_attention(uint32_t position, uint32_t tokens, uint32_t width, uint32_t group, uint32_t kv_heads) {
  const std::vector<float> q =
      random_floats(static_cast<size_t>(tokens) * kv_heads * group * width, position + width, 3.0f);
  for (const KvType type : kKvTypes) {
    CAPTURE(static_cast<int>(type));
    const RandomKv kv(type, kv_heads, position + tokens, width, position + 1);
    const std::vector<float> expected = kv.attend(kScalarKernels, q.data(), position, tokens, group);
    for_each_set([&](const Kernels& kernels) {
      const std::vector<float> out = kv.attend(kernels, q.data(), position, tokens, group);
      for (size_t i = 0; i < out.size(); ++i)
        CHECK(std::fabs(out[i] - expected[i]) < 2e-4f);  // softmax weights are rounded
    });
  }
}

TEST_CASE("attention matches the scalar kernel at context lengths around a tile") {
  for (const uint32_t position : {0u, 1u, 30u, 31u, 32u, 33u, 100u}) {
    for (const uint32_t tokens : {1u, 2u, 35u}) {
      CAPTURE(position);
      CAPTURE(tokens);
      check_attention(position, tokens, 40, 3, 2);
    }
  }
}

TEST_CASE("attention matches the scalar kernel for every head width") {
  for (const uint32_t width : {8u, 64u, 80u, 128u, 256u}) check_attention(37, 2, width, 2, 2);
}

TEST_CASE("attention with a window or a softcap matches the scalar kernel") {
  for (const uint32_t window : {1u, 7u, 31u, 32u, 33u, 70u, 500u}) {
    for (const uint32_t position : {0u, 31u, 64u, 150u}) {
      for (const float softcap : {0.0f, 1.5f}) {
        const uint32_t tokens = 37, width = 40, group = 3;
        CAPTURE(window);
        CAPTURE(position);
        CAPTURE(softcap);
        RandomKv kv(KvType::k16, 1, position + tokens, width, position + 1);
        kv.window = window;
        kv.softcap = softcap;
        const std::vector<float> q = random_floats(tokens * group * width, window, 3.0f);
        const std::vector<float> expected = kv.attend(kScalarKernels, q.data(), position, tokens, group);
        for_each_set([&](const Kernels& kernels) {
          const std::vector<float> out = kv.attend(kernels, q.data(), position, tokens, group);
          for (size_t i = 0; i < out.size(); ++i) CHECK(std::fabs(out[i] - expected[i]) < 2e-4f);
          for (uint32_t t = 0; t < tokens; t += 9) {
            const size_t at = t * group * width;
            const std::vector<float> alone = kv.attend(kernels, &q[at], position + t, 1, group);
            CHECK(std::equal(alone.begin(), alone.end(), out.begin() + static_cast<ptrdiff_t>(at)));
          }
        });
      }
    }
  }
}

TEST_CASE("attention of a token is bit-identical by itself and in a batch") {
  for (const uint32_t group : {1u, 2u, 3u, 5u, 8u}) {
    const uint32_t width = 40, kv_heads = 2, tokens = 37, position = 30, stride = kv_heads * group * width;
    const std::vector<float> q = random_floats(tokens * stride, group, 3.0f);
    for (const KvType type : kKvTypes) {
      CAPTURE(group);
      CAPTURE(static_cast<int>(type));
      const RandomKv kv(type, kv_heads, position + tokens, width, group + 1);
      for_each_set([&](const Kernels& kernels) {
        const std::vector<float> together = kv.attend(kernels, q.data(), position, tokens, group);
        for (const uint32_t count : {1u, 2u, 7u}) {
          for (uint32_t first = 0; first + count <= tokens; first += count) {
            const std::vector<float> subset = kv.attend(kernels, &q[first * stride], position + first, count, group);
            CHECK(std::equal(subset.begin(), subset.end(), together.begin() + first * stride));
          }
        }
      });
    }
  }
}

TEST_CASE("round_row stays within its limits, with an error of at most half a step") {
  for (const RowLimits limits : {key_limits(KvType::k16), key_limits(KvType::k8), value_limits(KvType::k16)}) {
    for (const uint32_t count : {8u, 40u, 64u, 256u}) {
      for (const float size : {0.0f, 1e-38f, 1e-30f, 1.0f, 1e38f}) {
        for (const float outlier : {1.0f, 3.0f}) {
          std::vector<float> x = random_floats(count, count, size);
          x[5] *= outlier;
          for_scalar_and_each_set([&](const Kernels& kernels) {
            std::vector<int16_t> quants(count);
            const float scale = kernels.round_row(x.data(), count, limits, quants.data());
            double squares = 0;
            for (uint32_t i = 0; i < count; ++i) {
              squares += quants[i] * quants[i];
              CHECK(std::fabs(quants[i]) <= limits.magnitude);
              CHECK(std::fabs(x[i] - scale * static_cast<float>(quants[i])) <= 0.501f * scale + kMinQuantRange);
            }
            CHECK(std::sqrt(squares) <= static_cast<double>(limits.norm) + 0.5 * std::sqrt(count));
            if (size == 1.0f) CHECK(squares > 0.9e4);
          });
        }
      }
    }
  }
}

TEST_CASE("attention of a zero query is the mean of the values") {
  const uint32_t width = 8, tokens = 40;
  const RandomKv kv(KvType::k16, 1, tokens, width, 7);
  const std::vector<float> q(tokens * width, 0.0f);
  const std::vector<float> expected = kv.attend(kScalarKernels, q.data(), 0, tokens, 1);
  for_each_set([&](const Kernels& kernels) {
    const std::vector<float> out = kv.attend(kernels, q.data(), 0, tokens, 1);
    for (size_t i = 0; i < out.size(); ++i) CHECK(std::fabs(out[i] - expected[i]) < 2e-4f);
  });
}

TEST_CASE("attention with integers at their limits does not overflow") {
  const uint32_t width = 256, tokens = 64;
  for (const float sign : {1.0f, -1.0f}) {
    const std::vector<float> q(width * tokens, sign), ones(width, 1.0f);
    RandomKv kv(KvType::k16, 1, tokens, width, 1);
    for (uint32_t p = 0; p < tokens; ++p) kv.put(0, p, ones), kv.put(1, p, ones);
    for_each_set([&](const Kernels& kernels) {
      for (const float value : kv.attend(kernels, q.data(), 0, tokens, 1))
        CHECK(value == doctest::Approx(1.0f).epsilon(1e-4));
    });
  }
}

TEST_CASE("attention over a list of tiles matches the scalar kernel") {
  const std::vector<uint32_t> lists[] = {{6}, {0, 6}, {1, 2, 5, 6}, {0, 3, 4, 6}};
  for (const uint32_t group : {1u, 3u, 5u}) {
    for (const uint32_t position : {192u, 200u, 223u}) {
      for (const KvType type : kKvTypes) {
        CAPTURE(group);
        CAPTURE(position);
        const uint32_t width = 40, kv_heads = 2;
        const std::vector<float> q = random_floats(kv_heads * group * width, position, 3.0f);
        const RandomKv kv(type, kv_heads, position + 1, width, position);
        for (const std::vector<uint32_t>& tiles : lists) {
          const std::vector<float> expected = kv.attend(kScalarKernels, q.data(), position, 1, group, tiles);
          CHECK(expected != kv.attend(kScalarKernels, q.data(), position, 1, group));
          for_each_set([&](const Kernels& kernels) {
            const std::vector<float> out = kv.attend(kernels, q.data(), position, 1, group, tiles);
            for (size_t i = 0; i < out.size(); ++i) CHECK(std::fabs(out[i] - expected[i]) < 2e-4f);
          });
        }
      }
    }
  }
}

TEST_CASE("attention over a list of all tiles is bit-identical to attention without a list") {
  const uint32_t width = 64, kv_heads = 2, group = 3, tokens = 5, position = 130;
  const std::vector<float> q = random_floats(tokens * kv_heads * group * width, 1, 3.0f);
  const RandomKv kv(KvType::k16, kv_heads, position + tokens, width, 2);
  for_scalar_and_each_set([&](const Kernels& kernels) {
    CHECK(kv.attend(kernels, q.data(), position, tokens, group, {0, 1, 2, 3, 4}) ==
          kv.attend(kernels, q.data(), position, tokens, group));
  });
}

TEST_CASE("page shares match the scalar kernel and add up to one per query") {
  for (const uint32_t width : {8u, 64u, 256u}) {
    for (const uint32_t pages : {1u, 7u, 8u, 33u, 100u}) {
      for (const uint32_t group : {1u, 3u, 4u, 7u}) {
        for (const float size : {0.0f, 1.0f, 1e20f}) {
          CAPTURE(width);
          CAPTURE(pages);
          CAPTURE(group);
          CAPTURE(size);
          const std::vector<float> q = random_floats(group * width, group, size);
          const std::vector<float> columns = random_floats(2 * width * pages, 2, 1.0f);
          const uint32_t room = (pages + kKeyBlock - 1) / kKeyBlock * kKeyBlock;
          std::vector<int8_t> stored(2 * width * room, -128);  // garbage past the last page
          std::vector<float> scales(room, std::nanf(""));
          for (uint32_t p = 0; p < pages; ++p) {
            int16_t quants[2 * kMaxHeadWidth];
            scales[p] = kScalarKernels.round_row(&columns[2 * width * p], 2 * width, kPageLimits, quants);
            for (uint32_t i = 0; i < 2 * width; ++i)
              stored[key_index(2 * width, p, i)] = static_cast<int8_t>(quants[i]);
          }
          PageArguments a{};
          a.q = q.data();
          a.pages = stored.data();
          a.page_scales = scales.data();
          a.page_count = pages;
          a.head_width = width;
          a.group = group;
          a.scale = 1 / std::sqrt(static_cast<float>(width));
          std::vector<float> expected(pages), scratch(page_scratch_floats(pages));
          a.shares = expected.data();
          a.scratch = scratch.data();
          kScalarKernels.page_shares(a);
          for_each_set([&](const Kernels& kernels) {
            std::vector<float> shares(pages, -1.0f);
            a.shares = shares.data();
            kernels.page_shares(a);
            float total = 0;
            for (uint32_t p = 0; p < pages; ++p) {
              CHECK(std::fabs(shares[p] - expected[p]) < 1e-3f);
              total += shares[p];
            }
            CHECK(total == doctest::Approx(group).epsilon(1e-4));
          });
        }
      }
    }
  }
}

TEST_CASE("every element of keys and values has its own index") {
  const uint32_t width = 24, positions = 70;
  std::vector<int> keys(kv_room(positions) * width), values(keys.size());
  for (uint32_t p = 0; p < positions; ++p) {
    for (uint32_t i = 0; i < width; ++i) {
      ++keys.at(key_index(width, p, i));
      ++values.at(value_index(width, p, i));
    }
  }
  CHECK(std::count(keys.begin(), keys.end(), 1) == positions * width);
  CHECK(std::count(values.begin(), values.end(), 1) == positions * width);
}
