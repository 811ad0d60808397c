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
// Places followed to read a text, besides some for each of its bytes; past it the text has too many readings.
constexpr uint64_t kMaxTextWork = uint64_t{1} << 24;
constexpr uint64_t kMaxByteWork = 64;
// Places followed to find what is forced, after which the search ends.
constexpr uint64_t kMaxForcedWork = uint64_t{1} << 20;
// Bytes of a text between two sweeps.
constexpr size_t kMatchedSlice = 1024;

// The bytes that may come next, and whether a token literal may.
bool next_bytes(const Machine& machine, uint32_t state, uint64_t bytes[4]) {
  bool has_tokens = false;
  for (const uint64_t member : machine.states[state]) {
    for (const uint64_t item : machine.locals[static_cast<uint32_t>(member)]) {
      const AutomatonNode& node = machine.automaton->nodes[item >> 32];
      has_tokens |= node.kind == NodeKind::kToken;
      if (node.kind != NodeKind::kBytes) continue;
      for (size_t i = 0; i < 4; ++i) bytes[i] |= machine.automaton->sets.words[node.a * size_t{4} + i];
    }
  }
  return has_tokens;
}

Status result(const Grammar& grammar, bool is_fine) { return is_fine ? Status{} : machine_error(*grammar.machine); }

void limit_work(size_t bytes, Machine* machine) {
  machine->work_limit = machine->work + kMaxTextWork + bytes * kMaxByteWork;
}

bool read_bytes(Machine* machine, std::string_view bytes, uint32_t* state, size_t* accepted) {
  for (*accepted = 0; *accepted < bytes.size(); ++*accepted) {
    const uint32_t byte_class = machine->automaton->class_of[static_cast<uint8_t>(bytes[*accepted])];
    uint32_t next;
    if (!machine_step(machine, *state, byte_class, &next)) return false;
    if (next == kDeadState) break;
    *state = next;
  }
  return true;
}

bool accept_bytes(Machine* machine, std::string_view bytes, uint32_t* state, size_t* accepted) {
  limit_work(bytes.size(), machine);
  const bool is_fine = read_bytes(machine, bytes, state, accepted);
  machine->work_limit = UINT64_MAX;
  return is_fine;
}

bool accept_token(Grammar* grammar, uint32_t token, uint32_t* state, bool* accepted) {
  const TokenSource& source = grammar->masks->trie->source;
  Machine* const machine = grammar->machine.get();
  uint32_t as_literal, as_text = kDeadState;
  if (!machine_step_token(machine, *state, token, &as_literal)) return false;
  const int32_t id = static_cast<int32_t>(token);
  const std::string_view piece = source.piece(source.context, id);
  if (!piece.empty() && piece.size() <= kMaxTrieDepth && source.is_text(source.context, id)) {
    uint32_t moved = *state;
    size_t size;
    if (!accept_bytes(machine, piece, &moved, &size)) return false;
    if (size == piece.size()) as_text = moved;
  }
  uint32_t next = as_text != kDeadState ? as_text : as_literal;
  if (as_literal != kDeadState && as_text != kDeadState && !machine_union(machine, as_literal, as_text, &next)) {
    return false;
  }
  *accepted = next != kDeadState;
  if (*accepted) *state = next;
  return true;
}

bool find_forced(Machine* machine, uint32_t state, size_t limit, Buffer<char>* bytes) {
  const uint64_t work_limit = machine->work + kMaxForcedWork;
  for (size_t i = 0; i < limit && machine->work < work_limit && !machine->info[state].accepts; ++i) {
    uint64_t next[4] = {};
    if (next_bytes(*machine, state, next)) break;
    int count = 0, byte = 0;
    for (int k = 0; k < 4; ++k) {
      count += std::popcount(next[k]);
      if (next[k] != 0) byte = k * 64 + std::countr_zero(next[k]);
    }
    if (count != 1) break;
    if (!machine_step(machine, state, machine->automaton->class_of[byte], &state)) return false;
    if (!bytes->push_back(static_cast<char>(byte))) return machine->fail(Failure::kMemory);
  }
  return true;
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
  Syntax syntax;
  if (!gbnf_parse(gbnf, trie, &syntax) || !syntax_analyse(&syntax) ||
      !automaton_build(&syntax, compiled.automaton.get()) ||
      !machine_init(*compiled.automaton, compiled.machine.get()) ||
      (trie != nullptr && !masks_init(*trie, compiled.masks.get()))) {
    return syntax_error(syntax);
  }
  *grammar = std::move(compiled);
  return {};
}

Status grammar_begin(Grammar* grammar, GrammarState* state) {
  return result(*grammar, machine_start(grammar->machine.get(), &state->id));
}

Status grammar_mask(Grammar* grammar, GrammarState state, std::span<const uint64_t>* mask) {
  assert(grammar->masks->trie != nullptr);
  return result(*grammar, mask_of(grammar->masks.get(), grammar->machine.get(), state.id, mask));
}

void grammar_byte_mask(const Grammar& grammar, GrammarState state, uint64_t mask[4]) {
  std::fill_n(mask, 4, 0);
  next_bytes(*grammar.machine, state.id, mask);
}

Status grammar_accept_token(Grammar* grammar, int32_t token, GrammarState* state, bool* accepted) {
  const TokenTrie* const trie = grammar->masks->trie;
  *accepted = false;
  if (trie == nullptr || static_cast<uint32_t>(token) >= trie->source.tokens) return {};
  return result(*grammar, accept_token(grammar, static_cast<uint32_t>(token), &state->id, accepted));
}

Status grammar_accept_bytes(Grammar* grammar, std::string_view bytes, GrammarState* state, size_t* accepted) {
  return result(*grammar, accept_bytes(grammar->machine.get(), bytes, &state->id, accepted));
}

Status grammar_match(Grammar* grammar, std::string_view text, size_t* matched, bool* complete) {
  Machine* const machine = grammar->machine.get();
  GrammarState state;
  GrammarState* const kept = &state;
  *matched = 0;
  CAMELGPT_TRY(grammar_sweep(grammar, {}));
  CAMELGPT_TRY(grammar_begin(grammar, &state));
  limit_work(text.size(), machine);
  Status status;
  for (bool has_more = true; has_more && status.ok();) {
    const std::string_view slice = text.substr(*matched, kMatchedSlice);
    size_t accepted = 0;
    status = result(*grammar, read_bytes(machine, slice, &state.id, &accepted));
    *matched += accepted;
    has_more = accepted == kMatchedSlice;
    if (status.ok() && has_more) status = grammar_sweep(grammar, {&kept, 1});
  }
  machine->work_limit = UINT64_MAX;
  *complete = status.ok() && grammar_may_end(*grammar, state);
  return status;
}

bool grammar_may_end(const Grammar& grammar, GrammarState state) { return grammar.machine->info[state.id].accepts; }

bool grammar_must_end(const Grammar& grammar, GrammarState state) {
  uint64_t bytes[4] = {};
  return !next_bytes(*grammar.machine, state.id, bytes) && (bytes[0] | bytes[1] | bytes[2] | bytes[3]) == 0;
}

Status grammar_forced(Grammar* grammar, GrammarState state, size_t limit, Buffer<char>* bytes) {
  return result(*grammar, find_forced(grammar->machine.get(), state.id, limit, bytes));
}

Status grammar_sweep(Grammar* grammar, std::span<GrammarState* const> states) {
  Machine* const machine = grammar->machine.get();
  if (machine->memory() < grammar->swept_bytes) return {};
  Buffer<uint32_t> ids;
  bool is_fine = ids.resize(states.size()) || machine->fail(Failure::kMemory);
  for (size_t i = 0; i < states.size() && is_fine; ++i) ids[i] = states[i]->id;
  if (!is_fine || !machine_sweep(machine, ids.span())) return machine_error(*machine);
  for (size_t i = 0; i < states.size(); ++i) states[i]->id = ids[i];
  grammar->masks->entries.clear();
  grammar->masks->bits.clear();
  grammar->masks->exits.clear();
  grammar->swept_bytes = std::max(kSweptBytes, machine->memory() * 2);
  return {};
}

uint64_t grammar_memory(const Grammar& grammar) {
  return automaton_memory(*grammar.automaton) + grammar.machine->memory() + grammar.masks->memory();
}

}  // namespace camelgpt
