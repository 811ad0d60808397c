// Stop strings in texts that arrive in pieces, shown and hidden, against a search of the whole text.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "require.h"
#include "session/stop_strings.h"

using namespace camelgpt;

namespace {

struct StopString {
  std::string text;
  bool sees_hidden;
};
struct Piece {
  std::string text;
  bool is_hidden;
};

// Few characters, so that texts contain stop strings and their prefixes.
std::string small_text(FuzzedDataProvider& data, size_t max_characters) {
  static const char* const kCharacters[] = {"a", "b", "\xc3\xa4", "\xe4\xb8\xad", "\n", "<|end|>"};
  std::string text;
  for (size_t count = data.ConsumeIntegralInRange<size_t>(0, max_characters); count > 0; --count) {
    text += data.PickValueInArray(kCharacters);
  }
  return text;
}

struct Expected {
  std::string shown;
  bool found = false;
};

// Tries every end in ascending order; of the stop strings that end there, the one that begins first counts.
Expected search(const std::vector<StopString>& stops, const std::vector<Piece>& pieces) {
  std::string all;
  std::vector<bool> hidden;
  const bool any_sees = std::any_of(stops.begin(), stops.end(), [](const StopString& s) { return s.sees_hidden; });
  for (const Piece& piece : pieces) {
    if (piece.is_hidden && !any_sees) continue;
    all += piece.text;
    hidden.resize(all.size(), piece.is_hidden);
  }
  const auto shown_until = [&](size_t end) {
    std::string shown;
    for (size_t i = 0; i < end; ++i) {
      if (!hidden[i]) shown += all[i];
    }
    return shown;
  };
  for (size_t end = 1; end <= all.size(); ++end) {
    size_t first = SIZE_MAX;
    for (const StopString& stop : stops) {
      if (hidden[end - 1] && !stop.sees_hidden) continue;
      // The last bytes that the stop string sees, backwards.
      size_t begin = end, matched = stop.text.size();
      while (begin > 0 && matched > 0) {
        --begin;
        if (hidden[begin] && !stop.sees_hidden) continue;
        if (all[begin] != stop.text[matched - 1]) break;
        --matched;
      }
      if (matched == 0) first = std::min(first, begin);
    }
    if (first != SIZE_MAX) return {shown_until(first), true};
  }
  return {shown_until(all.size()), false};
}

// Puts the pieces; stops at the first stop string.
Expected put(StopStrings* stops, const std::vector<Piece>& pieces) {
  Buffer<char> out;
  Expected result;
  for (const Piece& piece : pieces) {
    const Status status = piece.is_hidden ? stop_strings_put_hidden(stops, piece.text, &out, &result.found)
                                          : stop_strings_put(stops, piece.text, &out, &result.found);
    require(status.ok(), "memory");
    require(utf8_validate({out.data(), out.size()}) == out.size(), "whole characters are shown");
    if (result.found) break;
  }
  if (!result.found) require(stop_strings_finish(stops, &out).ok(), "memory");
  result.shown.assign(out.begin(), out.end());
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  FuzzedDataProvider data(bytes, size);
  StopStrings stops;
  std::vector<StopString> known;
  for (size_t count = data.ConsumeIntegralInRange<size_t>(0, 70); count > 0 && data.remaining_bytes() > 0; --count) {
    const bool any = data.ConsumeIntegral<uint8_t>() == 0;
    const bool sees_hidden = data.ConsumeBool();
    std::string text = any ? data.ConsumeRandomLengthString(1100) : small_text(data, 5);
    if (any && data.ConsumeBool()) text.resize(data.ConsumeIntegralInRange<size_t>(1000, 1100), 'a');
    const bool is_valid = !text.empty() && text.size() <= kMaxStopStringBytes && known.size() < kMaxStopStrings &&
                          utf8_validate(text) == text.size();
    const Status status = stop_strings_add(&stops, text, sees_hidden);
    require(status.ok() == is_valid, "exactly the valid stop strings are accepted");
    if (is_valid) known.push_back({text, sees_hidden});
    if (!is_valid) require(status.code == ErrorCode::kBadOption && status.found[0] != 0, "an error says what it found");
  }

  // In the pieces of the input, and with each character as a piece.
  for (int round = 0; round < 3 && data.remaining_bytes() > 0; ++round) {
    std::vector<Piece> pieces, characters;
    for (size_t count = data.ConsumeIntegralInRange<size_t>(0, 40); count > 0; --count) {
      pieces.push_back({small_text(data, 6), data.ConsumeIntegral<uint8_t>() % 4 == 0});
      if (!known.empty() && data.ConsumeIntegral<uint8_t>() % 8 == 0) {
        pieces.back().text += known[data.ConsumeIntegralInRange<size_t>(0, known.size() - 1)].text;
      }
      const std::string& text = pieces.back().text;
      for (size_t at = 0; at < text.size();) {
        size_t end = at + 1;
        while (end < text.size() && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) ++end;
        characters.push_back({text.substr(at, end - at), pieces.back().is_hidden});
        at = end;
      }
    }
    const Expected expected = search(known, pieces), in_pieces = put(&stops, pieces),
                   in_characters = put(&stops, characters);
    require(in_pieces.found == expected.found, "a stop string is found exactly if the text has one");
    require(in_pieces.shown == expected.shown, "the text before the stop string is shown");
    require(in_characters.found == expected.found && in_characters.shown == expected.shown,
            "the result does not depend on the pieces");
  }
  stop_strings_clear(&stops);
  Buffer<char> out;
  bool found = true;
  require(stop_strings_put(&stops, "text", &out, &found).ok() && !found && out.size() == 4, "cleared");
  return 0;
}
