#include "grammar/automaton.h"

#include <algorithm>

#include "grammar/builder.h"

namespace camelgpt {
namespace {

// Which rules a rule can begin with, in order of the rules.
struct LeftCorners {
  Automaton& automaton;
  Buffer<uint32_t> begin;  // [rules + 1] index into `called`
  Buffer<uint32_t> called;
  Buffer<uint32_t> visited;  // [nodes] by the search from which rule, from 1
  Buffer<uint32_t> todo;

  bool visit(uint32_t node, uint32_t stamp) {
    if (visited[node] == stamp) return true;
    visited[node] = stamp;
    return todo.push_back(node);
  }

  bool find() {
    const Buffer<AutomatonNode>& nodes = automaton.nodes;
    if (!visited.resize(nodes.size())) return false;
    for (uint32_t rule = 0; rule < automaton.rules.size(); ++rule) {
      const uint32_t stamp = rule + 1;
      if (!begin.push_back(static_cast<uint32_t>(called.size())) || !visit(automaton.rules[rule], stamp)) return false;
      while (!todo.empty()) {
        const AutomatonNode& node = nodes[todo.back()];
        todo.shrink(todo.size() - 1);
        bool has_memory = true;
        if (node.kind == NodeKind::kSplit) has_memory = visit(node.a, stamp) && visit(node.b, stamp);
        if (node.kind == NodeKind::kRepeat) {
          const AutomatonLoop& loop = automaton.loops[node.a];
          has_memory = visit(loop.body, stamp) && (loop.min > 0 || visit(loop.exit, stamp));
        }
        if (node.kind == NodeKind::kCall) {
          has_memory = called.push_back(node.a) && (!node.may_be_skipped || visit(node.b, stamp));
        }
        if (!has_memory) return false;
      }
    }
    return begin.push_back(static_cast<uint32_t>(called.size()));
  }

  // Renumbers the rules so that each is before those it can begin with. Otherwise stores a rule of a cycle.
  bool sort(uint32_t* cyclic) {
    const uint32_t rules = static_cast<uint32_t>(automaton.rules.size());
    Buffer<uint32_t> callers, rank, first_nodes;  // callers that have no rank yet
    if (!callers.resize(rules) || !rank.resize(rules) || !first_nodes.resize(rules) || !todo.reserve(rules))
      return false;
    for (const uint32_t rule : called) ++callers[rule];
    for (uint32_t rule = 0; rule < rules; ++rule) {
      if (callers[rule] == 0 && !todo.push_back(rule)) return false;
    }
    uint32_t ranked = 0;
    while (!todo.empty()) {
      const uint32_t rule = todo.back();
      todo.shrink(todo.size() - 1);
      first_nodes[ranked] = automaton.rules[rule];
      rank[rule] = ranked++;
      for (uint32_t i = begin[rule]; i < begin[rule + 1]; ++i) {
        if (--callers[called[i]] == 0 && !todo.push_back(called[i])) return false;
      }
    }
    if (ranked < rules) {
      // The rules that remain are in cycles, or called by such. From callee to caller, the way ends in a cycle.
      for (uint32_t rule = 0; rule < rules; ++rule) {
        if (callers[rule] == 0) continue;
        for (uint32_t i = begin[rule]; i < begin[rule + 1]; ++i) rank[called[i]] = rule;
        *cyclic = rule;
      }
      for (uint32_t step = 0; step < rules; ++step) *cyclic = rank[*cyclic];
      return true;
    }
    automaton.rules.swap(first_nodes);
    for (AutomatonNode& node : automaton.nodes) {
      if (node.kind == NodeKind::kCall) node.a = rank[node.a];
    }
    return true;
  }
};

// Bytes that no set tells apart share a class: each set splits the classes that it has a part of.
void find_classes(Automaton* automaton) {
  uint8_t* const class_of = automaton->class_of;
  uint32_t classes = 1;
  for (uint32_t set = 0; set < automaton->sets.size(); ++set) {
    if (classes == 256) break;
    uint16_t inside[256], outside[256];  // of each class: the new class of its members in the set, and of the others
    std::fill_n(inside, classes, uint16_t{256});
    std::fill_n(outside, classes, uint16_t{256});
    uint32_t count = 0;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      uint16_t& part = (automaton->set_has(set, byte) ? inside : outside)[class_of[byte]];
      if (part == 256) part = static_cast<uint16_t>(count++);
      class_of[byte] = static_cast<uint8_t>(part);
    }
    classes = count;
  }
  automaton->classes = classes;
  for (uint32_t byte = 0; byte < 256; ++byte) automaton->representative[class_of[byte]] = static_cast<uint8_t>(byte);
}

}  // namespace

bool automaton_build(Syntax* syntax, Automaton* automaton) {
  Builder builder = {*syntax, *automaton, {}, {}, {}, {}};
  if (!builder_run(&builder)) return false;
  LeftCorners corners = {*automaton, {}, {}, {}, {}};
  uint32_t cyclic = kNoSyntax;
  if (!corners.find() || !corners.sort(&cyclic)) return false;
  if (cyclic != kNoSyntax) {
    return syntax->fail(syntax->rules[builder.rules[cyclic].name].name.data(), "The rule is left-recursive");
  }
  find_classes(automaton);
  return true;
}

uint64_t automaton_memory(const Automaton& automaton) {
  return automaton.nodes.capacity() * sizeof(AutomatonNode) + automaton.sets.memory() +
         automaton.loops.capacity() * sizeof(AutomatonLoop) + automaton.rules.capacity() * sizeof(uint32_t);
}

}  // namespace camelgpt
