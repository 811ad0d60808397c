// Facts of the nodes of a syntax tree. Each fact is a least fixed point: it holds for some leaves, and for an inner
// node when it holds for enough of its children; references take it from their rules. A fact that begins to hold is
// told to the parent, or to the references of the rule, so each node is visited once.
#include <algorithm>

#include "grammar/gbnf.h"

namespace camelgpt {
namespace {

// Automaton nodes of a loop-free expression: larger ones are not copied into the rules that refer to them.
constexpr uint32_t kMaxCopiedSize = 128;
// Automaton nodes of all copies of a repeated expression.
constexpr uint32_t kMaxUnrolledSize = 32;

struct Analysis {
  Syntax& syntax;
  const uint8_t fact;
  Buffer<uint32_t> missing;  // [nodes] children that must still have the fact
  Buffer<uint32_t> todo;     // nodes that have it and did not tell

  bool find() {
    if (!missing.resize(syntax.nodes.size())) return false;
    for (uint32_t i = 0; i < missing.size(); ++i) {
      missing[i] = needed_children(syntax.nodes[i]);
      if (missing[i] == 0 && !hold(i)) return false;
    }
    while (!todo.empty()) {
      const SyntaxNode node = syntax.nodes[todo.back()];
      todo.shrink(todo.size() - 1);
      if (node.parent != kNoSyntax) {
        if (!tell(node.parent, node.size)) return false;
        continue;
      }
      if (fact == kLoopFree && node.size > kMaxCopiedSize) continue;
      for (uint32_t i = syntax.rules[node.previous].references; i != kNoSyntax; i = syntax.nodes[i].b) {
        if (!tell(i, node.size)) return false;
      }
    }
    return true;
  }

  bool hold(uint32_t i) {
    SyntaxNode& node = syntax.nodes[i];
    node.facts |= fact;
    if (fact == kLoopFree && node.kind == SyntaxKind::kRepeat) {
      const uint32_t max = syntax.repeats[node.b].max;
      node.size = std::max(1u, node.size * max + max);
    }
    return todo.push_back(i);
  }

  bool tell(uint32_t i, uint32_t size) {
    SyntaxNode& node = syntax.nodes[i];
    if (missing[i] == 0) return true;
    if (fact == kLoopFree) {
      node.size += size;
      // A few repetitions are unrolled.
      const uint64_t max = node.kind == SyntaxKind::kRepeat ? syntax.repeats[node.b].max : 1;
      if (max > 1 && max * size > kMaxUnrolledSize) return true;
      if (node.size > (1u << 20)) return true;
    }
    return --missing[i] > 0 || hold(i);
  }

  // How many children must have the fact; 0: the node has it, kNoLimit: it cannot have it. Also sets the node's own
  // share of `size`: leaves and references count even if they emit nothing, so that `size` bounds the work of a copy.
  uint32_t needed_children(SyntaxNode& node) const {
    switch (node.kind) {
      case SyntaxKind::kLiteral:
        node.size = std::max(1u, node.b - node.a);
        return fact != kNullable || node.a == node.b ? 0 : kNoLimit;
      case SyntaxKind::kClass:
        node.size = node.b > node.a && syntax.ranges[node.b - 1].last < 0x80 ? 1 : 16 + (node.b - node.a);
        return fact == kNullable || (fact == kProductive && node.a == node.b) ? kNoLimit : 0;
      case SyntaxKind::kToken: node.size = 1; return fact == kNullable ? kNoLimit : 0;
      case SyntaxKind::kReference: node.size = 1; return 1;
      case SyntaxKind::kSequence: node.size = 0; return node.b;
      case SyntaxKind::kAlternatives: node.size = node.b; return fact == kLoopFree ? node.b : 1;
      case SyntaxKind::kRepeat: return fact != kLoopFree && syntax.repeats[node.b].min == 0 ? 0 : 1;
    }
    return kNoLimit;
  }
};

}  // namespace

bool syntax_analyse(Syntax* syntax) {
  for (const uint8_t fact : {kProductive, kNullable, kLoopFree}) {
    Analysis analysis = {*syntax, fact, {}, {}};
    if (!analysis.find()) return false;
  }
  const SyntaxRule& root = syntax->rules[syntax->root];
  return (syntax->nodes[root.expression].facts & kProductive) != 0 ||
         syntax->fail(root.name.data(), "The grammar matches no text");
}

}  // namespace camelgpt
