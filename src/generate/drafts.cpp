#include "generate/drafts.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace camelgpt {
namespace {

// How often the token after a match is the right guess, by the match's length: counted in answers of
// SmolLM2-135M-Instruct, on texts to copy and on other instructions.
constexpr float kUsualHits[kLongMatch + 1] = {0,     0,     0,     0.65f, 0.77f, 0.81f, 0.82f, 0.82f, 0.83f,
                                              0.85f, 0.86f, 0.88f, 0.92f, 0.93f, 0.94f, 0.95f, 0.97f};
// The weight of the newest guess in `trust`.
constexpr float kNewest = 1.0f / 8;

float usual_hits(uint32_t match) { return kUsualHits[std::min(match, kLongMatch)]; }

// The chain of the triple that ends the text.
uint32_t& chain(const Drafts& drafts, std::span<const int32_t> text) {
  uint64_t hash = 0;
  // Multiplicative hashing: the upper bits of the product depend on all bits of the ids.
  for (const int32_t token : text.last(kShortMatch)) hash = (hash ^ static_cast<uint32_t>(token)) * 0x9e3779b97f4a7c15u;
  return drafts.latest[static_cast<size_t>(hash >> 32) & (drafts.latest.size() - 1)];
}

// How many tokens before `source` are also the last ones of the text, up to kLongMatch.
uint32_t common_end(std::span<const int32_t> text, uint32_t source) {
  const uint32_t most = std::min(source, kLongMatch);
  uint32_t same = 0;
  while (same < most && text[source - 1 - same] == text[text.size() - 1 - same]) ++same;
  return same;
}

// The longest match; of equals the most recent.
void find_match(Drafts* drafts, std::span<const int32_t> text) {
  uint32_t source = drafts->previous[text.size()];
  for (uint32_t i = 0; i < kMaxOccurrences && source != 0; ++i, source = drafts->previous[source]) {
    const uint32_t match = common_end(text, source);
    if (match >= kShortMatch && match > drafts->match) {
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
    const std::span<const int32_t> known = text.first(end);
    if (drafts->match > 0) {
      const bool hit = known[drafts->source] == known.back();
      drafts->trust += ((hit ? 1 / usual_hits(drafts->match) : 0.0f) - drafts->trust) * kNewest;
      ++drafts->source;
      drafts->match = hit ? drafts->match + 1 : 0;
    }
    if (end < kShortMatch) continue;
    uint32_t& latest = chain(*drafts, known);
    drafts->previous[end] = latest;
    latest = end;
    if (drafts->match == 0) find_match(drafts, known);
  }
}

bool drafts_propose(const Drafts& drafts, std::span<const int32_t> text, float least, std::span<int32_t> proposed) {
  assert(drafts.length == text.size());
  if (drafts.match == 0) return false;
  float expected = 0, all_right = 1;
  for (uint32_t i = 0; i < proposed.size(); ++i) {
    all_right *= std::min(usual_hits(drafts.match + i) * drafts.trust, 1.0f);
    expected += all_right;
  }
  if (expected < least) return false;
  // Where the source ends the guesses themselves go on: a text that repeats itself may repeat itself again.
  for (size_t i = 0; i < proposed.size(); ++i) {
    const size_t at = drafts.source + i;
    proposed[i] = at < text.size() ? text[at] : proposed[at - text.size()];
  }
  return true;
}

}  // namespace camelgpt
