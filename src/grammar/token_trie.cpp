#include "grammar/token_trie.h"

#include <algorithm>
#include <cstring>

#include "base/heap_sort.h"
#include "grammar/set_table.h"

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

// Reads a string byte by byte: how much of a character is missing, and in which range the next byte is.
struct Utf8Position {
  uint8_t missing = 0;
  uint8_t low = 0x80, high = 0xbf;
  bool broken = false;

  // Returns the group of the byte.
  uint32_t put(uint8_t byte) {
    if (broken || (missing > 0 ? byte < low || byte > high : byte >= 0x80 && (byte < 0xc2 || byte > 0xf4))) {
      broken = true;
      return kBrokenGroup;
    }
    if (missing > 0) {
      --missing;
    } else {
      missing = byte < 0x80 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    }
    // Table 3-7 of the Unicode Standard.
    low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    return byte < 0x80 ? ascii_group(byte) : kCharacterGroup;
  }
};

// The way to a node, while the nodes below it are added.
struct PathNode {
  uint32_t index;
  uint32_t group;   // of its byte
  uint64_t groups;  // below it
  Utf8Position position;
};

constexpr uint32_t kFewNodes = 4;

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
  if (!trie->nodes.reserve(nodes) || !trie->ids.reserve(sorted.size()) || !trie->text_mask.resize(trie->mask_words())) {
    return no_memory();
  }
  const auto add_node = [&](uint8_t byte, size_t depth) {
    return trie->nodes.push_back({0, static_cast<uint32_t>(trie->ids.size()), byte, static_cast<uint8_t>(depth), 0});
  };

  PathNode path[kMaxTrieDepth + 1] = {};  // of the last token
  size_t depth = 0;                       // its length
  SetTable summaries;
  static constexpr uint64_t kUnknown = 0;
  bool has_memory = add_node(0, 0) && set_intern({&kUnknown, 1}, &summaries) == 0;
  const auto close_nodes = [&](size_t to_depth) {
    for (; depth > to_depth; --depth) {
      const PathNode& at = path[depth];
      TrieNode& node = trie->nodes[at.index];
      node.end = static_cast<uint32_t>(trie->nodes.size());
      path[depth - 1].groups |= at.groups | uint64_t{1} << at.group;
      if (at.position.broken || at.position.missing > 0 || node.end - at.index <= kFewNodes) continue;
      const uint32_t summary = set_intern({&at.groups, 1}, &summaries);
      has_memory &= summary != kNoSet;
      node.summary = static_cast<uint16_t>(summary < 0x10000 ? summary : 0);
    }
  };
  last = {};
  for (const SortedToken& token : sorted) {
    const std::string_view piece = piece_of(source, token.id);
    close_nodes(common_prefix(last, piece));
    while (depth < piece.size()) {
      const uint8_t byte = static_cast<uint8_t>(piece[depth]);
      PathNode& at = path[++depth];
      at = {static_cast<uint32_t>(trie->nodes.size()), 0, 0, path[depth - 1].position};
      at.group = at.position.put(byte);
      has_memory &= add_node(byte, depth);
    }
    has_memory &= trie->ids.push_back(token.id);
    trie->text_mask[static_cast<size_t>(token.id) / 64] |= uint64_t{1} << (token.id % 64);
    trie->height = std::max(trie->height, static_cast<uint32_t>(piece.size()));
    last = piece;
  }
  close_nodes(0);
  trie->nodes[0].end = static_cast<uint32_t>(trie->nodes.size());
  trie->summaries.swap(summaries.words);
  return has_memory && add_node(0, 0) ? Status{} : no_memory();
}

uint32_t ascii_group(uint8_t byte) {
  if (byte >= '0' && byte <= '9') return 0;
  if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') return (byte & 0x20 ? 1 : 3) + ((byte | 0x20) > 'f');
  if (byte < ' ' || byte == 0x7f) return byte == '\t' ? 5 : byte == '\n' ? 6 : byte == '\r' ? 7 : 8;
  if (byte < '0') return 9 + (byte - ' ');
  if (byte < 'A') return 25 + (byte - ':');
  if (byte < 'a') return 32 + (byte - '[');
  return 38 + (byte - '{');
}

uint64_t token_trie_memory(const TokenTrie& trie) {
  return trie.nodes.capacity() * sizeof(TrieNode) + (trie.ids.capacity() + trie.controls.capacity()) * sizeof(int32_t) +
         (trie.summaries.capacity() + trie.text_mask.capacity()) * sizeof(uint64_t);
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
