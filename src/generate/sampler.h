// Chooses the next token from logits.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"
#include "generate/options.h"

namespace camelgpt {

struct LogitBias {
  int32_t token;
  float bias;  // -infinity forbids the token; +infinity and NaN are rejected
};

struct Candidate {
  int32_t token;
  float logit;  // after penalties and bias
};

// A slot of an open-addressing hash table: how often a token occurs among the recent ones, or the longest repetition
// that it would extend.
struct TokenCount {
  int32_t token;
  uint32_t count;  // 0: the slot is free
};

// All state of one generation's choices.
struct Sampler {
  SamplerOptions options;
  uint32_t vocabulary = 0;
  // Scratch memory from the arena. Candidates are in the order of their ids at every stage, so sums over them do not
  // depend on the standard library's selection.
  std::span<Candidate> candidates;  // [vocabulary]
  std::span<float>
      weights;  // [vocabulary] adjusted logits, then the candidates' probabilities relative to the best one
  std::span<uint32_t> order;        // [vocabulary] candidates around a cut, best first
  std::span<double> bucket_masses;  // [kMassBuckets] histogram of probability
  Buffer<LogitBias> biases;
  Buffer<int32_t> recent;        // the last tokens that penalties or DRY see, newest first
  uint32_t recent_count = 0;     // of them so far
  Buffer<TokenCount> counts;     // [power of two >= 2 * recent.size()] rebuilt for each choice
  Buffer<uint32_t> matches;      // [recent.size()] DRY: lengths of repetitions
  Buffer<int32_t> dry_breakers;  // tokens that end a sequence, ascending
  uint64_t random[4] = {};       // state of xoshiro256**
};
inline constexpr uint32_t kMassBuckets = 1024;

// Takes the scratch memory for `vocabulary` tokens from the arena, or only adds it up while the arena measures.
void sampler_reserve(Sampler* sampler, uint32_t vocabulary, Arena* arena);

// Checks every option (kBadOption names it, its range and the value) and resets the sampler: seeded, no biases, no
// recent tokens. After an error the sampler is unchanged.
Status sampler_configure(Sampler* sampler, const SamplerOptions& options);
// Biases of the same token add up. kBadOption if the token is not in the vocabulary or the bias is NaN or +infinity.
Status sampler_add_bias(Sampler* sampler, int32_t token, float bias);

// Makes a token end the sequences of DRY. In ascending order of the tokens; sampler_configure forgets them.
Status sampler_add_dry_breaker(Sampler* sampler, int32_t token);

// Whether the sampler always chooses the largest logit as the model gave it: no option changes the logits or draws.
bool sampler_is_greedy(const Sampler& sampler);

// The first option in use that is about tokens of a vocabulary, "repeatPenalty" for example: models that choose byte by
// byte cannot have it. Null if there is none.
const char* sampler_vocabulary_option(const SamplerOptions& options);

// Adds a token of the text (prompt or answer), for the penalties and DRY.
void sampler_accept(Sampler* sampler, int32_t token);

// Chooses from logits [vocabulary]. Ties go to the lower id. Allocates nothing. Non-finite logits never win; if no
// token can be chosen (all are forbidden or NaN) the answer is -1.
int32_t sampler_choose(Sampler* sampler, std::span<const float> logits);

// Log-probability (natural logarithm of softmax over the finite logits) of the `top.size()` most probable tokens, most
// probable first, into `top`, and of `token` as the return value. A token with a non-finite logit has -infinity;
// entries of `top` past the last finite logit are {-1, -infinity}. Uses the sampler's scratch memory.
struct LogProbability {
  int32_t token;
  float logprob;
};
float sampler_log_probabilities(Sampler* sampler, std::span<const float> logits, int32_t token,
                                std::span<LogProbability> top);

}  // namespace camelgpt
