// Holds back text that could still become a stop string.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/buffer.h"
#include "base/status.h"

namespace camelgpt {

struct StopStrings {
  Buffer<char> bytes;           // all stop strings, one after the other
  Buffer<uint16_t> borders;     // [bytes] of each prefix, the length of the longest proper prefix that is also a suffix
  Buffer<uint32_t> ends;        // [stop strings] where each ends in `bytes`
  Buffer<uint8_t> sees_hidden;  // [stop strings] whether hidden text counts
  Buffer<uint32_t> matched;   // [stop strings] length of the longest prefix at the end of `held`; unused if it is empty
  Buffer<char> held;          // text that may be the beginning of a stop string; clear it to start a new text
  Buffer<size_t> begins;      // [stop strings] where that prefix begins in `held`; unused if its length is 0
  Buffer<uint8_t> is_hidden;  // [held] 1: matched, but never shown
};
inline constexpr uint32_t kMaxStopStrings = 64;
inline constexpr uint32_t kMaxStopStringBytes = 1024;

void stop_strings_clear(StopStrings* stops);
// `sees_hidden`: the text of hidden tokens counts, because the stop string spells one. kBadOption for an empty string,
// one that is not UTF-8, one of more than 1 KiB, or more than 64 of them.
Status stop_strings_add(StopStrings* stops, std::string_view text, bool sees_hidden = false);

// Adds text and appends to *out what can be shown. *found: a stop string is complete; the text before it is in *out,
// and the rest is dropped. The stop string that is complete first counts, so the result does not depend on how the text
// is cut into pieces; of several that end at the same byte, the longest counts. Whole characters in, whole characters
// out. After *found or an error, the next call starts a new text.
Status stop_strings_put(StopStrings* stops, std::string_view text, Buffer<char>* out, bool* found);
// The same as stop_strings_put(), but for the text of a token that is not shown.
Status stop_strings_put_hidden(StopStrings* stops, std::string_view text, Buffer<char>* out, bool* found);
// Ends a text without a stop string: appends what was held back. The next stop_strings_put() starts a new text.
Status stop_strings_finish(StopStrings* stops, Buffer<char>* out);

}  // namespace camelgpt
