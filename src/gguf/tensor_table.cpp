// The tensor table: offset, shape and type of each tensor, checked row by row and then against one another.
#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "base/checked.h"
#include "gguf/internal.h"

namespace camelgpt {
namespace {

constexpr uint64_t kMaxFileBytes = INT64_MAX;

// The dimensions as "[4096, 32000]".
struct ShapeText {
  char text[4 * 22 + 4];
  explicit ShapeText(const GgufTensor& tensor) {
    size_t used = 0;
    for (uint32_t d = 0; d < tensor.dimension_count; ++d) {
      used += static_cast<size_t>(
          std::snprintf(text + used, sizeof text - used, "%s%" PRIu64, d == 0 ? "[" : ", ", tensor.dimensions[d]));
    }
    text[used] = ']';
    text[used + 1] = '\0';
  }
};

// Shape and type → size in bytes, in checked arithmetic.
Status measure_tensor(const GgufHeader& header, GgufTensor* tensor) {
  const GgufQuoted name(gguf_name(header, *tensor));
  const TensorTypeInfo info = tensor_type_info(tensor->type);
  if (info.block_elements == 0) {  // other unsupported types are errors only if the model needs the tensor
    return gguf_unsupported_tensor(header, *tensor);
  }

  const uint64_t columns = tensor->dimensions[0];
  CheckedSize elements = 1;
  for (uint64_t dimension : tensor->dimensions) elements *= dimension;
  if (elements.fits(kMaxFileBytes) && columns % info.block_elements != 0) {
    Status error =
        make_error(ErrorCode::kBadFormat, "The rows of the tensor \"%s\" do not divide into blocks.", name.text);
    error = with_expected(error, "a multiple of %" PRIu32 " columns (%s)", info.block_elements, info.name);
    error = with_found(error, "%" PRIu64 " columns", columns);
    return with_hint(error, kGgufDamagedHint);
  }
  const CheckedSize bytes = CheckedSize(elements.value / info.block_elements) * info.block_bytes;
  if (!elements.fits(kMaxFileBytes) || !bytes.fits(kMaxFileBytes)) {
    Status error = make_error(ErrorCode::kBadFormat, "The tensor \"%s\" is larger than any file can be.", name.text);
    error = with_expected(error, "fewer than 2^63 values and bytes");
    error = with_found(error, "%s %s", info.name, ShapeText(*tensor).text);
    return with_hint(error, kGgufDamagedHint);
  }
  tensor->bytes = bytes.value;
  return {};
}

}  // namespace

Status gguf_unsupported_tensor(const GgufHeader& header, const GgufTensor& tensor) {
  const uint64_t type_position = tensor.name_position + tensor.name_length + 4 + 8 * uint64_t{tensor.dimension_count};
  const uint32_t number = static_cast<uint32_t>(tensor.type);
  const char* known_name = tensor_type_info(tensor.type).name;
  const char* type_name = known_name != nullptr ? known_name : "unknown";
  Status error = make_error(ErrorCode::kUnsupportedTensorType, "The tensor \"%s\" has an unsupported type (%s).",
                            GgufQuoted(gguf_name(header, tensor)).text, type_name);
  error = with_expected(error, "%s", kSupportedTensorTypes);
  error = with_found(error, "type %" PRIu32 " (%s) at byte %" PRIu64, number, type_name, type_position);
  return with_hint(error, "Choose another quantization of the model, for example Q4_0, Q4_K_M or Q8_0.");
}

Status gguf_parse_tensor(GgufReader& reader, bool* starved) {
  GgufHeader& header = reader.header;
  GgufFields fields{header, reader.position};
  GgufTensor tensor = {};
  if (!fields.take(&tensor.name_length)) return gguf_wait(starved);
  CAMELGPT_TRY(gguf_check_length("tensor name", header.tensors.size() + 1, tensor.name_length, kGgufMaxNameLength,
                                 reader.position));
  tensor.name_position = fields.position;
  if (!fields.has(tensor.name_length)) return gguf_wait(starved);
  fields.position += tensor.name_length;
  const std::string_view name = gguf_name(header, tensor);

  if (!fields.take(&tensor.dimension_count)) return gguf_wait(starved);
  if (tensor.dimension_count < 1 || tensor.dimension_count > kGgufMaxDimensions) {
    Status error = make_error(ErrorCode::kBadFormat, "The tensor \"%s\" has an invalid number of dimensions.",
                              GgufQuoted(name).text);
    error = with_expected(error, "1 to %" PRIu32, kGgufMaxDimensions);
    error = with_found(error, "%" PRIu32 " at byte %" PRIu64, tensor.dimension_count, fields.position - 4);
    return with_hint(error, kGgufDamagedHint);
  }
  const uint64_t shape_position = fields.position;
  bool zero = false;
  for (uint32_t d = 0; d < kGgufMaxDimensions; ++d) {
    tensor.dimensions[d] = 1;
    if (d < tensor.dimension_count && !fields.take(&tensor.dimensions[d])) return gguf_wait(starved);
    zero |= tensor.dimensions[d] == 0;
  }
  if (zero) {
    Status error = make_error(ErrorCode::kBadFormat, "The tensor \"%s\" is empty.", GgufQuoted(name).text);
    error = with_expected(error, "dimensions of at least 1");
    error = with_found(error, "%s at byte %" PRIu64, ShapeText(tensor).text, shape_position);
    return with_hint(error, kGgufDamagedHint);
  }

  uint32_t type;
  if (!fields.take(&type)) return gguf_wait(starved);
  tensor.type = static_cast<TensorType>(type);
  CAMELGPT_TRY(measure_tensor(header, &tensor));
  if (!fields.take(&tensor.offset)) return gguf_wait(starved);
  if (tensor.offset % header.alignment != 0) {
    Status error =
        make_error(ErrorCode::kBadFormat, "The data of the tensor \"%s\" is not aligned.", GgufQuoted(name).text);
    error = with_expected(error, "an offset that is a multiple of %" PRIu32, header.alignment);
    error = with_found(error, "%" PRIu64 " at byte %" PRIu64, tensor.offset, fields.position - sizeof tensor.offset);
    return with_hint(error, kGgufDamagedHint);
  }
  if (!header.tensors.push_back(tensor))
    return out_of_memory("the tensor table", header.tensors.size() * sizeof tensor);
  reader.position = fields.position;
  return {};
}

Status gguf_check_size(const GgufHeader& header, uint64_t file_bytes) {
  const uint64_t end = header.data_bytes == 0 ? header.bytes.size() : header.data_position + header.data_bytes;
  if (file_bytes >= end) return {};
  Status error = make_error(ErrorCode::kTruncated, "The file ends before its last tensor does.");
  error = with_expected(error, "%" PRIu64 " bytes", end);
  error = with_found(error, "a file of %" PRIu64 " bytes", file_bytes);
  return with_hint(error, "Download the file again: it may be incomplete.");
}

// Runs once all rows have been read: sorts them and checks them against one another.
Status gguf_end_tensors(GgufReader& reader) {
  GgufHeader& header = reader.header;
  Buffer<GgufTensor>& tensors = header.tensors;
  // A total order, by offset and then name position: the error below must not depend on the standard library.
  const auto before = [](const GgufTensor& a, const GgufTensor& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.name_position < b.name_position;
  };
  if (!std::is_sorted(tensors.begin(), tensors.end(), before)) heap_sort(tensors.begin(), tensors.end(), before);

  const auto name = [&](uint32_t i) { return gguf_name(header, tensors[i]); };
  if (!gguf_sort_labels(header.tensors_by_name, tensors.size(), name)) {
    return out_of_memory("the index of the tensors", tensors.size() * sizeof(uint32_t));
  }
  const Buffer<uint32_t>& order = header.tensors_by_name;
  for (size_t i = 1; i < order.size(); ++i) {
    if (name(order[i - 1]) != name(order[i])) continue;
    return gguf_duplicate("tensors", name(order[i]), tensors[order[i - 1]].name_position,
                          tensors[order[i]].name_position);
  }

  // The header is at most 512 MiB long, so its aligned end cannot overflow.
  header.data_position = CheckedSize(reader.position).aligned(header.alignment).value;
  header.data_bytes = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const GgufTensor& tensor = tensors[i];
    if (tensor.offset < header.data_bytes) {
      const GgufQuoted first(gguf_name(header, tensors[i - 1])), second(gguf_name(header, tensor));
      Status error =
          make_error(ErrorCode::kBadFormat, "The tensors \"%s\" and \"%s\" overlap.", first.text, second.text);
      error = with_expected(error, "the second one at offset %" PRIu64 " or later", header.data_bytes);
      error = with_found(error, "offset %" PRIu64, tensor.offset);
      return with_hint(error, kGgufDamagedHint);
    }
    const uint64_t next = CheckedSize(header.data_bytes).aligned(header.alignment).value;
    if (tensor.offset > next) {
      const GgufQuoted quoted(gguf_name(header, tensor));
      Status error = make_error(ErrorCode::kBadFormat, "There is a hole before the tensor \"%s\".", quoted.text);
      error = with_expected(error, "offset %" PRIu64 ", where the tensor before it ends", next);
      error = with_found(error, "offset %" PRIu64, tensor.offset);
      return with_hint(error, kGgufDamagedHint);
    }
    const CheckedSize end = CheckedSize(tensor.offset) + tensor.bytes;
    if (!(end.aligned(header.alignment) + header.data_position).fits(kMaxFileBytes)) {
      const GgufQuoted quoted(gguf_name(header, tensor));
      Status error =
          make_error(ErrorCode::kBadFormat, "The tensor \"%s\" ends beyond the largest possible file.", quoted.text);
      error = with_expected(error, "an end before byte 2^63");
      error = with_found(error, "%" PRIu64 " bytes at offset %" PRIu64, tensor.bytes, tensor.offset);
      return with_hint(error, kGgufDamagedHint);
    }
    header.data_bytes = end.value;
  }
  reader.complete = true;
  return {};
}

}  // namespace camelgpt
