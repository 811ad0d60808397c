// Text in pieces → the text up to the first stop string.
//
// Each stop string is searched with the algorithm of Knuth, Morris and Pratt. It tracks the longest prefix of the stop
// string that the text ends with; the longest of all these prefixes is held back. The work is linear in the length of
// the text, with hidden text too: where a prefix begins only moves forward.
#include "session/stop_strings.h"

#include <algorithm>

#include "base/utf8.h"

namespace camelgpt {
namespace {

void clear_held(StopStrings* stops) {
  stops->held.clear();
  stops->is_hidden.clear();
}

// After a failure the text is lost, so the held text is dropped as well.
Status append_or_forget(StopStrings* stops, const char* text, size_t size, Buffer<char>* out) {
  if (out->append(text, size)) return Status();
  clear_held(stops);
  return out_of_memory("the text", out->size() + size);
}

// Appends the first `size` held bytes except for hidden ones.
Status show_held(StopStrings* stops, size_t size, Buffer<char>* out) {
  for (size_t begin = 0; begin < size;) {
    size_t end = begin;
    while (end < size && stops->is_hidden[end] == stops->is_hidden[begin]) ++end;
    if (stops->is_hidden[begin] == 0) {
      CAMELGPT_TRY(append_or_forget(stops, stops->held.data() + begin, end - begin, out));
    }
    begin = end;
  }
  return Status();
}

// Given that the text ends with the first `matched` bytes of `stop` (not all of them), returns how many of its first
// bytes the text ends with after one more byte.
uint32_t match_byte(const char* stop, const uint16_t* borders, uint32_t matched, char byte) {
  while (matched > 0 && stop[matched] != byte) matched = borders[matched - 1];
  return stop[matched] == byte ? matched + 1 : 0;
}

// Moves the begin of a partial match of stop string `index` over `count` bytes that it sees, to the next one.
void skip(StopStrings* stops, size_t index, uint32_t count) {
  size_t& begin = stops->begins[index];
  for (;; ++begin) {
    const bool sees = stops->is_hidden[begin] == 0 || stops->sees_hidden[index] != 0;
    if (sees && count-- == 0) return;
  }
}

// Matches held byte `at` against all stop strings. Returns where the longest that is complete begins in `held`, or
// SIZE_MAX.
size_t match_all(StopStrings* stops, size_t at) {
  size_t first = SIZE_MAX;
  uint32_t start = 0;
  for (size_t i = 0; i < stops->ends.size(); ++i) {
    uint32_t& matched = stops->matched[i];
    const uint32_t length = stops->ends[i] - start;
    if (stops->is_hidden[at] == 0 || stops->sees_hidden[i] != 0) {
      if (matched == 0) stops->begins[i] = at;
      const uint32_t before = matched + 1;
      matched = match_byte(stops->bytes.data() + start, stops->borders.data() + start, matched, stops->held[at]);
      if (matched > 0) skip(stops, i, before - matched);
      if (matched == length) first = std::min(first, stops->begins[i]);
    }
    start = stops->ends[i];
  }
  return first;
}

Status put(StopStrings* stops, std::string_view text, bool is_hidden, Buffer<char>* out, bool* found) {
  const size_t held_before = stops->held.size();
  // A partial match is always held, so there is none if nothing is held: clearing `held` starts a new text.
  if (held_before == 0) {
    std::fill(stops->matched.begin(), stops->matched.end(), 0u);
    stops->is_hidden.clear();
  }
  const size_t size = held_before + text.size();
  if (!stops->held.append(text.data(), text.size()) || !stops->is_hidden.resize(size)) {
    clear_held(stops);
    return out_of_memory("the text", size);
  }
  std::fill(stops->is_hidden.begin() + held_before, stops->is_hidden.end(), is_hidden ? uint8_t{1} : uint8_t{0});
  for (size_t at = held_before; at < size; ++at) {
    const size_t first = match_all(stops, at);
    if (first == SIZE_MAX) continue;
    CAMELGPT_TRY(show_held(stops, first, out));
    clear_held(stops);
    *found = true;
    return Status();
  }

  size_t kept_from = size;
  for (size_t i = 0; i < stops->matched.size(); ++i) {
    if (stops->matched[i] > 0) kept_from = std::min(kept_from, stops->begins[i]);
  }
  for (size_t& begin : stops->begins) begin -= std::min(begin, kept_from);
  if (kept_from == 0) return Status();
  CAMELGPT_TRY(show_held(stops, kept_from, out));
  std::copy(stops->held.begin() + kept_from, stops->held.end(), stops->held.begin());
  std::copy(stops->is_hidden.begin() + kept_from, stops->is_hidden.end(), stops->is_hidden.begin());
  stops->held.shrink(size - kept_from);
  stops->is_hidden.shrink(size - kept_from);
  return Status();
}

}  // namespace

void stop_strings_clear(StopStrings* stops) {
  stops->bytes.clear();
  stops->borders.clear();
  stops->ends.clear();
  stops->sees_hidden.clear();
  stops->matched.clear();
  stops->begins.clear();
  clear_held(stops);
}

Status stop_strings_add(StopStrings* stops, std::string_view text, bool sees_hidden) {
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
      !stops->sees_hidden.reserve(strings) || !stops->matched.reserve(strings) || !stops->begins.reserve(strings) ||
      !stops->bytes.append(text.data(), text.size()) || !stops->borders.resize(size) ||
      !stops->ends.push_back(static_cast<uint32_t>(size)) || !stops->sees_hidden.push_back(sees_hidden ? 1 : 0) ||
      !stops->matched.push_back(0) || !stops->begins.push_back(0)) {
    return out_of_memory("the stop strings", size * (sizeof(char) + sizeof(uint16_t)));
  }
  uint16_t* borders = stops->borders.data() + start;
  for (size_t i = 1; i < text.size(); ++i) {
    borders[i] = static_cast<uint16_t>(match_byte(text.data(), borders, borders[i - 1], text[i]));
  }
  return Status();
}

Status stop_strings_put(StopStrings* stops, std::string_view text, Buffer<char>* out, bool* found) {
  *found = false;
  if (stops->ends.empty()) return append_or_forget(stops, text.data(), text.size(), out);
  return put(stops, text, false, out, found);
}

Status stop_strings_put_hidden(StopStrings* stops, std::string_view text, Buffer<char>* out, bool* found) {
  *found = false;
  const auto sees = [](uint8_t flag) { return flag != 0; };
  if (std::none_of(stops->sees_hidden.begin(), stops->sees_hidden.end(), sees)) return Status();
  return put(stops, text, true, out, found);
}

Status stop_strings_finish(StopStrings* stops, Buffer<char>* out) {
  CAMELGPT_TRY(show_held(stops, stops->held.size(), out));
  clear_held(stops);
  return Status();
}

}  // namespace camelgpt
