// From the tensor table to weights in memory: which tensor goes where.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"
#include "base/threads.h"
#include "gguf/gguf.h"
#include "quant/neuron_panel.h"

namespace camelgpt {

// Where the bytes of one tensor go: to a panel, or to a vector of floats.
struct WeightTarget {
  uint64_t offset;  // of the tensor in the data
  uint64_t bytes;   // of the tensor in the file
  TensorType type;
  Panel panel;             // panel.data is null for a vector
  float* vector;           // [count] or null
  uint64_t name_position;  // in the header, for messages
  uint64_t name_length;
};

// How the matrices of a feed-forward network are stored.
struct FfnKinds {
  PanelKind gate, up, down;
};

// An architecture names its tensors to a binder, twice: on a measuring arena to plan, then on the real one.
struct WeightBinder {
  const GgufHeader* header;
  Arena* arena;
  Buffer<WeightTarget> targets;  // only those with memory
  Buffer<FfnKinds> ffn_kinds;    // of each layer
  uint64_t macs = 0;             // multiply-adds of all panels bound, once each
  bool head_by_rows = false;     // whether single rows of the output head will be read
  bool halves = false;           // whether matrices of F32 become halves
  bool narrowed = false;         // whether any did
};

bool binder_has(const WeightBinder& binder, std::string_view name);

// Whether a tensor, where it exists, can lie neuron by neuron.
bool binder_has_neurons(const WeightBinder& binder, std::string_view name);

// A matrix tensor [rows, columns] that must exist with this shape.
Status bind_panel(WeightBinder* binder, std::string_view name, uint32_t rows, uint32_t columns, Panel* panel,
                  PanelOrder order = PanelOrder::kGroups);
// A tensor [columns, rows, count] of several matrices, as one matrix [count * rows, columns].
Status bind_stack(WeightBinder* binder, std::string_view name, uint32_t count, uint32_t rows, uint32_t columns,
                  Panel* panel);
// Some rows of such a tensor, as a matrix of their own.
Status bind_panel_rows(WeightBinder* binder, std::string_view name, Range slice, uint32_t rows, uint32_t columns,
                       Panel* panel);
// The same for the output head, or the embedding that serves as one.
Status bind_head(WeightBinder* binder, std::string_view name, uint32_t rows, uint32_t columns, Panel* panel);
// A tensor of `count` numbers that must exist; any type, kept as floats.
Status bind_vector(WeightBinder* binder, std::string_view name, uint32_t count, const float** vector);
// The same of a tensor [columns, rows], row by row.
Status bind_table(WeightBinder* binder, std::string_view name, uint32_t rows, uint32_t columns, const float** table);
// One that may be missing: null then.
Status bind_optional_vector(WeightBinder* binder, std::string_view name, uint32_t count, const float** vector);

// The name of a layer's tensor: "blk.<layer>.<name><suffix>".
struct LayerTensorName {
  char text[96];
  LayerTensorName(uint32_t layer, const char* name, const char* suffix = "");
  operator std::string_view() const { return text; }
};

}  // namespace camelgpt
