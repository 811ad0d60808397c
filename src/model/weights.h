// Assigns tensors of the file to weights in memory.
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

// The destination of one tensor: a panel or a vector of floats.
struct WeightTarget {
  uint64_t offset;  // of the tensor in the data
  uint64_t bytes;   // of the tensor in the file
  TensorType type;
  Panel panel;             // panel.data is null for a vector
  float* vector;           // [count] or null
  uint64_t name_position;  // in the header, for messages
  uint64_t name_length;
};

// The panel kinds of a feed-forward network.
struct FfnKinds {
  PanelKind gate, up, down;
};

// Tensors are bound twice: on a measuring arena to plan, then on the real one.
struct WeightBinder {
  const GgufHeader* header;
  Arena* arena;
  Buffer<WeightTarget> targets;  // only those with memory
  Buffer<FfnKinds> ffn_kinds;    // of each layer, if neurons can be packed
  uint64_t macs = 0;             // multiply-adds of a token with the bound panels
  bool head_by_rows = false;     // single rows of the output head will be read
  bool halves = false;           // store F32 matrices as halves
  bool narrowed = false;         // whether there was any
};

bool binder_has(const WeightBinder& binder, std::string_view name);

// Whether a tensor exists and can be stored neuron by neuron.
bool binder_has_neurons(const WeightBinder& binder, std::string_view name);

// A matrix [rows, columns]. The tensor must exist with this shape.
Status bind_panel(WeightBinder* binder, std::string_view name, uint32_t rows, uint32_t columns, Panel* panel,
                  PanelOrder order = PanelOrder::kGroups);
// A tensor [columns, rows, count] as one matrix [count * rows, columns].
Status bind_stack(WeightBinder* binder, std::string_view name, uint32_t count, uint32_t rows, uint32_t columns,
                  Panel* panel);
// A slice of the rows of a tensor [rows, columns] as a matrix.
Status bind_panel_rows(WeightBinder* binder, std::string_view name, Range slice, uint32_t rows, uint32_t columns,
                       Panel* panel);
// The output head, or the embedding if they are tied. Like bind_panel(), but in rows if head_by_rows.
Status bind_head(WeightBinder* binder, std::string_view name, uint32_t rows, uint32_t columns, Panel* panel);
// A tensor of `count` numbers of any type, stored as floats. It must exist.
Status bind_vector(WeightBinder* binder, std::string_view name, uint32_t count, const float** vector);
// The same as bind_vector(), but for a tensor [columns, rows], row by row.
Status bind_table(WeightBinder* binder, std::string_view name, uint32_t rows, uint32_t columns, const float** table);
// The same as bind_vector(), but null if the tensor does not exist.
Status bind_optional_vector(WeightBinder* binder, std::string_view name, uint32_t count, const float** vector);

// The name of a layer's tensor: "blk.<layer>.<name><suffix>".
struct LayerTensorName {
  char text[96];
  LayerTensorName(uint32_t layer, const char* name, const char* suffix = "");
  operator std::string_view() const { return text; }
};

}  // namespace camelgpt
