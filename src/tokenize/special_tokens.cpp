#include "tokenize/special_tokens.h"

#include <algorithm>

#include "base/utf8.h"
#include "tokenize/metadata_errors.h"

namespace camelgpt {
namespace {

bool is_special(uint8_t type) { return type == kTokenUnknown || type == kTokenControl || type == kTokenUserDefined; }

size_t size_of(const Tokenizer& tokenizer, uint32_t token) {
  return tokenizer.piece_start[size_t{token} + 1] - tokenizer.piece_start[token];
}

bool is_user_defined(const Tokenizer& tokenizer, uint32_t index) {
  return tokenizer.token_type[tokenizer.specials.tokens[index]] == kTokenUserDefined;
}

// Returns the index of the longest token that may match among `index` and the shorter ones that begin there; 0: none.
// Control and unknown tokens match only up to a length of `control_limit`.
uint32_t longest_allowed(const Tokenizer& tokenizer, uint32_t index, size_t control_limit) {
  if (control_limit == 0) return tokenizer.specials_user[index];
  while (index != 0 && size_of(tokenizer, tokenizer.specials.tokens[index]) > control_limit &&
         !is_user_defined(tokenizer, index)) {
    index = tokenizer.specials.shorter[index];
  }
  return index;
}

// Finds the matches that begin in the next window. The text is read from its end, so that the automaton tells the
// tokens that begin at each position.
Status search_window(SpecialSearch* search, size_t begin) {
  const Tokenizer& tokenizer = *search->tokenizer;
  const TokenMatcher& specials = tokenizer.specials;
  const size_t end = begin + std::min(kSearchWindow, search->text.size() - begin);
  const size_t from = std::min(end + kMaxSpecialLength - 1, search->text.size());
  uint32_t node = 0;
  for (size_t position = from; position > begin;) {
    node = specials.next(node, static_cast<uint8_t>(search->text[--position]));
    if (specials.match[node] == 0 || position >= end) continue;
    const uint32_t index = longest_allowed(tokenizer, specials.match[node], search->control_limit(position));
    if (index == 0) continue;
    const uint32_t token = specials.tokens[index];
    if (!search->found.push_back({position, size_of(tokenizer, token), static_cast<int32_t>(token)}))
      return out_of_memory("the special tokens of a text", search->found.size() * sizeof(SpecialMatch));
  }
  search->searched = end;
  return {};
}

}  // namespace

Status specials_build(Tokenizer* tokenizer) {
  Buffer<uint32_t> specials;
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
  }
  return matcher_build(*tokenizer, &specials, true, &tokenizer->specials);
}

Status specials_find_user_defined(Tokenizer* tokenizer) {
  const TokenMatcher& specials = tokenizer->specials;
  Buffer<uint32_t>& user = tokenizer->specials_user;
  if (!user.resize(specials.tokens.size())) {
    return out_of_memory("the list of special tokens", specials.tokens.size() * sizeof(uint32_t));
  }
  // A shorter token has a lower index.
  for (uint32_t i = 1; i < user.size(); ++i) user[i] = is_user_defined(*tokenizer, i) ? i : user[specials.shorter[i]];
  return {};
}

size_t SpecialSearch::control_limit(size_t position) const {
  if (!parse_control) return 0;
  const auto ends_before = [](const TextRange& range, size_t at) { return range.end <= at; };
  const auto range = std::lower_bound(literal.begin(), literal.end(), position, ends_before);
  if (range == literal.end()) return text.size() - position;
  return range->begin > position ? range->begin - position : 0;
}

Status SpecialSearch::next(size_t start, SpecialMatch* match) {
  for (;;) {
    while (!found.empty() && found.back().position < start) found.shrink(found.size() - 1);
    if (!found.empty()) {
      *match = found.back();
      return {};
    }
    const size_t begin = std::max(start, searched);
    if (begin >= text.size() || tokenizer->specials.tokens.size() <= 1) break;
    CAMELGPT_TRY(search_window(this, begin));
  }
  *match = {text.size(), 0, kNoToken};
  return {};
}

Status specials_have_control(const Tokenizer& tokenizer, std::string_view text, bool* has_control) {
  SpecialSearch search = {&tokenizer, text, true, {}};
  *has_control = false;
  for (size_t start = 0; start < text.size() && !*has_control;) {
    SpecialMatch match;
    CAMELGPT_TRY(search.next(start, &match));
    *has_control = tokenizer_is_control(tokenizer, match.token);
    start = match.position + match.length;
  }
  return {};
}

}  // namespace camelgpt
