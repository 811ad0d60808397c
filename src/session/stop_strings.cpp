// Text in pieces → the text up to the first stop string.
//
// Each stop string is searched with the algorithm of Knuth, Morris and Pratt. It tracks the longest prefix of the stop
// string that the text ends with; the longest of all these prefixes is held back. The work is linear in the length of
// the text.
#include "session/stop_strings.h"

#include <algorithm>

#include "base/utf8.h"

namespace camelgpt {
namespace {

// After a failure the text is lost, so the held text is dropped as well.
Status append_or_forget(StopStrings* stops, const char* text, size_t size, Buffer<char>* out) {
  if (out->append(text, size)) return Status();
  stops->held.clear();
  return out_of_memory("the text", out->size() + size);
}

// Given that the text ends with the first `matched` bytes of `stop` (not all of them), returns how many of its first
// bytes the text ends with after one more byte.
uint32_t match_byte(const char* stop, const uint16_t* borders, uint32_t matched, char byte) {
  while (matched > 0 && stop[matched] != byte) matched = borders[matched - 1];
  return stop[matched] == byte ? matched + 1 : 0;
}

// Matches one more byte of text against all stop strings. Returns the length of the longest that is complete, or 0.
uint32_t match_all(StopStrings* stops, char byte) {
  uint32_t complete = 0;
  uint32_t start = 0;
  for (size_t i = 0; i < stops->ends.size(); ++i) {
    uint32_t& matched = stops->matched[i];
    const uint32_t length = stops->ends[i] - start;
    matched = match_byte(stops->bytes.data() + start, stops->borders.data() + start, matched, byte);
    if (matched == length) complete = std::max(complete, length);
    start = stops->ends[i];
  }
  return complete;
}

}  // namespace

void stop_strings_clear(StopStrings* stops) {
  stops->bytes.clear();
  stops->borders.clear();
  stops->ends.clear();
  stops->matched.clear();
  stops->held.clear();
}

Status stop_strings_add(StopStrings* stops, std::string_view text) {
  const Status unusable = make_error(ErrorCode::kBadOption, "A stop string cannot be used.");
  if (text.empty()) return with_found(with_expected(unusable, "at least one character"), "an empty string");
  if (text.size() > kMaxStopStringBytes) {
    return with_found(with_expected(unusable, "at most %u bytes", kMaxStopStringBytes), "%zu bytes", text.size());
  }
  // An incomplete character could match inside another character and split it.
  const size_t invalid = utf8_validate(text);
  if (invalid < text.size()) return with_found(with_expected(unusable, "UTF-8"), "an invalid byte at %zu", invalid);
  if (stops->ends.size() >= kMaxStopStrings) {
    Status status = make_error(ErrorCode::kBadOption, "There are too many stop strings.");
    status = with_expected(status, "at most %u", kMaxStopStrings);
    return with_found(status, "%u", kMaxStopStrings + 1);
  }

  const size_t start = stops->bytes.size();
  const size_t size = start + text.size();
  const size_t strings = stops->ends.size() + 1;
  // Allocates everything first, so that a failure leaves the stop strings unchanged.
  if (!stops->bytes.reserve(size) || !stops->borders.reserve(size) || !stops->ends.reserve(strings) ||
      !stops->matched.reserve(strings) || !stops->bytes.append(text.data(), text.size()) ||
      !stops->borders.resize(size) || !stops->ends.push_back(static_cast<uint32_t>(size)) ||
      !stops->matched.push_back(0)) {
    return out_of_memory("the stop strings", size * (sizeof(char) + sizeof(uint16_t)));
  }
  uint16_t* borders = stops->borders.data() + start;
  for (size_t i = 1; i < text.size(); ++i) {
    borders[i] = static_cast<uint16_t>(match_byte(text.data(), borders, borders[i - 1], text[i]));
  }
  return Status();
}

bool stop_strings_has(const StopStrings& stops, std::string_view text) {
  uint32_t start = 0;
  for (const uint32_t end : stops.ends) {
    if (std::string_view{stops.bytes.data() + start, end - start} == text) return true;
    start = end;
  }
  return false;
}

Status stop_strings_put(StopStrings* stops, std::string_view text, Buffer<char>* out, bool* found) {
  *found = false;
  if (stops->ends.empty()) return append_or_forget(stops, text.data(), text.size(), out);

  const size_t held_before = stops->held.size();
  // A partial match is always held, so there is none if nothing is held: clearing `held` starts a new text.
  if (held_before == 0) std::fill(stops->matched.begin(), stops->matched.end(), 0u);
  if (!stops->held.append(text.data(), text.size())) {
    stops->held.clear();
    return out_of_memory("the text", held_before + text.size());
  }
  for (size_t i = 0; i < text.size(); ++i) {
    const uint32_t complete = match_all(stops, text[i]);
    if (complete == 0) continue;
    CAMELGPT_TRY(append_or_forget(stops, stops->held.data(), held_before + i + 1 - complete, out));
    stops->held.clear();
    *found = true;
    return Status();
  }

  size_t kept = 0;
  for (const uint32_t matched : stops->matched) kept = std::max<size_t>(kept, matched);
  const size_t shown = stops->held.size() - kept;
  CAMELGPT_TRY(append_or_forget(stops, stops->held.data(), shown, out));
  std::copy(stops->held.begin() + shown, stops->held.end(), stops->held.begin());
  stops->held.shrink(kept);
  return Status();
}

Status stop_strings_finish(StopStrings* stops, Buffer<char>* out) {
  CAMELGPT_TRY(append_or_forget(stops, stops->held.data(), stops->held.size(), out));
  stops->held.clear();
  return Status();
}

}  // namespace camelgpt
