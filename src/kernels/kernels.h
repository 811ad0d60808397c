// The kernels: one table of function pointers, filled once at start with the fastest set that this machine runs
// correctly.
//
// Every function has a readable scalar version (scalar.cpp), and each faster one is tested against it. A result does
// not depend on how many tokens are processed together, nor on how rows are split: sums run in the same order. All sets
// but the scalar one, whose exponential is another, give the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/threads.h"
#include "kernels/kv_layout.h"
#include "quant/neuron_panel.h"

namespace camelgpt {

// Quantising makes zeros of what is smaller: its inverse would be infinite.
inline constexpr float kSmallestRange = 1e-33f;

// How finely the input of a matrix product is quantised: 32 columns share a scale, x = scale * q. docs/accuracy.md has
// what each costs.
enum class Precision : uint8_t {
  k8,   // |q| <= 127; of nibble panels alone: for the others it would be no faster
  k16,  // |q| <= 127 * 256
};

// Whether weights are multiplied as bytes, or else as nibbles or floats.
constexpr bool multiplies_bytes(PanelKind kind) {
  const PanelLayout layout = panel_layout(kind);
  return layout.float_bytes == 0 && (!layout.nibbles || layout.table);
}

inline constexpr int32_t largest_quant(Precision precision) { return precision == Precision::k8 ? 127 : 127 * 256; }

// The input of matrix products: `tokens` rows of `columns` floats, and the same quantised in units of 32 columns.
// The layout of the quantised part belongs to the kernel set that wrote it, and so does whether it is bytes, words or
// both.
struct Activations {
  uint32_t tokens = 0;
  uint32_t columns = 0;
  Precision precision = Precision::k16;
  const float* x = nullptr;  // [tokens, stride] the floats themselves
  size_t stride = 0;
  uint8_t* bytes = nullptr;      // q in one byte, or in two apart
  uint8_t* words = nullptr;      // q in 16 bits
  float* scales = nullptr;       // one for a token and unit
  int32_t* sums = nullptr;       // of the 32 quantised values
  int32_t* half_sums = nullptr;  // of 16
  float* totals = nullptr;       // the sums times the scale
  float* half_totals = nullptr;
};

// Says what the activations are of, until it is called again; Kernels::quantize then makes the numbers. x [tokens,
// stride].
inline void activations_begin(const float* x, size_t stride, uint32_t tokens, uint32_t columns, Precision precision,
                              Activations* out) {
  out->x = x;
  out->stride = stride;
  out->tokens = tokens;
  out->columns = columns;
  out->precision = precision;
}

// Tokens are processed in tiles of this many; memory for activations is made for a multiple of it.
inline constexpr uint32_t kTokenTile = 4;

// Memory for up to `tokens` rows of up to `columns` columns.
Activations activations_reserve(uint32_t tokens, uint32_t columns, Arena* arena);

// A run of whole row groups of a panel.
struct PanelSlice {
  const uint8_t* data;
  size_t group_bytes;
  uint32_t columns;
  uint32_t groups;
};

// y[token * y_stride + row] for all rows of the slice (a multiple of eight: rows past the matrix are written too).
using MatmulFunction = void (*)(const PanelSlice& weights, const Activations& input, float* y, size_t y_stride);

// Products with some rows of a panel in PanelOrder::kRows: y[i] = row rows[i] · input, which is a single token. The
// same bits as those of a MatmulFunction.
using RowsFunction = void (*)(const Panel& weights, std::span<const uint32_t> rows, const Activations& input, float* y);

// Some columns of a panel in PanelOrder::kColumns: y[row] = sum of weights[row, column] * input[column] over `columns`,
// which go up, for the rows of `part`, whole units of 32 (rows past the last one are written too). The input is a
// single token and zero in all other columns. The same bits as those of a MatmulFunction.
using ColumnsFunction = void (*)(const Panel& weights, std::span<const uint32_t> columns, const Activations& input,
                                 Range part, float* y);

// What Kernels::list_positive may write behind the end of its list.
inline constexpr uint32_t kListSlack = 4;

// Softmax attention of some query tokens over keys and values. The token at position p sees positions 0..p, or all see
// the same where `seen` says how many. Heads are grouped: query heads h * group .. h * group + group - 1 share
// key/value head h.
struct AttentionArguments {
  const float* q;  // [tokens, q_stride], heads of head_width each, rotated
  size_t q_stride;
  KvType kv_type;
  const void* keys;         // [kv_heads][room * head_width], see kv_layout.h
  const void* values;       // likewise
  const float* key_scales;  // [kv_heads, room]
  const float* value_scales;
  uint32_t room;      // positions, whole tiles
  uint32_t position;  // of the first query token
  uint32_t tokens;
  uint32_t head_width;     // a multiple of 8, at most kMaxHeadWidth
  uint32_t group;          // query heads on one key/value head
  uint32_t kv_head_first;  // the key/value heads to process
  uint32_t kv_head_count;
  const uint32_t*
      tiles;  // [tile_count] tiles of kAttentionTile positions to visit, ascending, the query token's own among
  uint32_t tile_count;  // them; null: all
  float scale;          // of the scores, usually 1 / sqrt(head_width)
  float softcap;        // what scores come near to at most (Kernels::softcap); 0: no limit
  uint32_t window;      // positions that a token sees at most, up to its own; 0: all
  uint32_t seen;        // positions that each token sees, before and after its own; 0: those up to its own
  float* out;           // [tokens, out_stride]
  size_t out_stride;
  void* scratch;  // attention_scratch_bytes(...), aligned for floats
};
inline constexpr uint32_t kMaxHeadWidth = 256;
inline constexpr uint32_t kAttentionRowBytes = 12;  // kept of a query row beside its numbers
uint64_t attention_scratch_bytes(uint32_t tokens, uint32_t group, uint32_t head_width);

// What the queries of one key/value head can be expected to find in each page of its keys, see kv_layout.h. A query's
// share of a page is softmax over the pages of scale * (q . mean + |q| . spread).
struct PageArguments {
  const float* q;            // [group, head_width], rotated
  const int8_t* pages;       // [page_count rounded up to kKeyBlock][2 * head_width] summaries
  const float* page_scales;  // [likewise]
  uint32_t page_count;
  uint32_t head_width;
  uint32_t group;
  float scale;     // of the scores, as in attention
  float* shares;   // [page_count] the sum of the group's shares
  float* scratch;  // [page_scratch_floats(page_count)]
};
// Mean and spread of each column of the keys of a page, [head_width, 2] (see kv_layout.h), from where the page begins.
void sum_up_keys(KvType type, const void* keys, const float* scales, uint32_t head_width, float* summary);
constexpr uint64_t page_scratch_floats(uint64_t pages) { return 4 * ((pages + kKeyBlock - 1) / kKeyBlock * kKeyBlock); }

struct Kernels {
  const char* name;
  // Quantises what activations_begin() said, where its columns are whole units; others are only for float panels. Only
  // the tokens of `part` (whole tiles of kTokenTile) are written, so that threads can share the work: each has
  // Activations of its own that point to the same memory.
  void (*quantize)(Range part, const Activations& out);
  MatmulFunction matmul[kPanelKinds];    // by PanelKind
  RowsFunction rows[kPanelKinds];        // where has_neuron_order(kind)
  ColumnsFunction columns[kPanelKinds];  // likewise
  // y[i] = x[i] / sqrt(mean(x^2) + epsilon) * weight[i]
  void (*rms_norm)(const float* x, const float* weight, uint32_t count, float epsilon, float* y);
  // y[i] = (x[i] - mean(x)) / sqrt(variance(x) + epsilon) * weight[i] + bias[i]; a bias that is null is zero
  void (*layer_norm)(const float* x, const float* weight, const float* bias, uint32_t count, float epsilon, float* y);
  // gate[i] = gate[i] / (1 + exp(-gate[i])) * up[i]
  void (*swiglu)(float* gate, const float* up, uint32_t count);
  // gate[i] = gate[i] * P(gate[i]) * up[i], with tanh's approximation of the normal distribution (Hendrycks and Gimpel
  // 2016, "Gaussian Error Linear Units"); an up that is null is one
  void (*geglu)(float* gate, const float* up, uint32_t count);
  // The positions of what is above zero, in their order; returns how many. `list` has room for kListSlack more than
  // count.
  uint32_t (*list_positive)(const float* x, uint32_t count, uint32_t* list);
  // gate[i] = gate[i] > 0 ? gate[i] * up[i] : 0, or the same with the gate squared
  void (*reglu)(float* gate, const float* up, uint32_t count, bool squared);
  // y[i] += x[i]
  void (*add)(float* y, const float* x, uint32_t count);
  // Rotates pairs (2i, 2i + 1) of each head by the angles whose cosine and sine are given [rotated / 2]; values from
  // `rotated` on stay as they are.
  void (*rope)(float* x, uint32_t heads, uint32_t head_width, uint32_t rotated, const float* cosine, const float* sine);
  // The same for pairs (i, i + rotated / 2).
  void (*rope_halves)(float* x, uint32_t heads, uint32_t head_width, uint32_t rotated, const float* cosine,
                      const float* sine);
  // x[i] = cap * tanh(x[i] / cap)
  void (*softcap)(float* x, uint32_t count, float cap);
  // Rounds to integers, the largest that the limits allow, and returns the scale. count % 8 == 0.
  float (*round_row)(const float* x, uint32_t count, RowLimits limits, int16_t* out);
  void (*attend)(const AttentionArguments& arguments);
  void (*page_shares)(const PageArguments& arguments);
  // The largest value and its index (the lowest one of equals).
  uint32_t (*argmax)(const float* x, uint32_t count);
  // Sum of exp(x[i] - maximum).
  double (*sum_exp)(const float* x, uint32_t count, float maximum);
  // Lists i, rising, where x[i] >= threshold, and adds `shift` to all other x[i]. Returns how many are in the list
  // [count].
  uint32_t (*select_above)(float* x, uint32_t count, float threshold, float shift, uint32_t* list);
};

// The set in use; chosen at the first call.
const Kernels& kernels();

}  // namespace camelgpt
