// Finds tokens in a text in one pass: the automaton of Aho and Corasick (1975).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/buffer.h"
#include "base/status.h"

namespace camelgpt {

struct Tokenizer;

// Larger automata are rejected: a node takes about 15 bytes. The largest known vocabularies have 10^6 nodes.
inline constexpr size_t kMaxMatcherNodes = size_t{1} << 23;

// A trie of token texts in breadth-first order. Node 0 is the root. A node is a text that tokens begin with; its depth
// is the length of that text. Reading a text from its end, with the bytes of each token reversed, finds the tokens that
// begin at each position; reading it from its start finds those that end there.
struct TokenMatcher {
  Buffer<uint32_t>
      first_child;            // [nodes + 1] the children of a node are first_child[node] to first_child[node + 1] - 1
  Buffer<uint32_t> fallback;  // [nodes] the node of the longest proper suffix
  Buffer<uint32_t> match;     // [nodes] index in `tokens` of the longest token that the node's text ends with; 0: none
  Buffer<uint16_t> depth;     // [nodes]
  Buffer<uint8_t> byte;       // [nodes] last byte; ascending among the children of a node
  Buffer<uint32_t> tokens;    // [tokens + 1] token ids by length, from index 1
  Buffer<uint32_t> shorter;   // [tokens + 1] index of the next shorter token that this one ends with; 0: none
  uint32_t root_child[256] = {};

  // Returns the node after reading one more byte.
  uint32_t next(uint32_t node, uint8_t read) const {
    for (;;) {
      if (node == 0) return root_child[read];
      uint32_t low = first_child[node], high = first_child[node + 1];
      const uint32_t end = high;
      while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (byte[middle] < read) {
          low = middle + 1;
        } else {
          high = middle;
        }
      }
      if (low < end && byte[low] == read) return low;
      node = fallback[node];
    }
  }
};

// Builds the automaton of these tokens of the vocabulary, none of them empty or longer than 65,535 bytes. Of equal
// tokens the first stays. `order` is consumed. kBadMetadata if there are too many nodes.
Status matcher_build(const Tokenizer& tokenizer, Buffer<uint32_t>* order, bool reversed, TokenMatcher* matcher);

// Returns the size of the tables in bytes.
uint64_t matcher_memory(const TokenMatcher& matcher);

}  // namespace camelgpt
