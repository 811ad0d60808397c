// GBNF → the tokens that may come next.
//
// A grammar is compiled for one vocabulary. A text is a GrammarState, which grammar_accept_*() move forward;
// grammar_mask() returns the tokens that the state allows. Everything is a matter of bytes: tokens may end within a
// character and cross the border of any two terminals. See docs/grammar.md for the language and how the engine works.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "base/status.h"
#include "grammar/token_trie.h"

namespace camelgpt {

struct Automaton;  // automaton.h
struct Machine;    // machine.h
struct MaskCache;  // masks.h

// A compiled grammar, with the states and masks computed so far. Movable; used by one thread at a time.
struct Grammar {
  Grammar();
  Grammar(Grammar&&) noexcept;
  Grammar& operator=(Grammar&&) noexcept;
  ~Grammar();

  std::unique_ptr<Automaton> automaton;
  std::unique_ptr<Machine> machine;
  std::unique_ptr<MaskCache> masks;
  uint64_t swept_bytes = uint64_t{12} << 20;  // of states: with more, a sweep frees memory
};

// A position in a text: plain data, copied freely (for several sequences and for drafts). It belongs to one grammar,
// and stays valid until a grammar_sweep() that does not name it.
struct GrammarState {
  uint32_t id = 0;
};

// Compiles GBNF with the start rule `root`. `trie` must outlive the grammar; null for models that choose byte by byte,
// whose grammars have no token masks and no token literals. kBadGrammar with line and column, kOutOfMemory.
Status grammar_compile(std::string_view gbnf, const TokenTrie* trie, Grammar* grammar);

// The state of the empty text.
Status grammar_begin(Grammar* grammar, GrammarState* state);

// Stores the tokens that may come next: bit i of the words is token i; [tokens / 64, rounded up]. Tokens that end an
// answer are not included (see grammar_may_end()) unless a token literal names them. Valid until the next call with
// this grammar. The mask can be empty, of a language that the vocabulary cannot spell.
Status grammar_mask(Grammar* grammar, GrammarState state, std::span<const uint64_t>* mask);

// Stores the bytes that may come next: bit i of the words is byte i.
void grammar_byte_mask(const Grammar& grammar, GrammarState state, uint64_t mask[4]);

// Moves *state past a token. If the token is not allowed, *accepted is false and *state unchanged.
Status grammar_accept_token(Grammar* grammar, int32_t token, GrammarState* state, bool* accepted);

// Moves *state past bytes. *accepted is the number of bytes before the first one that is not allowed; *state is then
// the position before it. Long texts need sweeps between their parts.
Status grammar_accept_bytes(Grammar* grammar, std::string_view bytes, GrammarState* state, size_t* accepted);

// Compares a whole text with the grammar: *matched is the number of bytes before the first one that is not allowed,
// *complete whether these bytes are a text of the language. Drops all states.
Status grammar_match(Grammar* grammar, std::string_view text, size_t* matched, bool* complete);

// Whether the text so far is complete.
bool grammar_may_end(const Grammar& grammar, GrammarState state);

// Whether the text so far is complete and nothing can follow.
bool grammar_must_end(const Grammar& grammar, GrammarState state);

// Appends to *bytes what must come next: the only continuation, at most `limit` bytes, up to the first byte with a
// choice, or where the text may end or a token literal may follow. Fewer if there are many ways to read them.
Status grammar_forced(Grammar* grammar, GrammarState state, size_t limit, Buffer<char>* bytes);

// Frees memory if the states take much: keeps only those in `states` and gives them new ids. To be called now and then,
// for example before each mask, with all states of the grammar that are still in use; costs nothing in most cases.
// Calls with too many states between two sweeps fail with kOutOfMemory.
Status grammar_sweep(Grammar* grammar, std::span<GrammarState* const> states);

// Memory of the grammar in bytes, without the trie.
uint64_t grammar_memory(const Grammar& grammar);

}  // namespace camelgpt
