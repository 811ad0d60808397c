// Builds GGUF files in memory for tests: valid ones and, through its public fields, invalid ones.
//
//   GgufWriter writer;
//   writer.add_string("general.architecture", "llama");
//   writer.add("llama.block_count", uint32_t{2});
//   writer.add_strings("tokenizer.ggml.tokens", {"a", "b"});
//   writer.add_tensor("token_embd.weight", {32, 2}, TensorType::kF32, bytes);
//   const std::vector<uint8_t> file = writer.file();
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "gguf/gguf.h"

namespace camelgpt {

struct GgufWriter {
  struct Tensor {
    std::string name;
    std::vector<uint64_t> dimensions;  // innermost first
    uint32_t type;
    std::vector<uint8_t> data;
    uint64_t offset;  // from the start of the tensor data
  };

  uint32_t version = 3;  // 2 has the same layout
  uint64_t alignment = 32;
  uint64_t entry_count = 0;
  uint64_t extra_tensors = 0;  // claimed by the header, but not written
  std::vector<uint8_t> entries;
  std::vector<Tensor> tensors;

  // --- metadata ---

  template <typename T>
  void add(std::string_view key, T value) {
    begin(key, type_of<T>());
    put(entries, value);
  }
  void add_string(std::string_view key, std::string_view value) {
    begin(key, GgufType::kString);
    put_string(entries, value);
  }
  void add_strings(std::string_view key, const std::vector<std::string>& values) {
    begin_array(key, GgufType::kString, values.size());
    for (const std::string& value : values) put_string(entries, value);
  }
  template <typename T>
  void add_numbers(std::string_view key, const std::vector<T>& values) {
    begin_array(key, type_of<T>(), values.size());
    for (const T value : values) put(entries, value);
  }
  // Sets the alignment of the tensors added from now on, and general.alignment.
  void set_alignment(uint32_t bytes) {
    alignment = bytes;
    add("general.alignment", bytes);
  }
  // Starts an item; write its value with put().
  void begin(std::string_view key, GgufType type) {
    put_string(entries, key);
    put(entries, type);
    ++entry_count;
  }
  void begin_array(std::string_view key, GgufType element_type, uint64_t count) {
    begin(key, GgufType::kArray);
    put(entries, element_type);
    put(entries, count);
  }

  // --- tensors ---

  // Places the tensor after the previous one, aligned. `data` is in the layout of `type`; empty: zeros.
  void add_tensor(std::string_view name, const std::vector<uint64_t>& dimensions, TensorType type,
                  std::vector<uint8_t> data = {}) {
    const TensorTypeInfo info = tensor_type_info(type);
    uint64_t elements = 1;
    for (const uint64_t dimension : dimensions) elements *= dimension;
    if (data.empty() && info.name != nullptr) data.resize(elements / info.block_elements * info.block_bytes);
    const uint64_t offset = tensors.empty() ? 0 : aligned(tensors.back().offset + tensors.back().data.size());
    tensors.push_back({std::string(name), dimensions, static_cast<uint32_t>(type), std::move(data), offset});
  }
  void add_tensor(std::string_view name, const std::vector<uint64_t>& dimensions, const std::vector<float>& values) {
    std::vector<uint8_t> data(values.size() * sizeof(float));
    if (!values.empty()) std::memcpy(data.data(), values.data(), data.size());
    add_tensor(name, dimensions, TensorType::kF32, std::move(data));
  }

  // --- result ---

  // The file up to the end of the tensor table, without padding.
  std::vector<uint8_t> header() const {
    std::vector<uint8_t> bytes = {'G', 'G', 'U', 'F'};
    put(bytes, version);
    put(bytes, uint64_t{tensors.size()} + extra_tensors);
    put(bytes, entry_count);
    bytes.insert(bytes.end(), entries.begin(), entries.end());
    for (const Tensor& tensor : tensors) {
      put_string(bytes, tensor.name);
      put(bytes, static_cast<uint32_t>(tensor.dimensions.size()));
      for (const uint64_t dimension : tensor.dimensions) put(bytes, dimension);
      put(bytes, tensor.type);
      put(bytes, tensor.offset);
    }
    return bytes;
  }
  std::vector<uint8_t> file() const {
    std::vector<uint8_t> bytes = header();
    const uint64_t start = aligned(bytes.size());
    bytes.resize(start);
    for (const Tensor& tensor : tensors) {
      const uint64_t end = start + tensor.offset + tensor.data.size();
      if (bytes.size() < aligned(end)) bytes.resize(aligned(end));
      if (!tensor.data.empty())
        std::memcpy(bytes.data() + start + tensor.offset, tensor.data.data(), tensor.data.size());
    }
    return bytes;
  }

  template <typename T>
  static void put(std::vector<uint8_t>& bytes, T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    const uint8_t* start = reinterpret_cast<const uint8_t*>(&value);
    bytes.insert(bytes.end(), start, start + sizeof value);
  }
  static void put_string(std::vector<uint8_t>& bytes, std::string_view text) {
    put(bytes, uint64_t{text.size()});
    bytes.insert(bytes.end(), text.begin(), text.end());
  }
  uint64_t aligned(uint64_t size) const { return (size + alignment - 1) / alignment * alignment; }

  template <typename T>
  static constexpr GgufType type_of() {
    if constexpr (std::is_same_v<T, bool>)
      return GgufType::kBool;
    else if constexpr (std::is_same_v<T, float>)
      return GgufType::kF32;
    else if constexpr (std::is_same_v<T, double>)
      return GgufType::kF64;
    else if constexpr (sizeof(T) == 1)
      return std::is_signed_v<T> ? GgufType::kI8 : GgufType::kU8;
    else if constexpr (sizeof(T) == 2)
      return std::is_signed_v<T> ? GgufType::kI16 : GgufType::kU16;
    else if constexpr (sizeof(T) == 4)
      return std::is_signed_v<T> ? GgufType::kI32 : GgufType::kU32;
    else
      return std::is_signed_v<T> ? GgufType::kI64 : GgufType::kU64;
  }
};

}  // namespace camelgpt
