// The kernels in plain C++: the reference that every other set is tested against. Read it to learn what kernels
// compute.
#include <cfloat>
#include <cmath>
#include <cstring>

#include "base/half.h"
#include "kernels/sets.h"
#include "quant/blocks.h"

namespace camelgpt {
namespace {

// Quantised activations are in token order: words [tokens, columns], scales, sums and totals [tokens, units].
void quantize(Range slice, const Activations& out) {
  if (out.columns % kUnitColumns != 0) return;
  const uint32_t units = out.columns / kUnitColumns;
  const float limit = static_cast<float>(max_quant(out.precision));
  for (uint32_t t = slice.first; t < slice.end; ++t) {
    for (uint32_t u = 0; u < units; ++u) {
      const size_t at = static_cast<size_t>(t) * units + u;
      const float* unit = out.x + t * out.stride + u * kUnitColumns;
      float largest = 0, second = 0;
      for (uint32_t i = 0; i < kUnitColumns; ++i) {
        const float magnitude = std::fabs(unit[i]);
        second = std::fmax(second, std::fmin(largest, magnitude));
        largest = std::fmax(largest, magnitude);
      }
      const float range = unit_range(out.precision, largest, second);
      const float inverse = range > kMinQuantRange ? limit / range : 0.0f;
      out.scales[at] = range / limit;
      out.half_sums[2 * at] = out.half_sums[2 * at + 1] = 0;
      for (uint32_t i = 0; i < kUnitColumns; ++i) {
        const int16_t q = static_cast<int16_t>(std::nearbyint(unit[i] * inverse));
        std::memcpy(out.words + (at * kUnitColumns + i) * sizeof q, &q, sizeof q);
        out.half_sums[2 * at + i / 16] += q;
      }
      out.sums[at] = out.half_sums[2 * at] + out.half_sums[2 * at + 1];
      const auto total = [&](int32_t sum) { return static_cast<float>(sum) * out.scales[at]; };
      out.totals[at] = total(out.sums[at]);
      for (int h = 0; h < 2; ++h) out.half_totals[2 * at + h] = total(out.half_sums[2 * at + h]);
    }
  }
}

float half_at(const uint8_t* p, uint32_t index) { return half_to_float(load_half(p + 2 * index)); }

// The quant of row `lane`, column `i` of a unit. `scales` are those of the unit or of the super-block.
int32_t quant_at(const PanelLayout& layout, const uint8_t* values, const uint8_t* scales, uint32_t lane, uint32_t i) {
  if (!layout.nibbles) return values[i / 4 * 32 + lane * 4 + i % 4];
  const uint8_t byte = values[i % 16 / 4 * 32 + lane * 4 + i % 4];
  return panel_nibble(layout, scales, i < 16 ? byte & 15 : byte >> 4);
}

// One row times one token: exact integer sums within a unit (or a section of it, if its halves have their own scales),
// then float sums from left to right.
template <PanelKind kKind>
float row_dot(const PanelSlice& weights, uint32_t row, const Activations& input, uint32_t token) {
  constexpr PanelLayout layout = panel_layout(kKind);
  constexpr uint32_t sections = layout.subs == 2 ? 2 : 1;
  const uint32_t lane = row % kPanelRows;
  const uint8_t* p = weights.data + row / kPanelRows * weights.group_bytes;
  const uint32_t units = weights.columns / kUnitColumns;
  const uint8_t* super = p;
  float sum = 0;
  for (uint32_t u = 0; u < units; ++u) {
    if (layout.subs != 0 && u % kSuperUnits == 0) {
      super = p;
      p += layout.super_bytes;
    }
    const uint8_t* side = p + layout.values_bytes;
    const size_t at = static_cast<size_t>(token) * units + u;
    int16_t q[kUnitColumns];
    std::memcpy(q, input.words + at * sizeof q, sizeof q);
    for (uint32_t section = 0; section < sections; ++section) {
      const uint32_t first = section * 16, end = sections == 2 ? first + 16 : kUnitColumns;
      int32_t integer_sum = 0;
      for (uint32_t i = first; i < end; ++i) {
        integer_sum += q[i] * (quant_at(layout, p, super, lane, i) - layout.offset);
      }
      float scale, minimum = 0;  // K formats subtract their minimum
      if (layout.subs == 0) {
        scale = panel_scale(layout, side, lane);
        if (layout.minimum) minimum = half_at(side + 2 * kPanelRows, lane);
      } else {
        scale = panel_scale(layout, super, lane) *
                static_cast<float>(static_cast<int8_t>(side[section * kPanelRows + lane]));
        if (layout.minimum) {
          minimum = -half_at(super + 2 * kPanelRows, lane) *
                    static_cast<float>(side[(layout.subs + section) * kPanelRows + lane]);
        }
      }
      sum = static_cast<float>(integer_sum) * (scale * input.scales[at]) + sum;
      if (layout.minimum)
        sum = minimum * (sections == 2 ? input.half_totals[2 * at + section] : input.totals[at]) + sum;
    }
    p += layout.unit_bytes;
  }
  return sum;
}

template <PanelKind kKind>
float float_row_dot(const PanelSlice& weights, uint32_t row, const Activations& input, uint32_t token) {
  constexpr uint32_t bytes = panel_layout(kKind).float_bytes;
  const uint8_t* p = weights.data + row / kPanelRows * weights.group_bytes + row % kPanelRows * bytes;
  const float* x = input.x + token * input.stride;
  float sum = 0;
  for (uint32_t c = 0; c < weights.columns; ++c, p += kPanelRows * bytes) {
    float weight;
    if (kKind == PanelKind::kFloat) {
      std::memcpy(&weight, p, sizeof weight);
    } else {
      weight = kKind == PanelKind::kHalf ? half_to_float(load_half(p)) : bfloat16_to_float(load_half(p));
    }
    sum = weight * x[c] + sum;
  }
  return sum;
}

template <float (*kRowDot)(const PanelSlice&, uint32_t, const Activations&, uint32_t)>
void matmul(const PanelSlice& weights, const Activations& input, float* y, size_t y_stride) {
  for (uint32_t t = 0; t < input.tokens; ++t) {
    for (uint32_t row = 0; row < weights.groups * kPanelRows; ++row)
      y[t * y_stride + row] = kRowDot(weights, row, input, t);
  }
}

// Value i of a neuron in a panel of bytes or nibbles: its quant minus the offset.
int32_t neuron_quant(const Panel& panel, uint32_t neuron, uint32_t i) {
  const bool by_rows = panel.order == PanelOrder::kRows;
  const size_t run =
      by_rows ? RowOffsets(panel).values(neuron) : neuron * neuron_run_bytes(panel.kind, neuron_width(panel));
  if (panel.kind == PanelKind::kByte) {
    return by_rows ? panel.data[run + i] - 128 : static_cast<int8_t>(panel.data[run + i]);
  }
  const uint8_t byte = panel.data[run + i / kUnitColumns * 16 + i % 16];
  return (i % kUnitColumns < 16 ? byte & 15 : byte >> 4) - 8;
}

// A quant of the input, which is a single token.
int16_t input_quant(const Activations& input, uint32_t column) {
  int16_t q;
  std::memcpy(&q, input.words + column * sizeof q, sizeof q);
  return q;
}

void dot_rows(const Panel& weights, std::span<const uint32_t> rows, const Activations& input, float* y) {
  const uint32_t units = weights.columns / kUnitColumns;
  for (size_t i = 0; i < rows.size(); ++i) {
    float sum = 0;
    for (uint32_t u = 0; u < units; ++u) {
      int32_t integer_sum = 0;
      for (uint32_t c = u * kUnitColumns; c < (u + 1) * kUnitColumns; ++c) {
        integer_sum += input_quant(input, c) * neuron_quant(weights, rows[i], c);
      }
      const float scale = half_at(weights.data + RowOffsets(weights).scales(rows[i]), u);
      sum = static_cast<float>(integer_sum) * (scale * input.scales[u]) + sum;
    }
    y[i] = sum;
  }
}

void add_columns(const Panel& weights, std::span<const uint32_t> columns, const Activations& input, Range slice,
                 float* y) {
  const size_t width = static_cast<size_t>(neuron_width(weights));
  for (uint32_t row = slice.first; row < slice.end; ++row) {
    float sum = 0;
    for (size_t i = 0; i < columns.size();) {
      const uint32_t unit = columns[i] / kUnitColumns;
      int32_t integer_sum = 0;
      for (; i < columns.size() && columns[i] / kUnitColumns == unit; ++i) {
        integer_sum += input_quant(input, columns[i]) * neuron_quant(weights, columns[i], row);
      }
      const float scale = half_at(column_scales(weights) + unit * width * 2, row);
      sum = static_cast<float>(integer_sum) * (scale * input.scales[unit]) + sum;
    }
    y[row] = sum;
  }
}

void dot_half_rows(const Panel& weights, std::span<const uint32_t> rows, const Activations& input, float* y) {
  for (size_t i = 0; i < rows.size(); ++i) {
    const uint8_t* row = weights.data + RowOffsets(weights).values(rows[i]);
    float sum = 0;
    for (uint32_t c = 0; c < weights.columns; ++c) sum = half_at(row, c) * input.x[c] + sum;
    y[i] = sum;
  }
}

void add_half_columns(const Panel& weights, std::span<const uint32_t> columns, const Activations& input, Range slice,
                      float* y) {
  const size_t run = neuron_run_bytes(weights.kind, neuron_width(weights));
  for (uint32_t row = slice.first; row < slice.end; ++row) {
    float sum = 0;
    for (const uint32_t c : columns) sum = half_at(weights.data + c * run, row) * input.x[c] + sum;
    y[row] = sum;
  }
}

void rms_norm(const float* x, const float* weight, uint32_t count, float epsilon, float* y) {
  double sum = 0;
  for (uint32_t i = 0; i < count; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  const float factor = 1.0f / std::sqrt(static_cast<float>(sum / count) + epsilon);
  for (uint32_t i = 0; i < count; ++i) y[i] = x[i] * factor * weight[i];
}

void layer_norm(const float* x, const float* weight, const float* bias, uint32_t count, float epsilon, float* y) {
  double sum = 0, squares = 0;
  for (uint32_t i = 0; i < count; ++i) sum += static_cast<double>(x[i]);
  const double mean = sum / count;
  for (uint32_t i = 0; i < count; ++i)
    squares += (static_cast<double>(x[i]) - mean) * (static_cast<double>(x[i]) - mean);
  const double factor = 1 / std::sqrt(squares / count + static_cast<double>(epsilon));
  for (uint32_t i = 0; i < count; ++i) {
    y[i] =
        static_cast<float>((static_cast<double>(x[i]) - mean) * factor) * weight[i] + (bias != nullptr ? bias[i] : 0);
  }
}

void swiglu(float* gate, const float* up, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) gate[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

void geglu(float* gate, const float* up, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    const float x = gate[i];
    const float inner = 0.79788456f * (x + 0.044715f * x * x * x);  // sqrt(2 / pi)
    gate[i] = 0.5f * x * (1 + std::tanh(inner)) * (up != nullptr ? up[i] : 1);
  }
}

void softcap(float* x, uint32_t count, float cap) {
  for (uint32_t i = 0; i < count; ++i) x[i] = cap * std::tanh(x[i] / cap);
}

uint32_t list_positive(const float* x, uint32_t count, uint32_t* list) {
  uint32_t listed = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (x[i] > 0) list[listed++] = i;
  }
  return listed;
}

void reglu(float* gate, const float* up, uint32_t count, bool squared) {
  for (uint32_t i = 0; i < count; ++i) gate[i] = gate[i] > 0 ? (squared ? gate[i] * gate[i] : gate[i]) * up[i] : 0.0f;
}

void add(float* y, const float* x, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) y[i] += x[i];
}

void rope(float* x, uint32_t heads, uint32_t head_width, uint32_t rotated, const float* cosine, const float* sine) {
  for (uint32_t h = 0; h < heads; ++h, x += head_width) {
    for (uint32_t i = 0; i < rotated; i += 2) {
      const float a = x[i], b = x[i + 1];
      x[i] = a * cosine[i / 2] - b * sine[i / 2];
      x[i + 1] = a * sine[i / 2] + b * cosine[i / 2];
    }
  }
}

void rope_halves(float* x, uint32_t heads, uint32_t head_width, uint32_t rotated, const float* cosine,
                 const float* sine) {
  const uint32_t half = rotated / 2;
  for (uint32_t h = 0; h < heads; ++h, x += head_width) {
    for (uint32_t i = 0; i < half; ++i) {
      const float a = x[i], b = x[half + i];
      x[i] = a * cosine[i] - b * sine[i];
      x[half + i] = a * sine[i] + b * cosine[i];
    }
  }
}

float round_row(const float* x, uint32_t count, RowLimits limits, int16_t* out) {
  double largest = 0, squares = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const double magnitude = std::fmin(std::fabs(static_cast<double>(x[i])), static_cast<double>(FLT_MAX));
    largest = std::fmax(largest, magnitude);
    squares += magnitude * magnitude;
  }
  const double scale =
      std::fmax(largest / static_cast<double>(limits.magnitude), std::sqrt(squares) / static_cast<double>(limits.norm));
  for (uint32_t i = 0; i < count; ++i) {
    out[i] = largest > static_cast<double>(kMinQuantRange)
                 ? static_cast<int16_t>(std::nearbyint(static_cast<double>(x[i]) / scale))
                 : int16_t{0};
  }
  return static_cast<float>(scale);
}

double stored_at(KvType type, const void* stored, size_t index) {
  return type == KvType::k16 ? static_cast<const int16_t*>(stored)[index] : static_cast<const int8_t*>(stored)[index];
}

// Calls body(position) for each of the first `seen` positions that attention visits: in its tiles and in its window.
template <typename Body>
void for_each_visited(const AttentionArguments& a, uint32_t seen, Body body) {
  const uint32_t tiles = a.tiles != nullptr ? a.tile_count : (seen + kAttentionTile - 1) / kAttentionTile;
  for (uint32_t i = 0; i < tiles; ++i) {
    const uint32_t start = (a.tiles != nullptr ? a.tiles[i] : i) * kAttentionTile;
    for (uint32_t p = start; p < start + kAttentionTile && p < seen; ++p) {
      if (a.window == 0 || p + a.window >= seen) body(p);
    }
  }
}

void attend(const AttentionArguments& a) {
  const uint32_t width = a.head_width;
  for (uint32_t t = 0; t < a.tokens; ++t) {
    const uint32_t seen = a.seen != 0 ? a.seen : a.position + t + 1;
    for (uint32_t h = a.kv_head_first * a.group; h < (a.kv_head_first + a.kv_head_count) * a.group; ++h) {
      const size_t head = static_cast<size_t>(h / a.group) * a.room;
      float* out = a.out + t * a.out_stride + h * width;
      int16_t q[kMaxHeadWidth];
      const double q_scale = static_cast<double>(round_row(a.q + t * a.q_stride + h * width, width, kQueryLimits, q));
      const auto score = [&](uint32_t p) {
        double sum = 0;
        for (uint32_t i = 0; i < width; ++i)
          sum += q[i] * stored_at(a.kv_type, a.keys, head * width + key_index(width, p, i));
        sum *= q_scale * static_cast<double>(a.key_scales[head + p]) * static_cast<double>(a.scale);
        const double cap = static_cast<double>(a.softcap);
        return cap == 0 ? sum : cap * std::tanh(sum / cap);
      };
      double maximum = -HUGE_VAL, total = 0;
      for_each_visited(a, seen, [&](uint32_t p) { maximum = std::fmax(maximum, score(p)); });
      double sums[kMaxHeadWidth] = {};
      for_each_visited(a, seen, [&](uint32_t p) {
        const double weight = std::exp(score(p) - maximum);
        total += weight;
        for (uint32_t i = 0; i < width; ++i) {
          sums[i] += weight * static_cast<double>(a.value_scales[head + p]) *
                     stored_at(a.kv_type, a.values, head * width + value_index(width, p, i));
        }
      });
      for (uint32_t i = 0; i < width; ++i) out[i] = static_cast<float>(sums[i] / total);
    }
  }
}

void page_shares(const PageArguments& a) {
  const uint32_t width = 2 * a.head_width;
  for (uint32_t p = 0; p < a.page_count; ++p) a.shares[p] = 0;
  for (uint32_t g = 0; g < a.group; ++g) {
    const float* q = a.q + g * a.head_width;
    float pairs[2 * kMaxHeadWidth];
    for (uint32_t i = 0; i < width; ++i) pairs[i] = i % 2 == 0 ? q[i / 2] : std::fabs(q[i / 2]);
    int16_t words[2 * kMaxHeadWidth];
    const double q_scale = static_cast<double>(round_row(pairs, width, kQueryLimits, words));
    const auto score = [&](uint32_t p) {
      double sum = 0;
      for (uint32_t i = 0; i < width; ++i) sum += words[i] * a.pages[key_index(width, p, i)];
      return sum * q_scale * static_cast<double>(a.page_scales[p]) * static_cast<double>(a.scale);
    };
    double maximum = -HUGE_VAL, total = 0;
    for (uint32_t p = 0; p < a.page_count; ++p) maximum = std::fmax(maximum, score(p));
    for (uint32_t p = 0; p < a.page_count; ++p) total += std::exp(score(p) - maximum);
    for (uint32_t p = 0; p < a.page_count; ++p) a.shares[p] += static_cast<float>(std::exp(score(p) - maximum) / total);
  }
}

uint32_t argmax(const float* x, uint32_t count) {
  uint32_t best = 0;
  for (uint32_t i = 1; i < count; ++i) {
    if (x[i] > x[best]) best = i;
  }
  return best;
}

double sum_exp(const float* x, uint32_t count, float maximum) {
  double sum = 0;
  for (uint32_t i = 0; i < count; ++i) sum += std::exp(static_cast<double>(x[i]) - static_cast<double>(maximum));
  return sum;
}

uint32_t select_above(float* x, uint32_t count, float threshold, float shift, uint32_t* list) {
  uint32_t selected = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (x[i] >= threshold) {
      list[selected++] = i;
    } else {
      x[i] += shift;
    }
  }
  return selected;
}

constexpr Kernels make_table() {
  Kernels table{};
  table.name = "scalar";
  table.quantize = quantize;
  const auto set = [&table](PanelKind kind, MatmulFunction function) {
    table.matmul[static_cast<int>(kind)] = function;
  };
  set(PanelKind::kNibble, matmul<row_dot<PanelKind::kNibble>>);
  set(PanelKind::kNibbleMin, matmul<row_dot<PanelKind::kNibbleMin>>);
  set(PanelKind::kNibbleTable, matmul<row_dot<PanelKind::kNibbleTable>>);
  set(PanelKind::kNibbleTableBfloat, matmul<row_dot<PanelKind::kNibbleTableBfloat>>);
  set(PanelKind::kByte, matmul<row_dot<PanelKind::kByte>>);
  set(PanelKind::kByteMin, matmul<row_dot<PanelKind::kByteMin>>);
  set(PanelKind::kNibbleSuper32Min, matmul<row_dot<PanelKind::kNibbleSuper32Min>>);
  set(PanelKind::kNibbleSuper16Min, matmul<row_dot<PanelKind::kNibbleSuper16Min>>);
  set(PanelKind::kNibbleSuper16, matmul<row_dot<PanelKind::kNibbleSuper16>>);
  set(PanelKind::kNibbleTableSuper32, matmul<row_dot<PanelKind::kNibbleTableSuper32>>);
  set(PanelKind::kNibbleTableSuper16, matmul<row_dot<PanelKind::kNibbleTableSuper16>>);
  set(PanelKind::kByteSuper32Min, matmul<row_dot<PanelKind::kByteSuper32Min>>);
  set(PanelKind::kByteSuper16, matmul<row_dot<PanelKind::kByteSuper16>>);
  set(PanelKind::kHalf, matmul<float_row_dot<PanelKind::kHalf>>);
  set(PanelKind::kBfloat, matmul<float_row_dot<PanelKind::kBfloat>>);
  set(PanelKind::kFloat, matmul<float_row_dot<PanelKind::kFloat>>);
  for (const PanelKind kind : {PanelKind::kByte, PanelKind::kNibble}) {
    table.rows[static_cast<int>(kind)] = dot_rows;
    table.columns[static_cast<int>(kind)] = add_columns;
  }
  table.rows[static_cast<int>(PanelKind::kHalf)] = dot_half_rows;
  table.columns[static_cast<int>(PanelKind::kHalf)] = add_half_columns;
  table.rms_norm = rms_norm;
  table.rope_halves = rope_halves;
  table.softcap = softcap;
  table.geglu = geglu;
  table.layer_norm = layer_norm;
  table.swiglu = swiglu;
  table.list_positive = list_positive;
  table.reglu = reglu;
  table.add = add;
  table.rope = rope;
  table.round_row = round_row;
  table.attend = attend;
  table.page_shares = page_shares;
  table.argmax = argmax;
  table.sum_exp = sum_exp;
  table.select_above = select_above;
  return table;
}

}  // namespace

const Kernels kScalarKernels = make_table();

}  // namespace camelgpt
