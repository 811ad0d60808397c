// Chooses the next token: logits in, token id out.
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

// The state of one generation.
struct Sampler {
  SamplerOptions options;
  uint32_t vocabulary = 0;
  // Scratch memory from the arena. Candidates are in ascending order of id at every stage, so that sums over them do
  // not depend on the standard library's selection algorithm.
  std::span<Candidate> candidates;  // [vocabulary]
  std::span<float> weights;         // [vocabulary] adjusted logits, later probabilities relative to the best candidate
  std::span<uint32_t> order;        // [vocabulary] indices of the candidates around a cut, best first
  std::span<double> bucket_masses;  // [kMassBuckets] histogram of probability mass
  Buffer<LogitBias> biases;
  Buffer<int32_t> recent;        // the last tokens that penalties or DRY see, newest first
  uint32_t recent_count = 0;     // of them so far
  Buffer<TokenCount> counts;     // [power of two >= 2 * recent.size()] rebuilt for each choice
  Buffer<uint32_t> matches;      // [recent.size()] DRY: lengths of repetitions
  Buffer<int32_t> dry_breakers;  // tokens that end a sequence, ascending
  uint64_t random[4] = {};       // state of xoshiro256**
};
inline constexpr uint32_t kMassBuckets = 1024;

// Takes scratch memory for `vocabulary` tokens from the arena, or only measures it.
void sampler_reserve(Sampler* sampler, uint32_t vocabulary, Arena* arena);
// Lets *sampler use the working space of another one. Only one of them may choose at a time.
void sampler_share(const Sampler& owner, Sampler* sampler);

// Checks every option (kBadOption names it, its range and its value), clears biases and recent tokens, and seeds the
// random numbers. After an error the sampler is unchanged.
Status sampler_configure(Sampler* sampler, const SamplerOptions& options);
// Adds a bias to the logit of a token; several biases of a token add up. kBadOption if the token is not in the
// vocabulary or the bias is NaN or +infinity.
Status sampler_add_bias(Sampler* sampler, int32_t token, float bias);
// Whether a bias of -infinity forbids a token.
bool sampler_forbids(const Sampler& sampler, int32_t token);

// Makes a token end the sequences of DRY. In ascending order of the tokens; sampler_configure forgets them.
Status sampler_add_dry_breaker(Sampler* sampler, int32_t token);

// Whether the sampler always chooses the largest logit as the model gave it: no option changes the logits or draws.
bool sampler_is_greedy(const Sampler& sampler);

// The first option in use that needs a vocabulary, for example "repeatPenalty"; null if there is none. Byte-level
// models, which choose byte by byte, support none of these.
const char* sampler_vocabulary_option(const SamplerOptions& options);

// Records a token of the prompt or answer for the penalties.
void sampler_accept(Sampler* sampler, int32_t token);

// Chooses from logits [vocabulary]. Ties go to the lower id. Tokens with a non-finite logit are never chosen; returns
// -1 if no other token is allowed. `allowed`, unless it is empty, has one bit for each token: the tokens without one
// are not candidates. Does not allocate.
int32_t sampler_choose(Sampler* sampler, std::span<const float> logits, std::span<const uint64_t> allowed = {});

struct TokenProbability {
  int32_t token;
  float logprob;  // natural logarithm, before any sampling option
};

// Computes log-probabilities in nats: the logarithm of the softmax over the finite logits [vocabulary], before bias,
// penalties and temperature. Fills `top` with the top.size() most probable tokens, in descending order, and returns the
// log-probability of `token`. It is -infinity for a non-finite logit; entries of `top` beyond the last finite logit are
// {-1, -infinity}. Overwrites the sampler's scratch memory.
float sampler_log_probabilities(Sampler* sampler, std::span<const float> logits, int32_t token,
                                std::span<TokenProbability> top);

}  // namespace camelgpt
