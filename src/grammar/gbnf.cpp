#include "grammar/gbnf.h"

#include <algorithm>

#include "base/utf8.h"
#include "grammar/set_table.h"
#include "grammar/sort.h"

namespace camelgpt {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A list of nodes, linked by `previous`.
struct NodeList {
  uint32_t last = kNoSyntax;
  uint32_t count = 0;
};

// The alternatives between parentheses, or of a rule.
struct Level {
  NodeList alternatives, sequence;
  uint32_t at;  // where it begins in the text
};

struct Parser {
  Syntax& syntax;
  const TokenTrie* trie;
  const char* at;
  const char* const end;
  Buffer<Level> levels;
  SetTable names;           // of the rules, padded with zeros
  Buffer<uint64_t> words;   // of a name
  Buffer<SortPair> listed;  // the ranges of a class as they are written

  bool fail(const char* where, const char* message) { return syntax.fail(where, message); }

  bool next_is(char c) const { return at < end && *at == c; }
  void skip_space(bool newlines) {
    for (; at < end; ++at) {
      if (*at == '#') {
        while (at < end && *at != '\n') ++at;
        if (at == end) return;
      }
      if (*at == '\n' ? !newlines : *at != ' ' && *at != '\t' && *at != '\r') return;
    }
  }
  std::string_view word() {
    const char* const begin = at;
    while (at < end && is_word(*at)) ++at;
    return {begin, static_cast<size_t>(at - begin)};
  }

  bool parse();
  bool parse_rule();
  bool parse_expression(uint32_t* expression);
  bool parse_item();
  bool parse_literal();
  bool parse_class();
  bool parse_token();
  bool parse_repetition();
  bool parse_character(uint32_t* code_point);
  bool parse_number(uint32_t* number);
  bool find_rule(std::string_view name, uint32_t* rule);
  bool add(SyntaxKind kind, uint32_t a, uint32_t b, NodeList* list);
  bool finish(SyntaxKind kind, NodeList* from, NodeList* list);
  bool open_level() { return levels.push_back({{}, {}, static_cast<uint32_t>(at - syntax.text.data())}); }
  // The end of a sequence, and of a level: appends the whole to `list`.
  bool finish_level(NodeList* list) {
    return finish(SyntaxKind::kSequence, &levels.back().sequence, &levels.back().alternatives) &&
           finish(SyntaxKind::kAlternatives, &levels.back().alternatives, list);
  }
};

bool Parser::add(SyntaxKind kind, uint32_t a, uint32_t b, NodeList* list) {
  const uint32_t index = static_cast<uint32_t>(syntax.nodes.size());
  if (!(syntax.nodes.push_back({kind, 0, a, b, kNoSyntax, list->last, 0}))) return false;
  *list = {index, list->count + 1};
  return true;
}

// Makes one node of a list and appends it to another.
bool Parser::finish(SyntaxKind kind, NodeList* from, NodeList* list) {
  const NodeList children = *from;
  *from = {};
  if (children.count == 0) return add(SyntaxKind::kLiteral, 0, 0, list);
  if (children.count == 1) {
    syntax.nodes[children.last].previous = list->last;
    *list = {children.last, list->count + 1};
    return true;
  }
  if (!add(kind, children.last, children.count, list)) return false;
  for (uint32_t i = children.last; i != kNoSyntax; i = syntax.nodes[i].previous) syntax.nodes[i].parent = list->last;
  return true;
}

bool Parser::find_rule(std::string_view name, uint32_t* rule) {
  words.clear();
  if (!words.resize(name.size() / 8 + 1)) return false;
  std::memcpy(words.data(), name.data(), name.size());
  *rule = set_intern(words.span(), &names);
  if (*rule != syntax.rules.size()) return *rule != kNoSet;
  return syntax.rules.push_back({name, kNoSyntax, kNoSyntax});
}

bool Parser::parse_number(uint32_t* number) {
  const char* const begin = at;
  uint64_t value = 0;
  for (; at < end && is_digit(*at); ++at)
    value = std::min<uint64_t>(value * 10 + static_cast<uint32_t>(*at - '0'), kNoLimit);
  *number = static_cast<uint32_t>(value);
  return (at > begin && value < kNoLimit) ||
         fail(begin, at > begin ? "The number is too large" : "A number is missing");
}

bool Parser::parse_character(uint32_t* code_point) {
  const char* const begin = at;
  if (*at != '\\') {
    const Utf8Character character = utf8_decode({at, static_cast<size_t>(end - at)});
    *code_point = character.code_point;
    at += character.length;
    return character.code_point != kInvalidCodePoint || fail(begin, "The grammar is not UTF-8");
  }
  if (++at == end) return fail(begin, "An escape sequence is incomplete");
  const char c = *at++;
  const uint32_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
  if (digits == 0) {
    *code_point = static_cast<uint32_t>(c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c);
    for (const char* known = "nrt\\\"[]-^"; *known != '\0'; ++known) {
      if (*known == c) return true;
    }
    return fail(begin, "The escape sequence is unknown");
  }
  uint32_t value = 0;
  for (uint32_t i = 0; i < digits; ++i, ++at) {
    const char lower = at < end ? static_cast<char>(*at | 0x20) : ' ';
    const bool is_letter = lower >= 'a' && lower <= 'f';
    if (!is_letter && (at == end || !is_digit(*at))) return fail(begin, "An escape sequence lacks hexadecimal digits");
    value = value << 4 | static_cast<uint32_t>(is_letter ? lower - 'a' + 10 : *at - '0');
  }
  *code_point = value;
  return value < 0x110000 || fail(begin, "The character is past U+10FFFF");
}

bool Parser::parse_literal() {
  const char* const begin = at++;
  const uint32_t first = static_cast<uint32_t>(syntax.bytes.size());
  while (!next_is('"')) {
    const char* const character = at;
    if (at == end) return fail(begin, "The string does not end");
    uint32_t code_point;
    if (!parse_character(&code_point)) return false;
    if (code_point >= 0xd800 && code_point < 0xe000) return fail(character, "A surrogate is not a character");
    char encoded[4];
    if (!(syntax.bytes.append(encoded, utf8_encode(code_point, encoded)))) return false;
  }
  ++at;
  return add(SyntaxKind::kLiteral, first, static_cast<uint32_t>(syntax.bytes.size()), &levels.back().sequence);
}

bool Parser::parse_class() {
  const char* const begin = at++;
  Buffer<CodePointRange>& ranges = syntax.ranges;
  const uint32_t first = static_cast<uint32_t>(ranges.size());
  bool inverts = true;  // `.` is the inverted empty class
  listed.clear();
  if (*begin == '[') {
    inverts = next_is('^');
    if (inverts) ++at;
    while (!next_is(']')) {
      if (at == end) return fail(begin, "The character class does not end");
      const char* const character = at;
      uint32_t low, high;
      if (!parse_character(&low)) return false;
      high = low;
      if (end - at >= 2 && at[0] == '-' && at[1] != ']') {
        ++at;
        if (!parse_character(&high)) return false;
        if (high < low) return fail(character, "The range of characters is empty");
      }
      if (!listed.push_back({low, high})) return false;
    }
    ++at;
  }
  // Merges the ranges, or collects the gaps between them. Surrogates are in neither.
  sort_pairs(listed.data(), listed.size());
  if (!listed.push_back({0x110000, 0x110000})) return false;
  const auto put = [&](uint32_t from, uint32_t to) {  // `to` is after the last one
    if (from < 0xd800 && to > 0xd800 && !ranges.push_back({from, 0xd7ff})) return false;
    if (to > 0xd800) from = std::max(from, 0xe000u);
    return from >= to || ranges.push_back({from, to - 1});
  };
  uint32_t from = 0, to = 0;  // the merged range so far
  for (const SortPair& range : listed) {
    const uint32_t low = static_cast<uint32_t>(range.key);
    if (low > to || low == 0x110000) {
      if (!(inverts ? put(to, low) : put(from, to))) return false;
      from = low;
    }
    to = std::max(to, static_cast<uint32_t>(range.value) + 1);
  }
  return add(SyntaxKind::kClass, first, static_cast<uint32_t>(ranges.size()), &levels.back().sequence);
}

// <[id]>, or <text>: the token that is written so.
bool Parser::parse_token() {
  const char* const begin = at++;
  if (trie == nullptr) return fail(begin, "The model has no tokens");
  uint32_t token;
  if (next_is('[')) {
    ++at;
    if (!parse_number(&token)) return false;
    if (end - at < 2 || at[0] != ']' || at[1] != '>') return fail(begin, "The token lacks \"]>\"");
    at += 2;
    if (token >= trie->source.tokens) return fail(begin, "The vocabulary has no such token");
  } else {
    while (at < end && *at != '>' && *at != '\n') ++at;
    if (!next_is('>')) return fail(begin, "The token lacks \">\"");
    ++at;
    token = static_cast<uint32_t>(token_trie_find(*trie, {begin, static_cast<size_t>(at - begin)}));
    if (token >= trie->source.tokens) return fail(begin, "The vocabulary has no such token");
  }
  return add(SyntaxKind::kToken, token, 0, &levels.back().sequence);
}

bool Parser::parse_repetition() {
  const char* const begin = at;
  const char c = *at++;
  Repetition repeat = {c == '+' ? 1u : 0u, c == '?' ? 1u : kNoLimit};
  if (c == '{') {
    skip_space(false);
    if (!next_is(',') && !parse_number(&repeat.min)) return false;
    skip_space(false);
    repeat.max = repeat.min;
    if (next_is(',')) {
      ++at;
      skip_space(false);
      repeat.max = kNoLimit;
      if (!next_is('}') && !parse_number(&repeat.max)) return false;
      skip_space(false);
    }
    if (!next_is('}')) return fail(begin, "The repetition lacks \"}\"");
    ++at;
    if (repeat.max < repeat.min) return fail(begin, "The repetition has a maximum below its minimum");
  }
  NodeList* const list = &levels.back().sequence;
  if (list->count == 0) return fail(begin, "The repetition has nothing to repeat");
  const uint32_t child = list->last;
  *list = {syntax.nodes[child].previous, list->count - 1};
  const uint32_t index = static_cast<uint32_t>(syntax.repeats.size());
  if (!(syntax.repeats.push_back(repeat)) || !add(SyntaxKind::kRepeat, child, index, list)) return false;
  syntax.nodes[child].parent = list->last;
  return true;
}

bool Parser::parse_item() {
  switch (*at) {
    case '"': return parse_literal();
    case '[':
    case '.': return parse_class();
    case '<': return parse_token();
    case '*':
    case '+':
    case '?':
    case '{': return parse_repetition();
    case '(': ++at; return open_level();
    case ')': {
      if (levels.size() == 1) return fail(at, "The parenthesis was not opened");
      ++at;
      NodeList* const list = &levels[levels.size() - 2].sequence;
      if (!finish_level(list)) return false;
      levels.shrink(levels.size() - 1);
      return true;
    }
    default: break;
  }
  if (!is_word(*at)) return fail(at, "The character is not part of an expression");
  uint32_t rule;
  if (!find_rule(word(), &rule)) return false;
  SyntaxRule& entry = syntax.rules[rule];
  if (!add(SyntaxKind::kReference, rule, entry.references, &levels.back().sequence)) return false;
  entry.references = levels.back().sequence.last;
  return true;
}

bool Parser::parse_expression(uint32_t* expression) {
  levels.clear();
  skip_space(true);
  if (!open_level()) return false;
  for (;;) {
    skip_space(levels.size() > 1);
    const char* const line_end = at;
    if (next_is('\n')) skip_space(true);  // the next line may continue with |
    if (next_is('|')) {
      ++at;
      if (!finish(SyntaxKind::kSequence, &levels.back().sequence, &levels.back().alternatives)) return false;
      skip_space(true);
      continue;
    }
    at = line_end;
    if (at == end || *at == '\n') break;
    if (!parse_item()) return false;
  }
  if (levels.size() > 1) return fail(syntax.text.data() + levels.back().at - 1, "The parenthesis does not close");
  NodeList whole;
  if (!finish_level(&whole)) return false;
  *expression = whole.last;
  return true;
}

bool Parser::parse_rule() {
  const char* const begin = at;
  const std::string_view name = word();
  if (name.empty()) return fail(begin, "A rule must begin with its name");
  skip_space(false);
  if (end - at < 3 || std::memcmp(at, "::=", 3) != 0) return fail(at, "A rule needs \"::=\" after its name");
  at += 3;
  uint32_t rule, expression;
  if (!find_rule(name, &rule) || !parse_expression(&expression)) return false;
  if (syntax.rules[rule].expression != kNoSyntax) return fail(begin, "The rule is defined twice");
  syntax.rules[rule].expression = expression;
  syntax.rules[rule].name = name;  // errors about the rule show its definition
  syntax.nodes[expression].previous = rule;
  return true;
}

bool Parser::parse() {
  if (syntax.text.size() > kMaxGrammarBytes) return fail(at, "The grammar is longer than 4 MiB");
  if (!find_rule("root", &syntax.root)) return false;
  for (;;) {
    skip_space(true);
    if (at == end) break;
    if (!parse_rule()) return false;
  }
  if (syntax.rules[syntax.root].expression == kNoSyntax) return fail(at, "The rule \"root\" is missing");
  for (const SyntaxRule& rule : syntax.rules) {
    if (rule.expression == kNoSyntax) return fail(rule.name.data(), "The rule is not defined");
  }
  return true;
}

}  // namespace

bool gbnf_parse(std::string_view text, const TokenTrie* trie, Syntax* syntax) {
  syntax->text = text;
  Parser parser = {*syntax, trie, text.data(), text.data() + text.size(), {}, {}, {}, {}};
  return parser.parse();
}

Status syntax_error(const Syntax& syntax) {
  if (syntax.error == nullptr) return out_of_memory("the grammar", syntax.text.size() * sizeof(SyntaxNode));
  size_t line = 1, column = 1;
  for (const char* at = syntax.text.data(); at < syntax.error_at; ++at) {
    column = *at == '\n' ? 1 : column + 1;
    line += *at == '\n';
  }
  // The rest of the line, without a character that the limit cuts.
  std::string_view shown = syntax.text.substr(static_cast<size_t>(syntax.error_at - syntax.text.data()), 60);
  shown = shown.substr(0, shown.find('\n'));
  shown = shown.substr(0, utf8_validate(shown));
  const Status status = make_error(ErrorCode::kBadGrammar, "%s (line %u, column %u of the grammar).", syntax.error,
                                   static_cast<unsigned>(line), static_cast<unsigned>(column));
  return with_found(status, "%.*s", static_cast<int>(shown.size()), shown.data());
}

}  // namespace camelgpt
