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

// Starts the segmentation of the next span.
bool begin_span(const Tokenizer& tokenizer, UnigramWorkspace* w) {
  w->span = w->sentence.substr(0, span_end(tokenizer, w->sentence, 0));
  w->read = 0;
  w->node = 0;
  w->nodes.clear();
  if (!w->nodes.resize(w->span.size() + 1)) return false;
  std::fill(w->nodes.begin(), w->nodes.end(), UnigramNode{0, kNoToken, kUnreached, 0});
  w->nodes[0] = {w->score, kNoToken, 0, 0};
  return true;
}

// Viterbi forward pass: reads one character and finds the best segmentation that ends after it. Earlier beginnings
// are offered first.
void read_character(const Tokenizer& tokenizer, UnigramWorkspace* w) {
  const TokenMatcher& segments = tokenizer.segments;
  const size_t begin = w->read;
  const uint32_t length = utf8_decode(w->span.substr(begin)).length;
  for (uint32_t i = 0; i < length; ++i) w->node = segments.next(w->node, static_cast<uint8_t>(w->span[w->read++]));
  UnigramNode* const end = &w->nodes[w->read];
  bool has_character_token = false;
  uint32_t index = segments.match[w->node];
  for (uint32_t i = 0; index != 0 && i < kMaxUnigramMatches; ++i, index = segments.shorter[index]) {
    const uint32_t token = segments.tokens[index];
    const uint32_t size = tokenizer.piece_start[size_t{token} + 1] - tokenizer.piece_start[token];
    const uint32_t start = static_cast<uint32_t>(w->read) - size;
    const UnigramNode& before = w->nodes[start];
    if (before.start == kUnreached) continue;  // within a character
    offer(end, before.score + double{tokenizer.scores[token]}, static_cast<int32_t>(token), start);
    has_character_token = has_character_token || size == length;
  }
  if (has_character_token) return;
  const double score = w->nodes[begin].score + double{tokenizer.lowest_score - kUnknownPenalty};
  offer(end, score, kNoToken, static_cast<uint32_t>(begin));
}

// Appends the tokens of the best segmentation of the span.
Status append_best(const Tokenizer& tokenizer, UnigramWorkspace* w, Buffer<int32_t>* tokens) {
  Buffer<UnigramNode>& nodes = w->nodes;
  const std::string_view span = w->span;
  for (uint32_t at = static_cast<uint32_t>(span.size()); at > 0; at = nodes[at].start) nodes[nodes[at].start].end = at;
  for (uint32_t at = 0; at < span.size(); at = nodes[at].end) {
    const uint32_t next = nodes[at].end;
    const int32_t token = nodes[next].token;
    const size_t count = tokens->size();
    const bool ok = token != kNoToken ? tokens->push_back(token)
                                      : append_byte_tokens(tokenizer, span.substr(at, next - at), tokens);
    if (!ok) return out_of_memory("tokens", tokens->size() * sizeof(int32_t));
    const bool is_unknown =
        token == kNoToken && tokens->size() == count + 1 && tokens->back() == tokenizer.unknown_token;
    // A run of unknown characters becomes one unknown token.
    if (is_unknown && w->after_unknown) tokens->shrink(count);
    w->after_unknown = is_unknown;
  }
  return {};
}

}  // namespace

Status unigram_build(Tokenizer* tokenizer) {
  Buffer<uint32_t> order;
  for (uint32_t token = 0; token < tokenizer->vocabulary_size; ++token) {
    const std::string_view piece = stored_piece(*tokenizer, token);
    if (piece.empty() || piece.size() > kMaxUnigramLength) continue;
    // Only the first of equal tokens that merges can produce.
    if (pieces_find(*tokenizer, piece, PieceKind::kMerged) != static_cast<int32_t>(token)) continue;
    if (!order.push_back(token)) return out_of_memory("the vocabulary", order.size() * sizeof(uint32_t));
  }
  return matcher_build(*tokenizer, &order, false, &tokenizer->segments);
}

void unigram_begin(std::string_view sentence, UnigramWorkspace* workspace) {
  workspace->is_active = true;
  workspace->sentence = sentence;
  workspace->span = {};
  workspace->score = 0;
  workspace->after_unknown = false;
}

Status unigram_continue(const Tokenizer& tokenizer, UnigramWorkspace* workspace, size_t* budget,
                        Buffer<int32_t>* tokens) {
  UnigramWorkspace* const w = workspace;
  while (*budget > 0 && !w->sentence.empty()) {
    if (w->span.empty() && !begin_span(tokenizer, w))
      return out_of_memory("splitting a text into tokens", w->span.size() * sizeof(UnigramNode));
    for (; *budget > 0 && w->read < w->span.size(); --*budget) read_character(tokenizer, w);
    if (w->read < w->span.size()) return {};
    w->score = w->nodes.back().score;
    CAMELGPT_TRY(append_best(tokenizer, w, tokens));
    w->sentence.remove_prefix(w->span.size());
    w->span = {};
  }
  w->is_active = !w->sentence.empty();
  return {};
}

}  // namespace camelgpt
