// A recogniser without any cleverness, to check the engine against: matches expressions at positions by recursion. And
// random grammars and vocabularies for both.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "grammar/token_trie.h"

namespace camelgpt::reference {

struct Expression {
  enum Kind { kCharacters, kToken, kRule, kSequence, kAlternatives, kRepeat } kind;
  std::vector<std::pair<uint32_t, uint32_t>> ranges = {};  // kCharacters: one character of these ranges
  uint32_t id = 0;                                         // of the token or rule
  std::vector<Expression> children = {};
  uint32_t min = 0, max = 0;  // kRepeat; max can be UINT32_MAX
};

using Rules = std::vector<Expression>;  // the first one is the start rule

struct Vocabulary {
  std::vector<std::string> pieces;
  std::vector<bool> is_text;

  TokenSource source() const {
    TokenSource source;
    source.context = this;
    source.tokens = static_cast<uint32_t>(pieces.size());
    source.piece = [](const void* context, int32_t token) -> std::string_view {
      return static_cast<const Vocabulary*>(context)->pieces[static_cast<size_t>(token)];
    };
    source.is_text = [](const void* context, int32_t token) -> bool {
      return static_cast<const Vocabulary*>(context)->is_text[static_cast<size_t>(token)];
    };
    return source;
  }
};

inline bool operator<(const Expression&, const Expression&) = delete;

// Whether an expression has a property, given which rules have it: `all` and `any` of sequences and alternatives.
inline bool has_property(const Expression& e, const std::vector<bool>& rules, bool characters) {
  switch (e.kind) {
    case Expression::kCharacters: return characters && !e.ranges.empty();
    case Expression::kToken: return characters;
    case Expression::kRule: return rules[e.id];
    case Expression::kRepeat: return e.min == 0 || has_property(e.children[0], rules, characters);
    default: break;
  }
  for (const Expression& child : e.children) {
    if (has_property(child, rules, characters) == (e.kind == Expression::kAlternatives))
      return !e.children.empty() && e.kind == Expression::kAlternatives;
  }
  return e.kind == Expression::kSequence;
}

// The rules with a property: productive if `characters` count, else those that match the empty text.
inline std::vector<bool> rules_with_property(const Rules& rules, bool characters) {
  std::vector<bool> known(rules.size());
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < rules.size(); ++i) {
      if (known[i] || !has_property(rules[i], known, characters)) continue;
      known[i] = changed = true;
    }
  }
  return known;
}

// A text as a graph: each byte leads from one position to another, and so does each token.
struct Text {
  struct Edge {
    uint32_t symbol;  // a byte, or 256 + token
    size_t to;
  };
  std::vector<std::vector<Edge>> positions = {{}};
  size_t end = 0;

  void add_bytes(std::string_view bytes) {
    for (const char c : bytes) {
      positions.emplace_back();
      positions[end].push_back({static_cast<uint8_t>(c), positions.size() - 1});
      end = positions.size() - 1;
    }
  }
  void add_token(const Vocabulary& vocabulary, uint32_t token) {
    const size_t begin = end;
    const std::string& piece = vocabulary.pieces[token];
    if (vocabulary.is_text[token] && !piece.empty())
      add_bytes(piece);
    else {
      positions.emplace_back();
      end = positions.size() - 1;
    }
    positions[begin].push_back({256 + token, end});
  }
};

struct Recogniser {
  const Rules& rules;
  const Text& text;
  std::vector<bool> productive;
  uint64_t* work = nullptr;  // what remains of a limit; null: none
  bool reached_end = false;  // something more could follow at the end of the text
  std::map<std::pair<const Expression*, size_t>, std::set<size_t>> memo =
      {};  // where an expression that begins there ends

  std::set<size_t> match_symbol(const std::function<bool(uint32_t)>& accepts, size_t at) {
    std::set<size_t> ends;
    if (at == text.end) reached_end = true;
    for (const Text::Edge& edge : text.positions[at]) {
      if (accepts(edge.symbol)) ends.insert(edge.to);
    }
    return ends;
  }

  std::set<size_t> match_character(uint32_t first, uint32_t last, size_t at) {
    // Lead byte by lead byte: the characters of one are tried only if it is in the text.
    std::set<size_t> ends;
    if (at == text.end) reached_end = true;
    for (const Text::Edge& edge : text.positions[at]) {
      if (edge.symbol >= 256) continue;
      const uint32_t lead = edge.symbol;
      const uint32_t length = lead < 0x80   ? 1
                              : lead < 0xc0 ? 0
                              : lead < 0xe0 ? 2
                              : lead < 0xf0 ? 3
                              : lead < 0xf8 ? 4
                                            : 0;
      if (length == 0) continue;
      match_tail({edge.to}, std::string(1, static_cast<char>(lead)), length, first, last, &ends);
    }
    return ends;
  }

  // Extends the bytes of a character by the edges of the text.
  void match_tail(const std::set<size_t>& positions, const std::string& bytes, uint32_t length, uint32_t first,
                  uint32_t last, std::set<size_t>* ends) {
    for (const size_t at : positions) {
      if (bytes.size() == length) {
        const Utf8Character character = utf8_decode(bytes);
        if (character.length == length && character.code_point != kInvalidCodePoint && character.code_point >= first &&
            character.code_point <= last) {
          ends->insert(at);
        }
        continue;
      }
      if (at == text.end && can_complete(bytes, length, first, last)) reached_end = true;
      for (const Text::Edge& edge : text.positions[at]) {
        if (edge.symbol >= 256) continue;
        match_tail({edge.to}, bytes + static_cast<char>(edge.symbol), length, first, last, ends);
      }
    }
  }

  // Whether a character between `first` and `last` begins with these bytes.
  static bool can_complete(const std::string& bytes, uint32_t length, uint32_t first, uint32_t last) {
    const uint32_t missing = 6 * (length - static_cast<uint32_t>(bytes.size()));
    uint32_t low = static_cast<uint8_t>(bytes[0]) & (length == 2 ? 0x1fu : length == 3 ? 0xfu : 7u);
    for (size_t i = 1; i < bytes.size(); ++i) {
      if ((static_cast<uint8_t>(bytes[i]) & 0xc0) != 0x80) return false;
      low = low << 6 | (static_cast<uint8_t>(bytes[i]) & 0x3fu);
    }
    low <<= missing;
    const uint32_t smallest = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
    const uint32_t from = std::max({low, first, smallest});
    const uint32_t to = std::min({low + (1u << missing) - 1, last,
                                  length == 2   ? 0x7ffu
                                  : length == 3 ? 0xffffu
                                                : 0x10ffffu});
    for (uint32_t c = from; c <= to && from <= to; ++c) {
      if (c < 0xd800 || c >= 0xe000) return true;
    }
    return false;
  }

  std::set<size_t> match(const Expression& e, size_t at) {
    if (work != nullptr && (*work == 0 || --*work == 0)) return {};
    const auto key = std::pair(&e, at);
    if (const auto known = memo.find(key); known != memo.end()) return known->second;
    return memo[key] = match_new(e, at);
  }

  std::set<size_t> match_new(const Expression& e, size_t at) {
    std::set<size_t> ends;
    if (!has_property(e, productive, true)) return ends;
    switch (e.kind) {
      case Expression::kCharacters:
        for (const auto& [first, last] : e.ranges) ends.merge(match_character(first, last, at));
        break;
      case Expression::kToken: return match_symbol([&](uint32_t symbol) { return symbol == 256 + e.id; }, at);
      case Expression::kRule: return match(rules[e.id], at);
      case Expression::kAlternatives:
        for (const Expression& child : e.children) ends.merge(match(child, at));
        break;
      case Expression::kSequence:
        ends.insert(at);
        for (const Expression& child : e.children) ends = match_all(child, ends);
        break;
      case Expression::kRepeat: {
        // Iterations until nothing new is found; an iteration that matches nothing changes nothing past the minimum.
        std::set<size_t> now = {at};
        std::set<std::set<size_t>> seen;
        for (uint32_t i = 0;; ++i) {
          if (i >= e.min) ends.insert(now.begin(), now.end());
          if (i >= e.max || now.empty() || (i >= e.min && !seen.insert(now).second)) break;
          now = match_all(e.children[0], now);
        }
        break;
      }
    }
    return ends;
  }

  std::set<size_t> match_all(const Expression& e, const std::set<size_t>& begins) {
    std::set<size_t> ends;
    for (const size_t at : begins) ends.merge(match(e, at));
    return ends;
  }
};

struct Verdict {
  bool can_continue;  // the text is the beginning of, or is itself, a text of the grammar
  bool may_end;
};

// `work` limits the places that are tried. If nothing of it remains, the verdict is unknown.
inline Verdict recognise(const Rules& rules, const Text& text, uint64_t* work = nullptr) {
  Recogniser recogniser = {rules, text, rules_with_property(rules, true), work};
  const bool may_end = recogniser.match(rules[0], 0).contains(text.end);
  return {may_end || recogniser.reached_end, may_end};
}

// Whether a rule that the start rule reaches can begin with itself.
inline bool is_left_recursive(const Rules& rules) {
  const std::vector<bool> productive = rules_with_property(rules, true), nullable = rules_with_property(rules, false);
  std::vector<std::set<uint32_t>> corners(rules.size()), used(rules.size());
  // Adds what an expression begins with.
  const std::function<void(const Expression&, bool, uint32_t)> visit = [&](const Expression& e, bool leads,
                                                                           uint32_t rule) {
    if (!has_property(e, productive, true)) return;
    if (e.kind == Expression::kRule) {
      used[rule].insert(e.id);
      if (leads) corners[rule].insert(e.id);
    }
    if (e.kind == Expression::kRepeat && e.max == 0) return;
    for (const Expression& child : e.children) {
      if (!has_property(child, productive, true)) continue;
      visit(child, leads, rule);
      if (e.kind == Expression::kSequence) leads = leads && has_property(child, nullable, false);
    }
  };
  for (uint32_t i = 0; i < rules.size(); ++i) visit(rules[i], true, i);
  const auto closure = [&](std::set<uint32_t> from, const std::vector<std::set<uint32_t>>& edges) {
    for (size_t before = 0; before != from.size();) {
      before = from.size();
      for (const uint32_t rule : std::set<uint32_t>(from)) from.insert(edges[rule].begin(), edges[rule].end());
    }
    return from;
  };
  for (const uint32_t rule : closure({0}, used)) {
    if (closure(corners[rule], corners).contains(rule)) return true;
  }
  return false;
}

// --- random grammars and vocabularies ---

inline const std::vector<std::string>& characters() {
  static const std::vector<std::string> kCharacters = {
      "a", "b", "c", "\"", "\n", "\xc3\xa4", "\xe4\xb8\xad", "\xe4\xb8\xae", "\xf0\x9f\x98\x80"};
  return kCharacters;
}

struct Random {
  std::mt19937_64 engine;
  explicit Random(uint64_t seed) : engine(seed) {}
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(engine() % bound); }
};

inline Expression random_expression(Random& random, uint32_t depth, uint32_t rules, uint32_t tokens) {
  const uint32_t kind = depth == 0 ? random.below(3) : random.below(10);
  if (kind <= 1) {
    Expression e = {Expression::kCharacters};
    if (random.below(12) == 0)
      e.ranges = {{0, 0xd7ff}, {0xe000, 0x10ffff}};
    else if (random.below(8) == 0)  // the characters of JSON strings
      e.ranges = {{' ', '!'}, {'#', '['}, {']', 0xd7ff}, {0xe000, 0x10ffff}};
    else if (random.below(4) == 0)
      e.ranges = {{'a', 'b'}, {0xe0, 0x4e2e}};
    else {
      const std::string& character = characters()[random.below(static_cast<uint32_t>(characters().size()))];
      const uint32_t code_point = utf8_decode(character).code_point;
      e.ranges = {{code_point, code_point}};
    }
    return e;
  }
  if (kind == 2) {
    if (tokens > 0 && random.below(4) == 0) return {Expression::kToken, {}, random.below(tokens)};
    return {Expression::kRule, {}, random.below(rules)};
  }
  Expression e = {kind <= 5 ? Expression::kSequence : kind <= 7 ? Expression::kAlternatives : Expression::kRepeat};
  const uint32_t count = e.kind == Expression::kRepeat ? 1 : 2 + random.below(3);
  for (uint32_t i = 0; i < count; ++i) e.children.push_back(random_expression(random, depth - 1, rules, tokens));
  if (e.kind == Expression::kRepeat) {
    static constexpr uint32_t kAny = UINT32_MAX;
    static constexpr std::pair<uint32_t, uint32_t> kCounts[] = {{0, 1},    {0, kAny},  {1, kAny}, {0, 3},
                                                                {2, 4},    {3, 3},     {3, kAny}, {0, 40},
                                                                {2, 1000}, {20, kAny}, {15, 18},  {0, 0}};
    std::tie(e.min, e.max) = kCounts[random.below(std::size(kCounts))];
  }
  return e;
}

inline Rules random_rules(Random& random, uint32_t tokens) {
  const uint32_t count = 1 + random.below(5);
  Rules rules;
  for (uint32_t i = 0; i < count; ++i) rules.push_back(random_expression(random, 1 + random.below(3), count, tokens));
  return rules;
}

inline Vocabulary random_vocabulary(Random& random) {
  Vocabulary vocabulary;
  const uint32_t count = 20 + random.below(120);
  for (uint32_t i = 0; i < count; ++i) {
    std::string piece;
    for (uint32_t k = random.below(random.below(20) == 0 ? 12 : 4); k > 0; --k) {
      piece += characters()[random.below(static_cast<uint32_t>(characters().size()))];
    }
    // A part of it, which can begin and end within characters.
    const uint32_t begin = random.below(4) == 0 ? random.below(3) : 0;
    piece = piece.substr(std::min<size_t>(begin, piece.size()));
    if (random.below(4) == 0) piece = piece.substr(0, piece.size() - std::min<size_t>(random.below(3), piece.size()));
    vocabulary.pieces.push_back(piece);
    vocabulary.is_text.push_back(random.below(10) != 0);
  }
  return vocabulary;
}

inline std::string to_gbnf(const Expression& e) {
  switch (e.kind) {
    case Expression::kCharacters: {
      if (e.ranges.size() == 1 && e.ranges[0].first == e.ranges[0].second && e.ranges[0].first >= 'a') {
        char bytes[4];
        return "\"" + std::string(bytes, utf8_encode(e.ranges[0].first, bytes)) + "\"";
      }
      std::string text = "[";
      for (const auto& [first, last] : e.ranges) {
        char range[32];
        std::snprintf(range, sizeof range, "\\U%08x-\\U%08x", first, last);
        text += range;
      }
      return text + "]";
    }
    case Expression::kToken: return "<[" + std::to_string(e.id) + "]>";
    case Expression::kRule: return e.id == 0 ? "root" : "r" + std::to_string(e.id);
    case Expression::kRepeat:
      return "(" + to_gbnf(e.children[0]) + "){" + std::to_string(e.min) + "," +
             (e.max == UINT32_MAX ? "" : std::to_string(e.max)) + "}";
    default: break;
  }
  std::string text = "(";
  for (const Expression& child : e.children) {
    if (text.size() > 1) text += e.kind == Expression::kAlternatives ? " | " : " ";
    text += to_gbnf(child);
  }
  return text + ")";
}

inline std::string to_gbnf(const Rules& rules) {
  std::string text;
  for (uint32_t i = 0; i < rules.size(); ++i)
    text += to_gbnf({Expression::kRule, {}, i}) + " ::= " + to_gbnf(rules[i]) + "\n";
  return text;
}

}  // namespace camelgpt::reference
