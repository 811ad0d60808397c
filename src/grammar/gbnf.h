// GBNF, the grammar notation of llama.cpp → a syntax tree.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/buffer.h"
#include "base/status.h"
#include "grammar/token_trie.h"

namespace camelgpt {

inline constexpr size_t kMaxGrammarBytes = size_t{4} << 20;
inline constexpr uint32_t kNoLimit = 0xffffffffu;  // of a repetition
inline constexpr uint32_t kNoSyntax = 0xffffffffu;

enum class SyntaxKind : uint8_t {
  kLiteral,       // bytes a to b - 1 of Syntax::bytes
  kClass,         // code points: ranges a to b - 1 of Syntax::ranges, sorted and disjoint, without surrogates
  kToken,         // the token a
  kReference,     // the rule a; b is the next reference to that rule
  kSequence,      // b children; a is the last one
  kAlternatives,  // b children; a is the last one
  kRepeat,        // child a, b.min to b.max times: an index into Syntax::repeats
};

// Facts of a node, found by the analysis.
enum : uint8_t {
  kProductive = 1,  // it matches at least one text
  kNullable = 2,    // it matches the empty text
  kLoopFree = 4,    // it contains neither repetitions nor recursion, and is small: at most `size` automaton nodes
};

struct SyntaxNode {
  SyntaxKind kind;
  uint8_t facts;
  uint32_t a, b;
  uint32_t parent;    // of a rule's whole expression: kNoSyntax
  uint32_t previous;  // the sibling before it; of a rule's whole expression: the rule
  uint32_t size;
};

struct CodePointRange {
  uint32_t first, last;
};
struct Repetition {
  uint32_t min, max;
};

struct SyntaxRule {
  std::string_view name;  // within the text
  uint32_t expression;    // kNoSyntax: not defined
  uint32_t references;    // the first one, or kNoSyntax
};

struct Syntax {
  std::string_view text;
  Buffer<SyntaxNode> nodes;
  Buffer<char> bytes;
  Buffer<CodePointRange> ranges;
  Buffer<Repetition> repeats;
  Buffer<SyntaxRule> rules;
  uint32_t root = 0;  // the start rule
  // The error, if compiling failed: what is wrong, and where in the text. Without a message memory ran out.
  const char* error = nullptr;
  const char* error_at = nullptr;

  // Keeps the first error. Returns false.
  bool fail(const char* at, const char* message) {
    if (error == nullptr) error = message, error_at = at;
    return false;
  }
};

// Parses `text`, which must stay valid as long as *syntax; false after an error: malformed, a rule that is not defined
// or defined twice. Token literals need a trie.
bool gbnf_parse(std::string_view text, const TokenTrie* trie, Syntax* syntax);

// Fills `facts` and `size` of all nodes in linear time; false if the grammar matches no text.
bool syntax_analyse(Syntax* syntax);

// The error of a tree: kBadGrammar with line and column, or kOutOfMemory.
Status syntax_error(const Syntax& syntax);

}  // namespace camelgpt
