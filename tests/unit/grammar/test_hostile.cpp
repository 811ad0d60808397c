#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "grammar/grammar.h"
#include "grammar/reference.h"

using namespace camelgpt;

namespace {

std::string repeat(std::string_view text, size_t count) {
  std::string all;
  for (size_t i = 0; i < count; ++i) all += text;
  return all;
}

// Compiles, accepts a text and computes a mask: everything succeeds, or fails with kBadGrammar. Returns the bytes that
// were accepted, or -1.
long try_out(std::string_view gbnf, std::string_view text) {
  static const reference::Vocabulary vocabulary = [] {
    reference::Vocabulary v;
    for (const char* piece : {"a", "b", "aa", "ab", "aaaaaaaa", "((((", "))", "x", "[", "0", "\xc3\xa4"}) {
      v.pieces.push_back(piece);
      v.is_text.push_back(true);
    }
    return v;
  }();
  TokenTrie trie;
  REQUIRE(token_trie_build(vocabulary.source(), &trie).ok());
  Grammar grammar;
  Status status = grammar_compile(gbnf, &trie, &grammar);
  GrammarState state;
  size_t accepted = 0;
  std::span<const uint64_t> mask;
  if (status.ok()) status = grammar_begin(&grammar, &state);
  if (status.ok()) status = grammar_mask(&grammar, state, &mask);
  for (size_t at = 0; at < text.size() && status.ok(); at += 1000) {
    size_t count;
    status = grammar_accept_bytes(&grammar, text.substr(at, 1000), &state, &count);
    accepted += status.ok() ? count : 0;
    GrammarState* const kept[] = {&state};
    if (status.ok()) status = grammar_sweep(&grammar, kept);
  }
  if (status.ok()) status = grammar_mask(&grammar, state, &mask);
  REQUIRE((status.ok() || status.code == ErrorCode::kBadGrammar));
  return status.ok() ? static_cast<long>(accepted) : -1;
}

}  // namespace

TEST_CASE("hostile grammars: a megabyte of anything is compiled or refused") {
  const size_t million = 1000000, quarter = million / 4;
  CHECK(try_out("root ::= \"" + std::string(million, 'a') + "\"", std::string(million, 'a')) ==
        static_cast<long>(million));
  CHECK(try_out("root ::= " + repeat("\"a\" ", quarter / 4), std::string(1000, 'a')) == 1000);
  CHECK(try_out("root ::= \"a\"" + repeat(" | \"a\"", quarter / 6), "a") == 1);
  CHECK(try_out("root ::= \"b\"" + repeat(" | \"a\" x", million / 8) + "\nx ::= \"c\" x \"d\" | \"c\"", "acccd") == 5);
  CHECK(try_out("root ::= " + repeat("[a-z] ", quarter / 6), "abc") == 3);
  CHECK(try_out("root ::= " + repeat("[^a] ", million / 5), "") == -1);
  CHECK(try_out("root ::= [" + repeat("ab\\n", quarter / 4) + "]", "a") == 1);
  CHECK(try_out("root ::= " + std::string(million / 2, '(') + "\"a\"" + std::string(million / 2, ')'), "a") == 1);
  CHECK(try_out("root ::= " + std::string(million, '('), "") == -1);
  CHECK(try_out("root ::= \"a\"" + std::string(quarter, '*'), "aaa") == 3);
  CHECK(try_out("root ::= \"a\"" + std::string(quarter, '?'), "a") == 1);
  CHECK(try_out("root ::= \"a\"" + repeat("{2}", quarter / 3), "aaa") == 3);
  CHECK(try_out("root ::= \"a\"" + std::string(quarter, '\n'), "a") == 1);
  CHECK(try_out(std::string(5 * million, ' '), "") == -1);
  CHECK(try_out("root ::= " + repeat("#\n", quarter / 2) + "\"a\"", "a") == 1);
}

TEST_CASE("hostile grammars: 5,000 rules") {
  std::string chain = "root ::= r0\n", reversed, optional, alternatives = "root ::= \"a\"", calls;
  for (int i = 0; i < 5000; ++i) {
    const std::string name = "r" + std::to_string(i), next = i == 4999 ? "\"x\"*" : "r" + std::to_string(i + 1);
    chain += name + " ::= \"a\"* " + next + "\n";
    reversed = name + " ::= " + next + " \"b\"*\n" + reversed;
    optional += name + " ::= " + (i == 4999 ? "\"x\"*" : next + "? \"y\"* " + next + "?") + "\n";
    alternatives += " | " + name;
    calls += name + " ::= \"a\" " + name + " \"b\" | \"c\"\n";
  }
  CHECK(try_out(chain, "aaaax") == 5);
  CHECK(try_out("root ::= r0\n" + reversed, "xxbb") == 4);
  try_out("root ::= r0\n" + optional, "yx");
  CHECK(try_out(alternatives + "\n" + calls, "aacbb") == 5);
}

TEST_CASE("hostile grammars: repetitions of repetitions") {
  const std::string text(500, 'a');
  CHECK(try_out("root ::= ((((\"a\"*)*)+)*)* \"b\"", text) == 500);
  CHECK(try_out("root ::= \"a\"{1000000}", text) == 500);
  CHECK(try_out("root ::= (\"a\"{1,1000000}){1000000} \"b\"", "aaaaaaaa") == 8);
  CHECK(try_out("root ::= (((\"a\"?){0,1000}){0,1000}){0,1000}", "aaaaaaaa") == 8);
  CHECK(try_out("root ::= (\"a\" | \"aa\" | \"aaa\"){0,100000} \"b\"", text) == 500);
  try_out("root ::= (\"a\" | \"aa\" | \"aaa\"){100000} \"b\"", text);
  try_out("root ::= x{4294967294}\nx ::= [ab] [ab]*", text);
}

TEST_CASE("hostile grammars: exponential numbers of readings") {
  const std::string text(300, 'a');
  CHECK(try_out("root ::= " + repeat("(\"a\" | \"a\") ", 300) + "\"b\"", text) == 300);
  CHECK(try_out("root ::= " + repeat("\"a\"? ", 300) + repeat("\"a\" ", 300), text) == 300);
  CHECK(try_out("root ::= s \"b\"\ns ::= \"a\" s s | \"a\" s | \"a\"", text) == 300);
  CHECK(try_out("root ::= s \"b\"\ns ::= \"a\" s \"a\" s | \"\"", text) == 300);
  std::string doubling = "root ::= r0\n";
  for (int i = 0; i < 60; ++i) {
    const std::string next = "r" + std::to_string(i + 1);
    doubling += "r" + std::to_string(i) + " ::= " + next + " " + next + " | " + next + "\n";
  }
  CHECK(try_out(doubling + "r60 ::= \"a\"\n", text) == 300);
}

TEST_CASE("hostile texts: nesting 100,000 deep, and lists of any length") {
  const size_t depth = 100000;
  CHECK(try_out("root ::= \"(\" root \")\" | \"x\"", std::string(depth, '(') + "x" + std::string(depth, ')')) ==
        static_cast<long>(2 * depth + 1));
  CHECK(try_out("root ::= \"a\" root | \"b\" root | \"a\"", std::string(depth, 'a')) == static_cast<long>(depth));
  CHECK(try_out("root ::= x*\nx ::= \"(\" x* \")\"", std::string(depth, '(')) == static_cast<long>(depth));
}

TEST_CASE("hostile grammars: small rules that match only the empty text, and rules that are only another rule") {
  std::string doubling = "root ::= r60 \"x\"\nr0 ::= \"\" \"a\"{0}\n", chain = "root ::= " + repeat("r0 ", 500) + "\n";
  for (int i = 0; i < 60; ++i) {
    const std::string name = "r" + std::to_string(i);
    doubling += "r" + std::to_string(i + 1) + " ::= " + name + " " + name + "\n";
  }
  CHECK(try_out(doubling, "x") == 1);
  for (int i = 0; i < 50000; ++i) chain += "r" + std::to_string(i) + " ::= r" + std::to_string(i + 1) + "\n";
  CHECK(try_out(chain + "r50000 ::= \"a\"", "aaa") == 3);
}

TEST_CASE("a long text is matched in bounded memory and time, whatever came before it") {
  Grammar grammar;
  size_t matched;
  bool complete;
  REQUIRE(grammar_compile("root ::= [a-z]{0,2000000} | x{50000} \"b\"\nx ::= \"A\" | \"AA\"", nullptr, &grammar).ok());
  REQUIRE(grammar_match(&grammar, std::string(300000, 'a'), &matched, &complete).ok());
  CHECK(matched == 300000);
  CHECK(complete);
  CHECK(grammar_memory(grammar) < 50 << 20);
  CHECK(grammar_match(&grammar, std::string(300000, 'A'), &matched, &complete).code == ErrorCode::kBadGrammar);
  REQUIRE(grammar_match(&grammar, "aab", &matched, &complete).ok());
  CHECK(complete);
  REQUIRE(grammar_match(&grammar, std::string(2048, 'a') + "B", &matched, &complete).ok());
  CHECK(matched == 2048);
}
