// Any bytes: the reader yields a header or a typed error, the same one however the bytes are fragmented, and every item
// of an accepted header can be read. The last bytes of the input also choose the fragment sizes, so any GGUF file is a
// seed.
#include <cstdint>
#include <cstring>

#include "gguf/gguf.h"
#include "require.h"

using namespace camelgpt;

namespace {

// Reads `input` in one call, or in fragments whose sizes (0 to 63) are its last bytes.
Status read(std::span<const uint8_t> input, bool in_fragments, GgufReader* reader) {
  const std::span<const uint8_t> sizes = input.last(input.size() < 16 ? input.size() : 16);
  size_t position = 0;
  for (size_t i = 0; position < input.size() && !reader->complete; ++i) {
    size_t size = in_fragments ? sizes[i % sizes.size()] % 64 : input.size();
    if (size == 0 && i % sizes.size() == 0) size = 1;  // each round makes progress
    if (size > input.size() - position) size = input.size() - position;
    size_t consumed = 0;
    Status status = reader->append(input.subspan(position, size), &consumed);
    if (!status.ok()) return status;
    require(consumed == size || reader->complete, "the reader leaves bytes only after a complete header");
    position += consumed;
  }
  require(!reader->complete || position == reader->header.bytes.size(), "the bytes consumed are the header");
  return reader->finish();
}

bool terminated(const char* text, size_t size) { return std::memchr(text, 0, size) != nullptr; }

void require_same_error(const Status& a, const Status& b) {
  require(a.code == b.code, "the error code does not depend on fragments");
  if (a.ok()) return;
  for (const Status* status : {&a, &b}) {
    require(terminated(status->message, sizeof status->message) && status->message[0] != 0, "an error has a message");
    require(terminated(status->expected, sizeof status->expected) && status->expected[0] != 0,
            "an error says what was expected");
    require(terminated(status->found, sizeof status->found) && status->found[0] != 0, "an error says what was found");
    require(terminated(status->hint, sizeof status->hint) && status->hint[0] != 0, "an error has a hint");
  }
  require(std::strcmp(a.message, b.message) == 0 && std::strcmp(a.expected, b.expected) == 0 &&
              std::strcmp(a.found, b.found) == 0 && std::strcmp(a.hint, b.hint) == 0,
          "the error's texts do not depend on fragments");
}

template <typename T>
bool same_items(const Buffer<T>& a, const Buffer<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

void require_same_header(const GgufHeader& a, const GgufHeader& b) {
  require(a.version == b.version && a.alignment == b.alignment && a.data_position == b.data_position &&
              a.data_bytes == b.data_bytes,
          "the layout does not depend on fragments");
  require(same_items(a.bytes, b.bytes), "the header's bytes do not depend on fragments");
  require(same_items(a.entries, b.entries), "the metadata do not depend on fragments");
  require(same_items(a.entries_by_key, b.entries_by_key) && same_items(a.tensors_by_name, b.tensors_by_name),
          "the indices do not depend on fragments");
  require(a.tensors.size() == b.tensors.size(), "the number of tensors does not depend on fragments");
  for (size_t i = 0; i < a.tensors.size(); ++i) {
    const GgufTensor &x = a.tensors[i], &y = b.tensors[i];
    require(x.name_position == y.name_position && x.offset == y.offset && x.bytes == y.bytes && x.type == y.type,
            "tensors do not depend on fragments");
  }
}

void walk_entry(const GgufHeader& header, const GgufEntry& entry) {
  const std::string_view key = gguf_key(header, entry);
  require(gguf_find(header, key) == &entry, "every key can be looked up");

  uint64_t integer = 0;
  double real = 0;
  bool flag = false;
  std::string_view text;
  const GgufEntry* array = nullptr;
  (void)gguf_get_u64(header, key, 1, 1000, &integer);
  (void)gguf_get_f64(header, key, &real);
  (void)gguf_get_bool(header, key, &flag);
  const bool is_string = gguf_get_string(header, key, &text).ok();
  require(is_string == (entry.type == GgufType::kString), "gguf_get_string accepts exactly the strings");
  const bool is_array = gguf_get_array(header, key, entry.element_type, &array).ok();
  require(is_array == (entry.type == GgufType::kArray), "gguf_get_array accepts exactly the arrays");

  if (entry.element_type == GgufType::kString) {
    GgufStringCursor cursor(header, entry);
    uint64_t count = 0, bytes = 0;
    while (cursor.next(&text)) {
      ++count;
      bytes += text.size() + 8;
    }
    require(count == entry.count && bytes == entry.value_bytes, "the cursor visits every string");
  } else {
    for (uint64_t i = 0; i < entry.count; ++i) {
      (void)gguf_number_at(header, entry, i);
      (void)gguf_integer_at(header, entry, i);
    }
  }
}

void walk(const GgufHeader& header) {
  for (const GgufEntry& entry : header.entries) walk_entry(header, entry);
  require(header.data_position % header.alignment == 0 && header.data_position >= header.bytes.size(),
          "the tensor data are aligned and follow the header");
  uint64_t end = 0;
  for (const GgufTensor& tensor : header.tensors) {
    require(gguf_find_tensor(header, gguf_name(header, tensor)) == &tensor, "every tensor can be looked up");
    require(tensor.offset >= end && tensor.offset % header.alignment == 0 && tensor.bytes > 0,
            "tensors are aligned and do not overlap");
    end = tensor.offset + tensor.bytes;
    require(end > tensor.offset && end <= INT64_MAX - header.data_position, "tensors end before byte 2^63");
  }
  require(end == header.data_bytes, "the data end with the last tensor");
  for (const uint64_t array_limit : {uint64_t{0}, uint64_t{8}, UINT64_MAX}) {
    Buffer<char> json;
    require(gguf_metadata_json(header, array_limit, &json).ok(), "the metadata can be written as JSON");
    require(json.size() >= 2 && json[0] == '{' && json.back() == '}', "the JSON is an object");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> input(data, size);
  GgufReader whole, fragmented;
  const Status status = read(input, false, &whole);
  require_same_error(status, read(input, true, &fragmented));
  if (!status.ok()) return 0;
  require_same_header(whole.header, fragmented.header);
  walk(whole.header);
  return 0;
}
