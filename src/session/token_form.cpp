// The tokens of a vocabulary.
#include "session/token_form.h"

#include <cmath>
#include <cstring>

#include "session/session.h"

namespace camelgpt {
namespace {

bool is_valid(const Session& s, int32_t token) {
  return token >= 0 && static_cast<uint32_t>(token) < config_of(s).vocabulary;
}

Status invalid(const Session& s, Status status) {
  return with_expected(status, "0 to %u", config_of(s).vocabulary - 1);
}

std::string_view piece(const Session& s, int32_t token) { return tokenizer_piece(s.tokenizer, token); }

bool is_control(const Session& s, int32_t token) { return tokenizer_is_control(s.tokenizer, token); }

// In a masked model no mask may become a control token other than an end token.
Status forbid_control_tokens(const Session& s, Sampler* sampler) {
  for (uint32_t i = 0; i < s.tokenizer.vocabulary_size; ++i) {
    const int32_t token = static_cast<int32_t>(i);
    if (!is_control(s, token) || is_end_token(s, token)) continue;
    CAMELGPT_TRY(sampler_add_bias(sampler, token, -HUGE_VALF));
  }
  return {};
}

// DRY's default sequence breakers: every token that contains one of these characters.
Status add_dry_breakers(const Session& s, Sampler* sampler) {
  for (uint32_t i = 0; i < s.tokenizer.vocabulary_size; ++i) {
    const int32_t token = static_cast<int32_t>(i);
    const bool is_breaker = piece(s, token).find_first_of("\n:\"*") != std::string_view::npos;
    if (is_breaker) CAMELGPT_TRY(sampler_add_dry_breaker(sampler, token));
  }
  return {};
}

Status configure(Session* s, const GenerationOptions& options, Sequence* sequence) {
  if (options.sampler.dry_multiplier > 0) CAMELGPT_TRY(add_dry_breakers(*s, &sequence->sampler));
  if (!config_of(*s).causal) CAMELGPT_TRY(forbid_control_tokens(*s, &sequence->sampler));
  if (!options.ignore_eos) return {};
  for (const int32_t token : s->tokenizer.end_tokens)
    CAMELGPT_TRY(sampler_add_bias(&sequence->sampler, token, -HUGE_VALF));
  return {};
}

Status add_bias(Sequence* sequence, int32_t token, float bias) {
  return sampler_add_bias(&sequence->sampler, token, bias);
}

void accept(Sequence* sequence, int32_t token) { sampler_accept(&sequence->sampler, token); }

std::span<float> logits_of(Session* s) { return s->memory.workspace.logits.first(config_of(*s).vocabulary); }

Status choose(Session* s, Sequence* sequence, int32_t* token) {
  *token = sampler_choose(&sequence->sampler, logits_of(s), constraint_candidates(*sequence));
  return *token < 0 ? no_token() : Status{};
}

void report(Session* s, Sequence* sequence, int32_t token) {
  Generation& g = sequence->generation;
  g.top_count = g.options.logprobs;
  g.step.logprob = sampler_log_probabilities(&sequence->sampler, logits_of(s), token, {g.top, g.top_count});
}

uint64_t bytes(const Session&, std::span<const int32_t>) { return 0; }

uint64_t state_bytes(uint64_t length) { return length * sizeof(int32_t); }

Status write(const Session&, std::span<const int32_t> tokens, Buffer<uint8_t>* bytes) {
  const bool appended = bytes->append(reinterpret_cast<const uint8_t*>(tokens.data()), tokens.size_bytes());
  return appended ? Status{} : out_of_memory("the text of a saved state", tokens.size_bytes());
}

Status read(Session*, std::span<const uint8_t> bytes, uint32_t length, Buffer<int32_t>* tokens) {
  if (!tokens->resize(length)) return out_of_memory("tokens", length * sizeof(int32_t));
  std::memcpy(tokens->data(), bytes.data(), length * sizeof(int32_t));
  return {};
}

}  // namespace

const TokenForm kVocabularyTokens = {is_valid, invalid, piece, is_control,  configure,   add_bias, accept,
                                     choose,   report,  bytes, state_bytes, state_bytes, write,    read};

}  // namespace camelgpt
