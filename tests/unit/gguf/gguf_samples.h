// Shared by the tests of src/gguf: a file with values of every type, and a function that reads it in fragments.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "doctest/doctest.h"
#include "gguf_writer.h"

namespace camelgpt {

using Bytes = std::vector<uint8_t>;

// Feeds `bytes` in fragments of `fragment_size` bytes; 0: in one call.
inline Status read(const Bytes& bytes, GgufReader* reader, size_t fragment_size = 0) {
  if (fragment_size == 0) fragment_size = bytes.size();
  for (size_t start = 0; start < bytes.size() && !reader->complete; start += fragment_size) {
    const size_t size = fragment_size < bytes.size() - start ? fragment_size : bytes.size() - start;
    size_t consumed = 0;
    Status status = reader->append({bytes.data() + start, size}, &consumed);
    if (!status.ok()) return status;
    CHECK((consumed == size || reader->complete));
  }
  return reader->finish();
}

// Metadata of every type, scalars and arrays, and three tensors.
inline GgufWriter sample() {
  GgufWriter writer;
  writer.add_string("general.architecture", "llama");
  writer.add("u8", uint8_t{200});
  writer.add("i8", int8_t{-100});
  writer.add("u16", uint16_t{60000});
  writer.add("i16", int16_t{-30000});
  writer.add("u32", uint32_t{4000000000});
  writer.add("i32", int32_t{-2000000000});
  writer.add("u64", uint64_t{18000000000000000000u});
  writer.add("i64", int64_t{-9000000000000000000});
  writer.add("f32", 1e-5f);
  writer.add("f64", 0.1);
  writer.add("yes", true);
  writer.add("no", false);
  writer.add_string("empty", "");
  writer.add_strings("tokens", {"<s>", "", "a\"b\\\n", "\xc3\xa4", "\xff"});
  writer.add_strings("no_strings", {});
  writer.add_numbers<float>("scores", {0.5f, -1.0f, std::numeric_limits<float>::infinity()});
  writer.add_numbers<int32_t>("types", {1, 2, -3});
  writer.add_numbers<bool>("flags", {true, false});
  writer.add_numbers<uint64_t>("no_numbers", {});
  writer.add_tensor("token_embd.weight", {32, 3}, TensorType::kQ4_0);
  writer.add_tensor("norm", {5}, std::vector<float>{1, 2, 3, 4, 5});
  writer.add_tensor("cube", {2, 3, 4, 5}, TensorType::kF16);
  return writer;
}

inline std::string json_of(const GgufHeader& header, uint64_t array_limit) {
  Buffer<char> json;
  REQUIRE(gguf_metadata_json(header, array_limit, &json).ok());
  return {json.data(), json.size()};
}

}  // namespace camelgpt
