#include "tokenize/sentence_text.h"

#include <algorithm>
#include <cstring>

#include "base/utf8.h"
#include "tokenize/vocabulary.h"

namespace camelgpt {
namespace {

// SentencePiece's own rules match at most 20 bytes and produce at most 33, and at most 11 for each byte that they
// match. The limits bound how much a text can grow.
constexpr size_t kMaxRuleLength = 64;
constexpr size_t kMaxReplacement = 256;
constexpr size_t kMaxGrowth = 12;

// A double-array trie in darts-clone's format: a node's child for a byte is at the node's offset XOR the byte.
struct DoubleArray {
  const uint8_t* units;
  uint32_t count;

  uint32_t operator[](uint32_t index) const {
    uint32_t unit;
    std::memcpy(&unit, units + size_t{index} * sizeof unit, sizeof unit);
    return unit;
  }
  static uint32_t offset(uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); }
  static uint32_t label(uint32_t unit) { return unit & 0x800000ff; }  // bit 31 marks a value, which matches no byte
  static bool has_value(uint32_t unit) { return (unit & 0x100) != 0; }
  static uint32_t value(uint32_t unit) { return unit & 0x7fffffff; }
};

uint32_t array_bytes(const Buffer<uint8_t>& charsmap) {
  uint32_t bytes;
  std::memcpy(&bytes, charsmap.data(), sizeof bytes);
  return bytes;
}

// Returns the NUL-terminated replacement string at `position`, or null if there is none.
const char* replacement_at(const Buffer<uint8_t>& charsmap, size_t position, size_t* size) {
  const size_t start = sizeof(uint32_t) + array_bytes(charsmap);
  if (position >= charsmap.size() - start) return nullptr;
  const uint8_t* text = charsmap.data() + start + position;
  const void* end = std::memchr(text, 0, std::min(kMaxReplacement, charsmap.size() - start - position));
  if (end == nullptr) return nullptr;
  *size = static_cast<size_t>(static_cast<const uint8_t*>(end) - text);
  return reinterpret_cast<const char*>(text);
}

}  // namespace

bool charsmap_is_valid(const Buffer<uint8_t>& charsmap) {
  if (charsmap.size() < 2 * sizeof(uint32_t)) return false;
  const uint32_t bytes = array_bytes(charsmap);
  return bytes > 0 && bytes % sizeof(uint32_t) == 0 && bytes <= charsmap.size() - sizeof(uint32_t);
}

size_t replace_prefix(const Tokenizer& tokenizer, std::string_view text, std::string_view* replacement) {
  const Buffer<uint8_t>& charsmap = tokenizer.charsmap;
  size_t length = 0;
  if (!charsmap.empty()) {
    const uint32_t bytes = array_bytes(charsmap);
    const DoubleArray array = {charsmap.data() + sizeof bytes, static_cast<uint32_t>(bytes / sizeof(uint32_t))};
    uint32_t node = DoubleArray::offset(array[0]);
    for (size_t i = 0; i < std::min(text.size(), kMaxRuleLength); ++i) {
      const uint8_t byte = static_cast<uint8_t>(text[i]);
      node ^= byte;
      if (byte == 0 || node >= array.count) break;
      const uint32_t unit = array[node];
      if (DoubleArray::label(unit) != byte) break;
      node ^= DoubleArray::offset(unit);
      if (node >= array.count) break;
      if (!DoubleArray::has_value(unit)) continue;
      size_t size = 0;
      const char* found = replacement_at(charsmap, DoubleArray::value(array[node]), &size);
      if (found == nullptr || size > kMaxGrowth * (i + 1)) continue;
      *replacement = {found, size};
      length = i + 1;
    }
  }
  if (length > 0) return length;
  length = utf8_decode(text).length;
  *replacement = text.substr(0, length);
  return length;
}

bool make_sentence(const Tokenizer& tokenizer, std::string_view text, Buffer<char>* sentence) {
  sentence->clear();
  if (text.empty()) return true;
  const bool collapse = tokenizer.remove_extra_spaces;
  if (tokenizer.add_space_prefix && !sentence->push_back(' ')) return false;
  bool skip_space = collapse;
  for (size_t at = 0; at < text.size();) {
    std::string_view part;
    at += replace_prefix(tokenizer, text.substr(at), &part);
    const bool is_mark = part == kSpaceMark;
    for (const char c : is_mark ? " " : part) {
      if (c == ' ' && skip_space && !is_mark) continue;
      if (!sentence->push_back(c)) return false;
      skip_space = collapse && c == ' ' && !is_mark;
    }
  }
  while (collapse && !sentence->empty() && sentence->back() == ' ') sentence->shrink(sentence->size() - 1);
  return true;
}

}  // namespace camelgpt
