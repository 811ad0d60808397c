#include "grammar/builder.h"

#include <algorithm>

namespace camelgpt {
namespace {

constexpr uint32_t kMaxNodes = 1u << 21;
// From here on, small rules are called instead of copied.
constexpr uint32_t kManyNodes = 1u << 18;
constexpr uint32_t kEndNode = 0;

}  // namespace

uint32_t Builder::add(NodeKind kind, uint32_t a, uint32_t b, uint32_t loop) {
  const uint32_t index = static_cast<uint32_t>(automaton.nodes.size());
  if (index >= kMaxNodes)
    is_fine = syntax.fail(syntax.rules[name].name.data(), "The grammar is too large: the rule does not fit");
  is_fine = is_fine && automaton.nodes.push_back({kind, false, false, a, b, loop});
  return index;
}

uint32_t Builder::add_set(const uint64_t set[4], uint32_t next, uint32_t loop) {
  const uint32_t index = set_intern({set, 4}, &automaton.sets);
  is_fine &= index != kNoSet;
  return add(NodeKind::kBytes, index, next, loop);
}

uint32_t Builder::add_byte(uint32_t byte, uint32_t next, uint32_t loop) {
  uint64_t set[4] = {};
  set[byte / 64] = uint64_t{1} << (byte % 64);
  return add_set(set, next, loop);
}

uint32_t Builder::add_split(uint32_t first, uint32_t second, uint32_t loop) {
  return first == kNoSyntax ? second : add(NodeKind::kSplit, first, second, loop);
}

uint32_t Builder::add_call(uint32_t expression, uint32_t next, uint32_t loop) {
  const SyntaxNode& node = syntax.nodes[expression];
  uint32_t& rule = rule_of[expression];
  if (rule == 0) {
    is_fine &= rules.push_back({expression, node.parent == kNoSyntax ? node.previous : name});
    rule = static_cast<uint32_t>(rules.size());
  }
  const uint32_t call = add(NodeKind::kCall, rule - 1, next, loop);
  if (!is_fine) return 0;
  automaton.nodes[call].is_tail = next == kEndNode && loop == kNoLoop;
  automaton.nodes[call].may_be_skipped = (node.facts & kNullable) != 0;
  return call;
}

uint32_t Builder::emit(uint32_t expression) {
  uint32_t value = 0;       // the first node of the expression emitted last
  bool is_entered = false;  // whether the last task continues after a child, which is `value`
  is_fine &= tasks.push_back({expression, kEndNode, kNoLoop, kNoSyntax, 0, 0});
  while (!tasks.empty() && is_fine) {
    BuilderTask& task = tasks.back();
    const SyntaxNode& node = syntax.nodes[task.expression];
    const uint32_t next = task.next, loop = task.loop;
    // The child to emit next, and the node and the loop it is emitted for; kNoSyntax: `value` is complete.
    uint32_t child = kNoSyntax, child_next = next, child_loop = loop;
    switch (node.kind) {
      case SyntaxKind::kLiteral:
        value = next;
        for (uint32_t i = node.b; i > node.a; --i) {
          value = add_byte(static_cast<uint8_t>(syntax.bytes[i - 1]), value, loop);
        }
        break;
      case SyntaxKind::kClass:
        value = emit_class(this, syntax.ranges.data() + node.a, syntax.ranges.data() + node.b, next, loop);
        break;
      case SyntaxKind::kToken: value = add(NodeKind::kToken, node.a, next, loop); break;
      case SyntaxKind::kReference: {
        const uint32_t body = syntax.rules[node.a].expression;
        if ((node.facts & kLoopFree) != 0 && automaton.nodes.size() < kManyNodes) {
          task.expression = body;
          is_entered = false;
          continue;
        }
        value = add_call(body, next, loop);
        break;
      }
      case SyntaxKind::kSequence:
        task.result = is_entered ? value : next;
        task.child = is_entered ? syntax.nodes[task.child].previous : node.a;
        child = task.child;
        child_next = value = task.result;
        break;
      case SyntaxKind::kAlternatives:
        task.result = is_entered ? add_split(task.result, value, loop) : kNoSyntax;
        child = is_entered ? syntax.nodes[task.child].previous : node.a;
        while (child != kNoSyntax && (syntax.nodes[child].facts & kProductive) == 0)
          child = syntax.nodes[child].previous;
        task.child = child;
        value = task.result;
        break;
      case SyntaxKind::kRepeat: {
        const Repetition repeat = syntax.repeats[node.b];
        const SyntaxNode& body = syntax.nodes[node.a];
        if (repeat.max == 0 || (body.facts & kProductive) == 0) {
          value = next;
        } else if (repeat.max == 1 || (node.facts & kLoopFree) != 0) {
          // Copies, each followed by the rest of them. Those past the minimum can be skipped, with all that follow.
          if (!is_entered) {
            task.remaining = repeat.max;
            task.result = next;
          } else {
            task.result = task.remaining-- > repeat.min ? add_split(value, next, loop) : value;
          }
          if (task.remaining > 0) child = node.a;
          child_next = value = task.result;
        } else if (repeat.max == kNoLimit && repeat.min <= 1) {
          if (!is_entered) {
            task.result = add(NodeKind::kSplit, 0, next, loop);
            child = node.a;
            child_next = task.result;
          } else {
            automaton.nodes[task.result].a = value;
            if (repeat.min == 0) value = task.result;
          }
        } else if (loop != kNoLoop) {
          value = add_call(task.expression, next, loop);  // a node has one count
        } else if (!is_entered) {
          const bool is_nullable = (body.facts & kNullable) != 0;
          task.result = static_cast<uint32_t>(automaton.loops.size());
          is_fine &= automaton.loops.push_back({is_nullable ? 0 : repeat.min, repeat.max, 0, next});
          child_loop = task.result;
          child_next = add(NodeKind::kStep, task.result, 0, child_loop);
          child = node.a;
          if (is_nullable && is_fine) {
            // As a rule of its own, whose call is not skipped: so the body does not match the empty text.
            value = add_call(node.a, child_next, child_loop);
            if (is_fine) automaton.nodes[value].may_be_skipped = false;
            is_entered = true;
            continue;
          }
        } else {
          automaton.loops[task.result].body = value;
          value = add(NodeKind::kRepeat, task.result, 0, loop);
        }
        break;
      }
    }
    is_entered = child == kNoSyntax;
    if (is_entered)
      tasks.shrink(tasks.size() - 1);
    else
      is_fine &= tasks.push_back({child, child_next, child_loop, kNoSyntax, 0, 0});
  }
  return value;
}

bool builder_run(Builder* builder) {
  const Syntax& syntax = builder->syntax;
  if (!builder->rule_of.resize(syntax.nodes.size())) return false;
  builder->name = syntax.root;
  builder->add(NodeKind::kEnd, 0, 0, kNoLoop);
  builder->automaton.start = builder->add_call(syntax.rules[syntax.root].expression, kEndNode, kNoLoop);
  for (size_t i = 0; i < builder->rules.size() && builder->is_fine; ++i) {
    builder->name = builder->rules[i].name;
    const uint32_t first = builder->emit(builder->rules[i].expression);
    builder->is_fine &= builder->automaton.rules.push_back(first);
  }
  return builder->is_fine;
}

namespace {

// Code points of `level` continuation bytes after the first, in blocks of those that differ only in these.
struct ClassEmitter {
  Builder* builder;
  const CodePointRange* begin;
  const CodePointRange* end;
  uint32_t loop;
  uint32_t any[4];  // nodes that match this number of continuation bytes, then the end; kNoSyntax: not created yet

  uint32_t continuation(uint32_t level) {
    static constexpr uint64_t kAll[4] = {0, 0, ~uint64_t{0}, 0};
    if (any[level] == kNoSyntax) {
      const uint32_t next = continuation(level - 1);
      any[level] = builder->add_set(kAll, next, loop);
    }
    return any[level];
  }

  // Adds what matches the part of the class from `first` to `last`, one byte per block and then `level` further ones.
  uint32_t emit(uint32_t first, uint32_t last, uint32_t level, uint32_t base, uint32_t result) {
    const uint32_t shift = 6 * level;
    uint64_t full[4] = {};
    bool has_full = false;
    for (uint32_t block = first >> shift; block <= last >> shift; ++block) {
      const uint32_t block_first = block << shift, block_last = block_first + (1u << shift) - 1;
      const uint32_t low = std::max(first, block_first), high = std::min(last, block_last);
      // The first range that reaches into the block or is after it.
      const CodePointRange* const range =
          std::lower_bound(begin, end, low, [](CodePointRange a, uint32_t value) { return a.last < value; });
      if (range == end || range->first > high) continue;
      const uint32_t byte = base == 0 ? block : base + (block & 63);
      if (low == block_first && range->first <= low && range->last >= block_last) {
        full[byte / 64] |= uint64_t{1} << (byte % 64);
        has_full = true;
      } else {
        const uint32_t rest = emit(low, high, level - 1, 0x80, kNoSyntax);
        result = builder->add_split(result, builder->add_byte(byte, rest, loop), loop);
      }
    }
    if (!has_full) return result;
    return builder->add_split(result, builder->add_set(full, continuation(level), loop), loop);
  }
};

}  // namespace

uint32_t emit_class(Builder* builder, const CodePointRange* begin, const CodePointRange* end, uint32_t next,
                    uint32_t loop) {
  ClassEmitter emitter = {builder, begin, end, loop, {next, kNoSyntax, kNoSyntax, kNoSyntax}};
  uint32_t result = emitter.emit(0, 0x7f, 0, 0, kNoSyntax);
  result = emitter.emit(0x80, 0x7ff, 1, 0xc0, result);
  result = emitter.emit(0x800, 0xffff, 2, 0xe0, result);
  return emitter.emit(0x10000, 0x10ffff, 3, 0xf0, result);
}

}  // namespace camelgpt
