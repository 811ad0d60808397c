// Metadata → JSON, for people who inspect a file.
#include <cinttypes>
#include <cmath>
#include <cstdarg>
#include <cstdio>

#include "base/utf8.h"
#include "gguf/internal.h"

namespace camelgpt {
namespace {

// Parses the output of %g. Exact for up to 15 digits and small exponents, nearly exact otherwise.
double parse_decimal(const char* text) {
  const bool negative = *text == '-';
  double digits = 0;
  int exponent = 0;
  bool fraction = false;
  for (text += negative ? 1 : 0; *text != '\0' && *text != 'e'; ++text) {
    if (*text == '.') {
      fraction = true;
    } else {
      digits = digits * 10 + (*text - '0');
      exponent -= fraction ? 1 : 0;
    }
  }
  if (*text == 'e') {
    int written = 0;
    for (const char* at = text + 2; *at != '\0'; ++at) written = written * 10 + (*at - '0');
    exponent += text[1] == '-' ? -written : written;
  }
  const double value = exponent < 0 ? digits / std::pow(10.0, -exponent) : digits * std::pow(10.0, exponent);
  return negative ? -value : value;
}

// Appends to a buffer and remembers whether memory ran out, so that one check at the end is enough.
struct JsonWriter {
  Buffer<char>* json;
  bool ok = true;

  void raw(std::string_view text) { ok = ok && json->append(text.data(), text.size()); }

  void format(const char* pattern, ...) __attribute__((format(printf, 2, 3))) {
    char text[48];
    va_list arguments;
    va_start(arguments, pattern);
    const int length = std::vsnprintf(text, sizeof text, pattern, arguments);
    va_end(arguments);
    raw({text, static_cast<size_t>(length)});
  }

  void string(std::string_view text) {
    raw("\"");
    size_t copied = 0;
    for (size_t i = 0; i < text.size() && ok;) {
      const uint8_t byte = static_cast<uint8_t>(text[i]);
      if (byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\') {
        ++i;
        continue;
      }
      const Utf8Character character = byte < 0x80 ? Utf8Character{byte, 1, false} : utf8_decode(text.substr(i));
      if (byte >= 0x80 && character.code_point != kInvalidCodePoint) {
        i += character.length;
        continue;
      }
      raw(text.substr(copied, i - copied));
      i += character.length;
      copied = i;
      switch (byte) {
        case '"': raw("\\\""); break;
        case '\\': raw("\\\\"); break;
        case '\n': raw("\\n"); break;
        case '\r': raw("\\r"); break;
        case '\t': raw("\\t"); break;
        default:
          if (byte < 0x20) {
            format("\\u%04x", byte);
          } else {
            raw("\xef\xbf\xbd");  // U+FFFD
          }
      }
    }
    raw(text.substr(copied));
    raw("\"");
  }

  // Writes the fewest digits that parse to the same number: 1e-05, not 9.99999975e-06.
  void real(double value, bool is_float) {
    if (!std::isfinite(value)) return raw("null");
    char text[32];
    const int max_digits = is_float ? 9 : 17;
    for (int digits = is_float ? 6 : 15; digits <= max_digits; ++digits) {
      std::snprintf(text, sizeof text, "%.*g", digits, value);
      if (digits == max_digits) break;
      const double parsed = parse_decimal(text);
      if (is_float ? static_cast<float>(parsed) == static_cast<float>(value) : parsed == value) break;
    }
    raw(text);
  }

  void number(const GgufHeader& header, const GgufEntry& entry, uint64_t index) {
    switch (entry.element_type) {
      case GgufType::kBool: return raw(gguf_integer_at(header, entry, index) != 0 ? "true" : "false");
      case GgufType::kF32: return real(gguf_number_at(header, entry, index), true);
      case GgufType::kF64: return real(gguf_number_at(header, entry, index), false);
      case GgufType::kU64: return format("%" PRIu64, gguf_load<uint64_t>(header, entry.value_position + index * 8));
      default: return format("%" PRId64, gguf_integer_at(header, entry, index));
    }
  }

  void values(const GgufHeader& header, const GgufEntry& entry) {
    GgufStringCursor strings(header, entry);
    for (uint64_t i = 0; i < entry.count && ok; ++i) {
      if (i > 0) raw(",");
      std::string_view text;
      if (entry.element_type != GgufType::kString) {
        number(header, entry, i);
      } else if (strings.next(&text)) {
        string(text);
      }
    }
  }
};

}  // namespace

Status gguf_metadata_json(const GgufHeader& header, uint64_t array_limit, Buffer<char>* json) {
  JsonWriter writer{json};
  writer.raw("{");
  for (size_t i = 0; i < header.entries.size() && writer.ok; ++i) {
    const GgufEntry& entry = header.entries[i];
    if (i > 0) writer.raw(",");
    writer.string(gguf_key(header, entry));
    writer.raw(":");
    if (entry.type != GgufType::kArray) {
      writer.values(header, entry);
    } else if (entry.count > array_limit) {
      writer.format("{\"type\":\"%s\",", gguf_type_info(entry.element_type).name);
      writer.format("\"count\":%" PRIu64 "}", entry.count);
    } else {
      writer.raw("[");
      writer.values(header, entry);
      writer.raw("]");
    }
  }
  writer.raw("}");
  return writer.ok ? Status() : out_of_memory("the metadata as JSON", uint64_t{json->size()} * 2);
}

}  // namespace camelgpt
