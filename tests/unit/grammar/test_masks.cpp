#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "grammar/grammar.h"
#include "grammar/reference.h"

using namespace camelgpt;
using namespace camelgpt::reference;

namespace {

// Compares the masks of a random grammar along random texts with the reference. Returns the number of masks.
int compare_with_reference(uint64_t seed) {
  Random random(seed);
  const Vocabulary vocabulary = random_vocabulary(random);
  const uint32_t tokens = static_cast<uint32_t>(vocabulary.pieces.size());
  const Rules rules = random_rules(random, random.below(2) == 0 ? tokens : 0);
  const std::string gbnf = to_gbnf(rules);
  CAPTURE(seed);
  CAPTURE(gbnf);

  TokenTrie trie;
  REQUIRE(token_trie_build(vocabulary.source(), &trie).ok());
  Grammar grammar;
  const Status status = grammar_compile(gbnf, &trie, &grammar);
  const bool is_empty = !has_property(rules[0], rules_with_property(rules, true), true);
  CAPTURE(status.message);
  REQUIRE(status.ok() == (!is_empty && !is_left_recursive(rules)));
  if (!status.ok()) return 0;

  int masks = 0;
  for (int walk = 0; walk < 4; ++walk) {
    Text text;
    GrammarState state;
    REQUIRE(grammar_begin(&grammar, &state).ok());
    for (int step = 0; step < 8; ++step) {
      std::span<const uint64_t> mask;
      REQUIRE(grammar_mask(&grammar, state, &mask).ok());
      REQUIRE(mask.size() == (tokens + 63) / 64);
      const std::vector<uint64_t> bits(mask.begin(), mask.end());
      const Verdict now = recognise(rules, text);
      CHECK(grammar_may_end(grammar, state) == now.may_end);
      std::vector<uint32_t> allowed;
      for (uint32_t token = 0; token < tokens; ++token) {
        Text longer = text;
        longer.add_token(vocabulary, token);
        const bool expected = recognise(rules, longer).can_continue;
        CAPTURE(step);
        CAPTURE(vocabulary.pieces[token]);
        CHECK((bits[token / 64] >> (token % 64) & 1) == expected);
        GrammarState next = state;
        bool accepted;
        REQUIRE(grammar_accept_token(&grammar, static_cast<int32_t>(token), &next, &accepted).ok());
        CHECK(accepted == expected);
        if (expected) allowed.push_back(token);
      }
      ++masks;
      if (allowed.empty()) break;
      const uint32_t token = allowed[random.below(static_cast<uint32_t>(allowed.size()))];
      bool accepted;
      REQUIRE(grammar_accept_token(&grammar, static_cast<int32_t>(token), &state, &accepted).ok());
      text.add_token(vocabulary, token);
      if (random.below(4) == 0) {
        grammar.swept_bytes = 0;
        GrammarState* const kept[] = {&state};
        REQUIRE(grammar_sweep(&grammar, kept).ok());
      }
    }
  }
  return masks;
}

}  // namespace

TEST_CASE("masks of random grammars are those of a recogniser that tries each token") {
  int masks = 0;
  for (uint64_t seed = 0; seed < 120; ++seed) masks += compare_with_reference(seed);
  CHECK(masks > 300);
}
