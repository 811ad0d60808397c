// The tokens of a vocabulary as a trie over their bytes, which grammars walk to find the tokens that they allow.
//
// Built once per model and shared by its grammars.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/buffer.h"
#include "base/status.h"

namespace camelgpt {

// The vocabulary. `context` is the first argument of both functions; the bytes that `piece` returns, `context` and the
// functions' results must stay the same as long as the trie is used.
struct TokenSource {
  const void* context = nullptr;
  uint32_t tokens = 0;
  // The decoded bytes of a token; the written form of a control token.
  std::string_view (*piece)(const void* context, int32_t token) = nullptr;
  // Whether the token can be part of a text. Other tokens (control, unknown, unused) match only token literals.
  bool (*is_text)(const void* context, int32_t token) = nullptr;
};

// Tokens longer than this are never allowed by a grammar.
inline constexpr uint32_t kMaxTrieDepth = 255;

// A node in preorder: the nodes below it follow it. Node 0 is the root.
struct TrieNode {
  uint32_t end;      // index after the last node below this one
  uint32_t first;    // its tokens are TokenTrie::ids[first] up to the next node's `first`
  uint8_t byte;      // the last byte of the node's string
  uint8_t depth;     // length of the string
  uint16_t summary;  // index into TokenTrie::summaries; 0: few nodes below, or unknown
};

// The nodes below a node that ends with a character.
struct TrieSummary {
  uint64_t groups;  // of their bytes
  uint64_t height;  // characters of the longest string
};

// Groups of bytes, so that a summary says with a bit for each which ones occur below a node.
inline constexpr uint32_t kCharacterGroup = 42;  // characters of several bytes, or the beginning of one
inline constexpr uint32_t kBrokenGroup = 43;     // bytes that are not UTF-8, and all that follow them
uint32_t ascii_group(uint8_t byte);              // below kCharacterGroup

// A plain token has at most kMaxPlainCharacters characters, all whole and of the groups that a string of JSON has
// without escapes: not the control characters (groups 5 to 8), the quotation mark or the backslash.
inline constexpr uint32_t kMaxPlainCharacters = 16;
inline constexpr uint64_t kPlainGroups =
    ((uint64_t{2} << kCharacterGroup) - 1) & ~(uint64_t{0xf} << 5 | uint64_t{1} << 11 | uint64_t{1} << 33);

// Two tries, one after the other: that of the plain tokens, and that of the few others.
struct TokenTrie {
  TokenSource source;
  Buffer<TrieNode> nodes;        // [nodes + 1] the last one only ends the tokens of the one before it
  Buffer<int32_t> ids;           // [text tokens] in the order of the nodes
  Buffer<int32_t> controls;      // tokens that are not text
  Buffer<uint64_t> plain_masks;  // [kMaxPlainCharacters + 1, mask_words()] see plain_mask()
  Buffer<uint64_t> summaries;    // pairs of words, see summary()
  uint32_t height = 0;           // length of the longest token

  uint32_t mask_words() const { return (source.tokens + 63) / 64; }
  uint32_t other_root() const { return nodes[0].end; }  // that of the plain tokens is 0
  // The plain tokens of at most this number of characters, a bit each.
  const uint64_t* plain_mask(uint32_t characters) const {
    return plain_masks.data() + size_t{characters} * mask_words();
  }
  TrieSummary summary(const TrieNode& node) const {
    return {summaries[size_t{2} * node.summary], summaries[size_t{2} * node.summary + 1]};
  }
};

// Builds the trie. kOutOfMemory.
Status token_trie_build(const TokenSource& source, TokenTrie* trie);

// Memory in bytes.
uint64_t token_trie_memory(const TokenTrie& trie);

// The token that is written as `text`, a control token before others; -1 if there is none.
int32_t token_trie_find(const TokenTrie& trie, std::string_view text);

}  // namespace camelgpt
