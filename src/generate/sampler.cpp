// Logits in, one token out: bias → penalties → DRY → top-k → typical-p → top-p → min-p → XTC → temperature → draw.
//
// The steps and their order are those of llama.cpp's sampler chain. The vocabulary is never sorted: top-k selects, and
// the cuts by probability mass sort only the candidates near the cut.
//
// Equal seeds, options and logits give equal tokens on platforms where expf and log round alike. Between a native build
// and WebAssembly their results differ in the last bit, which changes a choice only if a draw or a cut falls within it.
#include "generate/sampler.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cfloat>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

#include "base/heap_sort.h"
#include "generate/random.h"
#include "kernels/kernels.h"
#include "model/some_logits.h"

namespace camelgpt {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

bool has_penalties(const SamplerOptions& options) {
  return options.repeat_last > 0 &&
         (options.repeat_penalty != 1 || options.presence_penalty != 0 || options.frequency_penalty != 0);
}

bool has_dry(const SamplerOptions& options) { return options.dry_multiplier > 0 && options.dry_range > 0; }

// How many of the last tokens are kept.
uint32_t recent_size(const SamplerOptions& options) {
  return std::max(options.repeat_last, has_dry(options) ? options.dry_range : 0);
}

// ------------------------------------------------------------------------------------------------ penalties and bias

// Keeps a finite logit finite, so that no option forbids a token by overflow.
float saturated(float logit) { return std::clamp(logit, -FLT_MAX, FLT_MAX); }

void apply_biases(std::span<const LogitBias> biases, std::span<float> logits) {
  for (const LogitBias& bias : biases) {
    float& logit = logits[static_cast<uint32_t>(bias.token)];
    if (!std::isfinite(logit)) continue;
    logit = bias.bias == -kInfinity ? -kInfinity : saturated(logit + bias.bias);
  }
}

TokenCount& slot_of(std::span<TokenCount> counts, int32_t token) {
  const uint32_t mask = static_cast<uint32_t>(counts.size()) - 1;
  // Multiplicative hashing: the upper half of the product depends on all bits of the id.
  uint32_t slot = (static_cast<uint32_t>(token) * 0x9e3779b1u >> 16) & mask;
  while (counts[slot].count > 0 && counts[slot].token != token) slot = (slot + 1) & mask;
  counts[slot].token = token;
  return counts[slot];
}

// The last tokens, at most `most` of them, newest first.
std::span<const int32_t> recent_tokens(const Sampler& sampler, uint32_t most) {
  return {sampler.recent.data(), std::min(sampler.recent_count, most)};
}

// The table is rebuilt for each choice: that takes O(repeat_last), and nothing has to be removed from it.
void apply_penalties(Sampler* sampler, std::span<float> logits) {
  const SamplerOptions& options = sampler->options;
  const std::span<TokenCount> counts = sampler->counts.span();
  std::fill(counts.begin(), counts.end(), TokenCount{-1, 0});
  for (const int32_t token : recent_tokens(*sampler, options.repeat_last)) ++slot_of(counts, token).count;

  for (const TokenCount& entry : counts) {
    if (entry.count == 0) continue;
    float& logit = logits[static_cast<uint32_t>(entry.token)];
    if (!std::isfinite(logit)) continue;
    // Dividing a negative logit would make the token more probable.
    logit = logit <= 0 ? logit * options.repeat_penalty : logit / options.repeat_penalty;
    logit -= static_cast<float>(entry.count) * options.frequency_penalty + options.presence_penalty;
    logit = saturated(logit);
  }
}

// lengths[i]: how many tokens from position i on equal those from the beginning on (the Z function, in linear time).
void match_beginning(std::span<const int32_t> tokens, std::span<uint32_t> lengths) {
  size_t begin = 0, end = 0;  // the match that reaches furthest
  for (size_t i = 1; i < tokens.size(); ++i) {
    size_t length = i < end ? std::min<size_t>(end - i, lengths[i - begin]) : 0;
    while (i + length < tokens.size() && tokens[length] == tokens[i + length]) ++length;
    if (i + length > end) begin = i, end = i + length;
    lengths[i] = static_cast<uint32_t>(length);
  }
}

// DRY ("don't repeat yourself", as text-generation-webui and llama.cpp define it): the end of the text occurs earlier,
// and the token that followed there would extend the repetition. Sequences end at breakers, which are never penalized.
void apply_dry(Sampler* sampler, std::span<float> logits) {
  const SamplerOptions& options = sampler->options;
  const auto is_breaker = [&](int32_t token) {
    return std::binary_search(sampler->dry_breakers.begin(), sampler->dry_breakers.end(), token);
  };
  const std::span<const int32_t> tokens = recent_tokens(*sampler, options.dry_range);
  const std::span<uint32_t> matches = sampler->matches.span();
  match_beginning(tokens, matches);
  const uint32_t limit = static_cast<uint32_t>(std::find_if(tokens.begin(), tokens.end(), is_breaker) - tokens.begin());

  const std::span<TokenCount> longest = sampler->counts.span();
  std::fill(longest.begin(), longest.end(), TokenCount{-1, 0});
  for (size_t i = 1; i < tokens.size(); ++i) {
    const uint32_t length = std::min(matches[i], limit);
    const int32_t next = tokens[i - 1];  // the text runs backwards
    if (length < options.dry_allowed_length || is_breaker(next)) continue;
    TokenCount& entry = slot_of(longest, next);
    entry.count = std::max(entry.count, length);
  }
  for (const TokenCount& entry : longest) {
    if (entry.count == 0) continue;
    float& logit = logits[static_cast<uint32_t>(entry.token)];
    if (!std::isfinite(logit)) continue;
    const float exponent = static_cast<float>(entry.count - options.dry_allowed_length);
    logit = saturated(logit - options.dry_multiplier * expf(exponent * logf(options.dry_base)));
  }
}

// The logits after biases, penalties and DRY: a copy in sampler->weights, or the logits themselves if nothing changes.
std::span<const float> adjusted_logits(Sampler* sampler, std::span<const float> logits,
                                       std::span<const uint64_t> allowed) {
  const bool penalties = has_penalties(sampler->options) && sampler->recent_count > 0;
  const bool dry = has_dry(sampler->options) && sampler->recent_count > 0;
  if (!penalties && !dry && sampler->biases.empty() && allowed.empty()) return logits;
  const std::span<float> adjusted = sampler->weights;
  std::memcpy(adjusted.data(), logits.data(), logits.size_bytes());
  if (!allowed.empty()) forbid_others(allowed, {0, static_cast<uint32_t>(logits.size())}, adjusted.data());
  apply_biases(sampler->biases.span(), adjusted);
  if (penalties) apply_penalties(sampler, adjusted);
  if (dry) apply_dry(sampler, adjusted);
  return adjusted;
}

// --------------------------------------------------------------------------------------------------------- selection

// A total order, so that a selection does not depend on the standard library: higher logits first, then lower ids.
bool is_better(const Candidate& a, const Candidate& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
}

// Returns the id of the largest finite logit, or -1 if there is none.
int32_t greedy_token(std::span<const float> logits) {
  const uint32_t highest = kernels().argmax(logits.data(), static_cast<uint32_t>(logits.size()));
  if (std::isfinite(logits[highest])) return static_cast<int32_t>(highest);
  int32_t best = -1;
  float best_logit = -kInfinity;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > best_logit && logits[i] <= FLT_MAX) {
      best_logit = logits[i];
      best = static_cast<int32_t>(i);
    }
  }
  return best;
}

// The sum of exp(logit - largest) over the finite logits. `largest`: the largest of these.
double sum_exponentials(std::span<const float> logits, float largest) {
  const double total = kernels().sum_exp(logits.data(), static_cast<uint32_t>(logits.size()), largest);
  if (total < 2.0 * static_cast<double>(logits.size())) return total;
  double sum = 0;  // NaN or infinity is among the logits: otherwise each term is at most one
  for (const float logit : logits) {
    if (std::isfinite(logit)) sum += expf(logit - largest);
  }
  return sum;
}

// Stores all tokens with a finite logit in `candidates` and returns their number.
size_t collect_finite(std::span<const float> logits, std::span<Candidate> candidates) {
  size_t count = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isfinite(logits[i])) candidates[count++] = {static_cast<int32_t>(i), logits[i]};
  }
  return count;
}

// Stores the `wanted` best tokens with a finite logit in `candidates`, in no particular order. Returns their number.
//
// Collects up to twice as many, drops the worse half, and then considers only logits above the worst one kept. That one
// comparison rejects nearly all of a vocabulary.
size_t select_best(std::span<const float> logits, size_t wanted, std::span<Candidate> candidates) {
  if (wanted == 0) return 0;
  const size_t limit = wanted > logits.size() / 2 ? logits.size() : std::max<size_t>(2 * wanted, 64);
  size_t count = 0;
  float threshold = -kInfinity;
  const auto drop_worse = [&] {
    const auto first = candidates.begin();
    std::nth_element(first, first + static_cast<ptrdiff_t>(wanted - 1), first + static_cast<ptrdiff_t>(count),
                     is_better);
    count = wanted;
    threshold = candidates[wanted - 1].logit;
  };
  for (size_t i = 0; i < logits.size(); ++i) {
    // An equal logit has a higher id than all that are kept, so it loses the tie.
    if (!(logits[i] > threshold && logits[i] <= FLT_MAX)) continue;
    if (count >= limit) drop_worse();
    if (logits[i] > threshold) candidates[count++] = {static_cast<int32_t>(i), logits[i]};
  }
  if (count > wanted) drop_worse();
  return count;
}

float largest_logit(std::span<const Candidate> candidates) {
  float largest = -kInfinity;
  for (const Candidate& candidate : candidates) largest = std::max(largest, candidate.logit);
  return largest;
}

// ---------------------------------------------------------------------------------------------- cuts by probability

// Stores weights[i] = exp((logit i - largest) / temperature), the probability relative to the best candidate, and
// returns their sum, which is at least 1.
double fill_weights(std::span<const Candidate> candidates, float largest, float temperature, std::span<float> weights) {
  double sum = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    weights[i] = expf((candidates[i].logit - largest) / temperature);
    sum += weights[i];
  }
  return sum;
}

// The sum of weights to keep.
struct MassTarget {
  double mass;
  bool exceed;  // the sum must exceed `mass`, not just reach it
  bool reached_by(double sum) const { return exceed ? sum > mass : sum >= mass; }
};

// Buckets are 1/32 nat wide; the last one is open-ended.
size_t bucket_of(double distance) {
  const double scaled = distance * 32;
  return scaled < kMassBuckets - 1 ? static_cast<size_t>(scaled) : kMassBuckets - 1;
}

// Keeps those of the first `count` candidates that have the smallest keys, until their weights reach the target, but at
// least one. Ties go to the lower id, and the order of ids stays. key(i) is in nats and at least `least_key`. Returns
// the number kept.
//
// A histogram over the keys finds the bucket in which the target is reached; only that bucket's candidates are sorted.
template <typename Key>
size_t keep_by_mass(Sampler* sampler, size_t count, Key key, double least_key, MassTarget target) {
  const std::span<double> masses = sampler->bucket_masses;
  std::fill(masses.begin(), masses.end(), 0.0);
  for (size_t i = 0; i < count; ++i) masses[bucket_of(key(i) - least_key)] += sampler->weights[i];

  size_t edge = 0;
  double sum = 0;
  while (edge + 1 < masses.size() && !target.reached_by(sum + masses[edge])) sum += masses[edge++];

  size_t members = 0;
  for (size_t i = 0; i < count; ++i) {
    if (bucket_of(key(i) - least_key) == edge) sampler->order[members++] = static_cast<uint32_t>(i);
  }
  // Only the last bucket can be empty here: then rounding kept the sum of all weights below the target.
  if (members == 0) return count;
  const std::span<uint32_t> order = sampler->order.first(members);
  heap_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const double key_a = key(a), key_b = key(b);
    return key_a < key_b || (key_a == key_b && a < b);
  });
  size_t last = 0;
  sum += sampler->weights[order[0]];
  while (last + 1 < members && !target.reached_by(sum)) sum += sampler->weights[order[++last]];

  const uint32_t last_kept = order[last];
  const double last_key = key(last_kept);
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    const double key_i = key(i);
    if (key_i < last_key || (key_i == last_key && i <= last_kept)) sampler->candidates[kept++] = sampler->candidates[i];
  }
  return kept;
}

// Locally typical sampling (Meister et al. 2023, "Locally Typical Sampling"): keeps the candidates whose information
// content −log p is nearest to the entropy. With D = Σ p·(largest − logit), entropy = log Z + D and −log p = log Z +
// largest − logit, so the distance between the two is |largest − logit − D|: log Z cancels.
size_t keep_typical(Sampler* sampler, size_t count, float typical_p) {
  const std::span<Candidate> candidates = sampler->candidates;
  const float largest = largest_logit(candidates.first(count));
  const double sum = fill_weights(candidates.first(count), largest, 1, sampler->weights);
  double mean_distance = 0;
  for (size_t i = 0; i < count; ++i) {
    mean_distance += sampler->weights[i] * (static_cast<double>(largest) - candidates[i].logit);
  }
  mean_distance /= sum;
  const auto key = [&](size_t i) {
    return std::fabs(static_cast<double>(largest) - candidates[i].logit - mean_distance);
  };
  return keep_by_mass(sampler, count, key, 0, {typical_p * sum, true});
}

// Nucleus sampling (Holtzman et al. 2020): keeps the most probable candidates until they sum to top_p.
size_t keep_top_p(Sampler* sampler, size_t count, float top_p) {
  const std::span<Candidate> candidates = sampler->candidates;
  const float largest = largest_logit(candidates.first(count));
  const double sum = fill_weights(candidates.first(count), largest, 1, sampler->weights);
  const auto key = [&](size_t i) { return -static_cast<double>(candidates[i].logit); };
  return keep_by_mass(sampler, count, key, -static_cast<double>(largest), {top_p * sum, false});
}

// Keeps the candidates that are at least min_p times as probable as the best one.
size_t keep_min_p(Sampler* sampler, size_t count, float min_p) {
  const std::span<Candidate> candidates = sampler->candidates;
  const float least = largest_logit(candidates.first(count)) + logf(min_p);
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    if (candidates[i].logit >= least) candidates[kept++] = candidates[i];
  }
  return kept;
}

// Exclude top choices (XTC, as text-generation-webui and llama.cpp define it): with the probability xtc_probability,
// removes all candidates that have at least the probability xtc_threshold, except the least probable of them.
size_t exclude_top_choices(Sampler* sampler, size_t count) {
  if (random_unit(sampler->random) >= sampler->options.xtc_probability) return count;
  const std::span<Candidate> candidates = sampler->candidates.first(count);
  const double sum = fill_weights(candidates, largest_logit(candidates), 1, sampler->weights);
  const auto is_top = [&](size_t i) { return sampler->weights[i] >= sampler->options.xtc_threshold * sum; };
  const Candidate* last = nullptr;
  for (size_t i = 0; i < count; ++i) {
    if (is_top(i) && (last == nullptr || is_better(*last, candidates[i]))) last = &candidates[i];
  }
  const int32_t spared = last == nullptr ? -1 : last->token;
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!is_top(i) || candidates[i].token == spared) candidates[kept++] = candidates[i];
  }
  return kept;
}

int32_t draw(Sampler* sampler, size_t count) {
  const std::span<const Candidate> candidates = sampler->candidates.first(count);
  const double sum =
      fill_weights(candidates, largest_logit(candidates), sampler->options.temperature, sampler->weights);
  // `target` is below `sum`, and the loop repeats the additions of `sum` in the same order, so it ends at a candidate
  // whose weight is not 0.
  const double target = random_unit(sampler->random) * sum;
  double passed = 0;
  size_t i = 0;
  for (; i + 1 < count; ++i) {
    passed += sampler->weights[i];
    if (passed > target) break;
  }
  return candidates[i].token;
}

}  // namespace

void sampler_reserve(Sampler* sampler, uint32_t vocabulary, Arena* arena) {
  sampler->vocabulary = vocabulary;
  sampler->candidates = arena->take<Candidate>(vocabulary);
  sampler->weights = arena->take<float>(vocabulary);
  sampler->order = arena->take<uint32_t>(vocabulary);
  sampler->bucket_masses = arena->take<double>(kMassBuckets);
}

void sampler_share(const Sampler& owner, Sampler* sampler) {
  sampler->vocabulary = owner.vocabulary;
  sampler->candidates = owner.candidates;
  sampler->weights = owner.weights;
  sampler->order = owner.order;
  sampler->bucket_masses = owner.bucket_masses;
}

Status sampler_configure(Sampler* sampler, const SamplerOptions& options) {
  CAMELGPT_TRY(record_check(kSamplerOptionsRecord, &options));
  Buffer<int32_t> recent;
  Buffer<TokenCount> counts;
  Buffer<uint32_t> matches;
  const uint32_t size = recent_size(options);
  const size_t slots = size == 0 ? 0 : std::bit_ceil(2 * size);
  if (!recent.resize(size) || !counts.resize(slots) || !matches.resize(has_dry(options) ? size : 0))
    return out_of_memory("the recent tokens", size * 2 * sizeof(int32_t) + slots * sizeof(TokenCount));
  sampler->options = options;
  sampler->biases.clear();
  sampler->recent.swap(recent);
  sampler->counts.swap(counts);
  sampler->matches.swap(matches);
  sampler->dry_breakers.clear();
  sampler->recent_count = 0;
  random_seed(sampler->random, options.seed);
  return Status();
}

Status sampler_add_bias(Sampler* sampler, int32_t token, float bias) {
  if (token < 0 || static_cast<uint32_t>(token) >= sampler->vocabulary) {
    Status status = make_error(ErrorCode::kBadOption, "A logit bias is for a token that the model does not have.");
    status = with_expected(status, "a token from 0 to %lld", static_cast<long long>(sampler->vocabulary) - 1);
    return with_found(status, "%d", token);
  }
  if (std::isnan(bias) || bias == kInfinity) {
    Status status = make_error(ErrorCode::kBadOption, "The logit bias of token %d is out of range.", token);
    status = with_expected(status, "a finite number or -infinity");
    status = with_found(status, "%s", std::isnan(bias) ? "NaN" : "infinity");
    return with_hint(status, "100 is enough to force a token, -infinity forbids it.");
  }
  if (!sampler->biases.push_back({token, bias})) {
    return out_of_memory("the logit biases", (sampler->biases.size() + 1) * sizeof(LogitBias));
  }
  return Status();
}

bool sampler_forbids(const Sampler& sampler, int32_t token) {
  return std::any_of(sampler.biases.begin(), sampler.biases.end(),
                     [=](const LogitBias& each) { return each.token == token && each.bias == -kInfinity; });
}

Status sampler_add_dry_breaker(Sampler* sampler, int32_t token) {
  assert(sampler->dry_breakers.empty() || sampler->dry_breakers[sampler->dry_breakers.size() - 1] < token);
  if (sampler->dry_breakers.push_back(token)) return Status();
  return out_of_memory("the tokens that end a sequence", (sampler->dry_breakers.size() + 1) * sizeof(int32_t));
}

bool sampler_is_greedy(const Sampler& sampler) {
  const SamplerOptions& options = sampler.options;
  return options.temperature == 0 && !has_penalties(options) && !has_dry(options) && sampler.biases.empty();
}

const char* sampler_vocabulary_option(const SamplerOptions& options) {
  if (options.repeat_penalty != 1) return "repeatPenalty";
  if (options.presence_penalty != 0) return "presencePenalty";
  if (options.frequency_penalty != 0) return "frequencyPenalty";
  return options.dry_multiplier != 0 ? "dryMultiplier" : nullptr;
}

void sampler_accept(Sampler* sampler, int32_t token) {
  assert(token >= 0 && static_cast<uint32_t>(token) < sampler->vocabulary);
  if (sampler->recent.empty()) return;
  int32_t* recent = sampler->recent.data();  // at most 16 KB: moving them is cheaper than a ring's arithmetic later on
  std::memmove(recent + 1, recent, (sampler->recent.size() - 1) * sizeof(int32_t));
  recent[0] = token;
  if (sampler->recent_count < sampler->recent.size()) ++sampler->recent_count;
}

int32_t sampler_choose(Sampler* sampler, std::span<const float> logits, std::span<const uint64_t> allowed) {
  assert(logits.size() == sampler->vocabulary && sampler->candidates.size() == sampler->vocabulary);
  const SamplerOptions& options = sampler->options;
  logits = adjusted_logits(sampler, logits, allowed);
  if (options.temperature == 0) return greedy_token(logits);

  const std::span<Candidate> candidates = sampler->candidates;
  size_t count;
  if (options.top_k > 0 && options.top_k < logits.size()) {
    count = select_best(logits, options.top_k, candidates);
    heap_sort(candidates.begin(), candidates.begin() + static_cast<ptrdiff_t>(count),
              [](const Candidate& a, const Candidate& b) { return a.token < b.token; });
  } else {
    count = collect_finite(logits, candidates);
  }
  if (count == 0) return -1;
  if (options.typical_p < 1) count = keep_typical(sampler, count, options.typical_p);
  if (options.top_p < 1) count = keep_top_p(sampler, count, options.top_p);
  if (options.min_p > 0) count = keep_min_p(sampler, count, options.min_p);
  if (options.xtc_probability > 0) count = exclude_top_choices(sampler, count);
  return draw(sampler, count);
}

float sampler_log_probabilities(Sampler* sampler, std::span<const float> logits, int32_t token,
                                std::span<TokenProbability> top) {
  assert(logits.size() == sampler->vocabulary && sampler->candidates.size() == sampler->vocabulary);
  assert(token >= 0 && static_cast<uint32_t>(token) < sampler->vocabulary);
  std::fill(top.begin(), top.end(), TokenProbability{-1, -kInfinity});
  const int32_t best = greedy_token(logits);
  if (best < 0) return -kInfinity;
  const float largest = logits[static_cast<size_t>(best)];
  const double log_sum = std::log(sum_exponentials(logits, largest));
  // In double, because the difference of two floats can overflow.
  const auto logprob_of = [&](float logit) {
    return static_cast<float>(std::max<double>(static_cast<double>(logit) - largest - log_sum, -FLT_MAX));
  };

  const size_t count = select_best(logits, std::min(top.size(), logits.size()), sampler->candidates);
  const std::span<Candidate> selected = sampler->candidates.first(count);
  heap_sort(selected.begin(), selected.end(), is_better);
  for (size_t i = 0; i < count; ++i) top[i] = {selected[i].token, logprob_of(selected[i].logit)};
  const float logit = logits[static_cast<size_t>(token)];
  return std::isfinite(logit) ? logprob_of(logit) : -kInfinity;
}

}  // namespace camelgpt
