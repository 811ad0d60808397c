#include "grammar/gbnf.h"

#include <algorithm>
#include <bit>

#include "base/hash.h"
#include "base/heap_sort.h"
#include "base/utf8.h"

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
  Buffer<uint32_t> slots;  // [power of two] hash table of rules; 0: empty
  Status status;

  bool fail(const char* where, const char* message) {
    if (status.ok()) status = grammar_error(syntax, where, message);
    return false;
  }
  bool check(bool has_memory) {
    if (!has_memory && status.ok()) status = out_of_memory("the grammar", syntax.text.size());
    return has_memory;
  }

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
  bool open_level() { return check(levels.push_back({{}, {}, static_cast<uint32_t>(at - syntax.text.data())})); }
  // The end of a sequence, and of a level: appends the whole to `list`.
  bool finish_level(NodeList* list) {
    return finish(SyntaxKind::kSequence, &levels.back().sequence, &levels.back().alternatives) &&
           finish(SyntaxKind::kAlternatives, &levels.back().alternatives, list);
  }
};

bool Parser::add(SyntaxKind kind, uint32_t a, uint32_t b, NodeList* list) {
  const uint32_t index = static_cast<uint32_t>(syntax.nodes.size());
  if (!check(syntax.nodes.push_back({kind, 0, a, b, kNoSyntax, list->last, 0}))) return false;
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
  if (syntax.rules.size() * 2 >= slots.size()) {
    Buffer<uint32_t> larger;
    if (!check(larger.resize(std::max<size_t>(64, slots.size() * 2)))) return false;
    slots.swap(larger);
    for (uint32_t i = 0; i < syntax.rules.size(); ++i) {
      const std::string_view known = syntax.rules[i].name;
      size_t slot = hash_bytes(known.data(), known.size()) & (slots.size() - 1);
      while (slots[slot] != 0) slot = (slot + 1) & (slots.size() - 1);
      slots[slot] = i + 1;
    }
  }
  size_t slot = hash_bytes(name.data(), name.size()) & (slots.size() - 1);
  for (; slots[slot] != 0; slot = (slot + 1) & (slots.size() - 1)) {
    *rule = slots[slot] - 1;
    if (syntax.rules[*rule].name == name) return true;
  }
  *rule = static_cast<uint32_t>(syntax.rules.size());
  slots[slot] = *rule + 1;
  return check(syntax.rules.push_back({name, kNoSyntax, kNoSyntax}));
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
    if (!check(syntax.bytes.append(encoded, utf8_encode(code_point, encoded)))) return false;
  }
  ++at;
  return add(SyntaxKind::kLiteral, first, static_cast<uint32_t>(syntax.bytes.size()), &levels.back().sequence);
}

bool Parser::parse_class() {
  const char* const begin = at++;
  Buffer<CodePointRange>& ranges = syntax.ranges;
  const uint32_t first = static_cast<uint32_t>(ranges.size());
  bool inverts = true;  // `.` is the inverted empty class
  if (*begin == '[') {
    inverts = next_is('^');
    if (inverts) ++at;
    while (!next_is(']')) {
      if (at == end) return fail(begin, "The character class does not end");
      const char* const character = at;
      CodePointRange range;
      if (!parse_character(&range.first)) return false;
      range.last = range.first;
      if (end - at >= 2 && at[0] == '-' && at[1] != ']') {
        ++at;
        if (!parse_character(&range.last)) return false;
        if (range.last < range.first) return fail(character, "The range of characters is empty");
      }
      if (!check(ranges.push_back(range))) return false;
    }
    ++at;
  }
  // Sorts the ranges and takes them, or the gaps between them, in order; surrogates are in neither.
  const size_t listed = ranges.size();
  heap_sort(ranges.begin() + first, ranges.end(), [](CodePointRange a, CodePointRange b) { return a.first < b.first; });
  const auto put = [&](uint32_t from, uint32_t to) {  // `to` is after the last one
    if (from < 0xd800 && to > 0xd800) {
      if (!ranges.push_back({from, 0xd7ff})) return false;
    }
    if (from >= 0xd800 || to > 0xd800) from = std::max(from, 0xe000u);
    return from >= to || ranges.push_back({from, to - 1});
  };
  bool has_memory = true;
  uint32_t from = 0, to = 0;  // the merged range so far
  for (size_t i = first; i < listed; ++i) {
    const CodePointRange range = ranges[i];
    if (range.first > to) {
      has_memory &= inverts ? put(to, range.first) : put(from, to);
      from = range.first;
    }
    to = std::max(to, range.last + 1);
  }
  has_memory &= inverts ? put(to, 0x110000) : put(from, to);
  if (!check(has_memory)) return false;
  const size_t count = ranges.size() - listed;
  std::memmove(ranges.data() + first, ranges.data() + listed, count * sizeof ranges[0]);
  ranges.shrink(first + count);
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
  if (!check(syntax.repeats.push_back(repeat)) || !add(SyntaxKind::kRepeat, child, index, list)) return false;
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

Status gbnf_parse(std::string_view text, const TokenTrie* trie, Syntax* syntax) {
  syntax->text = text;
  Parser parser = {*syntax, trie, text.data(), text.data() + text.size(), {}, {}, {}};
  parser.parse();
  return parser.status;
}

Status grammar_error(const Syntax& syntax, const char* at, const char* message) {
  const std::string_view before(syntax.text.data(), static_cast<size_t>(at - syntax.text.data()));
  const size_t line = static_cast<size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
  const size_t column = before.size() - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
  // The rest of the line, without a character that the limit cuts.
  std::string_view shown = syntax.text.substr(before.size(), 60);
  shown = shown.substr(0, shown.find('\n'));
  shown = shown.substr(0, utf8_validate(shown));
  Status status =
      make_error(ErrorCode::kBadGrammar, "%s (line %zu, column %zu of the grammar).", message, line, column);
  status = with_expected(status, "GBNF");
  if (shown.empty())
    return with_found(status, at == syntax.text.data() + syntax.text.size() ? "the end" : "a new line");
  return with_found(status, "%.*s", static_cast<int>(shown.size()), shown.data());
}

}  // namespace camelgpt
