// Splits a model in memory into several files, for tests of split models.
#pragma once

#include <algorithm>

#include "gguf_writer.h"

namespace camelgpt {

using GgufFiles = std::vector<GgufWriter>;

inline void add_split_keys(GgufWriter* writer, uint16_t number, uint16_t files, int32_t tensors) {
  writer->add("split.no", number);
  writer->add("split.count", files);
  writer->add("split.tensors.count", tensors);
}

// Like gguf-split --no-tensor-first-split: the first file has only metadata, the others have the tensors.
inline GgufFiles split_model(const GgufWriter& whole, uint16_t file_count) {
  GgufFiles files(file_count);
  files[0].entries = whole.entries;
  files[0].entry_count = whole.entry_count;
  const size_t tensors = whole.tensors.size(), per_file = tensors / (file_count - 1u);
  for (uint16_t f = 0; f < file_count; ++f) add_split_keys(&files[f], f, file_count, static_cast<int32_t>(tensors));
  for (size_t t = 0; t < tensors; ++t) {
    const GgufWriter::Tensor& tensor = whole.tensors[t];
    const size_t file = std::min<size_t>(1 + t / per_file, file_count - 1u);
    files[file].add_tensor(tensor.name, tensor.dimensions, static_cast<TensorType>(tensor.type), tensor.data);
  }
  return files;
}

}  // namespace camelgpt
