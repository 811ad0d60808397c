#include "tokenize/unigram.h"

#include <algorithm>

#include "base/utf8.h"
#include "tokenize/bpe.h"
#include "tokenize/vocabulary.h"

namespace camelgpt {
namespace {

constexpr uint32_t kUnreached = UINT32_MAX;

// A character without a token scores this much less than the lowest-scoring token.
constexpr float kUnknownPenalty = 10;

// Takes the segmentation if it scores higher. Sums are doubles from the start of the sentence, as in Hugging Face's
// tokenizers and llama.cpp: when two segmentations score the same, rounding decides.
void offer(UnigramNode* node, double score, int32_t token, uint32_t start) {
  if (node->start == kUnreached || score > node->score) *node = {score, token, start, 0};
}

// Returns the end of a span that can be segmented on its own: the next space, unless tokens contain spaces.
size_t span_end(const Tokenizer& tokenizer, std::string_view sentence, size_t start) {
  return tokenizer.has_inner_spaces ? sentence.size() : std::min(sentence.find(' ', start + 1), sentence.size());
}

// Viterbi forward pass over a span. nodes[0].score is the score of the sentence before it.
void find_best_scores(const Tokenizer& tokenizer, std::string_view span, UnigramNode* nodes) {
  const uint32_t longest = std::min(tokenizer.longest_piece, kMaxUnigramLength);
  for (uint32_t start = 0; start < span.size();) {
    const uint32_t length = utf8_decode(span.substr(start)).length;
    const double score = nodes[start].score;
    bool has_character_token = false;
    uint32_t hash = kEmptyPieceHash;
    const uint32_t limit = static_cast<uint32_t>(std::min<size_t>(span.size() - start, longest));
    for (uint32_t size = 1; size <= limit; ++size) {
      hash = piece_hash(hash, span[start + size - 1]);
      const int32_t token = pieces_find(tokenizer, span.substr(start, size), hash, PieceKind::kMerged);
      if (token == kNoToken) continue;
      offer(&nodes[start + size], score + double{tokenizer.scores[static_cast<size_t>(token)]}, token, start);
      has_character_token = has_character_token || size == length;
    }
    if (!has_character_token)
      offer(&nodes[start + length], score + double{tokenizer.lowest_score - kUnknownPenalty}, kNoToken, start);
    start += length;
  }
}

}  // namespace

Status unigram_encode(const Tokenizer& tokenizer, std::string_view sentence, Buffer<UnigramNode>* nodes,
                      Buffer<int32_t>* tokens) {
  bool after_unknown = false;  // a run of unknown characters becomes one unknown token
  double score = 0;
  for (size_t start = 0; start < sentence.size();) {
    const size_t end = span_end(tokenizer, sentence, start);
    const std::string_view span = sentence.substr(start, end - start);
    nodes->clear();
    if (!nodes->resize(span.size() + 1))
      return out_of_memory("splitting a text into tokens", span.size() * sizeof(UnigramNode));
    std::fill(nodes->begin(), nodes->end(), UnigramNode{0, kNoToken, kUnreached, 0});
    (*nodes)[0].score = score;
    find_best_scores(tokenizer, span, nodes->data());
    score = nodes->back().score;

    for (uint32_t at = static_cast<uint32_t>(span.size()); at > 0; at = (*nodes)[at].start)
      (*nodes)[(*nodes)[at].start].end = at;
    for (uint32_t at = 0; at < span.size(); at = (*nodes)[at].end) {
      const uint32_t next = (*nodes)[at].end;
      const int32_t token = (*nodes)[next].token;
      const size_t count = tokens->size();
      const bool ok = token != kNoToken ? tokens->push_back(token)
                                        : append_byte_tokens(tokenizer, span.substr(at, next - at), tokens);
      if (!ok) return out_of_memory("tokens", tokens->size() * sizeof(int32_t));
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
