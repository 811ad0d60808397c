// The table of kernels: function pointers to the fastest set that this machine runs correctly, chosen once.
//
// Every kernel has a readable scalar version (scalar.cpp), and every faster version is tested against it. Results
// depend neither on how many tokens are processed together nor on how rows are split: sums run in the same order. All
// sets give the same bits, except the scalar one, which computes exponentials differently.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/threads.h"
#include "kernels/kv_layout.h"
#include "quant/neuron_panel.h"

namespace camelgpt {

// Rows or units whose largest magnitude is smaller are quantised to zero: the inverse of their scale would be infinite.
inline constexpr float kMinQuantRange = 1e-33f;

// How finely the input of a matrix product is quantised: 32 columns share a scale, x = scale * q. For the error of each
// see docs/accuracy.md.
enum class Precision : uint8_t {
  k8,   // |q| <= 127, except for the first of the largest values of a unit: |q| <= 127 * 256 (see unit_range)
  k16,  // |q| <= 127 * 256; not for weights that are multiplied as nibbles
};

// Whether weights are multiplied as nibbles, or as bytes. The others are floats.
constexpr bool multiplies_nibbles(PanelKind kind) {
  const PanelLayout layout = panel_layout(kind);
  return layout.nibbles && layout.table == PanelTable::kNone;
}
constexpr bool multiplies_bytes(PanelKind kind) {
  return panel_layout(kind).float_bytes == 0 && !multiplies_nibbles(kind);
}

inline constexpr int32_t max_quant(Precision precision) { return precision == Precision::k16 ? 127 * 256 : 127; }

// The magnitude whose quant is max_quant(), given the two largest magnitudes of a unit. With 8 bits it is the second
// one: an outlier would otherwise leave few bits for the other values.
inline float unit_range(Precision precision, float largest, float second) {
  if (precision == Precision::k16) return largest;
  return largest > second * 256 ? largest / 256 : second;
}

// The input of matrix products: `tokens` rows of `columns` floats, and the same rows quantised in units of 32 columns.
// The kernel set that quantises decides on the layout, and whether it writes bytes, words or both.
struct Activations {
  uint32_t tokens = 0;
  uint32_t columns = 0;
  Precision precision = Precision::k16;
  const float* x = nullptr;  // [tokens, stride]
  size_t stride = 0;
  uint8_t* bytes = nullptr;      // q in 8 bits and an ExactColumn, or its high and its low byte in separate planes
  uint8_t* words = nullptr;      // q in 16 bits
  float* scales = nullptr;       // one per token and unit
  int32_t* sums = nullptr;       // of the 32 quants of a unit
  int32_t* half_sums = nullptr;  // of 16 quants
  float* totals = nullptr;       // sums times scale
  float* half_totals = nullptr;  // half_sums times scale
};

// Sets the input x [tokens, stride] of the following products; call Kernels::quantize next.
inline void activations_begin(const float* x, size_t stride, uint32_t tokens, uint32_t columns, Precision precision,
                              Activations* out) {
  out->x = x;
  out->stride = stride;
  out->tokens = tokens;
  out->columns = columns;
  out->precision = precision;
}

// Tokens are processed in tiles of this many; activations have memory for whole tiles.
inline constexpr uint32_t kTokenTile = 4;

// Reserves memory for up to `tokens` rows of up to `columns` columns.
Activations activations_reserve(uint32_t tokens, uint32_t columns, Arena* arena);

// Consecutive row groups of a panel.
struct PanelSlice {
  const uint8_t* data;
  size_t group_bytes;
  uint32_t columns;
  uint32_t groups;
};

// y[token * y_stride + row] = row of the slice · input token. Writes whole groups, including rows past the matrix.
using MatmulFunction = void (*)(const PanelSlice& weights, const Activations& input, float* y, size_t y_stride);

// Products of some rows of a panel in PanelOrder::kRows and a single token: y[i] = row rows[i] · input. Bit-identical
// to a MatmulFunction.
using RowsFunction = void (*)(const Panel& weights, std::span<const uint32_t> rows, const Activations& input, float* y);

// The product of some columns of a panel in PanelOrder::kColumns and a single token: y[row] = sum of
// weights[row, column] * input[column] over `columns`, in ascending order. The input must be zero in all other columns.
// Writes the rows of `slice`, a multiple of 32, including rows past the matrix. Bit-identical to a MatmulFunction.
using ColumnsFunction = void (*)(const Panel& weights, std::span<const uint32_t> columns, const Activations& input,
                                 Range slice, float* y);

// Elements that Kernels::list_positive may write past the end of its list.
inline constexpr uint32_t kListSlack = 4;

// Softmax attention of some query tokens over keys and values. The token at position p sees positions 0..p, or, if
// `seen` is not zero, all tokens see positions 0..seen - 1. Heads are grouped: query heads h * group ..
// h * group + group - 1 share key/value head h.
struct AttentionArguments {
  const float* q;  // [tokens, q_stride], heads of head_width each, rotated
  size_t q_stride;
  KvType kv_type;
  const void* keys;         // [kv_heads][room * head_width], see kv_layout.h
  const void* values;       // the same shape as keys
  const float* key_scales;  // [kv_heads, room]
  const float* value_scales;
  uint32_t room;      // positions stored per head, a multiple of kAttentionTile
  uint32_t position;  // of the first query token
  uint32_t tokens;
  uint32_t head_width;     // a multiple of 8, at most kMaxHeadWidth
  uint32_t group;          // query heads per key/value head
  uint32_t kv_head_first;  // key/value heads to process
  uint32_t kv_head_count;
  const uint32_t* tiles;  // [tile_count] tiles to visit, ascending, including the query token's own; null: all
  uint32_t tile_count;
  float scale;      // of the scores, usually 1 / sqrt(head_width)
  float softcap;    // limits scores, see Kernels::softcap; 0: off
  uint32_t window;  // maximum positions that a token sees, up to its own; 0: no limit
  uint32_t seen;    // positions that every token sees, even after its own; 0: each sees those up to its own
  float* out;       // [tokens, out_stride]
  size_t out_stride;
  void* scratch;  // attention_scratch_bytes(...), aligned for floats
};
inline constexpr uint32_t kMaxHeadWidth = 256;
inline constexpr uint32_t kAttentionRowBytes = 12;  // state of a query row besides its integers
uint64_t attention_scratch_bytes(uint32_t tokens, uint32_t group, uint32_t head_width);

// Estimates how much of the attention of one key/value head's queries falls on each page of its keys, from the pages'
// summaries (see kv_layout.h). The share of a page is the softmax over all pages of scale * (q · mean + |q| · spread).
struct PageArguments {
  const float* q;            // [group, head_width], rotated
  const int8_t* pages;       // [page_count rounded up to kKeyBlock][2 * head_width] summaries
  const float* page_scales;  // [page_count rounded up to kKeyBlock]
  uint32_t page_count;
  uint32_t head_width;
  uint32_t group;
  float scale;     // of the scores, as in attention
  float* shares;   // [page_count] summed over the group's queries
  float* scratch;  // [page_scratch_floats(page_count)]
};
// summary [head_width, 2]: mean and spread of each column of a page's keys (see kv_layout.h). `keys` and `scales` point
// to the start of the page.
void summarize_keys(KvType type, const void* keys, const float* scales, uint32_t head_width, float* summary);
constexpr uint64_t page_scratch_floats(uint64_t pages) { return 4 * ((pages + kKeyBlock - 1) / kKeyBlock * kKeyBlock); }

struct Kernels {
  const char* name;
  // Quantises the input set by activations_begin(). Does nothing unless its columns are whole units: other widths are
  // only for float panels. Writes only the tokens of `slice` (whole tiles of kTokenTile), so that threads can share the
  // work: each has its own Activations, which point to the same memory.
  void (*quantize)(Range slice, const Activations& out);
  MatmulFunction matmul[kPanelKinds];    // by PanelKind
  RowsFunction rows[kPanelKinds];        // null unless has_neuron_order(kind)
  ColumnsFunction columns[kPanelKinds];  // null unless has_neuron_order(kind)
  // y[i] = x[i] / sqrt(mean(x^2) + epsilon) * weight[i]
  void (*rms_norm)(const float* x, const float* weight, uint32_t count, float epsilon, float* y);
  // y[i] = (x[i] - mean(x)) / sqrt(variance(x) + epsilon) * weight[i] + bias[i]; a null bias is zero
  void (*layer_norm)(const float* x, const float* weight, const float* bias, uint32_t count, float epsilon, float* y);
  // gate[i] = gate[i] / (1 + exp(-gate[i])) * up[i]
  void (*swiglu)(float* gate, const float* up, uint32_t count);
  // gate[i] = gate[i] * P(gate[i]) * up[i], where P is the normal distribution approximated by tanh (Hendrycks and
  // Gimpel 2016, "Gaussian Error Linear Units"); a null `up` is one
  void (*geglu)(float* gate, const float* up, uint32_t count);
  // Lists the indices of positive values in ascending order; returns their number. list [count + kListSlack]
  uint32_t (*list_positive)(const float* x, uint32_t count, uint32_t* list);
  // gate[i] = gate[i] > 0 ? gate[i] * up[i] : 0; `squared`: gate[i]^2 instead of gate[i]
  void (*reglu)(float* gate, const float* up, uint32_t count, bool squared);
  // y[i] += x[i]
  void (*add)(float* y, const float* x, uint32_t count);
  // Rotates pairs (2i, 2i + 1) of each head by angles given as cosine and sine [rotated / 2]. Values from `rotated` on
  // stay unchanged.
  void (*rope)(float* x, uint32_t heads, uint32_t head_width, uint32_t rotated, const float* cosine, const float* sine);
  // The same as rope, but for pairs (i, i + rotated / 2).
  void (*rope_halves)(float* x, uint32_t heads, uint32_t head_width, uint32_t rotated, const float* cosine,
                      const float* sine);
  // x[i] = cap * tanh(x[i] / cap)
  void (*softcap)(float* x, uint32_t count, float cap);
  // Quantises to out [count], with the finest scale that the limits allow, and returns the scale. count % 8 == 0
  float (*round_row)(const float* x, uint32_t count, RowLimits limits, int16_t* out);
  void (*attend)(const AttentionArguments& arguments);
  void (*page_shares)(const PageArguments& arguments);
  // The lowest index of the largest value.
  uint32_t (*argmax)(const float* x, uint32_t count);
  // The sum of exp(x[i] - maximum).
  double (*sum_exp)(const float* x, uint32_t count, float maximum);
  // Lists the indices with x[i] >= threshold in ascending order, adds `shift` to all other values, and returns the
  // length of the list. list [count]
  uint32_t (*select_above)(float* x, uint32_t count, float threshold, float shift, uint32_t* list);
};

// The set in use, chosen at the first call.
const Kernels& kernels();

}  // namespace camelgpt
