// A syntax tree → an automaton over bytes for each rule, with calls between the rules.
#pragma once

#include <cstdint>

#include "base/buffer.h"
#include "base/status.h"
#include "grammar/gbnf.h"
#include "grammar/set_table.h"

namespace camelgpt {

enum class NodeKind : uint8_t {
  kEnd,     // the rule ends; node 0 is the only one
  kBytes,   // a byte of set a, then node b
  kToken,   // the token a, then node b
  kSplit,   // node a or node b
  kCall,    // rule a, then node b
  kRepeat,  // begins loop a
  kStep,    // ends an iteration of loop a
};

struct AutomatonNode {
  NodeKind kind;
  bool is_tail;         // kCall: nothing but the end of the rule follows
  bool may_be_skipped;  // kCall: the rule can match the empty text, and then the call is skipped
  uint32_t a, b;
  uint32_t loop;  // whose body contains the node, or kNoLoop. A node of a loop has a count: the iterations completed
};

inline constexpr uint32_t kNoLoop = 0xffffffffu;

// A counted repetition. Its body does not match the empty text, and contains no other loop.
struct AutomatonLoop {
  uint32_t min, max;    // max can be kNoLimit
  uint32_t body, exit;  // nodes
};

struct Automaton {
  Buffer<AutomatonNode> nodes;
  SetTable sets;  // of bytes: four words each
  Buffer<AutomatonLoop> loops;
  // [rules] their first nodes. A rule that begins with a call of another one, directly or after calls that can be
  // skipped, is before that one: so there is no left recursion.
  Buffer<uint32_t> rules;
  uint32_t start = 0;                // the node that calls the start rule
  uint32_t classes = 0;              // bytes of one class are in the same sets
  uint8_t class_of[256] = {};        // the class of each byte
  uint8_t representative[256] = {};  // [classes] a byte of each

  bool set_has(uint32_t set, uint32_t byte) const {
    return (sets.words[size_t{set} * 4 + byte / 64] >> (byte % 64) & 1) != 0;
  }
};

// Builds the automaton of an analysed tree: parts that match no text, and rules that are not reached, are left out.
// False after an error: left recursion, too large.
bool automaton_build(Syntax* syntax, Automaton* automaton);

uint64_t automaton_memory(const Automaton& automaton);

}  // namespace camelgpt
