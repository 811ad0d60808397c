// The roofline of this machine: the rate of each matrix kernel on data in the first-level cache, and the rate of
// reading memory. Compiled as a separate module, without the engine; measure.js measures the time.
#include <cstdint>
#include <cstdlib>
#include <new>

#include "kernels/sets.h"
#include "kernels/wasm_simd.h"
#include "quant/panel.h"

#define CAMELGPT_EXPORT(name) extern "C" __attribute__((export_name(name)))

namespace {

using namespace camelgpt;

constinit Arena* arena = nullptr;
PanelSlice weights;
uint8_t* values;  // of the weights, before packing
Activations activations;
float* output;
PanelKind kind;

// These bytes are neither huge nor subnormal as quants, halves or floats: subnormals would be slow.
void fill(uint8_t* bytes, size_t count) {
  uint32_t state = 1;
  for (size_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    bytes[i] = (static_cast<uint8_t>(state >> 24) & 0x3f) | 0x10;
  }
}

}  // namespace

CAMELGPT_EXPORT("kernels_name") const char* probe_kernels_name() { return kernels().name; }
CAMELGPT_EXPORT("panel_kinds") uint32_t probe_panel_kinds() { return kPanelKinds; }
CAMELGPT_EXPORT("panel_kind_name") const char* probe_panel_kind_name(uint32_t which) {
  return panel_layout(static_cast<PanelKind>(which)).name;
}
CAMELGPT_EXPORT("panel_bytes") uint32_t probe_panel_bytes(uint32_t which, uint32_t rows, uint32_t columns) {
  return static_cast<uint32_t>(panel_bytes(static_cast<PanelKind>(which), rows, columns).value);
}

// Prepares a panel [rows, columns] of one kind and `tokens` inputs. Returns 1 on success, 0 without memory.
CAMELGPT_EXPORT("prepare") uint32_t probe_prepare(uint32_t which, uint32_t rows, uint32_t columns, uint32_t tokens) {
  kind = static_cast<PanelKind>(which);
  Arena measuring;
  const auto reserve = [&](Arena* from) {
    const Panel panel = panel_reserve(kind, rows, columns, from);
    weights = {panel.data, panel.group_bytes, columns, panel_groups(rows)};
    values = panel.data;
    activations = activations_reserve(tokens, columns, from);
    output = from->take<float>(static_cast<uint64_t>(tokens) * rows).data();
    return from->take<float>(static_cast<uint64_t>(tokens) * columns).data();
  };
  reserve(&measuring);
  delete arena;
  arena = new (std::nothrow) Arena();
  if (arena == nullptr || !arena->allocate(measuring.used())) return 0;
  float* x = reserve(arena);
  fill(values, weights.group_bytes * weights.groups);
  for (uint32_t i = 0; i < tokens * columns; ++i) x[i] = static_cast<float>(i % 61) - 30.0f;
  const Precision precision = multiplies_nibbles(kind) ? Precision::k8 : Precision::k16;
  activations_begin(x, columns, tokens, columns, precision, &activations);
  kernels().quantize({0, tokens}, activations);
  return 1;
}

CAMELGPT_EXPORT("multiply") void probe_multiply(uint32_t repetitions) {
  const MatmulFunction matmul = kernels().matmul[static_cast<int>(kind)];
  for (uint32_t i = 0; i < repetitions; ++i) matmul(weights, activations, output, weights.groups * kPanelRows);
}

// Reads the panel once at the speed of memory.
CAMELGPT_EXPORT("read") uint32_t probe_read() {
  const uint8_t* bytes = weights.data;
  const size_t count = weights.group_bytes * weights.groups / 64 * 64;
  v128_t sums[4] = {};
  for (size_t i = 0; i < count; i += 64) {
    for (int j = 0; j < 4; ++j) sums[j] = wasm_i32x4_add(sums[j], wasm_v128_load(bytes + i + j * 16));
  }
  const v128_t sum = wasm_i32x4_add(wasm_i32x4_add(sums[0], sums[1]), wasm_i32x4_add(sums[2], sums[3]));
  return static_cast<uint32_t>(wasm_i32x4_extract_lane(sum, 0));
}
