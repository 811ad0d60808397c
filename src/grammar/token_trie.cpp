#include "grammar/token_trie.h"

#include <algorithm>
#include <cstring>

#include "base/heap_sort.h"

namespace camelgpt {
namespace {

// A token in the order of its bytes. `prefix` is its first eight bytes, as a big-endian number.
struct SortedToken {
  uint64_t prefix;
  int32_t id;
};

std::string_view piece_of(const TokenSource& source, int32_t token) { return source.piece(source.context, token); }

uint64_t prefix_of(std::string_view piece) {
  uint64_t prefix = 0;
  for (size_t i = 0; i < 8; ++i) prefix = prefix << 8 | (i < piece.size() ? static_cast<uint8_t>(piece[i]) : 0);
  return prefix;
}

size_t common_prefix(std::string_view a, std::string_view b) {
  size_t length = 0;
  while (length < a.size() && length < b.size() && a[length] == b[length]) ++length;
  return length;
}

}  // namespace

Status token_trie_build(const TokenSource& source, TokenTrie* trie) {
  trie->source = source;
  Buffer<SortedToken> sorted;
  const auto no_memory = [&] { return out_of_memory("the tokens of grammars", source.tokens * uint64_t{48}); };
  if (!sorted.reserve(source.tokens)) return no_memory();
  for (uint32_t i = 0; i < source.tokens; ++i) {
    const int32_t id = static_cast<int32_t>(i);
    const std::string_view piece = piece_of(source, id);
    if (!source.is_text(source.context, id)) {
      if (!trie->controls.push_back(id)) return no_memory();
    } else if (!piece.empty() && piece.size() <= kMaxTrieDepth) {
      if (!sorted.push_back({prefix_of(piece), id})) return no_memory();
    }
  }
  heap_sort(sorted.begin(), sorted.end(), [&](const SortedToken& a, const SortedToken& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    const int order = piece_of(source, a.id).compare(piece_of(source, b.id));
    return order != 0 ? order < 0 : a.id < b.id;
  });

  size_t nodes = 2;  // the root and the last one
  std::string_view last;
  for (const SortedToken& token : sorted) {
    const std::string_view piece = piece_of(source, token.id);
    nodes += piece.size() - common_prefix(last, piece);
    last = piece;
  }
  if (!trie->nodes.reserve(nodes) || !trie->ids.reserve(sorted.size())) return no_memory();
  const auto add_node = [&](uint8_t byte, size_t depth) {
    return trie->nodes.push_back({0, static_cast<uint32_t>(trie->ids.size()), byte, static_cast<uint8_t>(depth), 0});
  };

  uint32_t path[kMaxTrieDepth + 1] = {};  // the nodes of the last token
  bool has_memory = add_node(0, 0);
  last = {};
  for (const SortedToken& token : sorted) {
    const std::string_view piece = piece_of(source, token.id);
    const size_t shared = common_prefix(last, piece);
    for (size_t depth = shared + 1; depth <= last.size(); ++depth) {
      trie->nodes[path[depth]].end = static_cast<uint32_t>(trie->nodes.size());
    }
    for (size_t depth = shared + 1; depth <= piece.size(); ++depth) {
      path[depth] = static_cast<uint32_t>(trie->nodes.size());
      has_memory &= add_node(static_cast<uint8_t>(piece[depth - 1]), depth);
    }
    has_memory &= trie->ids.push_back(token.id);
    trie->height = std::max(trie->height, static_cast<uint32_t>(piece.size()));
    last = piece;
  }
  for (size_t depth = 0; depth <= last.size(); ++depth) {
    trie->nodes[path[depth]].end = static_cast<uint32_t>(trie->nodes.size());
  }
  return has_memory && add_node(0, 0) ? Status{} : no_memory();
}

uint64_t token_trie_memory(const TokenTrie& trie) {
  return trie.nodes.capacity() * sizeof(TrieNode) + (trie.ids.capacity() + trie.controls.capacity()) * sizeof(int32_t) +
         trie.summaries.capacity() * sizeof(TrieSummary);
}

int32_t token_trie_find(const TokenTrie& trie, std::string_view text) {
  for (const int32_t id : trie.controls) {
    if (piece_of(trie.source, id) == text) return id;
  }
  // The child with the next byte, from byte to byte.
  uint32_t node = 0;
  for (const char byte : text) {
    const uint32_t end = trie.nodes[node].end;
    for (++node; node < end && trie.nodes[node].byte != static_cast<uint8_t>(byte); node = trie.nodes[node].end) {
    }
    if (node == end) return -1;
  }
  const uint32_t first = trie.nodes[node].first;
  return first < trie.nodes[node + 1].first ? trie.ids[first] : -1;
}

}  // namespace camelgpt
