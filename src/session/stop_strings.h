// Holds text back while it could still turn out to be a stop string.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/buffer.h"
#include "base/status.h"

namespace camelgpt {

struct StopStrings {
  Buffer<char> bytes;  // all stop strings, one after the other
  Buffer<uint16_t>
      borders;            // [bytes] of each prefix of a stop string the longest proper prefix that also is its suffix
  Buffer<uint32_t> ends;  // [stop strings] where each ends in `bytes`
  Buffer<uint32_t> matched;  // [stop strings] how many of its first bytes `held` ends with; void where nothing is held
  Buffer<char> held;         // text that may be the beginning of a stop string; clear it to start a new text
};
inline constexpr uint32_t kMaxStopStrings = 64;
inline constexpr uint32_t kMaxStopStringBytes = 1024;

void stop_strings_clear(StopStrings* stops);
// kBadOption for an empty string, one that is not UTF-8, one of more than 1 KiB, or more than 64 of them.
Status stop_strings_add(StopStrings* stops, std::string_view text);

// Takes new text; appends to *out what can be shown now. *found is set when a stop string is complete: the text before
// the earliest one is then in *out and everything from it on is dropped. The earliest is the one that is complete
// first, so the result does not depend on how the text is cut into pieces; of several that end at the same byte, it is
// the longest. Whole characters in, whole characters out. After *found or an error, the next text is the beginning of a
// new one.
Status stop_strings_put(StopStrings* stops, std::string_view text, Buffer<char>* out, bool* found);
// The generation ended otherwise: appends what was held back. The next text is the beginning of a new one.
Status stop_strings_finish(StopStrings* stops, Buffer<char>* out);

}  // namespace camelgpt
