#include "model/weights.h"

#include <cstdio>

namespace camelgpt {
namespace {

Status find_tensor(const WeightBinder& binder, std::string_view name, const GgufTensor** tensor) {
  *tensor = gguf_find_tensor(*binder.header, name);
  if (*tensor != nullptr) {
    return tensor_type_info((*tensor)->type).supported ? Status{} : gguf_unsupported_tensor(*binder.header, **tensor);
  }
  Status status =
      make_error(ErrorCode::kBadTensor, "The file has no tensor %.*s.", static_cast<int>(name.size()), name.data());
  status = with_expected(status, "a tensor of this name");
  status = with_found(status, "%zu other tensors", binder.header->tensors.size());
  return with_hint(status, "The file may be damaged, or its general.architecture may be wrong.");
}

Status wrong_shape(std::string_view name, const GgufTensor& tensor, uint32_t rows, uint32_t columns) {
  const bool of_layer = name.starts_with("blk.");
  Status status = make_error(ErrorCode::kBadTensor, "The tensor %.*s has the wrong shape%s.",
                             static_cast<int>(name.size()), name.data(), of_layer ? " for its layer" : "");
  status = with_expected(status, "[%u, %u]", columns, rows);
  const uint64_t* d = tensor.dimensions;
  return with_found(status, "[%llu, %llu, %llu, %llu]", static_cast<unsigned long long>(d[0]),
                    static_cast<unsigned long long>(d[1]), static_cast<unsigned long long>(d[2]),
                    static_cast<unsigned long long>(d[3]));
}

Status add_target(WeightBinder* binder, const GgufTensor& tensor, const Panel& panel, float* vector) {
  if (panel.data == nullptr && vector == nullptr) return {};  // measuring
  const WeightTarget target{tensor.offset, tensor.bytes,         tensor.type,       panel,
                            vector,        tensor.name_position, tensor.name_length};
  if (!binder->targets.push_back(target)) return out_of_memory("the list of tensors", sizeof target);
  return {};
}

// The panel kind for a matrix of this type.
PanelKind kind_of(WeightBinder* binder, TensorType type) {
  if (type != TensorType::kF32 || !binder->halves) return panel_kind_of(type);
  binder->narrowed = true;
  return PanelKind::kHalf;
}

}  // namespace

bool binder_has(const WeightBinder& binder, std::string_view name) {
  return gguf_find_tensor(*binder.header, name) != nullptr;
}

bool binder_has_neurons(const WeightBinder& binder, std::string_view name) {
  const GgufTensor* tensor = gguf_find_tensor(*binder.header, name);
  if (tensor == nullptr || !tensor_type_info(tensor->type).supported) return false;
  return has_neuron_order(panel_kind_of(tensor->type)) || (binder.halves && tensor->type == TensorType::kF32);
}

namespace {

Status find_matrix(const WeightBinder& binder, std::string_view name, uint32_t rows, uint32_t columns,
                   const GgufTensor** tensor) {
  CAMELGPT_TRY(find_tensor(binder, name, tensor));
  const uint64_t* d = (*tensor)->dimensions;
  return d[0] == columns && d[1] == rows && d[2] == 1 && d[3] == 1 ? Status{}
                                                                   : wrong_shape(name, **tensor, rows, columns);
}

}  // namespace

Status bind_stack(WeightBinder* binder, std::string_view name, uint32_t count, uint32_t rows, uint32_t columns,
                  Panel* panel) {
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

Status bind_panel_rows(WeightBinder* binder, std::string_view name, Range slice, uint32_t rows, uint32_t columns,
                       Panel* panel) {
  const GgufTensor* tensor = nullptr;
  CAMELGPT_TRY(find_matrix(*binder, name, rows, columns, &tensor));
  const PanelKind kind = kind_of(binder, tensor->type);
  const CheckedSize bytes = panel_bytes(kind, slice.size(), columns);
  if (!bytes.fits_memory()) return out_of_memory("a matrix", bytes.value);
  *panel = panel_reserve(kind, slice.size(), columns, binder->arena);
  binder->macs += static_cast<uint64_t>(slice.size()) * columns;
  GgufTensor of_slice = *tensor;  // rows are whole blocks
  of_slice.offset += tensor->bytes / rows * slice.first;
  of_slice.bytes = tensor->bytes / rows * slice.size();
  return add_target(binder, of_slice, *panel, nullptr);
}

Status bind_panel(WeightBinder* binder, std::string_view name, uint32_t rows, uint32_t columns, Panel* panel,
                  PanelOrder order) {
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

LayerTensorName::LayerTensorName(uint32_t layer, const char* name, const char* suffix) {
  std::snprintf(text, sizeof text, "blk.%u.%s%s", layer, name, suffix);
}

}  // namespace camelgpt
