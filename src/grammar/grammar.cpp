#include "grammar/grammar.h"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "grammar/automaton.h"
#include "grammar/gbnf.h"
#include "grammar/machine.h"
#include "grammar/masks.h"

namespace camelgpt {
namespace {

// States above this size are swept.
constexpr uint64_t kSweptBytes = uint64_t{12} << 20;

// The bytes that may come next, and whether a token literal may.
bool next_bytes(const Machine& machine, uint32_t state, ByteSet* bytes) {
  bool has_tokens = false;
  for (const uint64_t member : machine.states[state]) {
    for (const uint64_t item : machine.locals[static_cast<uint32_t>(member)]) {
      const AutomatonNode& node = machine.automaton->nodes[item >> 32];
      has_tokens |= node.kind == NodeKind::kToken;
      if (node.kind != NodeKind::kBytes) continue;
      for (int i = 0; i < 4; ++i) bytes->bits[i] |= machine.automaton->sets[node.a].bits[i];
    }
  }
  return has_tokens;
}

}  // namespace

Grammar::Grammar() = default;
Grammar::Grammar(Grammar&&) noexcept = default;
Grammar& Grammar::operator=(Grammar&&) noexcept = default;
Grammar::~Grammar() = default;

Status grammar_compile(std::string_view gbnf, const TokenTrie* trie, Grammar* grammar) {
  Grammar compiled;
  compiled.automaton.reset(new (std::nothrow) Automaton);
  compiled.machine.reset(new (std::nothrow) Machine);
  compiled.masks.reset(new (std::nothrow) MaskCache);
  if (!compiled.automaton || !compiled.machine || !compiled.masks) return out_of_memory("the grammar", sizeof(Machine));
  {
    Syntax syntax;
    CAMELGPT_TRY(gbnf_parse(gbnf, trie, &syntax));
    CAMELGPT_TRY(syntax_analyse(&syntax));
    CAMELGPT_TRY(automaton_build(syntax, compiled.automaton.get()));
  }
  CAMELGPT_TRY(machine_init(*compiled.automaton, compiled.machine.get()));
  if (trie != nullptr) CAMELGPT_TRY(masks_init(*trie, compiled.masks.get()));
  *grammar = std::move(compiled);
  return {};
}

Status grammar_begin(Grammar* grammar, GrammarState* state) {
  return machine_start(grammar->machine.get(), &state->id);
}

Status grammar_mask(Grammar* grammar, GrammarState state, std::span<const uint64_t>* mask) {
  assert(grammar->masks->trie != nullptr);
  return mask_of(grammar->masks.get(), grammar->machine.get(), state.id, mask);
}

void grammar_byte_mask(const Grammar& grammar, GrammarState state, uint64_t mask[4]) {
  ByteSet bytes = {};
  next_bytes(*grammar.machine, state.id, &bytes);
  std::copy_n(bytes.bits, 4, mask);
}

Status grammar_accept_token(Grammar* grammar, int32_t token, GrammarState* state, bool* accepted) {
  const TokenTrie* const trie = grammar->masks->trie;
  *accepted = false;
  if (trie == nullptr || static_cast<uint32_t>(token) >= trie->source.tokens) return {};
  uint32_t as_literal, as_text = kDeadState;
  CAMELGPT_TRY(machine_step_token(grammar->machine.get(), state->id, static_cast<uint32_t>(token), &as_literal));
  const std::string_view piece = trie->source.piece(trie->source.context, token);
  if (!piece.empty() && piece.size() <= kMaxTrieDepth && trie->source.is_text(trie->source.context, token)) {
    GrammarState moved = *state;
    size_t size;
    CAMELGPT_TRY(grammar_accept_bytes(grammar, piece, &moved, &size));
    if (size == piece.size()) as_text = moved.id;
  }
  if (as_literal != kDeadState && as_text != kDeadState) {
    CAMELGPT_TRY(machine_union(grammar->machine.get(), as_literal, as_text, &as_text));
  }
  const uint32_t next = as_text != kDeadState ? as_text : as_literal;
  *accepted = next != kDeadState;
  if (*accepted) state->id = next;
  return {};
}

Status grammar_accept_bytes(Grammar* grammar, std::string_view bytes, GrammarState* state, size_t* accepted) {
  for (*accepted = 0; *accepted < bytes.size(); ++*accepted) {
    const uint32_t byte_class = grammar->automaton->class_of[static_cast<uint8_t>(bytes[*accepted])];
    uint32_t next;
    CAMELGPT_TRY(machine_step(grammar->machine.get(), state->id, byte_class, &next));
    if (next == kDeadState) break;
    state->id = next;
  }
  return {};
}

bool grammar_may_end(const Grammar& grammar, GrammarState state) { return grammar.machine->info[state.id].accepts; }

bool grammar_must_end(const Grammar& grammar, GrammarState state) {
  ByteSet bytes = {};
  return !next_bytes(*grammar.machine, state.id, &bytes) &&
         (bytes.bits[0] | bytes.bits[1] | bytes.bits[2] | bytes.bits[3]) == 0;
}

Status grammar_forced(Grammar* grammar, GrammarState state, size_t limit, Buffer<char>* bytes) {
  for (size_t i = 0; i < limit && !grammar_may_end(*grammar, state); ++i) {
    ByteSet next = {};
    if (next_bytes(*grammar->machine, state.id, &next)) break;
    int count = 0, byte = 0;
    for (int k = 0; k < 4; ++k) {
      count += std::popcount(next.bits[k]);
      if (next.bits[k] != 0) byte = k * 64 + std::countr_zero(next.bits[k]);
    }
    if (count != 1) break;
    const char forced = static_cast<char>(byte);
    size_t accepted;
    CAMELGPT_TRY(grammar_accept_bytes(grammar, {&forced, 1}, &state, &accepted));
    if (!bytes->push_back(forced)) return out_of_memory("the continuation of the grammar", bytes->size());
  }
  return {};
}

Status grammar_sweep(Grammar* grammar, std::span<GrammarState* const> states) {
  if (grammar->machine->memory() < grammar->swept_bytes) return {};
  Buffer<uint32_t> ids;
  for (const GrammarState* state : states) {
    if (!ids.push_back(state->id)) return out_of_memory("the grammar", states.size() * 4);
  }
  CAMELGPT_TRY(machine_sweep(grammar->machine.get(), ids.span()));
  for (size_t i = 0; i < ids.size(); ++i) states[i]->id = ids[i];
  grammar->masks->entries.clear();
  grammar->masks->bits.clear();
  grammar->masks->exits.clear();
  grammar->swept_bytes = std::max(kSweptBytes, grammar->machine->memory() * 2);
  return {};
}

uint64_t grammar_memory(const Grammar& grammar) {
  return automaton_memory(*grammar.automaton) + grammar.machine->memory() + grammar.masks->memory();
}

}  // namespace camelgpt
