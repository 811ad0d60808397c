// Grammars in GBNF, as bytes and as random trees: compiling, accepting and masks, against a plain recogniser.
#include <fuzzer/FuzzedDataProvider.h>

#include <string>
#include <string_view>
#include <vector>

#include "grammar/grammar.h"
#include "grammar/machine.h"
#include "grammar/reference.h"
#include "require.h"

using namespace camelgpt;
using namespace camelgpt::reference;

namespace {

// Few tokens, so that masks can be compared with accepting each of them.
Vocabulary small_vocabulary() {
  Vocabulary vocabulary;
  for (const char* piece : {"a",
                            "b",
                            "ab",
                            "aab",
                            "abcabcabca",
                            "\"",
                            "{\"",
                            "\n",
                            "\xc3",
                            "\xa4",
                            "\xc3\xa4",
                            "\xe4\xb8\xad\xe4\xb8",
                            "\xf0\x9f\x98\x80",
                            "(((",
                            "))",
                            "1",
                            "12",
                            "",
                            "<think>",
                            "<|end|>",
                            "a",
                            "aa",
                            "a\xc3\xa4",
                            "aa\xe4\xb8\xad"
                            "b",
                            "aaa\"",
                            "aaaaaaaaaaaaaaaa",
                            "abbbbbbbbbbbbbbbb",
                            "\xe4\xb8\xad\xc3\xa4\xc3\xa4\xc3\xa4"}) {
    vocabulary.pieces.push_back(piece);
    vocabulary.is_text.push_back(vocabulary.pieces.back() != "<|end|>");
  }
  return vocabulary;
}

bool bit(std::span<const uint64_t> mask, size_t i) { return (mask[i / 64] >> (i % 64) & 1) != 0; }

// Walks a text that the data chooses; every mask agrees with accepting each token.
void walk(Grammar* grammar, const Vocabulary& vocabulary, const Rules* rules, FuzzedDataProvider& data) {
  GrammarState state;
  Text text;
  uint64_t reference_work = 100'000;  // the reference is slow
  Status status = grammar_begin(grammar, &state);
  for (int step = 0; step < 12 && status.ok(); ++step) {
    std::span<const uint64_t> mask;
    status = grammar_mask(grammar, state, &mask);
    if (!status.ok()) break;
    const std::vector<uint64_t> bits(mask.begin(), mask.end());
    std::vector<int32_t> allowed;
    for (size_t token = 0; token < vocabulary.pieces.size() && status.ok(); ++token) {
      GrammarState next = state;
      bool accepted;
      status = grammar_accept_token(grammar, static_cast<int32_t>(token), &next, &accepted);
      require(!status.ok() || accepted == bit(bits, token), "a mask has the tokens that are accepted");
      if (status.ok() && accepted) allowed.push_back(static_cast<int32_t>(token));
      if (rules == nullptr || !status.ok()) continue;
      Text longer = text;
      longer.add_token(vocabulary, static_cast<uint32_t>(token));
      const bool can_continue = recognise(*rules, longer, &reference_work).can_continue;
      require(reference_work == 0 || can_continue == accepted, "a mask has the tokens of the reference");
    }
    if (rules != nullptr) {
      const bool may_end = recognise(*rules, text, &reference_work).may_end;
      require(reference_work == 0 || may_end == grammar_may_end(*grammar, state), "texts end as in the reference");
    }
    Buffer<char> forced;
    if (status.ok()) status = grammar_forced(grammar, state, 20, &forced);
    GrammarState ahead = state;
    size_t accepted_bytes = 0;
    if (status.ok()) status = grammar_accept_bytes(grammar, {forced.data(), forced.size()}, &ahead, &accepted_bytes);
    require(!status.ok() || accepted_bytes == forced.size(), "forced bytes are accepted");
    if (!status.ok() || allowed.empty()) break;
    const int32_t token = allowed[data.ConsumeIntegral<uint8_t>() % allowed.size()];
    bool accepted;
    status = grammar_accept_token(grammar, token, &state, &accepted);
    text.add_token(vocabulary, static_cast<uint32_t>(token));
    if (status.ok() && data.ConsumeIntegral<uint8_t>() % 4 == 0) {
      grammar->swept_bytes = 0;
      GrammarState* const kept[] = {&state};
      status = grammar_sweep(grammar, kept);
    }
  }
  // Random grammars can be ambiguous enough to reach a limit, but not with little work.
  const bool may_be_complex = rules == nullptr || grammar->machine->work >= 1 << 18;
  require(status.ok() || (status.code == ErrorCode::kBadGrammar && may_be_complex), "only complexity is an error");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const Vocabulary* const vocabulary = new Vocabulary(small_vocabulary());
  static const TokenTrie* const trie = [] {
    TokenTrie* const built = new TokenTrie;
    require(token_trie_build(vocabulary->source(), built).ok(), "memory");
    return built;
  }();
  FuzzedDataProvider data(bytes, size);
  Grammar grammar;
  if (data.ConsumeIntegral<uint8_t>() % 4 != 0) {
    const std::string path = data.ConsumeBytesAsString(16);
    const std::string gbnf = data.ConsumeRemainingBytesAsString();
    const Status status = grammar_compile(gbnf, trie, &grammar);
    require(status.ok() || status.code == ErrorCode::kBadGrammar, "an error is one of the grammar");
    require(status.ok() || status.message[0] != 0, "an error says what is wrong");
    FuzzedDataProvider choices(reinterpret_cast<const uint8_t*>(path.data()), path.size());
    if (status.ok()) walk(&grammar, *vocabulary, nullptr, choices);
    return 0;
  }
  Random random(data.ConsumeIntegral<uint64_t>());
  const Rules rules = random_rules(random, data.ConsumeBool() ? static_cast<uint32_t>(vocabulary->pieces.size()) : 0);
  const Status status = grammar_compile(to_gbnf(rules), trie, &grammar);
  const bool is_empty = !has_property(rules[0], rules_with_property(rules, true), true);
  require(status.ok() == (!is_empty && !is_left_recursive(rules)), "exactly the valid grammars are compiled");
  if (status.ok()) walk(&grammar, *vocabulary, &rules, data);
  return 0;
}
