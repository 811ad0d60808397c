#include "generate/drafts.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace camelgpt {
namespace {

// Rate at which the token after a match is the right guess, by match length. Measured on answers of
// SmolLM2-135M-Instruct to copying tasks and other instructions.
constexpr float kUsualHits[kMaxMatch + 1] = {0,     0,     0,     0.65f, 0.77f, 0.81f, 0.82f, 0.82f, 0.83f,
                                             0.85f, 0.86f, 0.88f, 0.92f, 0.93f, 0.94f, 0.95f, 0.97f};
// Weight of the newest guess in the moving average `trust`.
constexpr float kNewestWeight = 1.0f / 8;

float usual_hits(uint32_t match) { return kUsualHits[std::min(match, kMaxMatch)]; }

// Returns the head of the chain for the last triple of the text.
uint32_t& chain(const Drafts& drafts, std::span<const int32_t> text) {
  uint64_t hash = 0;
  // Multiplicative hashing: the upper bits of the product depend on all bits of the ids.
  for (const int32_t token : text.last(kMinMatch)) hash = (hash ^ static_cast<uint32_t>(token)) * 0x9e3779b97f4a7c15u;
  return drafts.latest[static_cast<size_t>(hash >> 32) & (drafts.latest.size() - 1)];
}

// Returns how many tokens before `source` equal the end of the text, at most kMaxMatch.
uint32_t match_length(std::span<const int32_t> text, uint32_t source) {
  const uint32_t limit = std::min(source, kMaxMatch);
  uint32_t length = 0;
  while (length < limit && text[source - 1 - length] == text[text.size() - 1 - length]) ++length;
  return length;
}

// Finds the longest match. Of equally long ones the most recent wins.
void find_match(Drafts* drafts, std::span<const int32_t> text) {
  uint32_t source = drafts->previous[text.size()];
  for (uint32_t i = 0; i < kMaxOccurrences && source != 0; ++i, source = drafts->previous[source]) {
    const uint32_t match = match_length(text, source);
    if (match >= kMinMatch && match > drafts->match) {
      drafts->match = match;
      drafts->source = source;
    }
  }
}

}  // namespace

void drafts_reserve(Drafts* drafts, uint32_t context, Arena* arena) {
  drafts->latest = arena->take<uint32_t>(std::bit_ceil(static_cast<uint64_t>(context)));
  drafts->previous = arena->take<uint32_t>(static_cast<uint64_t>(context) + 1);
}

void drafts_begin(Drafts* drafts, std::span<const int32_t> text) {
  std::fill(drafts->latest.begin(), drafts->latest.end(), 0u);
  drafts->length = drafts->match = 0;
  drafts_follow(drafts, text);
  drafts->trust = 1;
}

void drafts_follow(Drafts* drafts, std::span<const int32_t> text) {
  assert(text.size() < drafts->previous.size());
  while (drafts->length < text.size()) {
    const uint32_t end = ++drafts->length;
    const std::span<const int32_t> seen = text.first(end);
    if (drafts->match > 0) {
      const bool hit = seen[drafts->source] == seen.back();
      drafts->trust += ((hit ? 1 / usual_hits(drafts->match) : 0.0f) - drafts->trust) * kNewestWeight;
      ++drafts->source;
      drafts->match = hit ? drafts->match + 1 : 0;
    }
    if (end < kMinMatch) continue;
    uint32_t& latest = chain(*drafts, seen);
    drafts->previous[end] = latest;
    latest = end;
    if (drafts->match == 0) find_match(drafts, seen);
  }
}

bool drafts_propose(const Drafts& drafts, std::span<const int32_t> text, float min_expected,
                    std::span<int32_t> proposed) {
  assert(drafts.length == text.size());
  if (drafts.match == 0) return false;
  float expected = 0, all_right = 1;
  for (uint32_t i = 0; i < proposed.size(); ++i) {
    all_right *= std::min(usual_hits(drafts.match + i) * drafts.trust, 1.0f);
    expected += all_right;
  }
  if (expected < min_expected) return false;
  // Past the end of the text, the source continues with the proposal itself: a repeating text may repeat again.
  for (size_t i = 0; i < proposed.size(); ++i) {
    const size_t at = drafts.source + i;
    proposed[i] = at < text.size() ? text[at] : proposed[at - text.size()];
  }
  return true;
}

}  // namespace camelgpt
