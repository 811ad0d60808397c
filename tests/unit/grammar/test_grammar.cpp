#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "grammar/grammar.h"
#include "grammar/reference.h"

using namespace camelgpt;
using reference::Vocabulary;

namespace {

const char* const kJson = R"(root ::= value
value ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" ws (string ":" ws value ("," ws string ":" ws value)*)? ws "}"
array ::= "[" ws (value ("," ws value)*)? ws "]"
string ::= "\"" char* "\""
char ::= [^"\\\x00-\x1f] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4})
number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?
ws ::= [ \n\t]{0,20}
)";

// Pieces of JSON, words and bytes: large enough for all shortcuts of masks. Some shortcuts are for beginnings of which
// all tokens are UTF-8, and need a vocabulary without `broken` ones.
Vocabulary json_vocabulary(bool broken = true) {
  Vocabulary vocabulary;
  const auto add = [&](const std::string& piece) {
    vocabulary.pieces.push_back(piece);
    vocabulary.is_text.push_back(true);
  };
  for (int byte = 0; byte < 256; ++byte) add(std::string(1, static_cast<char>(byte)));
  std::vector<std::string> parts = {"a",
                                    "be",
                                    "cat",
                                    " ",
                                    "\"",
                                    ",",
                                    ":",
                                    "{",
                                    "}",
                                    "[",
                                    "]",
                                    "1",
                                    "23",
                                    "\\",
                                    "n",
                                    "true",
                                    "\n",
                                    "\xc3\xa4",
                                    "\xe4\xb8\xad",
                                    "\xf0\x9f\x98\x80",
                                    "\xf0\x9f",
                                    "u00"};
  if (!broken) parts.erase(parts.end() - 2);
  for (const std::string& a : parts) {
    for (const std::string& b : parts) {
      add(a + b);
      for (size_t i = 0; i < parts.size(); i += 2) add(a + b + parts[i] + parts[(i * 7) % parts.size()]);
    }
  }
  return vocabulary;
}

std::vector<uint64_t> mask_of(GrammarState state, Grammar* grammar) {
  std::span<const uint64_t> mask;
  REQUIRE(grammar_mask(grammar, state, &mask).ok());
  return {mask.begin(), mask.end()};
}

// The number of tokens that the mask of a state allows and the grammar does not accept, or the reverse.
size_t wrong_tokens(const Vocabulary& vocabulary, GrammarState state, Grammar* grammar) {
  const std::vector<uint64_t> bits = mask_of(state, grammar);
  size_t wrong = 0;
  for (size_t token = 0; token < vocabulary.pieces.size(); ++token) {
    GrammarState next = state;
    bool accepted;
    REQUIRE(grammar_accept_token(grammar, static_cast<int32_t>(token), &next, &accepted).ok());
    wrong += (bits[token / 64] >> (token % 64) & 1) != accepted;
  }
  return wrong;
}

}  // namespace

TEST_CASE("masks of JSON agree with accepting token by token") {
  const Vocabulary vocabulary = json_vocabulary();
  TokenTrie trie;
  REQUIRE(token_trie_build(vocabulary.source(), &trie).ok());
  Grammar grammar;
  REQUIRE(grammar_compile(kJson, &trie, &grammar).ok());
  GrammarState state;
  REQUIRE(grammar_begin(&grammar, &state).ok());
  const std::string text =
      "{\"a\\u00e4\": [1, -20.5e3, {\"\xe4\xb8\xad\": \"x\\n\"}, true, [[], \"\xf0\x9f\x98\x80\"]], \"b\":\n null}";
  for (size_t at = 0; at <= text.size(); ++at) {
    CHECK_MESSAGE(wrong_tokens(vocabulary, state, &grammar) == 0, at);
    CHECK(grammar_may_end(grammar, state) == (at == text.size()));
    if (at == text.size()) break;
    const std::vector<uint64_t> bits = mask_of(state, &grammar);
    uint64_t bytes[4];
    grammar_byte_mask(grammar, state, bytes);
    const uint8_t byte = static_cast<uint8_t>(text[at]);
    CHECK((bytes[byte / 64] >> (byte % 64) & 1) == 1);
    for (uint32_t token = 0; token < 256; ++token) {
      CHECK((bytes[token / 64] >> (token % 64) & 1) == (bits[token / 64] >> (token % 64) & 1));
    }
    size_t accepted;
    REQUIRE(grammar_accept_bytes(&grammar, {&text[at], 1}, &state, &accepted).ok());
    REQUIRE(accepted == 1);
  }
  CHECK(grammar_must_end(grammar, state));
}

TEST_CASE("masks in counted repetitions agree with accepting token by token near both bounds") {
  const std::pair<std::string, std::string> cases[] = {
      {"root ::= \"<\" item{40,90} \">\"\nitem ::= [^\\x00-\\x1f<>] | \"\\n\"",
       "<" + std::string(88, 'a') + "\n\xc3\xa4>"},
      {"root ::= \"<\" [^<>]{0,12} \">\"", "<cat \xc3\xa4\xe4\xb8\xad 23n\n>"},
      {"root ::= \"<\" [^<>]{9,} \">\"", "<cat \xc3\xa4\xe4\xb8\xad 23n\n>"},
      // Loops that follow each other, and that begin with what is in the loop before.
      {"root ::= [a-z]{3,9} [a-c]{2,14} [^a]{0,9} \"!\"", "catcatacabcbect!"},
      {"root ::= [^!]{0,9} [^!]{0,11} \"!\"", "cat \xc3\xa4\xe4\xb8\xad 23n\nabe!"},
      {"root ::= ([a-z ]{0,8} | [^!]{0,12} [0-9]) \"!\"", "catabe a!"},
      // Bodies of which some characters begin another loop, call a rule, or are only a part.
      {"root ::= item{0,18} \"!\"\nitem ::= [a-z] | \"\\u00e4\" [0-9]{0,4} | \" \" [^!]",
       "cat\xc3\xa4"
       "23n be!"},
      {"root ::= (\"be\" | [^b] | \"b\"){4,15} \"!\"", "becatbebe a!"},
      {"root ::= list{0,9} \"!\"\nlist ::= [a-z] | \"[\" list{0,7} \"]\" | [\\u4e2d]", "ca[be[n]t]\xe4\xb8\xad!"},
      {"root ::= line{0,3}\nline ::= [a-z\\u4e00-\\u4fff]{0,11} \"\\n\"?", "catbe\ncat\xe4\xb8\xad\nab"},
      // All but some characters of several bytes.
      {"root ::= [^\\u00e4\\U0001f600!]{0,14} \"!\"", "cat \xe4\xb8\xad be!"},
      {"root ::= ([^\\u00e4!] | \"\\u00e4a\" ){1,14} \"!\"",
       "cat \xc3\xa4"
       "a be!"},
  };
  for (const bool broken : {false, true}) {
    const Vocabulary vocabulary = json_vocabulary(broken);
    TokenTrie trie;
    REQUIRE(token_trie_build(vocabulary.source(), &trie).ok());
    for (const auto& [gbnf, text] : cases) {
      CAPTURE(gbnf);
      Grammar grammar;
      REQUIRE(grammar_compile(gbnf, &trie, &grammar).ok());
      GrammarState state;
      REQUIRE(grammar_begin(&grammar, &state).ok());
      for (size_t at = 0; at < text.size(); ++at) {
        CHECK_MESSAGE(wrong_tokens(vocabulary, state, &grammar) == 0, at);
        size_t accepted;
        REQUIRE(grammar_accept_bytes(&grammar, {&text[at], 1}, &state, &accepted).ok());
        REQUIRE_MESSAGE(accepted == 1, at);
      }
    }
  }
}

TEST_CASE("masks of strings agree with accepting token by token at every distance to their maximum") {
  Vocabulary vocabulary;
  for (int byte = 0; byte < 256; ++byte) vocabulary.pieces.push_back(std::string(1, static_cast<char>(byte)));
  // One to nineteen characters: all plain, and with one that is not plain, cut or broken at the begin or the end.
  const std::string ends[] = {"", "\"", "\\", "\\n", "\n", "\x7f", "\xc3", "\xf0\x9f", "\x80", "\"}", "\",b"};
  for (const std::string character : {"a", "n", " ", "\xc3\xa4", "\xe4\xb8\xad", "\xf0\x9f\x98\x80"}) {
    std::string plain, mixed;
    for (int count = 1; count < 20; ++count) {
      plain += character;
      mixed += count % 2 == 0 ? "b" : character;
      for (const std::string& end : ends) {
        for (const std::string& piece : {plain + end, mixed + end, end + plain}) vocabulary.pieces.push_back(piece);
      }
    }
  }
  for (char last = '\x80'; last < '\xbf'; ++last) vocabulary.pieces.push_back(std::string("\xe5\x80") + last);
  vocabulary.is_text.assign(vocabulary.pieces.size(), true);
  TokenTrie trie;
  REQUIRE(token_trie_build(vocabulary.source(), &trie).ok());
  const std::string character = "char ::= [^\\x00-\\x1f\"\\\\] | \"\\\\\" [n\"]\n";
  for (const std::string root : {
           "\"\\\"\" char{0,19} \"\\\"\" (\"}\" | \",\" char*)",
           "\"\\\"\" char{17,18} \"\\\"\"",
           "\"\\\"\" char* \"\\\"\"",
           "\"\\\"\" char{0,3} \"\\\"\"",
           // A rule that may end, so that a token can continue after it; and one after which nothing can follow.
           "\"\\\"\" word \"\\\"\"? [a]?\nword ::= char{0,18} | \"<\" word",
           "\"\\\"\" word \"\\\"\"\nword ::= char{0,18} | \"<\" word",
           // First characters that are exceptions: literals, one that begins something else, one that is missing.
           "\"\\\"\" (\"ab\" | \"nn\\\"\" | char{0,18} \"\\\"\")",
           "\"\\\"\" ([a-z ] [0-9] | [^a\\x00-\\x1f\"\\\\] char{0,6}) \"\\\"\"",
           "\"\\\"\" (\"\u00e4\u00e4\\\"\" | char{0,18} \"\\\"\")",
           "\"\\\"\" word \"b\"\nword ::= \"a\" | [^a\\x00-\\x1f\"\\\\] char{0,18} \"\\\"\"",
           "\"\\\"\" [^\u00e4\\x00-\\x1f\"\\\\] char{0,6} \"\\\"\"",
           "\"\\\"\" ([^\u4e2d\\x00-\\x1f\"\\\\] char{0,6} | \"\u4e2d\") \"\\\"\"",
           // Characters that are not alike in the middle and at the end.
           "\"\\\"\" char{0,2} [^a\\x00-\\x1f\"\\\\] char{0,2} [a\u00e4] \"\\\"\"",
           "\"\\\"\" char{2} (\"aab\" | [^\\x00-\\x1f\"\\\\\u4e2d]{0,9}) \"\\\"\"",
           "\"\\\"\" char{5} [\\x00-\\x7f] \"\\\"\"",
           "\"\\\"\" [b\u5000-\u5010]{0,9} \"\\\"\"",
           "\"\\\"\" char{2,} \"\\\"\"",
       }) {
    CAPTURE(root);
    Grammar grammar;
    REQUIRE(grammar_compile("root ::= " + root + "\n" + character, &trie, &grammar).ok());
    GrammarState state;
    REQUIRE(grammar_begin(&grammar, &state).ok());
    size_t accepted = 1;
    for (size_t at = 0; accepted == 1; ++at) {
      CHECK_MESSAGE(wrong_tokens(vocabulary, state, &grammar) == 0, at);
      const std::string_view text = "\"bb\xc3\xa4\\n";
      REQUIRE(grammar_accept_bytes(&grammar, at < text.size() ? text.substr(at, 1) : "c", &state, &accepted).ok());
      if (at == 40) break;
    }
  }
}

TEST_CASE("a grammar that the vocabulary cannot spell has an empty mask") {
  Vocabulary vocabulary;
  vocabulary.pieces = {"a", "bc"};
  vocabulary.is_text = {true, true};
  TokenTrie trie;
  REQUIRE(token_trie_build(vocabulary.source(), &trie).ok());
  Grammar grammar;
  REQUIRE(grammar_compile("root ::= \"ab\"", &trie, &grammar).ok());
  GrammarState state;
  REQUIRE(grammar_begin(&grammar, &state).ok());
  std::span<const uint64_t> mask;
  REQUIRE(grammar_mask(&grammar, state, &mask).ok());
  CHECK(mask[0] == 1);
  bool accepted;
  REQUIRE(grammar_accept_token(&grammar, 0, &state, &accepted).ok());
  REQUIRE(grammar_mask(&grammar, state, &mask).ok());
  CHECK(mask[0] == 0);
  CHECK_FALSE(grammar_may_end(grammar, state));
}

TEST_CASE("forced bytes are the only continuation") {
  Grammar grammar;
  REQUIRE(grammar_compile("root ::= \"{\\\"name\\\": \" (\"\\\"\" [a-z]* \"\\\"\" | \"null\") \"}\" \" \"?", nullptr,
                          &grammar)
              .ok());
  GrammarState state;
  REQUIRE(grammar_begin(&grammar, &state).ok());
  const auto forced = [&](size_t limit) {
    Buffer<char> bytes;
    REQUIRE(grammar_forced(&grammar, state, limit, &bytes).ok());
    return std::string(bytes.begin(), bytes.end());
  };
  const auto accept = [&](std::string_view text) {
    size_t accepted;
    REQUIRE(grammar_accept_bytes(&grammar, text, &state, &accepted).ok());
    REQUIRE(accepted == text.size());
  };
  CHECK(forced(100) == "{\"name\": ");
  CHECK(forced(3) == "{\"n");
  accept("{\"name\": ");
  CHECK(forced(100) == "");
  accept("n");
  CHECK(forced(100) == "ull}");  // then the text may end
  accept("ull}");
  CHECK(forced(100) == "");
  CHECK(grammar_may_end(grammar, state));
  CHECK_FALSE(grammar_must_end(grammar, state));
  accept(" ");
  CHECK(grammar_must_end(grammar, state));
}

TEST_CASE("states survive a sweep that names them, and masks stay the same") {
  const Vocabulary vocabulary = json_vocabulary();
  TokenTrie trie;
  REQUIRE(token_trie_build(vocabulary.source(), &trie).ok());
  Grammar grammar;
  REQUIRE(grammar_compile(kJson, &trie, &grammar).ok());
  std::vector<GrammarState> states(3);
  const std::string texts[] = {"[[[{\"a\": \"", "{\"k\": 12", ""};
  std::vector<std::vector<uint64_t>> before(3);
  std::vector<GrammarState*> kept;
  for (size_t i = 0; i < 3; ++i) {
    REQUIRE(grammar_begin(&grammar, &states[i]).ok());
    size_t accepted;
    REQUIRE(grammar_accept_bytes(&grammar, texts[i], &states[i], &accepted).ok());
    std::span<const uint64_t> mask;
    REQUIRE(grammar_mask(&grammar, states[i], &mask).ok());
    before[i].assign(mask.begin(), mask.end());
    kept.push_back(&states[i]);
  }
  const uint64_t memory = grammar_memory(grammar);
  grammar.swept_bytes = 0;
  REQUIRE(grammar_sweep(&grammar, kept).ok());
  CHECK(grammar_memory(grammar) < memory);
  for (size_t i = 0; i < 3; ++i) {
    std::span<const uint64_t> mask;
    REQUIRE(grammar_mask(&grammar, states[i], &mask).ok());
    CHECK(before[i] == std::vector<uint64_t>(mask.begin(), mask.end()));
  }
  size_t accepted;
  REQUIRE(grammar_accept_bytes(&grammar, "x\"}]]]", &states[0], &accepted).ok());
  CHECK(accepted == 6);
  CHECK(grammar_must_end(grammar, states[0]));
  const Grammar moved = std::move(grammar);
  CHECK(grammar_may_end(moved, states[0]));
}

TEST_CASE("the trie holds text tokens in the order of their bytes") {
  Vocabulary vocabulary;
  vocabulary.pieces = {"b",
                       "abcdefghi",
                       "",
                       std::string("abcdefgh\0", 9),
                       "abcdefgh",
                       "<end>",
                       "b",
                       "a",
                       std::string(300, 'x'),
                       "abcdefghabcdefghabcdefgh2",
                       "abcdefghabcdefghabcdefgh1"};
  vocabulary.is_text = {true, true, true, true, true, false, true, true, true, true, true};
  TokenTrie trie;
  REQUIRE(token_trie_build(vocabulary.source(), &trie).ok());
  // Tokens with control characters, and long ones, come after the others.
  CHECK(std::vector<int32_t>(trie.ids.begin(), trie.ids.end()) == std::vector<int32_t>{7, 4, 1, 0, 6, 3, 10, 9});
  CHECK(trie.plain_mask(0)[0] == 0);
  CHECK(trie.plain_mask(1)[0] == (1u << 7 | 1u << 0 | 1u << 6));
  CHECK(trie.plain_mask(7)[0] == trie.plain_mask(1)[0]);
  CHECK(trie.plain_mask(8)[0] == (trie.plain_mask(1)[0] | 1u << 4));
  CHECK(trie.plain_mask(kMaxPlainCharacters)[0] == (trie.plain_mask(8)[0] | 1u << 1));
  CHECK(trie.height == 25);
  CHECK(token_trie_find(trie, "abcdefgh") == 4);
  CHECK(token_trie_find(trie, "b") == 0);
  CHECK(token_trie_find(trie, "abcdefghabcdefghabcdefgh2") == 9);
  CHECK(token_trie_find(trie, "<end>") == 5);
  CHECK(token_trie_find(trie, "abc") == -1);
  CHECK(token_trie_find(trie, "c") == -1);
  CHECK(token_trie_find(trie, "") == -1);
  CHECK(token_trie_memory(trie) > 0);
}
