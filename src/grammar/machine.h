// The states of an automaton with calls: computed when they are reached, and kept.
//
// A place is a node of the automaton, the count of the loop around it, and a frame. A frame is where a rule returns to:
// a set of callers (place after the call, and so a frame), since all calls of a rule at the same position of the text
// share one frame. A state is the set of the places where a text can be.
#pragma once

#include <cstdint>
#include <span>

#include "base/buffer.h"
#include "base/status.h"
#include "grammar/automaton.h"
#include "grammar/set_table.h"
#include "grammar/sort.h"

namespace camelgpt {

inline constexpr uint32_t kDeadState = 0;    // no place: the text does not match
inline constexpr uint32_t kBottomFrame = 0;  // a place at the end in this frame: the text may end
inline constexpr uint32_t kUnknownState = 0xffffffffu;

// A place, in the order of places in a state: key = frame << 32 | node, value = count.
using Place = SortPair;
constexpr Place place_of(uint32_t node, uint64_t count, uint32_t frame) {
  return {uint64_t{frame} << 32 | node, count};
}

enum class Failure : uint8_t { kNone, kMemory, kComplexity };

// A call during a step.
struct PendingCall {
  uint64_t item;  // node and count after the call
  uint32_t frame;
  uint32_t next;  // in the list of calls of the same rule, plus one
};

struct StateInfo {
  uint32_t row;     // index into Machine::transitions of its row, plus one; 0: none yet
  uint32_t mask;    // its entry of the mask cache, if that entry names the state
  bool accepts;     // the text may end
  uint32_t next;    // the state after each character of `groups`; kUnknownState: not chosen yet
  uint64_t groups;  // of bytes (token_trie.h), all that are known
  uint64_t others;  // groups of which a character leads elsewhere
};

struct Machine {
  const Automaton* automaton = nullptr;
  SetTable locals;               // sets of node << 32 | count: the places of a state in one frame, without the frame
  SetTable frames;               // pairs: node << 32 | count, and the frame of a caller; sorted by frame
  SetTable states;               // sets of frame << 32 | local
  Buffer<StateInfo> info;        // [states]
  Buffer<uint32_t> transitions;  // [rows * classes] states, or kUnknownState

  // Scratch of a step.
  Buffer<Place> places;  // those found so far; the ones from `cursor` on must still be followed
  size_t cursor = 0;
  Buffer<uint32_t> slots;  // hash table: index into places plus `stamp`; smaller: empty
  uint32_t stamp = 1;
  Buffer<PendingCall> calls;
  Buffer<uint32_t> call_lists;  // [rules] the last call of each, plus one
  Buffer<uint64_t> called;      // bit per rule
  Buffer<uint64_t> words, members;
  Failure failure = Failure::kNone;
  uint64_t work = 0;                 // places followed so far
  uint64_t work_limit = UINT64_MAX;  // of a mask
  uint64_t step_limit = UINT64_MAX;  // of the step

  uint64_t memory() const;
  bool fail(Failure reason) {
    failure = reason;
    return false;
  }
};

// The functions below return false after a failure.

bool machine_init(const Automaton& automaton, Machine* machine);

// The state of the empty text.
bool machine_start(Machine* machine, uint32_t* state);

// The state after one more byte of a class.
bool machine_step(Machine* machine, uint32_t state, uint32_t byte_class, uint32_t* next);

// The state after a token that a token literal names.
bool machine_step_token(Machine* machine, uint32_t state, uint32_t token, uint32_t* next);

// The state after the end of the rule whose frame it is.
bool machine_return(Machine* machine, uint32_t frame, uint32_t* state);

// The state of texts that are in one of two states.
bool machine_union(Machine* machine, uint32_t a, uint32_t b, uint32_t* state);

// The state that has only the places of a local set, in the bottom frame.
bool machine_local_state(Machine* machine, std::span<const uint64_t> local, uint32_t* state);

// The row of transitions of a state: an index into `transitions`.
bool machine_row(Machine* machine, uint32_t state, uint32_t* row);

// The error of a failure.
Status machine_error(const Machine& machine);

// Drops all but these states, frees their memory, and replaces the ids in `states`.
bool machine_sweep(Machine* machine, std::span<uint32_t> states);

}  // namespace camelgpt
