#include "tokenize/special_tokens.h"

#include <algorithm>
#include <cstring>

#include "base/heap_sort.h"
#include "base/utf8.h"
#include "tokenize/metadata_errors.h"

namespace camelgpt {
namespace {

std::string_view special_piece(const Tokenizer& tokenizer, size_t index) {
  return tokenizer_piece(tokenizer, static_cast<int32_t>(tokenizer.specials[index]));
}

bool is_special(uint8_t type) { return type == kTokenUnknown || type == kTokenControl || type == kTokenUserDefined; }

// Returns how many bytes `a` and `b` share from `from` on, plus `from`.
size_t common_prefix(std::string_view a, std::string_view b, size_t from) {
  const size_t size = std::min(a.size(), b.size());
  while (from < size && a[from] == b[from]) ++from;
  return from;
}

// Returns the longest special token that `text` starts with, or length 0. Control and unknown tokens match only up to a
// length of `control_limit`. The list is sorted, so the tokens that match the text up to `depth` are a range [low,
// high), which narrows where they differ. Its first and last token share the fewest bytes.
SpecialMatch match_at(const Tokenizer& tokenizer, std::string_view text, size_t control_limit) {
  SpecialMatch longest = {0, 0, kNoToken};
  size_t low = 0, high = tokenizer.specials.size(), depth = 0;
  while (low < high) {
    const std::string_view first = special_piece(tokenizer, low);
    const size_t common = common_prefix(first, special_piece(tokenizer, high - 1), depth);
    if (common_prefix(first.substr(0, common), text, depth) < common) break;
    depth = common;
    if (first.size() == depth) {
      const uint32_t token = tokenizer.specials[low++];
      const bool matches = depth <= control_limit || tokenizer.token_type[token] == kTokenUserDefined;
      if (matches) longest = {0, depth, static_cast<int32_t>(token)};
    }
    if (depth == text.size()) break;
    const uint8_t wanted = static_cast<uint8_t>(text[depth]);
    // Returns the first index in [from, high) whose byte at `depth` is at least `bound`.
    const auto first_from = [&](size_t from, uint32_t bound) {
      size_t end = high;
      while (from < end) {
        const size_t middle = from + (end - from) / 2;
        if (static_cast<uint8_t>(special_piece(tokenizer, middle)[depth]) < bound) {
          from = middle + 1;
        } else {
          end = middle;
        }
      }
      return from;
    };
    low = first_from(low, wanted);
    high = first_from(low, wanted + 1u);
  }
  return longest;
}

}  // namespace

Status specials_build(Tokenizer* tokenizer) {
  Buffer<uint32_t>& specials = tokenizer->specials;
  std::memset(tokenizer->special_starts, 0, sizeof tokenizer->special_starts);
  for (uint32_t token = 0; token < tokenizer->vocabulary_size; ++token) {
    if (!is_special(tokenizer->token_type[token])) continue;
    const std::string_view piece = tokenizer_piece(*tokenizer, static_cast<int32_t>(token));
    // In valid text, a piece that is not valid UTF-8 could only match within characters, which must not be split.
    if (piece.empty() || utf8_validate(piece) < piece.size()) continue;
    if (piece.size() > kMaxSpecialLength) {
      Status status = make_error(ErrorCode::kBadMetadata, "Token %u is too long for a special token.", token);
      status = with_expected(status, "at most %zu bytes", kMaxSpecialLength);
      status = with_found(status, "%zu bytes", piece.size());
      return with_hint(status, kConvertHint);
    }
    if (!specials.push_back(token))
      return out_of_memory("the list of special tokens", specials.size() * sizeof(uint32_t));
    tokenizer->special_starts[static_cast<uint8_t>(piece[0])] = 1;
  }
  const auto comes_before = [tokenizer](uint32_t a, uint32_t b) {
    const int order = tokenizer_piece(*tokenizer, static_cast<int32_t>(a))
                          .compare(tokenizer_piece(*tokenizer, static_cast<int32_t>(b)));
    return order != 0 ? order < 0 : a < b;
  };
  heap_sort(specials.begin(), specials.end(), comes_before);
  // The first of equal tokens stays.
  const auto is_equal = [tokenizer](uint32_t a, uint32_t b) {
    return tokenizer_piece(*tokenizer, static_cast<int32_t>(a)) == tokenizer_piece(*tokenizer, static_cast<int32_t>(b));
  };
  specials.shrink(static_cast<size_t>(std::unique(specials.begin(), specials.end(), is_equal) - specials.begin()));
  return {};
}

size_t SpecialSearch::control_limit(size_t position) {
  if (!parse_control) return 0;
  while (range < literal.size() && literal[range].end <= position) ++range;
  if (range == literal.size()) return text.size() - position;
  return literal[range].begin > position ? literal[range].begin - position : 0;
}

SpecialMatch SpecialSearch::next(size_t start) {
  for (size_t position = start; position < text.size(); ++position) {
    if (tokenizer.special_starts[static_cast<uint8_t>(text[position])] == 0) continue;
    const SpecialMatch match = match_at(tokenizer, text.substr(position), control_limit(position));
    if (match.length > 0) return {position, match.length, match.token};
  }
  return {text.size(), 0, kNoToken};
}

bool specials_have_control(const Tokenizer& tokenizer, std::string_view text) {
  SpecialSearch search = {tokenizer, text, true, {}};
  for (size_t start = 0; start < text.size();) {
    const SpecialMatch match = search.next(start);
    if (tokenizer_is_control(tokenizer, match.token)) return true;
    start = match.position + match.length;
  }
  return false;
}

}  // namespace camelgpt
