#include "base/utf8.h"

#include <cassert>
#include <cstring>

namespace camelgpt {

Utf8Character utf8_decode(std::string_view text) {
  assert(!text.empty());
  const auto byte = [text](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, false};
  if (lead < 0xc2 || lead > 0xf4) return {kInvalidCodePoint, 1, false};

  // Only the second byte has narrower bounds than 80..bf; they exclude overlong forms, surrogates and values past
  // U+10FFFF (The Unicode Standard, table 3-7).
  uint32_t lowest = 0x80, highest = 0xbf;
  if (lead == 0xe0) lowest = 0xa0;
  if (lead == 0xed) highest = 0x9f;
  if (lead == 0xf0) lowest = 0x90;
  if (lead == 0xf4) highest = 0x8f;

  const uint32_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  uint32_t code_point = lead & (0x7fu >> length);
  for (uint32_t i = 1; i < length; ++i) {
    if (i >= text.size()) return {kInvalidCodePoint, i, true};
    if (byte(i) < lowest || byte(i) > highest) return {kInvalidCodePoint, i, false};
    code_point = code_point << 6 | (byte(i) & 0x3fu);
    lowest = 0x80;
    highest = 0xbf;
  }
  return {code_point, length, false};
}

uint32_t utf8_encode(uint32_t code_point, char* bytes) {
  assert(code_point < 0x110000);
  if (code_point < 0x80) {
    bytes[0] = static_cast<char>(code_point);
    return 1;
  }
  const uint32_t length = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
  for (uint32_t i = length - 1; i > 0; --i, code_point >>= 6) bytes[i] = static_cast<char>(0x80 | (code_point & 0x3f));
  bytes[0] = static_cast<char>((0xf00u >> length & 0xff) | code_point);
  return length;
}

size_t utf8_validate(std::string_view text) {
  size_t position = 0;
  while (position < text.size()) {
    uint64_t eight = 0;
    if (text.size() - position >= sizeof eight) {
      std::memcpy(&eight, text.data() + position, sizeof eight);
      if ((eight & 0x8080808080808080u) == 0) {
        position += sizeof eight;
        continue;
      }
    }
    const Utf8Character character = utf8_decode(text.substr(position));
    if (character.code_point == kInvalidCodePoint) return position;
    position += character.length;
  }
  return position;
}

}  // namespace camelgpt
