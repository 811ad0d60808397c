#include "tokenize/token_matcher.h"

#include <algorithm>
#include <cstring>

#include "tokenize/metadata_errors.h"
#include "tokenize/vocabulary.h"

namespace camelgpt {
namespace {

constexpr uint32_t kEnds = 0;  // key of a token that ends at the node; the keys of bytes follow

// Ranges of at most this many tokens are sorted by insertion.
constexpr size_t kFewTokens = 16;

struct MatcherBuilder {
  const Tokenizer& tokenizer;
  std::span<uint32_t> order;  // token ids; those below a node are a range
  bool reversed;
  TokenMatcher* matcher;
  Buffer<uint32_t> low, high;  // [nodes] the range of `order`
  Buffer<uint32_t> scratch;

  // Returns 1 + the byte of `token` at `depth`, or kEnds.
  uint32_t key(uint32_t token, size_t depth) const {
    const std::string_view piece = stored_piece(tokenizer, token);
    if (depth == piece.size()) return kEnds;
    return 1u + static_cast<uint8_t>(reversed ? piece[piece.size() - 1 - depth] : piece[depth]);
  }

  // Sorts order[from, to) by key; equal keys keep their order. Returns false when out of memory.
  bool sort(uint32_t from, uint32_t to, size_t depth) {
    if (to - from <= kFewTokens) {
      for (uint32_t i = from + 1; i < to; ++i) {
        const uint32_t token = order[i], wanted = key(token, depth);
        uint32_t at = i;
        for (; at > from && key(order[at - 1], depth) > wanted; --at) order[at] = order[at - 1];
        order[at] = token;
      }
      return true;
    }
    uint32_t starts[258] = {};
    for (uint32_t i = from; i < to; ++i) ++starts[key(order[i], depth) + 1];
    for (size_t k = 1; k < 258; ++k) starts[k] += starts[k - 1];
    if (!scratch.resize(to - from)) return false;
    for (uint32_t i = from; i < to; ++i) scratch[starts[key(order[i], depth)]++] = order[i];
    std::copy(scratch.begin(), scratch.begin() + (to - from), order.begin() + from);
    return true;
  }

  bool add_node(uint32_t parent, uint8_t byte, uint32_t from, uint32_t to) {
    TokenMatcher& m = *matcher;
    const uint32_t node = static_cast<uint32_t>(m.byte.size());
    uint32_t fallback = 0;
    if (parent == 0) {
      if (node != 0) m.root_child[byte] = node;
    } else {
      fallback = m.next(m.fallback[parent], byte);
    }
    const uint16_t depth = node == 0 ? uint16_t{0} : static_cast<uint16_t>(m.depth[parent] + 1);
    return m.byte.push_back(byte) && m.fallback.push_back(fallback) && m.match.push_back(0) &&
           m.depth.push_back(depth) && low.push_back(from) && high.push_back(to);
  }

  // Adds the children of a node, and the token that ends there.
  bool expand(uint32_t node) {
    TokenMatcher& m = *matcher;
    const size_t depth = m.depth[node];
    uint32_t from = low[node];
    const uint32_t to = high[node];
    if (!m.first_child.push_back(static_cast<uint32_t>(m.byte.size())) || !sort(from, to, depth)) return false;
    m.match[node] = m.match[m.fallback[node]];
    if (from < to && key(order[from], depth) == kEnds) {
      if (!m.tokens.push_back(order[from]) || !m.shorter.push_back(m.match[node])) return false;
      m.match[node] = static_cast<uint32_t>(m.tokens.size() - 1);
      while (from < to && key(order[from], depth) == kEnds) ++from;
    }
    while (from < to) {
      const uint32_t same = key(order[from], depth);
      uint32_t end = from + 1;
      while (end < to && key(order[end], depth) == same) ++end;
      if (!add_node(node, static_cast<uint8_t>(same - 1), from, end)) return false;
      from = end;
    }
    return true;
  }
};

// Releases the capacity that a buffer does not use.
template <typename T>
bool fit(Buffer<T>* buffer) {
  Buffer<T> exact;
  if (!exact.append(buffer->data(), buffer->size())) return false;
  buffer->swap(exact);
  return true;
}

Status no_memory(size_t nodes) { return out_of_memory("finding tokens in texts", uint64_t{nodes} * 24); }

}  // namespace

Status matcher_build(const Tokenizer& tokenizer, Buffer<uint32_t>* order, bool reversed, TokenMatcher* matcher) {
  MatcherBuilder builder = {tokenizer, order->span(), reversed, matcher, {}, {}, {}};
  bool ok = matcher->tokens.push_back(0) && matcher->shorter.push_back(0) &&
            builder.add_node(0, 0, 0, static_cast<uint32_t>(order->size()));
  for (uint32_t node = 0; ok && node < matcher->byte.size(); ++node) {
    ok = builder.expand(node);
    if (matcher->byte.size() <= kMaxMatcherNodes) continue;
    Status status = make_error(ErrorCode::kBadMetadata, "The texts of the tokens are too long to search for.");
    status = with_expected(status, "at most %zu different beginnings", kMaxMatcherNodes);
    status = with_found(status, "more, in %zu tokens", order->size());
    return with_hint(status, kConvertHint);
  }
  ok = ok && matcher->first_child.push_back(static_cast<uint32_t>(matcher->byte.size()));
  order->release();
  ok = ok && fit(&matcher->first_child) && fit(&matcher->fallback) && fit(&matcher->match) && fit(&matcher->depth) &&
       fit(&matcher->byte) && fit(&matcher->tokens) && fit(&matcher->shorter);
  return ok ? Status{} : no_memory(matcher->byte.size());
}

uint64_t matcher_memory(const TokenMatcher& matcher) {
  const uint64_t nodes = matcher.byte.capacity(), tokens = matcher.tokens.capacity();
  return nodes * (3 * sizeof(uint32_t) + sizeof(uint16_t) + sizeof(uint8_t)) + tokens * 2 * sizeof(uint32_t);
}

}  // namespace camelgpt
