// The grammar of an answer: which tokens may come next, and which must.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "base/status.h"
#include "camelgpt.h"
#include "grammar/grammar.h"

namespace camelgpt {

struct Sequence;
struct Session;

// The grammars that a session keeps compiled, with their masks: those in use, and the latest ones, which fill at most
// this much memory together.
inline constexpr uint32_t kMaxGrammars = kMaxSequences + 8;
inline constexpr uint64_t kMaxKeptGrammarBytes = 16u << 20;

struct KeptGrammar {
  Buffer<char> text;
  Grammar grammar;
};

struct Grammars {
  std::unique_ptr<TokenTrie> trie;                  // built for the first grammar
  std::unique_ptr<KeptGrammar> kept[kMaxGrammars];  // the most recently used one first
};

// The state of a grammar in one sequence.
struct Constraint {
  Grammar* grammar = nullptr;  // null: none
  GrammarState state;          // after the history
  // The choice of the next token, once it is prepared.
  bool is_ready = false;
  Buffer<uint64_t> allowed;  // [vocabulary bits] end tokens included; empty for a byte-level model
  uint32_t allowed_count = 0;
  bool is_masked = false;  // the logits in the workspace are -infinity for all tokens that are not allowed
  // Tokens that come next without a choice.
  Buffer<int32_t> forced;
  uint32_t forced_used = 0;
  Buffer<char> forced_text;

  bool has_forced() const { return forced_used < forced.size(); }
};

// Prepares a sequence for answers in the language of a grammar (GBNF); empty: none. Errors: those of grammar_compile();
// kUnsupportedTask for masked models.
Status constraint_begin(Session* session, std::string_view gbnf, Sequence* sequence);
// Prepares the next token: tokens that are forced, or else those that are allowed. *ends: the answer ends here instead.
// kBadGrammar if the vocabulary cannot continue the text.
Status constraint_prepare(Session* session, Sequence* sequence, bool* ends);
// Moves on by a token of the answer, which the grammar allows.
Status constraint_accept(const Session& session, Sequence* sequence, int32_t token);
// Whether nothing can follow the answer so far.
bool constraint_must_end(const Sequence& sequence);
// How many of these tokens, one after the other, the grammar allows next.
uint32_t constraint_accepted(const Session& session, const Sequence& sequence, std::span<const int32_t> tokens);
// The tokens that the sampler may choose, with a bit each, unless the logits tell it; empty: all.
std::span<const uint64_t> constraint_candidates(const Sequence& sequence);

}  // namespace camelgpt
