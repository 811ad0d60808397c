#include "grammar/token_trie.h"

#include <algorithm>
#include <cstring>

#include "grammar/set_table.h"
#include "grammar/sort.h"

namespace camelgpt {
namespace {

std::string_view piece_of(const TokenSource& source, int32_t token) { return source.piece(source.context, token); }

int32_t id_of(const SortPair& token) { return static_cast<int32_t>(token.value & 0xffffffffu); }

// Sorts tokens by their bytes, eight of them at a time. The value of a token is its length << 32 | its id, so that of
// equal bytes, where the missing ones are zero, the shorter string is first.
bool sort_tokens(const TokenSource& source, Buffer<SortPair>* tokens) {
  Buffer<uint8_t> is_equal;  // whether the bytes so far are those of the token before
  if (!is_equal.resize(tokens->size())) return false;
  if (!is_equal.empty()) std::memset(is_equal.data() + 1, 1, is_equal.size() - 1);
  bool has_more = true;
  for (size_t begin = 0; has_more; begin += 8) {
    has_more = false;
    for (size_t first = 0, last; first < tokens->size(); first = last) {
      for (last = first + 1; last < tokens->size() && is_equal[last] != 0; ++last) {
      }
      if (last - first == 1) continue;
      for (size_t i = first; i < last; ++i) {
        SortPair& token = (*tokens)[i];
        const std::string_view piece = piece_of(source, id_of(token));
        token.key = 0;
        for (size_t k = begin; k < begin + 8; ++k) {
          token.key = token.key << 8 | (k < piece.size() ? static_cast<uint8_t>(piece[k]) : 0);
        }
        has_more |= piece.size() > begin + 8;
      }
      sort_pairs(tokens->data() + first, last - first);
      for (size_t i = first + 1; i < last; ++i) is_equal[i] = (*tokens)[i].key == (*tokens)[i - 1].key;
    }
  }
  return true;
}

// Reads a string byte by byte: how much of a character is missing, and in which range the next byte is.
struct Utf8Position {
  uint8_t missing = 0;
  uint8_t low = 0x80, high = 0xbf;
  bool broken = false;

  // Returns the group of the byte.
  uint32_t put(uint8_t byte) {
    if (byte < 0x80 && missing == 0 && !broken) return ascii_group(byte);
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
  uint64_t height;  // characters below it
  Utf8Position position;
};

constexpr uint32_t kFewNodes = 16;

bool begins_character(uint8_t byte) { return (byte & 0xc0) != 0x80; }

// The number of characters of a plain token; 0 for others.
uint32_t count_plain(std::string_view piece) {
  Utf8Position position;
  uint32_t characters = 0;
  uint64_t groups = 0;
  for (const char c : piece) {
    groups |= uint64_t{1} << position.put(static_cast<uint8_t>(c));
    characters += begins_character(static_cast<uint8_t>(c));
  }
  const bool is_plain = (groups & ~kPlainGroups) == 0 && position.missing == 0 && characters <= kMaxPlainCharacters;
  return is_plain ? characters : 0;
}

size_t common_prefix(std::string_view a, std::string_view b) {
  size_t length = 0;
  while (length < a.size() && length < b.size() && a[length] == b[length]) ++length;
  return length;
}

}  // namespace

Status token_trie_build(const TokenSource& source, TokenTrie* trie) {
  trie->source = source;
  const size_t words = trie->mask_words();
  const auto no_memory = [&] { return out_of_memory("the tokens of grammars", source.tokens * uint64_t{48}); };
  Buffer<SortPair> plain, others;
  if (!plain.reserve(source.tokens) || !trie->plain_masks.resize((kMaxPlainCharacters + 1) * words)) return no_memory();
  for (uint32_t i = 0; i < source.tokens; ++i) {
    const int32_t id = static_cast<int32_t>(i);
    if (!source.is_text(source.context, id)) {
      if (!trie->controls.push_back(id)) return no_memory();
      continue;
    }
    const std::string_view piece = piece_of(source, id);
    if (piece.empty() || piece.size() > kMaxTrieDepth) continue;
    const uint32_t characters = count_plain(piece);
    if (characters > 0) trie->plain_masks[characters * words + i / 64] |= uint64_t{1} << (i % 64);
    if (!(characters > 0 ? plain : others).push_back({0, uint64_t{piece.size()} << 32 | i})) return no_memory();
    trie->height = std::max(trie->height, static_cast<uint32_t>(piece.size()));
  }
  for (size_t i = words; i < trie->plain_masks.size(); ++i) trie->plain_masks[i] |= trie->plain_masks[i - words];
  if (!sort_tokens(source, &plain) || !sort_tokens(source, &others)) return no_memory();

  size_t nodes = 1;  // the last one
  for (const Buffer<SortPair>* const sorted : {&plain, &others}) {
    ++nodes;  // the root
    std::string_view last;
    for (const SortPair& token : *sorted) {
      const std::string_view piece = piece_of(source, id_of(token));
      nodes += piece.size() - common_prefix(last, piece);
      last = piece;
    }
  }
  if (!trie->nodes.reserve(nodes) || !trie->ids.reserve(plain.size() + others.size())) return no_memory();
  const auto add_node = [&](uint8_t byte, size_t depth) {
    return trie->nodes.push_back({0, static_cast<uint32_t>(trie->ids.size()), byte, static_cast<uint8_t>(depth), 0});
  };

  PathNode path[kMaxTrieDepth + 1] = {};  // of the last token
  size_t depth = 0;                       // its length
  SetTable summaries;
  static constexpr uint64_t kUnknown[2] = {};
  bool has_memory = set_intern(kUnknown, &summaries) == 0;
  const auto close_nodes = [&](size_t to_depth) {
    for (; depth > to_depth; --depth) {
      const PathNode& at = path[depth];
      TrieNode& node = trie->nodes[at.index];
      node.end = static_cast<uint32_t>(trie->nodes.size());
      path[depth - 1].groups |= at.groups | uint64_t{1} << at.group;
      path[depth - 1].height = std::max(path[depth - 1].height, at.height + begins_character(node.byte));
      if (at.position.broken || at.position.missing > 0 || node.end - at.index <= kFewNodes) continue;
      const uint64_t summary_words[2] = {at.groups, at.height};
      const uint32_t summary = set_intern(summary_words, &summaries);
      has_memory &= summary != kNoSet;
      node.summary = static_cast<uint16_t>(summary < 0x10000 ? summary : 0);
    }
  };
  for (const Buffer<SortPair>* const sorted : {&plain, &others}) {
    const size_t root = trie->nodes.size();
    has_memory &= add_node(0, 0);
    std::string_view last;
    for (const SortPair& token : *sorted) {
      const std::string_view piece = piece_of(source, id_of(token));
      close_nodes(common_prefix(last, piece));
      while (depth < piece.size()) {
        const uint8_t byte = static_cast<uint8_t>(piece[depth]);
        PathNode& at = path[++depth];
        at = {static_cast<uint32_t>(trie->nodes.size()), 0, 0, 0, path[depth - 1].position};
        at.group = at.position.put(byte);
        has_memory &= add_node(byte, depth);
      }
      has_memory &= trie->ids.push_back(id_of(token));
      last = piece;
    }
    close_nodes(0);
    trie->nodes[root].end = static_cast<uint32_t>(trie->nodes.size());
  }
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
         (trie.summaries.capacity() + trie.plain_masks.capacity()) * sizeof(uint64_t);
}

int32_t token_trie_find(const TokenTrie& trie, std::string_view text) {
  for (const int32_t id : trie.controls) {
    if (piece_of(trie.source, id) == text) return id;
  }
  for (const uint32_t root : {0u, trie.other_root()}) {
    // The child with the next byte, from byte to byte.
    uint32_t node = root;
    size_t depth = 0;
    for (; depth < text.size(); ++depth) {
      const uint32_t end = trie.nodes[node].end;
      for (++node; node < end && trie.nodes[node].byte != static_cast<uint8_t>(text[depth]);
           node = trie.nodes[node].end) {
      }
      if (node == end) break;
    }
    const uint32_t first = trie.nodes[node].first;
    if (depth == text.size() && first < trie.nodes[node + 1].first) return trie.ids[first];
  }
  return -1;
}

}  // namespace camelgpt
