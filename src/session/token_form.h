// What a token id is: an entry of a vocabulary, or a chunk of bytes in a byte-level model.
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
  // What is_valid expects, for messages.
  Status (*invalid)(const Session& session, Status status);
  // The bytes of a token, empty for an unknown id.
  std::string_view (*piece)(const Session& session, int32_t token);
  // Control tokens are not part of the visible text.
  bool (*is_control)(const Session& session, int32_t token);
  // Prepares the sequence's sampler for options that it already holds: forbidden tokens, unsupported options.
  Status (*configure)(Session* session, const GenerationOptions& options, Sequence* sequence);
  // Adds a logit bias.
  Status (*add_bias)(Sequence* sequence, int32_t token, float bias);
  // Tells the sampler's penalties of a token.
  void (*accept)(Sequence* sequence, int32_t token);
  // Chooses from the logits in the workspace; -1 if every token is forbidden.
  int32_t (*choose)(Session* session, Sequence* sequence);
  // Fills in the log-probabilities of the chosen token that the options ask for.
  void (*report)(Session* session, Sequence* sequence, int32_t token);
  // Bytes that the tokens represent; -1 for a vocabulary.
  int64_t (*bytes)(const Session& session, std::span<const int32_t> tokens);

  // Saved states: the bytes of a text of `length` tokens (between these limits), to and from token ids.
  uint64_t (*min_state_bytes)(uint64_t length);
  uint64_t (*max_state_bytes)(uint64_t length);
  Status (*write)(const Session& session, std::span<const int32_t> tokens, Buffer<uint8_t>* bytes);
  Status (*read)(Session* session, std::span<const uint8_t> bytes, uint32_t length, Buffer<int32_t>* tokens);
};

extern const TokenForm kVocabularyTokens, kChunkTokens;

}  // namespace camelgpt
