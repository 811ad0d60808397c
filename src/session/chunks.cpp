// The tokens of a byte-level model: chunks of bytes, to which the session's chunk table assigns ids.
#include <algorithm>
#include <cmath>

#include "model/byte_level.h"
#include "session/session.h"

namespace camelgpt {
namespace {

Status needs_vocabulary(const char* option) {
  Status status =
      make_error(ErrorCode::kBadOption, "The option %s needs a vocabulary, and this model reads bytes.", option);
  return with_hint(status, "Leave it out.");
}

bool is_valid(const Session& s, int32_t token) { return chunks_has(s.chunks, token); }

Status invalid(const Session&, Status status) {
  return with_expected(status, "the id of a chunk that was used recently");
}

std::string_view piece(const Session& s, int32_t token) { return chunks_bytes(s.chunks, token); }

bool is_control(const Session&, int32_t token) { return token == kEndChunk; }

Status configure(Session*, const GenerationOptions& options, Sequence* sequence) {
  const char* option = sampler_vocabulary_option(options.sampler);
  if (option != nullptr) return needs_vocabulary(option);
  return options.ignore_eos ? sampler_add_bias(&sequence->sampler, kEndByte, -HUGE_VALF) : Status{};
}

Status add_bias(Sequence*, int32_t, float) { return needs_vocabulary("logitBias"); }

void accept(Sequence*, int32_t) {}  // the sampler chooses bytes

// Interns bytes. If the table is full, drops the chunks that no cached text contains: cached texts fill at most half of
// the table.
int32_t intern(Session* s, std::string_view bytes) {
  const int32_t id = chunks_intern(bytes, &s->chunks);
  if (id >= 0) return id;
  chunks_sweep(kept_chunks(*s), &s->chunks);
  return chunks_intern(bytes, &s->chunks);
}

// Forbids the bytes that cannot come next, and the end where the text is not complete.
void apply_grammar(const Grammar& grammar, GrammarState state, float* logits) {
  uint64_t allowed[4];
  grammar_byte_mask(grammar, state, allowed);
  for (uint32_t byte = 0; byte <= UINT8_MAX; ++byte) {
    if ((allowed[byte / 64] >> (byte % 64) & 1) == 0) logits[byte] = -HUGE_VALF;
  }
  if (!grammar_may_end(grammar, state)) logits[kEndByte] = -HUGE_VALF;
}

// Chooses byte by byte until a symbol ends the chunk.
Status choose(Session* s, Sequence* sequence, int32_t* token) {
  float logits[kByteVocabulary];
  char bytes[kMaxChunkLength];
  uint32_t count = 0;
  Constraint* const constraint = &sequence->constraint;
  GrammarState state = constraint->state;
  while (count < config_of(*s).bytes.length) {
    std::copy_n(s->memory.workspace.logits.begin() + count * kByteVocabulary, kByteVocabulary, logits);
    if (count == 0) logits[kPadByte] = -HUGE_VALF;  // no chunk is empty
    const Generation& g = sequence->generation;
    if (count == 0 && g.generated < g.options.min_tokens) logits[kEndByte] = -HUGE_VALF;
    if (constraint->grammar != nullptr) apply_grammar(*constraint->grammar, state, logits);
    const int32_t symbol = sampler_choose(&sequence->sampler, logits);
    if (symbol < 0) return no_token();
    if (symbol == kEndByte && count == 0) {
      *token = kEndChunk;
      return {};
    }
    if (symbol > UINT8_MAX) break;
    bytes[count++] = static_cast<char>(symbol);
    size_t accepted = 0;
    if (constraint->grammar != nullptr) {
      CAMELGPT_TRY(grammar_accept_bytes(constraint->grammar, {bytes + count - 1, 1}, &state, &accepted));
    }
  }
  *token = intern(s, {bytes, count});
  return *token < 0 ? out_of_memory("chunks", count) : Status{};
}

// Reports only the chosen chunk, because there are too many possible chunks to rank.
void report(Session* s, Sequence* sequence, int32_t token) {
  uint16_t symbols[kMaxChunkLength];
  const uint32_t count = chunk_symbols(s->chunks, token, symbols);
  const float* logits = s->memory.workspace.logits.data();
  double sum = 0;
  for (uint32_t i = 0; i < count; ++i) sum += byte_log_probability(logits + i * kByteVocabulary, symbols[i]);
  sequence->generation.top_count = 0;
  sequence->generation.step.logprob = static_cast<float>(sum);
}

uint64_t bytes(const Session& s, std::span<const int32_t> tokens) {
  uint64_t sum = 0;
  for (const int32_t token : tokens) sum += chunks_bytes(s.chunks, token).size();
  return sum;
}

// In a saved state a chunk is a byte with its length, followed by its bytes.
uint64_t min_state_bytes(uint64_t length) { return length; }
uint64_t max_state_bytes(uint64_t length) { return length * uint64_t{1 + kMaxChunkLength}; }

Status write(const Session& s, std::span<const int32_t> tokens, Buffer<uint8_t>* out) {
  for (const int32_t token : tokens) {
    const std::string_view chunk = chunks_bytes(s.chunks, token);
    if (!out->push_back(static_cast<uint8_t>(chunk.size())) ||
        !out->append(reinterpret_cast<const uint8_t*>(chunk.data()), chunk.size())) {
      return out_of_memory("the text of a saved state", out->size());
    }
  }
  return {};
}

Status damaged(const char* found) {
  Status status = make_error(ErrorCode::kBadFormat, "The text of the saved state is damaged.");
  return with_found(status, "%s", found);
}

// *full: the table has no free id.
Status read_chunks(std::span<const uint8_t> bytes, uint32_t length, ChunkTable* table, Buffer<int32_t>* tokens,
                   bool* full) {
  tokens->clear();
  *full = false;
  size_t at = 0;
  for (uint32_t i = 0; i < length && !*full; ++i) {
    const size_t size = at < bytes.size() ? bytes[at] : SIZE_MAX;
    if (size > table->length || size >= bytes.size() - at) return damaged("impossible chunks");
    const std::string_view chunk(reinterpret_cast<const char*>(bytes.data()) + at + 1, size);
    const int32_t token = chunk.empty() ? kEndChunk : chunks_intern(chunk, table);
    *full = token < 0;
    if (!tokens->push_back(token)) return out_of_memory("tokens", tokens->size());
    at += 1 + size;
  }
  return at == bytes.size() || *full ? Status{} : damaged("more chunks than tokens");
}

Status read(Session* s, std::span<const uint8_t> bytes, uint32_t length, Buffer<int32_t>* tokens) {
  bool full = false;
  CAMELGPT_TRY(read_chunks(bytes, length, &s->chunks, tokens, &full));
  if (!full) return {};
  chunks_sweep(kept_chunks(*s), &s->chunks);
  return read_chunks(bytes, length, &s->chunks, tokens, &full);
}

}  // namespace

const TokenForm kChunkTokens = {is_valid, invalid, piece, is_control,      configure,       add_bias, accept,
                                choose,   report,  bytes, min_state_bytes, max_state_bytes, write,    read};

int64_t session_bytes(const Session* session) {
  const Session& s = *session;
  if (!s.chunks.in_use() || s.sequence_count == 0) return -1;
  const Sequence& latest = *latest_sequence(session);
  if (s.activity.kind != ActivityKind::kScore) return static_cast<int64_t>(latest.generation.answer_bytes);
  return static_cast<int64_t>(bytes(s, latest.history.first(latest.history_length).subspan(1)));
}

}  // namespace camelgpt
