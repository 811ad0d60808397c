#include "model/weights.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "base/heap_sort.h"
#include "quant/blocks.h"

namespace camelgpt {
namespace {

constexpr uint32_t kMaxBlockElements = 256;

Status find_tensor(const WeightBinder& binder, std::string_view name, const GgufTensor** tensor) {
  *tensor = gguf_find_tensor(*binder.header, name);
  if (*tensor != nullptr) return {};
  Status status = make_error(ErrorCode::kBadTensor, "The file has no tensor %.*s.", static_cast<int>(name.size()), name.data());
  status = with_expected(status, "a tensor of this name");
  status = with_found(status, "%zu other tensors", binder.header->tensors.size());
  return with_hint(status, "The file may be damaged, or made for another architecture.");
}

Status wrong_shape(std::string_view name, const GgufTensor& tensor, uint32_t rows, uint32_t columns) {
  Status status = make_error(ErrorCode::kBadTensor, "The tensor %.*s has the wrong shape.", static_cast<int>(name.size()),
                             name.data());
  status = with_expected(status, "[%u, %u]", columns, rows);
  const uint64_t* d = tensor.dimensions;
  return with_found(status, "[%llu, %llu, %llu, %llu]", static_cast<unsigned long long>(d[0]),
                    static_cast<unsigned long long>(d[1]), static_cast<unsigned long long>(d[2]),
                    static_cast<unsigned long long>(d[3]));
}

Status add_target(WeightBinder* binder, const GgufTensor& tensor, const Panel& panel, float* vector) {
  if (panel.data == nullptr && vector == nullptr) return {};  // measuring
  const WeightTarget target{tensor.offset, tensor.bytes, tensor.type, panel, vector, tensor.name_position, tensor.name_length};
  if (!binder->targets.push_back(target)) return out_of_memory("the list of tensors", sizeof target);
  return {};
}

// How a matrix of this type is kept.
PanelKind kind_of(WeightBinder* binder, TensorType type) {
  if (type != TensorType::kF32 || !binder->halves) return panel_kind_of(type);
  binder->narrowed = true;
  return PanelKind::kHalf;
}

Status non_finite(const GgufHeader& header, const WeightTarget& target) {
  const std::string_view name(reinterpret_cast<const char*>(header.bytes.data()) + target.name_position,
                              static_cast<size_t>(target.name_length));
  const int size = static_cast<int>(name.size());
  if (target.type == TensorType::kF32 && target.panel.kind == PanelKind::kHalf) {
    Status status = make_error(ErrorCode::kBadTensor, "The tensor %.*s holds numbers that are too large for halves.", size, name.data());
    status = with_expected(status, "weights below 65520");
    status = with_found(status, "a larger number, an infinity or NaN");
    return with_hint(status, "Load the file with weights \"exact\", or choose one that is quantised.");
  }
  Status status = make_error(ErrorCode::kBadTensor, "The tensor %.*s holds numbers that are not finite.", size, name.data());
  status = with_expected(status, "finite weights and scales");
  status = with_found(status, "an infinity or NaN");
  return with_hint(status, "Download or convert the file again.");
}

// Re-encodes whole blocks, the first of which is block `first` of the target.
bool put_blocks(const WeightTarget& target, uint64_t first, std::span<const uint8_t> blocks) {
  if (target.vector == nullptr) {
    Panel panel = target.panel;
    return panel_put(&panel, target.type, first, blocks);
  }
  const TensorTypeInfo info = tensor_type_info(target.type);
  float values[kMaxBlockElements];
  float* out = target.vector + first * info.block_elements;
  for (size_t at = 0; at < blocks.size(); at += info.block_bytes, out += info.block_elements) {
    dequantize_block(target.type, blocks.data() + at, values);
    for (uint32_t i = 0; i < info.block_elements; ++i) {
      if (!std::isfinite(values[i])) return false;
      out[i] = values[i];
    }
  }
  return true;
}

}  // namespace

bool binder_has(const WeightBinder& binder, std::string_view name) {
  return gguf_find_tensor(*binder.header, name) != nullptr;
}

bool binder_has_neurons(const WeightBinder& binder, std::string_view name) {
  const GgufTensor* tensor = gguf_find_tensor(*binder.header, name);
  if (tensor == nullptr) return false;
  return has_neuron_order(panel_kind_of(tensor->type)) || (binder.halves && tensor->type == TensorType::kF32);
}

namespace {

Status find_matrix(const WeightBinder& binder, std::string_view name, uint32_t rows, uint32_t columns, const GgufTensor** tensor) {
  CAMELGPT_TRY(find_tensor(binder, name, tensor));
  const uint64_t* d = (*tensor)->dimensions;
  return d[0] == columns && d[1] == rows && d[2] == 1 && d[3] == 1 ? Status{} : wrong_shape(name, **tensor, rows, columns);
}

}  // namespace

Status bind_stack(WeightBinder* binder, std::string_view name, uint32_t count, uint32_t rows, uint32_t columns, Panel* panel) {
  const GgufTensor* tensor = nullptr;
  CAMELGPT_TRY(find_tensor(*binder, name, &tensor));
  const uint64_t* d = tensor->dimensions;
  const uint64_t all = static_cast<uint64_t>(count) * rows;
  if (d[0] != columns || d[1] != rows || d[2] != count || d[3] != 1) return wrong_shape(name, *tensor, rows, columns);
  const PanelKind kind = kind_of(binder, tensor->type);
  const CheckedSize bytes = panel_bytes(kind, all, columns);
  if (all > UINT32_MAX || !bytes.fits_memory()) return out_of_memory("the experts", bytes.value);
  *panel = panel_reserve(kind, static_cast<uint32_t>(all), columns, binder->arena);
  binder->macs += all * columns;
  return add_target(binder, *tensor, *panel, nullptr);
}

Status bind_panel_rows(WeightBinder* binder, std::string_view name, Range part, uint32_t rows, uint32_t columns, Panel* panel) {
  const GgufTensor* tensor = nullptr;
  CAMELGPT_TRY(find_matrix(*binder, name, rows, columns, &tensor));
  const PanelKind kind = kind_of(binder, tensor->type);
  const CheckedSize bytes = panel_bytes(kind, part.size(), columns);
  if (!bytes.fits_memory()) return out_of_memory("a matrix", bytes.value);
  *panel = panel_reserve(kind, part.size(), columns, binder->arena);
  binder->macs += static_cast<uint64_t>(part.size()) * columns;
  GgufTensor of_part = *tensor;  // rows are whole blocks
  of_part.offset += tensor->bytes / rows * part.first;
  of_part.bytes = tensor->bytes / rows * part.size();
  return add_target(binder, of_part, *panel, nullptr);
}

Status bind_panel(WeightBinder* binder, std::string_view name, uint32_t rows, uint32_t columns, Panel* panel, PanelOrder order) {
  const GgufTensor* tensor = nullptr;
  CAMELGPT_TRY(find_matrix(*binder, name, rows, columns, &tensor));
  const PanelKind kind = kind_of(binder, tensor->type);
  const bool groups = order == PanelOrder::kGroups;
  const CheckedSize bytes = groups ? panel_bytes(kind, rows, columns) : neuron_panel_bytes(kind, order, rows, columns);
  if (!bytes.fits_memory()) return out_of_memory("a matrix", bytes.value);
  *panel = groups ? panel_reserve(kind, rows, columns, binder->arena)
                  : neuron_panel_reserve(kind, order, rows, columns, binder->arena);
  binder->macs += static_cast<uint64_t>(rows) * columns;
  return add_target(binder, *tensor, *panel, nullptr);
}

Status bind_head(WeightBinder* binder, std::string_view name, uint32_t rows, uint32_t columns, Panel* panel) {
  const bool by_rows = binder->head_by_rows && binder_has_neurons(*binder, name);
  return bind_panel(binder, name, rows, columns, panel, by_rows ? PanelOrder::kRows : PanelOrder::kGroups);
}

Status bind_table(WeightBinder* binder, std::string_view name, uint32_t rows, uint32_t columns, const float** table) {
  const GgufTensor* tensor = nullptr;
  CAMELGPT_TRY(find_matrix(*binder, name, rows, columns, &tensor));
  float* memory = binder->arena->take<float>(static_cast<uint64_t>(rows) * columns).data();
  *table = memory;
  return add_target(binder, *tensor, Panel{}, memory);
}

Status bind_vector(WeightBinder* binder, std::string_view name, uint32_t count, const float** vector) {
  return bind_table(binder, name, 1, count, vector);
}

Status bind_optional_vector(WeightBinder* binder, std::string_view name, uint32_t count, const float** vector) {
  *vector = nullptr;
  return binder_has(*binder, name) ? bind_vector(binder, name, count, vector) : Status{};
}

LayerTensorName::LayerTensorName(uint32_t layer, const char* suffix) {
  std::snprintf(text, sizeof text, "blk.%u.%s", layer, suffix);
}

void weight_stream_begin(WeightBinder* binder, WeightStream* stream) {
  stream->targets.swap(binder->targets);
  heap_sort(stream->targets.begin(), stream->targets.end(),
            [](const WeightTarget& a, const WeightTarget& b) { return a.offset < b.offset; });
  stream->total = binder->header->data_bytes;
  stream->position = 0;
  stream->next = 0;
  stream->partial_size = 0;
}

Status weight_stream_feed(WeightStream* stream, const GgufHeader& header, std::span<const uint8_t> bytes, size_t* used) {
  size_t at = 0;
  while (at < bytes.size() && stream->position < stream->total) {
    const bool last = stream->next == stream->targets.size();
    const uint64_t start = last ? stream->total : stream->targets[stream->next].offset;
    if (stream->position < start) {  // padding, or a tensor that nobody asked for
      const uint64_t skip = std::min<uint64_t>(start - stream->position, bytes.size() - at);
      stream->position += skip;
      at += static_cast<size_t>(skip);
      continue;
    }
    const WeightTarget& target = stream->targets[stream->next];
    const uint32_t block_bytes = tensor_type_info(target.type).block_bytes;
    const uint64_t done = stream->position - target.offset - stream->partial_size;  // bytes in whole blocks so far
    const size_t available =
        static_cast<size_t>(std::min<uint64_t>(bytes.size() - at, target.offset + target.bytes - stream->position));
    size_t taken;
    if (stream->partial_size > 0 || available < block_bytes) {
      taken = std::min<size_t>(block_bytes - stream->partial_size, available);
      std::memcpy(stream->partial + stream->partial_size, bytes.data() + at, taken);
      stream->partial_size += static_cast<uint32_t>(taken);
      if (stream->partial_size == block_bytes) {
        if (!put_blocks(target, done / block_bytes, {stream->partial, block_bytes})) return non_finite(header, target);
        stream->partial_size = 0;
      }
    } else {
      taken = available / block_bytes * block_bytes;
      if (!put_blocks(target, done / block_bytes, bytes.subspan(at, taken))) return non_finite(header, target);
    }
    at += taken;
    stream->position += taken;
    if (stream->position == target.offset + target.bytes) ++stream->next;
  }
  *used = at;
  return {};
}

}  // namespace camelgpt
