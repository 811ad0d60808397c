// Detokenizer: token bytes in, complete UTF-8 characters out.
#include <cassert>

#include "base/utf8.h"
#include "tokenize/tokenizer.h"

namespace camelgpt {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

bool append(std::string_view bytes, Buffer<char>* text) { return text->append(bytes.data(), bytes.size()); }

}  // namespace

Status Detokenizer::put(std::string_view bytes, Buffer<char>* text) {
  bool ok = true;
  for (size_t i = 0; i < bytes.size() && ok;) {
    if (pending_size == 0) {
      const size_t valid = utf8_validate(bytes.substr(i));
      ok = append(bytes.substr(i, valid), text);
      i += valid;
      if (i == bytes.size()) break;
    }
    // Byte by byte, because a character can span any number of tokens.
    pending[pending_size] = static_cast<uint8_t>(bytes[i]);
    const std::string_view joined{reinterpret_cast<const char*>(pending), pending_size + 1};
    const Utf8Character character = utf8_decode(joined);
    if (character.incomplete) {
      ++pending_size;
      ++i;
    } else if (character.code_point != kInvalidCodePoint) {
      ok = ok && append(joined, text);
      pending_size = 0;
      ++i;
    } else {
      // This byte does not continue the pending character but may start one, so it is examined again. A byte that is
      // invalid on its own is consumed.
      ok = ok && append(kReplacement, text);
      if (pending_size == 0) ++i;
      pending_size = 0;
    }
    assert(pending_size < sizeof pending);
  }
  return ok ? Status{} : out_of_memory("the text", text->size() + bytes.size());
}

Status Detokenizer::finish(Buffer<char>* text) {
  if (pending_size == 0) return {};
  pending_size = 0;
  return append(kReplacement, text) ? Status{} : out_of_memory("the text", text->size());
}

}  // namespace camelgpt
