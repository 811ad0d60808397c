#include <algorithm>
#include <random>

#include "tokenize/token_matcher.h"
#include "tokenize/vocabulary.h"
#include "vocabularies.h"

namespace camelgpt {
namespace {

// A tokenizer with these tokens and nothing else.
Tokenizer with_pieces(const std::vector<std::string>& pieces) {
  Tokenizer tokenizer;
  tokenizer.vocabulary_size = static_cast<uint32_t>(pieces.size());
  REQUIRE(tokenizer.piece_start.push_back(0));
  for (const std::string& piece : pieces) {
    REQUIRE(tokenizer.piece_bytes.append(piece.data(), piece.size()));
    REQUIRE(tokenizer.piece_start.push_back(static_cast<uint32_t>(tokenizer.piece_bytes.size())));
  }
  return tokenizer;
}

TokenMatcher matcher_of(const Tokenizer& tokenizer, bool reversed) {
  Buffer<uint32_t> order;
  for (uint32_t token = 0; token < tokenizer.vocabulary_size; ++token) REQUIRE(order.push_back(token));
  TokenMatcher matcher;
  REQUIRE(matcher_build(tokenizer, &order, reversed, &matcher).ok());
  return matcher;
}

// The tokens that a node reports, from the longest to the shortest.
std::vector<uint32_t> matches_of(const TokenMatcher& matcher, uint32_t node) {
  std::vector<uint32_t> tokens;
  for (uint32_t i = matcher.match[node]; i != 0; i = matcher.shorter[i]) tokens.push_back(matcher.tokens[i]);
  return tokens;
}

std::string random_text(std::mt19937* random, size_t size) {
  std::string text;
  for (size_t i = 0; i < size; ++i) text += "ab<"[(*random)() % 3];
  return text;
}

TEST_CASE("the matcher finds the tokens that end, or begin, at each position") {
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::string> pieces;
    for (size_t i = 1 + random() % 60; i > 0; --i) pieces.push_back(random_text(&random, 1 + random() % 7));
    const Tokenizer tokenizer = with_pieces(pieces);
    const TokenMatcher forward = matcher_of(tokenizer, false), backward = matcher_of(tokenizer, true);
    const std::string text = random_text(&random, 80);
    // Returns the first token with each of the texts of 1 to 8 bytes that `text_of(size)` gives, the longest first.
    const auto expected = [&](auto&& text_of, size_t longest) {
      std::vector<uint32_t> tokens;
      for (size_t size = std::min<size_t>(longest, 8); size > 0; --size) {
        const auto found = std::find(pieces.begin(), pieces.end(), text_of(size));
        if (found != pieces.end()) tokens.push_back(static_cast<uint32_t>(found - pieces.begin()));
      }
      return tokens;
    };
    uint32_t node = 0;
    for (size_t end = 1; end <= text.size(); ++end) {
      node = forward.next(node, static_cast<uint8_t>(text[end - 1]));
      CHECK(matches_of(forward, node) == expected([&](size_t size) { return text.substr(end - size, size); }, end));
    }
    node = 0;
    for (size_t begin = text.size(); begin-- > 0;) {
      node = backward.next(node, static_cast<uint8_t>(text[begin]));
      const size_t longest = text.size() - begin;
      CHECK(matches_of(backward, node) == expected([&](size_t size) { return text.substr(begin, size); }, longest));
    }
  }
}

TEST_CASE("a matcher without tokens finds nothing") {
  const TokenMatcher matcher = matcher_of(with_pieces({}), true);
  CHECK(matcher.next(0, 'a') == 0);
  CHECK(matches_of(matcher, 0).empty());
}

TEST_CASE("a matcher with many tokens after one beginning finds each of them") {
  std::vector<std::string> pieces;
  for (int i = 0; i < 2000; ++i) pieces.push_back(std::string(200, '<') + std::to_string(10000 + i));
  const TokenMatcher matcher = matcher_of(with_pieces(pieces), false);
  CHECK(matcher.byte.size() < 200 + 2000 * 3);
  for (const size_t i : {size_t{0}, size_t{999}, size_t{1999}}) {
    uint32_t node = 0;
    for (const char byte : "<<" + pieces[i]) node = matcher.next(node, static_cast<uint8_t>(byte));
    CHECK(matches_of(matcher, node) == std::vector{static_cast<uint32_t>(i)});
  }
}

}  // namespace
}  // namespace camelgpt
