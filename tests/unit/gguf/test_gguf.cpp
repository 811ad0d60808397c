// The reader with valid, truncated and invalid headers.
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "doctest/doctest.h"
#include "gguf/gguf.h"
#include "gguf/gguf_samples.h"
#include "gguf_writer.h"

using namespace camelgpt;

namespace {

// Reads an invalid header, in one call and byte by byte, and returns its error.
Status read_error(const Bytes& bytes) {
  GgufReader reader;
  const Status status = read(bytes, &reader);
  REQUIRE(!status.ok());
  CHECK(status.message[0] != '\0');
  CHECK(status.expected[0] != '\0');
  CHECK(status.found[0] != '\0');
  CHECK(status.hint[0] != '\0');
  GgufReader bytewise_reader;
  const Status bytewise = read(bytes, &bytewise_reader, 1);
  CHECK(bytewise.code == status.code);
  CHECK(std::string_view(bytewise.message) == status.message);
  CHECK(std::string_view(bytewise.found) == status.found);
  return status;
}

void check_rejected(const Bytes& bytes, ErrorCode code, std::string_view message, std::string_view found) {
  const Status status = read_error(bytes);
  CHECK(std::string_view(error_code_name(status.code)) == error_code_name(code));
  INFO(status.message, " | expected ", status.expected, " | found ", status.found);
  CHECK(std::string_view(status.message).find(message) != std::string_view::npos);
  CHECK(std::string_view(status.found).find(found) != std::string_view::npos);
}

GgufWriter with_tensor(const std::vector<uint64_t>& dimensions, uint32_t type, uint64_t offset = 0) {
  GgufWriter writer;
  writer.tensors.push_back({"blk.0.ffn_up.weight", dimensions, type, {}, offset});
  return writer;
}

constexpr uint32_t kF32 = static_cast<uint32_t>(TensorType::kF32);
constexpr uint32_t kQ4_0 = static_cast<uint32_t>(TensorType::kQ4_0);

}  // namespace

// ------------------------------------------------------------------------------------------------- valid headers

TEST_CASE("gguf reads the tensor table and finds tensors by name") {
  const GgufWriter writer = sample();
  const Bytes file = writer.file();
  GgufReader reader;
  REQUIRE(read(file, &reader).ok());
  const GgufHeader& header = reader.header;
  REQUIRE(header.tensors.size() == 3);
  CHECK(header.bytes.size() == writer.header().size());
  CHECK(header.data_position == writer.aligned(header.bytes.size()));
  CHECK(header.data_bytes == 96 + 240);
  CHECK(writer.aligned(header.data_position + header.data_bytes) == file.size());

  const GgufTensor* norm = gguf_find_tensor(header, "norm");
  REQUIRE(norm != nullptr);
  CHECK(norm->dimension_count == 1);
  CHECK(norm->dimensions[0] == 5);
  CHECK(norm->dimensions[3] == 1);
  CHECK(norm->type == TensorType::kF32);
  CHECK(norm->bytes == 20);
  CHECK(norm->offset == 64);
  const GgufTensor* cube = gguf_find_tensor(header, "cube");
  REQUIRE(cube != nullptr);
  CHECK(cube->dimensions[3] == 5);
  CHECK(cube->bytes == 240);
  CHECK(gguf_find_tensor(header, "cub") == nullptr);
  CHECK(gguf_find_tensor(header, "") == nullptr);
  CHECK(gguf_find_tensor(header, "zzz") == nullptr);
}

TEST_CASE("gguf sorts tensors by offset, whatever their order in the table") {
  GgufWriter writer = sample();
  std::swap(writer.tensors[0], writer.tensors[2]);
  GgufReader reader;
  REQUIRE(read(writer.file(), &reader).ok());
  CHECK(gguf_name(reader.header, reader.header.tensors[0]) == "token_embd.weight");
  CHECK(gguf_name(reader.header, reader.header.tensors[2]) == "cube");
  CHECK(gguf_find_tensor(reader.header, "cube") == &reader.header.tensors[2]);
}

TEST_CASE("gguf reads the same header from fragments of every size") {
  const Bytes file = sample().file();
  GgufReader whole;
  REQUIRE(read(file, &whole).ok());
  for (const size_t fragment_size : {1, 2, 3, 7, 64}) {
    CAPTURE(fragment_size);
    GgufReader reader;
    REQUIRE(read(file, &reader, fragment_size).ok());
    const GgufHeader &a = whole.header, &b = reader.header;
    CHECK(a.data_position == b.data_position);
    CHECK(a.data_bytes == b.data_bytes);
    REQUIRE(a.bytes.size() == b.bytes.size());
    CHECK(std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0);
    REQUIRE(a.entries.size() == b.entries.size());
    CHECK(std::memcmp(a.entries.data(), b.entries.data(), a.entries.size() * sizeof(GgufEntry)) == 0);
    REQUIRE(a.tensors.size() == b.tensors.size());
    for (size_t i = 0; i < a.tensors.size(); ++i) {
      CHECK(gguf_name(a, a.tensors[i]) == gguf_name(b, b.tensors[i]));
      CHECK(a.tensors[i].offset == b.tensors[i].offset);
    }
    CHECK(json_of(a, 100) == json_of(b, 100));
  }
}

TEST_CASE("gguf consumes the header and nothing after it") {
  const GgufWriter writer = sample();
  const Bytes file = writer.file();
  const size_t header_bytes = writer.header().size();
  GgufReader reader;
  size_t consumed = 99;
  REQUIRE(reader.append({file.data(), 0}, &consumed).ok());
  CHECK(consumed == 0);
  REQUIRE(reader.append({file.data(), 10}, &consumed).ok());
  CHECK(consumed == 10);
  REQUIRE(reader.append({file.data() + 10, file.size() - 10}, &consumed).ok());
  CHECK(consumed == header_bytes - 10);
  CHECK(reader.complete);
  REQUIRE(reader.append({file.data() + header_bytes, 1}, &consumed).ok());
  CHECK(consumed == 0);
  CHECK(reader.header.bytes.size() == header_bytes);
}

TEST_CASE("gguf keeps little more than the header of a whole file") {
  GgufWriter writer;
  writer.add_strings("tokens", std::vector<std::string>(50000, "token"));
  writer.add_tensor("large", {1024, 1024, 16}, TensorType::kF32);
  GgufReader reader;
  REQUIRE(read(writer.file(), &reader).ok());
  CHECK(reader.header.bytes.capacity() < reader.header.bytes.size() * 2 + 65536);
}

TEST_CASE("gguf reads version 2, and a header without tensors or metadata") {
  GgufWriter writer = sample();
  writer.version = 2;
  GgufReader second;
  REQUIRE(read(writer.file(), &second).ok());
  CHECK(second.header.version == 2);
  CHECK(second.header.tensors.size() == 3);

  GgufReader bare;
  REQUIRE(read(GgufWriter().header(), &bare).ok());
  CHECK(bare.header.data_position == 32);
  CHECK(bare.header.data_bytes == 0);
}

TEST_CASE("gguf applies general.alignment") {
  for (const uint32_t alignment : {8u, 64u, 65536u}) {
    GgufWriter writer;
    writer.set_alignment(alignment);
    writer.add_tensor("a", {1}, TensorType::kF32);
    writer.add_tensor("b", {1}, TensorType::kF32);
    GgufReader reader;
    REQUIRE(read(writer.file(), &reader).ok());
    CHECK(reader.header.alignment == alignment);
    CHECK(reader.header.data_position % alignment == 0);
    CHECK(gguf_find_tensor(reader.header, "b")->offset == alignment);
  }
}

TEST_CASE("gguf accepts padding between tensors and names up to 255 bytes") {
  GgufWriter writer;
  writer.add_tensor(std::string(255, 'n'), {3}, TensorType::kF32);
  writer.add_tensor("b", {8}, TensorType::kF32);
  GgufReader reader;
  CHECK(read(writer.file(), &reader).ok());
  CHECK(reader.header.data_bytes == 32 + 32);
}

TEST_CASE("gguf rejects holes before and between tensors") {
  const auto with_offsets = [](uint64_t first, uint64_t second) {
    GgufWriter writer;
    writer.add_tensor("a", {3}, TensorType::kF32);
    writer.add_tensor("b", {8}, TensorType::kF32);
    writer.tensors[0].offset = first;
    writer.tensors[1].offset = second;
    return writer.header();
  };
  GgufReader reader, swapped;
  CHECK(read(with_offsets(0, 32), &reader).ok());
  CHECK(read(with_offsets(32, 0), &swapped).ok());
  check_rejected(with_offsets(0, 64), ErrorCode::kBadFormat, "hole before the tensor \"b\"", "offset 64");
  check_rejected(with_offsets(32, 64), ErrorCode::kBadFormat, "hole before the tensor \"a\"", "offset 32");
  check_rejected(with_offsets(0, uint64_t{1} << 40), ErrorCode::kBadFormat, "hole before the tensor \"b\"",
                 "offset 1099511627776");
}

TEST_CASE("gguf compares the tensors with the size of the file") {
  GgufWriter writer;
  writer.add_tensor("a", {8}, TensorType::kF32);
  writer.add_tensor("b", {3}, TensorType::kF32);
  GgufReader reader;
  REQUIRE(read(writer.file(), &reader).ok());
  const uint64_t end = reader.header.data_position + 32 + 12;  // the last padding may be missing
  CHECK(gguf_check_size(reader.header, end + 1000).ok());
  CHECK(gguf_check_size(reader.header, end).ok());
  const Status status = gguf_check_size(reader.header, end - 1);
  CHECK(status.code == ErrorCode::kTruncated);
  CHECK(std::string_view(status.expected) == std::to_string(end) + " bytes");
  CHECK(std::string_view(status.found) == "a file of " + std::to_string(end - 1) + " bytes");
}

// ------------------------------------------------------------------------------------------------- truncated headers

TEST_CASE("gguf reports a file that ends anywhere in its header as truncated") {
  const Bytes header = sample().header();
  for (size_t size = 0; size < header.size(); ++size) {
    CAPTURE(size);
    GgufReader reader;
    const Status status = read(Bytes(header.begin(), header.begin() + static_cast<ptrdiff_t>(size)), &reader);
    REQUIRE(status.code == ErrorCode::kTruncated);
    CHECK(std::string_view(status.found) == "the end of the file after " + std::to_string(size) + " bytes");
    CHECK(std::string_view(status.hint).find("Download") != std::string_view::npos);
  }
}

TEST_CASE("gguf says what is missing from a truncated file") {
  GgufWriter writer;
  writer.add_strings("tokens", {"a", "b", "c"});
  Bytes bytes = writer.header();
  bytes.resize(bytes.size() - 1);
  CHECK(std::string_view(read_error(bytes).expected) == "string 3 of 3 of \"tokens\" at byte 72");
  writer.extra_tensors = 7;
  CHECK(std::string_view(read_error(writer.header()).expected) == "tensor 1 of 7 at byte 81");
  writer.entry_count = 9;
  CHECK(std::string_view(read_error(writer.header()).expected) == "metadata item 2 of 9 at byte 81");
}

TEST_CASE("gguf accepts no more bytes after an error") {
  GgufReader reader;
  const uint8_t wrong[] = {'G', 'G', 'M', 'L'};
  size_t consumed = 0;
  CHECK(reader.append(wrong, &consumed).code == ErrorCode::kBadFormat);
  CHECK(reader.append(wrong, &consumed).code == ErrorCode::kBadState);
  CHECK(consumed == 0);
  CHECK(reader.finish().code == ErrorCode::kBadState);
}

// ------------------------------------------------------------------------------------------------- invalid headers

TEST_CASE("gguf rejects a wrong magic number") {
  check_rejected({'P', 'K', 3, 4}, ErrorCode::kBadFormat, "not a GGUF", "50 4b 03 04");
}

TEST_CASE("gguf rejects versions 0, 1 and 4, and names big-endian files") {
  for (const uint32_t version : {0u, 1u, 4u, 70000u}) {
    GgufWriter writer;
    writer.version = version;
    check_rejected(writer.header(), ErrorCode::kUnsupportedVersion, "version of GGUF",
                   "version " + std::to_string(version));
  }
  GgufWriter writer;
  writer.version = 0x03000000;
  check_rejected(writer.header(), ErrorCode::kUnsupportedVersion, "big-endian", "version 3");
}

TEST_CASE("gguf rejects huge counts before it allocates memory") {
  GgufWriter entries;
  entries.entry_count = UINT64_MAX;
  check_rejected(entries.header(), ErrorCode::kBadFormat, "too many metadata items", "18446744073709551615");
  GgufWriter tensors;
  tensors.extra_tensors = uint64_t{1} << 63;
  check_rejected(tensors.header(), ErrorCode::kBadFormat, "too many tensors", "9223372036854775808");
}

TEST_CASE("gguf rejects empty and overlong keys and names") {
  GgufWriter empty;
  empty.add("", uint8_t{1});
  check_rejected(empty.header(), ErrorCode::kBadFormat, "metadata key number 1, at byte 24", "0 bytes");
  for (const uint64_t length : {uint64_t{65536}, uint64_t{1} << 32, UINT64_MAX}) {
    GgufWriter overlong;
    overlong.entry_count = 1;
    GgufWriter::put(overlong.entries, length);
    check_rejected(overlong.header(), ErrorCode::kBadFormat, "metadata key number 1", std::to_string(length));
  }
  GgufWriter longest;
  longest.add(std::string(65535, 'k'), uint8_t{1});
  GgufReader reader;
  CHECK(read(longest.header(), &reader).ok());

  for (const size_t length : {0, 256}) {
    GgufWriter writer;
    writer.add_tensor(std::string(length, 'n'), {8}, TensorType::kF32);
    check_rejected(writer.header(), ErrorCode::kBadFormat, "tensor name number 1", std::to_string(length) + " bytes");
  }
}

TEST_CASE("gguf rejects unknown value types and nested arrays") {
  GgufWriter value;
  value.begin("key", static_cast<GgufType>(13));
  check_rejected(value.header(), ErrorCode::kBadFormat, "value type of \"key\"", "13 at byte 35");
  GgufWriter element;
  element.begin_array("key", static_cast<GgufType>(UINT32_MAX), 1);
  check_rejected(element.header(), ErrorCode::kBadFormat, "element type of \"key\"", "4294967295 at byte 39");
  GgufWriter nested;
  nested.begin_array("key", GgufType::kArray, 1);
  check_rejected(nested.header(), ErrorCode::kBadFormat, "element type of \"key\"", "9 at byte 39");
}

TEST_CASE("gguf rejects arrays and strings larger than a header may be") {
  for (const GgufType type : {GgufType::kU8, GgufType::kF64, GgufType::kString}) {
    for (const uint64_t count : {kGgufMaxHeaderBytes, uint64_t{1} << 32, uint64_t{1} << 61, UINT64_MAX}) {
      GgufWriter writer;
      writer.begin_array("key", type, count);
      check_rejected(writer.header(), ErrorCode::kBadFormat, "\"key\" is larger", std::to_string(count) + " elements");
    }
  }
  for (const uint64_t length : {kGgufMaxHeaderBytes, uint64_t{0xfffffff8}, UINT64_MAX, UINT64_MAX - 40}) {
    GgufWriter writer;
    writer.begin_array("key", GgufType::kString, 2);
    writer.put_string(writer.entries, "right");
    GgufWriter::put(writer.entries, length);
    check_rejected(writer.header(), ErrorCode::kBadFormat, "\"key\" is larger", std::to_string(length) + " bytes");
  }
}

TEST_CASE("gguf rejects a header that exceeds its size limit") {
  GgufWriter writer;
  for (int i = 0; i < 100; ++i) writer.add("key" + std::to_string(i), uint64_t{1});
  GgufReader reader;
  reader.header_limit = 1000;
  const Status status = read(writer.header(), &reader);
  CHECK(status.code == ErrorCode::kBadFormat);
  CHECK(std::string_view(status.message) == "The header is too large.");
  CHECK(reader.header.bytes.capacity() <= 1000);
}

TEST_CASE("gguf accepts a header of more than 64 MB only if the limit is raised") {
  GgufWriter writer;
  writer.add_string("key", std::string(size_t{70} << 20, 'x'));
  const std::vector<uint8_t> bytes = writer.header();
  GgufReader reader;
  CHECK(read(bytes, &reader).code == ErrorCode::kBadFormat);
  CHECK(reader.header.bytes.size() < 100'000);
  GgufReader raised;
  raised.header_limit = kGgufMaxHeaderBytes;
  CHECK(read(bytes, &raised).ok());
}

TEST_CASE("gguf rejects bools that are neither true nor false") {
  GgufWriter scalar;
  scalar.begin("flag", GgufType::kBool);
  GgufWriter::put(scalar.entries, uint8_t{2});
  check_rejected(scalar.header(), ErrorCode::kBadFormat, "\"flag\"", "2 at byte 40");
  GgufWriter array;
  array.begin_array("flags", GgufType::kBool, 3);
  GgufWriter::put(array.entries, uint8_t{0});
  GgufWriter::put(array.entries, uint8_t{1});
  GgufWriter::put(array.entries, uint8_t{255});
  check_rejected(array.header(), ErrorCode::kBadFormat, "\"flags\"", "255 at byte 55");
}

TEST_CASE("gguf rejects duplicate keys and tensor names") {
  GgufWriter keys;
  keys.add("a", uint8_t{1});
  keys.add("b", uint8_t{1});
  keys.add_string("a", "again");
  check_rejected(keys.header(), ErrorCode::kBadFormat, "two metadata items named \"a\"",
                 "one at byte 32 and one at byte 60");
  GgufWriter names;
  for (const char* name : {"x", "y", "x"}) names.add_tensor(name, {8}, TensorType::kF32);
  check_rejected(names.header(), ErrorCode::kBadFormat, "two tensors named \"x\"", "one at byte 32");
}

TEST_CASE("gguf rejects invalid alignments") {
  for (const uint32_t alignment : {0u, 4u, 131072u, UINT32_MAX}) {
    GgufWriter writer;
    writer.add("general.alignment", alignment);
    check_rejected(writer.header(), ErrorCode::kBadMetadata, "general.alignment", std::to_string(alignment));
  }
  GgufWriter uneven;
  uneven.add("general.alignment", uint32_t{24});
  check_rejected(uneven.header(), ErrorCode::kBadMetadata, "not a power of two", "24");
  GgufWriter text;
  text.add_string("general.alignment", "32");
  check_rejected(text.header(), ErrorCode::kBadMetadata, "wrong type", "string");
}

TEST_CASE("gguf rejects empty shapes, too many dimensions and rows that are not whole blocks") {
  check_rejected(with_tensor({}, kF32).header(), ErrorCode::kBadFormat, "number of dimensions", "0 at byte");
  check_rejected(with_tensor({1, 1, 1, 1, 1}, kF32).header(), ErrorCode::kBadFormat, "number of dimensions",
                 "5 at byte");
  check_rejected(with_tensor({8, 0}, kF32).header(), ErrorCode::kBadFormat, "\"blk.0.ffn_up.weight\" is empty",
                 "[8, 0]");
  check_rejected(with_tensor({33, 2}, kQ4_0).header(), ErrorCode::kBadFormat, "do not divide into blocks",
                 "33 columns");
  check_rejected(with_tensor({128}, static_cast<uint32_t>(TensorType::kQ4_K)).header(), ErrorCode::kBadFormat,
                 "do not divide into blocks", "128 columns");
}

TEST_CASE("gguf rejects shapes whose size overflows") {
  const uint64_t half = uint64_t{1} << 32;
  check_rejected(with_tensor({half, half}, kF32).header(), ErrorCode::kBadFormat, "larger than any file",
                 "F32 [4294967296, 4294967296]");
  check_rejected(with_tensor({uint64_t{1} << 63}, kQ4_0).header(), ErrorCode::kBadFormat, "larger than any file",
                 "Q4_0");
  check_rejected(with_tensor({uint64_t{1} << 62}, kF32).header(), ErrorCode::kBadFormat, "larger than any file", "F32");
  check_rejected(with_tensor({UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}, kF32).header(), ErrorCode::kBadFormat,
                 "larger than any file", "18446744073709551615, 18446744073709551615]");
}

TEST_CASE("gguf names unsupported tensor types") {
  check_rejected(with_tensor({256}, 4).header(), ErrorCode::kUnsupportedTensorType, "Q4_2", "type 4 (Q4_2)");
  check_rejected(with_tensor({256}, 36).header(), ErrorCode::kUnsupportedTensorType, "IQ4_NL_4_4",
                 "type 36 (IQ4_NL_4_4)");
  check_rejected(with_tensor({256}, 12345).header(), ErrorCode::kUnsupportedTensorType, "unknown",
                 "type 12345 (unknown)");
  check_rejected(with_tensor({256}, UINT32_MAX).header(), ErrorCode::kUnsupportedTensorType, "blk.0.ffn_up.weight",
                 "4294967295");
}

TEST_CASE("gguf reads tables with tensors of unsupported types whose size is known") {
  const struct {
    uint32_t type;
    const char* name;
    uint64_t bytes;  // of 256 values
  } cases[] = {{9, "Q8_1", 288},  {15, "Q8_K", 292}, {24, "I8", 256},    {25, "I16", 512}, {26, "I32", 1024},
               {27, "I64", 2048}, {28, "F64", 2048}, {40, "NVFP4", 144}, {41, "Q1_0", 36}, {42, "Q2_0", 72}};
  for (const auto& expected : cases) {
    CAPTURE(expected.name);
    GgufReader reader;
    REQUIRE(read(with_tensor({256}, expected.type).header(), &reader).ok());
    REQUIRE(reader.complete);
    const GgufTensor& tensor = reader.header.tensors[0];
    CHECK(tensor.bytes == expected.bytes);
    CHECK(std::string_view(tensor_type_info(tensor.type).name) == expected.name);
    CHECK_FALSE(tensor_type_info(tensor.type).supported);
    const Status status = gguf_unsupported_tensor(reader.header, tensor);
    CHECK(std::string_view(status.message).find(expected.name) != std::string_view::npos);
  }
}

TEST_CASE("gguf rejects misaligned and overlapping tensors") {
  check_rejected(with_tensor({8}, kF32, 31).header(), ErrorCode::kBadFormat, "not aligned", "31 at byte");
  GgufWriter writer;
  writer.add_tensor("first", {9}, TensorType::kF32);
  writer.add_tensor("second", {8}, TensorType::kF32);
  writer.tensors[1].offset = 32;
  check_rejected(writer.header(), ErrorCode::kBadFormat, "\"first\" and \"second\" overlap", "offset 32");
  writer.tensors[1].offset = 0;
  check_rejected(writer.header(), ErrorCode::kBadFormat, "overlap", "offset 0");
}

TEST_CASE("gguf rejects offsets and tensors whose end overflows, even if only with padding or the header added") {
  for (const uint64_t offset :
       {UINT64_MAX - 31, uint64_t{1} << 63, uint64_t{INT64_MAX} - 31, uint64_t{INT64_MAX} - 63}) {
    check_rejected(with_tensor({8}, kF32, offset).header(), ErrorCode::kBadFormat, "hole before the tensor",
                   std::to_string(offset));
  }
  for (const uint64_t missing : {1, 8, 16}) {
    const uint64_t count = (uint64_t{1} << 61) - missing;
    check_rejected(with_tensor({count}, kF32, 0).header(), ErrorCode::kBadFormat, "beyond the largest possible file",
                   std::to_string(count * 4));
  }
}

TEST_CASE("gguf quotes hostile names as printable ASCII") {
  GgufWriter writer;
  writer.begin("\x1b[31m\xff\n" + std::string(300, 'x'), static_cast<GgufType>(99));
  const Status status = read_error(writer.header());
  CHECK(std::string_view(status.message).find("\"?[31m??xxx") != std::string_view::npos);
  CHECK(std::string_view(status.message).find("...\"") != std::string_view::npos);
}
