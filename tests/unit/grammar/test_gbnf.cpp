#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "grammar/grammar.h"
#include "grammar/reference.h"

using namespace camelgpt;

namespace {

struct Compiled {
  Grammar grammar;
  GrammarState begin;
};

Compiled compile(std::string_view gbnf, const TokenTrie* trie = nullptr) {
  Compiled compiled;
  const Status status = grammar_compile(gbnf, trie, &compiled.grammar);
  CAPTURE(gbnf);
  CAPTURE(std::string(status.ok() ? "" : status.message));
  REQUIRE(status.ok());
  REQUIRE(grammar_begin(&compiled.grammar, &compiled.begin).ok());
  return compiled;
}

enum Outcome { kComplete, kPrefix, kMismatch };

Outcome match(Compiled* compiled, std::string_view text) {
  GrammarState state = compiled->begin;
  size_t accepted;
  REQUIRE(grammar_accept_bytes(&compiled->grammar, text, &state, &accepted).ok());
  if (accepted < text.size()) return kMismatch;
  return grammar_may_end(compiled->grammar, state) ? kComplete : kPrefix;
}

void check(std::string_view gbnf, const std::vector<std::string>& complete, const std::vector<std::string>& prefixes,
           const std::vector<std::string>& mismatches) {
  Compiled compiled = compile(gbnf);
  CAPTURE(gbnf);
  for (const std::string& text : complete) CHECK_MESSAGE(match(&compiled, text) == kComplete, text);
  for (const std::string& text : prefixes) CHECK_MESSAGE(match(&compiled, text) == kPrefix, text);
  for (const std::string& text : mismatches) CHECK_MESSAGE(match(&compiled, text) == kMismatch, text);
}

std::string error_of(std::string_view gbnf, const TokenTrie* trie = nullptr) {
  Grammar grammar;
  const Status status = grammar_compile(gbnf, trie, &grammar);
  CAPTURE(gbnf);
  REQUIRE(status.code == ErrorCode::kBadGrammar);
  return status.message;
}

}  // namespace

TEST_CASE("GBNF: literals, sequences, alternatives and groups") {
  check("root ::= \"ab\" (\"c\" | \"d\" \"e\")", {"abc", "abde"}, {"", "a", "ab", "abd"}, {"b", "abe", "abcd", "abdf"});
  check("root::=\"a\"|\n  \"b\" # a comment\n  | \"c\"\n", {"a", "b", "c"}, {""}, {"d", "ab"});
  check("root ::= (\n \"a\"\n \"b\"\n)\n", {"ab"}, {"a"}, {"b"});
  check("# first\n\nroot ::= x-1 x_2\r\nx-1 ::= \"a\"\r\nx_2 ::= \"b\"", {"ab"}, {"a"}, {"aa"});
  check("root ::= \"\"", {""}, {}, {"a"});
  check("root ::= ()", {""}, {}, {"a"});
  check("root ::= | \"a\"", {"", "a"}, {}, {"aa"});
  check("root ::=", {""}, {}, {"a"});
}

TEST_CASE("GBNF: repetitions") {
  check("root ::= \"a\"*", {"", "a", "aaaa"}, {}, {"b"});
  check("root ::= \"a\"+", {"a", "aaaa"}, {""}, {"b"});
  check("root ::= \"a\"? \"b\"", {"b", "ab"}, {"", "a"}, {"aa"});
  check("root ::= \"a\"{3}", {"aaa"}, {"", "aa"}, {"aaaa"});
  check("root ::= \"a\"{2,}", {"aa", "aaaaa"}, {"", "a"}, {"ab"});
  check("root ::= \"a\"{,2}", {"", "a", "aa"}, {}, {"aaa"});
  check("root ::= \"a\"{ 2 , 3 }", {"aa", "aaa"}, {"a"}, {"aaaa"});
  check("root ::= \"a\"{0} \"b\"", {"b"}, {""}, {"a"});
  check("root ::= (\"a\"{2}){2,3}", {"aaaa", "aaaaaa"}, {"aa", "aaaaa"}, {"aaaaaaa"});
  check("root ::= (\"a\" \"b\"{20,30} \"c\"){2} \"d\"",
        {std::string("a").append(20, 'b') + "ca" + std::string(30, 'b') + "cd"}, {"a"}, {"ac"});
  check("root ::= \"a\"* *", {"", "aaa"}, {}, {"b"});
  check("root ::= (\"a\"?){100}", {"", "a", std::string(100, 'a')}, {}, {std::string(101, 'a')});
  check("root ::= (\"a\" | \"aa\"){50,60}", {std::string(50, 'a'), std::string(120, 'a')}, {std::string(49, 'a')},
        {std::string(121, 'a')});
}

TEST_CASE("GBNF: character classes") {
  check("root ::= [a-cx]", {"a", "b", "c", "x"}, {""}, {"d", "-", "ab"});
  check("root ::= [^a-c]", {"d", "\n", "\xc3\xa4", "\xf0\x9f\x98\x80"}, {"", "\xc3", "\xf0\x9f"},
        {"a", "\xff", "\x80"});
  check("root ::= [a\\-\\]\\^-]", {"a", "-", "]", "^"}, {}, {"b"});
  check("root ::= .", {"a", "\xe4\xb8\xad"}, {"\xe4\xb8"}, {"\xc0", "\xed\xa0", "\xf4\x90", "\xe0\x80", "\xf0\x80"});
  check("root ::= [\\u00e4-\\u4e2d]", {"\xc3\xa4", "\xe4\xb8\xad", "\xd0\x80"}, {"\xc3"}, {"\xc3\xa3", "\xe4\xb8\xae"});
  check("root ::= [\\U0001F600-\\U0010FFFF]", {"\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"}, {"\xf0\x9f"}, {"\xf0\x9e"});
  check("root ::= [\\x00-\\U0010ffff]", {"a", std::string(1, '\0'), "\xf4\x8f\xbf\xbf"}, {}, {"\xed\xa0"});
  check("root ::= \"\\n\\r\\t\\\\\\\"\\[\\]\\x41\\u00e4\"", {"\n\r\t\\\"[]A\xc3\xa4"}, {"\n"}, {"n"});
}

TEST_CASE("GBNF: recursion, ambiguity and rules that match nothing") {
  check("root ::= \"(\" root \")\" | \"x\"", {"x", "((x))"}, {"((", "((x)"}, {")", "(x))"});
  check("root ::= \"a\" root | \"a\"", {"a", "aaaa"}, {""}, {"b"});
  check("root ::= list\nlist ::= item | item \",\" list\nitem ::= [0-9]+", {"1", "1,22,3"}, {"1,"}, {",", "1,,"});
  check("root ::= a a a\na ::= \"x\"? b\nb ::= \"y\"*", {"", "x", "xxx", "yxyy", "xyxyxyy"}, {}, {"xxxx", "z"});
  check("root ::= \"a\" | never | \"b\" never\nnever ::= \"c\" never", {"a"}, {""}, {"b", "c"});
  check("root ::= s \"!\"\ns ::= a s b | \"\"\na ::= \"(\"\nb ::= \")\"?", {"!", "(!", "(()!"}, {"("}, {")"});
  check("root ::= ((\"a\"*)*)* \"b\"", {"b", "aaab"}, {"aaa"}, {"c"});
}

TEST_CASE("GBNF: errors have a place") {
  CHECK(error_of("root ::= \"a\" )") == "The parenthesis was not opened (line 1, column 14 of the grammar).");
  CHECK(error_of("root ::= (\"a\"") == "The parenthesis does not close (line 1, column 10 of the grammar).");
  CHECK(error_of("root ::= \"a") == "The string does not end (line 1, column 10 of the grammar).");
  CHECK(error_of("root ::= [a") == "The character class does not end (line 1, column 10 of the grammar).");
  CHECK(error_of("root ::= [b-a]") == "The range of characters is empty (line 1, column 11 of the grammar).");
  CHECK(error_of("root ::= \"\\q\"") == "The escape sequence is unknown (line 1, column 11 of the grammar).");
  CHECK(error_of("root ::= \"\\u12\"") ==
        "An escape sequence lacks hexadecimal digits (line 1, column 11 of the grammar).");
  CHECK(error_of("root ::= \"\\uD800\"") == "A surrogate is not a character (line 1, column 11 of the grammar).");
  CHECK(error_of("root ::= \"\\U00110000\"") == "The character is past U+10FFFF (line 1, column 11 of the grammar).");
  CHECK(error_of("root ::= \"\xff\"") == "The grammar is not UTF-8 (line 1, column 11 of the grammar).");
  CHECK(error_of("root ::= *") == "The repetition has nothing to repeat (line 1, column 10 of the grammar).");
  CHECK(error_of("root ::= \"a\"{3,2}") ==
        "The repetition has a maximum below its minimum (line 1, column 13 of the grammar).");
  CHECK(error_of("root ::= \"a\"{2") == "The repetition lacks \"}\" (line 1, column 13 of the grammar).");
  CHECK(error_of("root ::= \"a\"{}") == "A number is missing (line 1, column 14 of the grammar).");
  CHECK(error_of("root ::= \"a\"{99999999999}") == "The number is too large (line 1, column 14 of the grammar).");
  CHECK(error_of("root ::= x\n") == "The rule is not defined (line 1, column 10 of the grammar).");
  CHECK(error_of("root ::= \"a\"\nx ::= y") == "The rule is not defined (line 2, column 7 of the grammar).");
  CHECK(error_of("root ::= \"a\"\nroot ::= \"b\"") == "The rule is defined twice (line 2, column 1 of the grammar).");
  CHECK(error_of("x ::= \"a\"") == "The rule \"root\" is missing (line 1, column 10 of the grammar).");
  CHECK(error_of("") == "The rule \"root\" is missing (line 1, column 1 of the grammar).");
  CHECK(error_of("root = \"a\"") == "A rule needs \"::=\" after its name (line 1, column 6 of the grammar).");
  CHECK(error_of("root ::= \"a\"\n{}") == "A rule must begin with its name (line 2, column 1 of the grammar).");
  CHECK(error_of("root ::= &") == "The character is not part of an expression (line 1, column 10 of the grammar).");
  CHECK(error_of("root ::= <x>") == "The model has no tokens (line 1, column 10 of the grammar).");
  CHECK(error_of("root ::= a\na ::= \"x\" a") == "The grammar matches no text (line 1, column 1 of the grammar).");
  CHECK(error_of("root ::= []") == "The grammar matches no text (line 1, column 1 of the grammar).");
}

TEST_CASE("GBNF: left recursion is an error that names the rule") {
  CHECK(error_of("root ::= root \"a\" | \"b\"") == "The rule is left-recursive (line 1, column 1 of the grammar).");
  CHECK(error_of("root ::= \"a\"\n  | x\nx ::= y \"a\" | \"b\"\ny ::= x | \"c\"")
            .starts_with("The rule is left-recursive"));
  // Hidden after rules that match the empty text, and in repetitions.
  CHECK(error_of("root ::= x | \"a\"\nx ::= y* z? x \"b\" | \"c\"\ny ::= \"d\"\nz ::= \"e\"") ==
        "The rule is left-recursive (line 2, column 1 of the grammar).");
  CHECK(error_of("root ::= \"a\" x\nx ::= (\"\" x){0,5000} \"b\"") ==
        "The rule is left-recursive (line 2, column 1 of the grammar).");
  CHECK(error_of("root ::= (root?){2,9} \"a\"").starts_with("The rule is left-recursive"));
  // Unreachable, or in a part that matches nothing: no error.
  check("root ::= \"a\"\nx ::= x \"b\" | \"c\"", {"a"}, {}, {"c"});
}

TEST_CASE("GBNF: token literals match one token, control tokens nothing else") {
  reference::Vocabulary vocabulary;
  vocabulary.pieces = {"a", "<think>", "<|end|>", "b", "", "ab"};
  vocabulary.is_text = {true, true, false, true, true, true};
  TokenTrie trie;
  REQUIRE(token_trie_build(vocabulary.source(), &trie).ok());
  CHECK(error_of("root ::= <nothing>", &trie) ==
        "The vocabulary has no such token (line 1, column 10 of the grammar).");
  CHECK(error_of("root ::= <[6]>", &trie) == "The vocabulary has no such token (line 1, column 10 of the grammar).");
  CHECK(error_of("root ::= <[2>", &trie) == "The token lacks \"]>\" (line 1, column 10 of the grammar).");
  CHECK(error_of("root ::= <a", &trie) == "The token lacks \">\" (line 1, column 10 of the grammar).");

  const auto allowed = [&](Compiled* compiled, GrammarState state) {
    std::span<const uint64_t> mask;
    REQUIRE(grammar_mask(&compiled->grammar, state, &mask).ok());
    REQUIRE(mask.size() == 1);
    return mask[0];
  };
  Compiled compiled = compile("root ::= <think> \"a\" <|end|> | \"<\" \"ab\"? <[4]>", &trie);
  CHECK(allowed(&compiled, compiled.begin) == 0b000010);
  GrammarState state = compiled.begin;
  bool accepted;
  for (const int32_t token : {1, 0, 2}) {
    REQUIRE(grammar_accept_token(&compiled.grammar, token, &state, &accepted).ok());
    CHECK(accepted);
  }
  CHECK(grammar_must_end(compiled.grammar, state));
  REQUIRE(grammar_accept_token(&compiled.grammar, 2, &state, &accepted).ok());
  CHECK_FALSE(accepted);
  REQUIRE(grammar_accept_token(&compiled.grammar, -1, &state, &accepted).ok());
  CHECK_FALSE(accepted);
  REQUIRE(grammar_accept_token(&compiled.grammar, 6, &state, &accepted).ok());
  CHECK_FALSE(accepted);
}
