// Emits the nodes of an automaton. Backwards: a node is created after the one that follows it.
#pragma once

#include <cstdint>

#include "base/buffer.h"
#include "grammar/automaton.h"

namespace camelgpt {

// A rule of the automaton: a rule of the grammar, or a part of one.
struct BuilderRule {
  uint32_t expression;  // its syntax
  uint32_t name;        // the rule of the grammar, for errors
};

// An expression being emitted.
struct BuilderTask {
  uint32_t expression;
  uint32_t next;       // the node after it
  uint32_t loop;       // the loop around it
  uint32_t child;      // the next child to emit; kNoSyntax: none
  uint32_t result;     // of the children so far
  uint32_t remaining;  // copies of a repeated child
};

struct Builder {
  Syntax& syntax;
  Automaton& automaton;
  Buffer<BuilderRule> rules;
  Buffer<uint32_t> rule_of;  // [syntax nodes] the rule of the automaton with this expression, plus one
  Buffer<BuilderTask> tasks;
  uint32_t name = 0;    // of the rule being emitted
  bool is_fine = true;  // false: out of memory, or too large

  uint32_t add(NodeKind kind, uint32_t a, uint32_t b, uint32_t loop);
  uint32_t add_set(const uint64_t set[4], uint32_t next, uint32_t loop);
  uint32_t add_byte(uint32_t byte, uint32_t next, uint32_t loop);
  uint32_t add_call(uint32_t expression, uint32_t next, uint32_t loop);
  // One of two nodes; `first` may be kNoSyntax.
  uint32_t add_split(uint32_t first, uint32_t second, uint32_t loop);
  uint32_t emit(uint32_t expression);
};

// Emits all rules that the start rule reaches; false after an error.
bool builder_run(Builder* builder);

// Emits a character of a class in UTF-8, then `next`; returns the first node.
uint32_t emit_class(Builder* builder, const CodePointRange* begin, const CodePointRange* end, uint32_t next,
                    uint32_t loop);

}  // namespace camelgpt
