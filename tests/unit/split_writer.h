// Splits a model in memory into several files, for tests.
#pragma once

#include <algorithm>

#include "gguf_writer.h"

namespace camelgpt {

using GgufFiles = std::vector<GgufWriter>;

inline void say_place(GgufWriter* writer, uint16_t number, uint16_t files, int32_t tensors) {
  writer->add("split.no", number);
  writer->add("split.count", files);
  writer->add("split.tensors.count", tensors);
}

// As gguf-split does it with --no-tensor-first-split: the first file has the metadata alone, the others the tensors.
inline GgufFiles split_model(const GgufWriter& whole, uint16_t files) {
  GgufFiles parts(files);
  parts[0].entries = whole.entries;
  parts[0].entry_count = whole.entry_count;
  const size_t tensors = whole.tensors.size(), each = tensors / (files - 1u);
  for (uint16_t f = 0; f < files; ++f) say_place(&parts[f], f, files, static_cast<int32_t>(tensors));
  for (size_t t = 0; t < tensors; ++t) {
    const GgufWriter::Tensor& tensor = whole.tensors[t];
    const size_t file = std::min<size_t>(1 + t / each, files - 1u);
    parts[file].add_tensor(tensor.name, tensor.dimensions, static_cast<TensorType>(tensor.type), tensor.data);
  }
  return parts;
}

}  // namespace camelgpt
