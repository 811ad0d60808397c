#include "tokenize/unigram.h"

#include <algorithm>

#include "base/utf8.h"
#include "tokenize/bpe.h"
#include "tokenize/vocabulary.h"

namespace camelgpt {
namespace {

constexpr uint32_t kUnreached = UINT32_MAX;

// A character without a token scores that much less than the worst of them.
constexpr float kUnknownPenalty = 10;

// Sums are floats from the beginning of the sentence on, as SentencePiece's: where two ways have the same score, or in
// long texts nearly so, rounding decides.
void offer(UnigramNode* node, float score, int32_t token, uint32_t start) {
  if (node->start == kUnreached || score > node->score) *node = {score, token, start, 0};
}

// The end of the part that can be looked at alone: where no token has a space inside, a part ends before each space.
size_t part_end(const Tokenizer& tokenizer, std::string_view sentence, size_t start) {
  return tokenizer.crosses_spaces ? sentence.size() : std::min(sentence.find(' ', start + 1), sentence.size());
}

// The way to the first node has its score already.
void find_best_ways(const Tokenizer& tokenizer, std::string_view part, UnigramNode* nodes) {
  const uint32_t longest = std::min(tokenizer.longest_piece, kMaxUnigramLength);
  for (uint32_t start = 0; start < part.size();) {
    const uint32_t length = utf8_decode(part.substr(start)).length;
    const float score = nodes[start].score;
    bool has_character = false;
    uint32_t hash = kEmptyPieceHash;
    const uint32_t limit = static_cast<uint32_t>(std::min<size_t>(part.size() - start, longest));
    for (uint32_t size = 1; size <= limit; ++size) {
      hash = piece_hash(hash, part[start + size - 1]);
      const int32_t token = pieces_find(tokenizer, part.substr(start, size), hash, PieceKind::kMerged);
      if (token == kNoToken) continue;
      offer(&nodes[start + size], score + tokenizer.scores[static_cast<size_t>(token)], token, start);
      has_character = has_character || size == length;
    }
    if (!has_character)
      offer(&nodes[start + length], score + (tokenizer.lowest_score - kUnknownPenalty), kNoToken, start);
    start += length;
  }
}

}  // namespace

Status unigram_encode(const Tokenizer& tokenizer, std::string_view sentence, Buffer<UnigramNode>* nodes,
                      Buffer<int32_t>* tokens) {
  bool after_unknown = false;  // several in a row are one unknown token
  float score = 0;
  for (size_t start = 0; start < sentence.size();) {
    const size_t end = part_end(tokenizer, sentence, start);
    const std::string_view part = sentence.substr(start, end - start);
    nodes->clear();
    if (!nodes->resize(part.size() + 1))
      return out_of_memory("cutting a text into tokens", part.size() * sizeof(UnigramNode));
    std::fill(nodes->begin(), nodes->end(), UnigramNode{0, kNoToken, kUnreached, 0});
    (*nodes)[0].score = score;
    find_best_ways(tokenizer, part, nodes->data());
    score = nodes->back().score;

    for (uint32_t at = static_cast<uint32_t>(part.size()); at > 0; at = (*nodes)[at].start)
      (*nodes)[(*nodes)[at].start].end = at;
    for (uint32_t at = 0; at < part.size(); at = (*nodes)[at].end) {
      const uint32_t next = (*nodes)[at].end;
      const int32_t token = (*nodes)[next].token;
      const size_t count = tokens->size();
      const bool kept =
          token != kNoToken ? tokens->push_back(token) : append_bytes(tokenizer, part.substr(at, next - at), tokens);
      if (!kept) return out_of_memory("tokens", tokens->size() * sizeof(int32_t));
      const bool is_unknown =
          token == kNoToken && tokens->size() == count + 1 && tokens->back() == tokenizer.unknown_token;
      if (is_unknown && after_unknown) tokens->shrink(count);
      after_unknown = is_unknown;
    }
    start = end;
  }
  return {};
}

}  // namespace camelgpt
