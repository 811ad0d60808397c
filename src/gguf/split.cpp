#include "gguf/split.h"

#include <cinttypes>

#include "base/checked.h"
#include "gguf/internal.h"

namespace camelgpt {
namespace {

constexpr char kCountKey[] = "split.count", kNumberKey[] = "split.no", kTensorsKey[] = "split.tensors.count";
constexpr uint64_t kMaxFiles = UINT16_MAX;  // the type of the keys

// Reads how many files the model has, and which of them this one is, from 0.
Status read_file_number(const GgufHeader& header, uint64_t* files, uint64_t* number) {
  *files = 1;
  *number = 0;
  if (gguf_find(header, kCountKey) != nullptr) CAMELGPT_TRY(gguf_get_u64(header, kCountKey, 0, kMaxFiles, files));
  if (*files > 1) return gguf_get_u64(header, kNumberKey, 0, *files - 1, number);
  *files = 1;
  return {};
}

// Bytes from the end of the header to the end of the last tensor; 0 without tensors.
uint64_t bytes_after_header(const GgufHeader& header) {
  return header.data_bytes == 0 ? 0 : header.data_position - header.bytes.size() + header.data_bytes;
}

Status wrong_file(uint64_t files, uint64_t number, uint64_t expected_files, uint64_t expected_number) {
  Status error = make_error(ErrorCode::kBadInput, "This is not the expected file of the split model.");
  error = with_expected(error, "file %" PRIu64 " of %" PRIu64, expected_number + 1, expected_files);
  return files == 1 ? with_found(error, "a model in one file")
                    : with_found(error, "file %" PRIu64 " of %" PRIu64, number + 1, files);
}

Status wrong_tensor_count(uint64_t expected, uint64_t found) {
  Status error = make_error(ErrorCode::kBadFormat, "The files of the split model do not belong together.");
  error = with_expected(error, "%" PRIu64 " tensors in all", expected);
  error = with_found(error, "%" PRIu64, found);
  return with_hint(error, "Check that all files are from the same release of the same model.");
}

// Sorts the tensor names of all files, and rejects names that occur twice.
Status index_names(GgufHeader* whole) {
  const auto name = [&](uint32_t i) { return gguf_name(*whole, whole->tensors[i]); };
  if (!gguf_sort_labels(whole->tensors_by_name, whole->tensors.size(), name)) {
    return out_of_memory("the index of the tensors", whole->tensors.size() * sizeof(uint32_t));
  }
  const Buffer<uint32_t>& order = whole->tensors_by_name;
  for (size_t i = 1; i < order.size(); ++i) {
    if (name(order[i - 1]) != name(order[i])) continue;
    Status error = make_error(ErrorCode::kBadFormat, "Two files of the split model contain a tensor named \"%s\".",
                              GgufQuoted(name(order[i])).text);
    error = with_expected(error, "unique names");
    return with_hint(error, "Check that all files are from the same model, and that none is given twice.");
  }
  return {};
}

Status append_tensor(const GgufHeader& next, const GgufTensor& tensor, uint64_t shift, GgufHeader* whole) {
  const std::string_view name = gguf_name(next, tensor);
  GgufTensor moved = tensor;
  moved.name_position = whole->bytes.size();
  moved.offset += shift;
  if (!whole->bytes.append(reinterpret_cast<const uint8_t*>(name.data()), name.size()) ||
      !whole->tensors.push_back(moved)) {
    return out_of_memory("the tensor table", whole->tensors.size() * sizeof moved);
  }
  return {};
}

}  // namespace

Status gguf_split_begin(GgufHeader* first, GgufSplit* split) {
  uint64_t files, number;
  CAMELGPT_TRY(read_file_number(*first, &files, &number));
  if (number != 0) {
    return with_hint(wrong_file(files, number, files, 0),
                     "Start with the first file; its name ends in -00001-of-%05" PRIu64 ".gguf.", files);
  }
  *split = {static_cast<uint32_t>(files), 1, first->tensors.size(), first->bytes.size(), bytes_after_header(*first)};
  if (files == 1) return {};
  CAMELGPT_TRY(gguf_get_u64(*first, kTensorsKey, 1, kGgufMaxTensors, &split->tensors));
  if (split->tensors < first->tensors.size()) return wrong_tensor_count(split->tensors, first->tensors.size());
  if (first->data_bytes == 0) first->data_position = first->bytes.size();  // no padding without tensors
  return {};
}

Status gguf_split_add(const GgufHeader& next, GgufHeader* whole, GgufSplit* split) {
  uint64_t files, number;
  CAMELGPT_TRY(read_file_number(next, &files, &number));
  if (files != split->files || number != split->headers) {
    const Status error = wrong_file(files, number, split->files, split->headers);
    return with_hint(error, "Give all files of one model, each once, in order.");
  }
  const uint64_t tensors = uint64_t{whole->tensors.size()} + next.tensors.size();
  const bool is_last = split->headers + 1 == split->files;
  if (tensors > split->tensors || (is_last && tensors < split->tensors))
    return wrong_tensor_count(split->tensors, tensors);

  split->data_bytes = bytes_after_header(next);
  const CheckedSize data_position = CheckedSize(whole->data_position) + next.bytes.size();
  const CheckedSize data_bytes = CheckedSize(whole->data_bytes) + split->data_bytes;
  if (!(data_position + data_bytes).fits(INT64_MAX)) {
    Status error =
        make_error(ErrorCode::kBadFormat, "Together, the files of the split model are larger than any file can be.");
    error = with_expected(error, "fewer than 2^63 bytes");
    return with_hint(error, kGgufDamagedHint);
  }
  const uint64_t shift = data_bytes.value - next.data_bytes;
  for (const GgufTensor& tensor : next.tensors) CAMELGPT_TRY(append_tensor(next, tensor, shift, whole));
  whole->data_position = data_position.value;
  whole->data_bytes = data_bytes.value;
  split->header_bytes += next.bytes.size();
  ++split->headers;
  return is_last ? index_names(whole) : Status{};
}

}  // namespace camelgpt
