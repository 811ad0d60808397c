// What is different where tokens are chunks of bytes.
#include <algorithm>
#include <cmath>

#include "model/byte_level.h"
#include "session/session.h"

namespace camelgpt {

Status no_option_of_chunks(const char* name) {
  Status status =
      make_error(ErrorCode::kBadOption, "The option %s needs a vocabulary, and this model reads bytes.", name);
  return with_hint(status, "Leave it out.");
}

Status configure_chunks(Session* session) {
  const GenerationOptions& options = session->options;
  const char* of_vocabulary = sampler_vocabulary_option(options.sampler);
  if (of_vocabulary != nullptr) return no_option_of_chunks(of_vocabulary);
  return options.ignore_eos ? sampler_add_bias(&session->sampler, kEndByte, -HUGE_VALF) : Status{};
}

int32_t choose_chunk(Session* session) {
  Session* s = session;
  float logits[kByteVocabulary];
  char bytes[kMaxChunkLength];
  uint32_t count = 0;
  while (count < s->model.config.bytes.length) {
    std::copy_n(s->workspace.logits.begin() + count * kByteVocabulary, kByteVocabulary, logits);
    if (count == 0) logits[kPadByte] = -HUGE_VALF;  // no chunk is empty
    const int32_t symbol = sampler_choose(&s->sampler, logits);
    if (symbol < 0) return -1;
    if (symbol == kEndByte && count == 0) return kEndChunk;
    if (symbol > UINT8_MAX) break;
    bytes[count++] = static_cast<char>(symbol);
  }
  ChunkTable* chunks = &s->tokenizer.chunks;
  const int32_t id = chunks_intern({bytes, count}, chunks);
  if (id >= 0) return id;
  chunks_sweep(kept_chunks(*s), chunks);  // which fill half of the table at most
  return chunks_intern({bytes, count}, chunks);
}

float chunk_log_probability(const Session& session, int32_t token) {
  uint16_t symbols[kMaxChunkLength];
  const uint32_t count = chunk_symbols(session.tokenizer.chunks, token, symbols);
  double sum = 0;
  for (uint32_t at = 0; at < count; ++at)
    sum += byte_log_probability(session.workspace.logits.data() + at * kByteVocabulary, symbols[at]);
  return static_cast<float>(sum);
}

int64_t session_bytes(const Session* session) {
  const Session& s = *session;
  if (!reads_bytes(s)) return -1;
  if (!s.scoring) return s.answer_bytes;
  int64_t bytes = 0;
  for (const int32_t token : s.history.first(s.history_length).subspan(1))
    bytes += static_cast<int64_t>(chunks_bytes(s.tokenizer.chunks, token).size());
  return bytes;
}

}  // namespace camelgpt
