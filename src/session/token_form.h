// The two forms of tokens: entries of a vocabulary, and chunks of bytes in a byte-level model.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/buffer.h"
#include "base/status.h"

namespace camelgpt {

struct GenerationOptions;
struct Sequence;
struct Session;

// The operations that differ between the two.
struct TokenForm {
  // Whether the id is a token of the model.
  bool (*is_valid)(const Session& session, int32_t token);
  // Adds the valid ids to an error message.
  Status (*invalid)(const Session& session, Status status);
  // The bytes of a token, empty for an unknown id.
  std::string_view (*piece)(const Session& session, int32_t token);
  // Whether the token is left out of visible text.
  bool (*is_control)(const Session& session, int32_t token);
  // Prepares the sequence's sampler for options that it already holds: forbidden tokens, unsupported options.
  Status (*configure)(Session* session, const GenerationOptions& options, Sequence* sequence);
  // Adds a logit bias.
  Status (*add_bias)(Sequence* sequence, int32_t token, float bias);
  // Counts a token for the sampler's penalties.
  void (*accept)(Sequence* sequence, int32_t token);
  // Chooses from the logits in the workspace. kBadState if every token is forbidden.
  Status (*choose)(Session* session, Sequence* sequence, int32_t* token);
  // Stores the log-probabilities that the options request: of the chosen token and of the most probable ones.
  void (*report)(Session* session, Sequence* sequence, int32_t token);
  // The number of bytes in the tokens; 0 for a vocabulary: only byte-level models count them.
  uint64_t (*bytes)(const Session& session, std::span<const int32_t> tokens);

  // Saved states: the minimum and maximum size in bytes of a text of `length` tokens, and its conversion.
  uint64_t (*min_state_bytes)(uint64_t length);
  uint64_t (*max_state_bytes)(uint64_t length);
  Status (*write)(const Session& session, std::span<const int32_t> tokens, Buffer<uint8_t>* bytes);
  Status (*read)(Session* session, std::span<const uint8_t> bytes, uint32_t length, Buffer<int32_t>* tokens);
};

extern const TokenForm kVocabularyTokens, kChunkTokens;

}  // namespace camelgpt
