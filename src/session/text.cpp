// Text ↔ tokens.
#include <algorithm>

#include "session/session.h"

namespace camelgpt {

char* session_text_buffer(Session* session, size_t size) {
  session->text.clear();
  return session->text.resize(size == 0 ? 1 : size) ? session->text.data() : nullptr;
}

int32_t* session_token_buffer(Session* session, size_t count) {
  session->tokens.clear();
  if (!session->tokens.resize(count == 0 ? 1 : count)) return nullptr;
  session->tokens.shrink(count);
  return session->tokens.data();
}

std::span<const int32_t> session_tokens(const Session* session) { return session->tokens.span(); }

std::string_view session_output(const Session* session) { return {session->output.data(), session->output.size()}; }

Status check_tokens(const Session& session, size_t count) {
  if (count > session.tokens.size()) {
    Status status = make_error(ErrorCode::kBadInput, "There are fewer tokens in the buffer than that.");
    status = with_expected(status, "at most %zu", session.tokens.size());
    return with_found(status, "%zu", count);
  }
  for (size_t i = 0; i < count; ++i) {
    const int32_t token = session.tokens[i];
    const ChunkTable& chunks = session.tokenizer.chunks;
    const uint32_t count = session.model.config.vocabulary;
    if (chunks.in_use() ? chunks_has(chunks, token) : token >= 0 && static_cast<uint32_t>(token) < count) continue;
    Status status = make_error(ErrorCode::kBadInput, "Token %zu is not in the vocabulary.", i);
    status = chunks.in_use() ? with_expected(status, "an id that this model gave a chunk, of late")
                             : with_expected(status, "0 to %u", count - 1);
    return with_found(status, "%d", token);
  }
  return {};
}

Status session_tokenize(Session* session, size_t text_size, bool add_special, bool parse_special) {
  if (session->state == LoadState::kHeader || session->state == LoadState::kFailed) return not_ready();
  if (text_size > session->text.size())
    return make_error(ErrorCode::kBadInput, "The text buffer is smaller than that.");
  session->tokens.clear();
  return tokenizer_encode(session->tokenizer, {session->text.data(), text_size},
                          {add_special, parse_special, kept_chunks(*session)}, &session->tokens);
}

Status session_detokenize(Session* session, size_t token_count, bool keep_control) {
  if (session->state == LoadState::kHeader || session->state == LoadState::kFailed) return not_ready();
  CAMELGPT_TRY(check_tokens(*session, token_count));
  session->output.clear();
  Detokenizer detokenizer;
  bool begins = session->tokenizer.add_space_prefix;  // the space before the text is not part of it
  for (size_t i = 0; i < token_count; ++i) {
    const int32_t token = session->tokens[i];
    if (!keep_control && tokenizer_is_control(session->tokenizer, token)) continue;
    std::string_view piece = tokenizer_piece(session->tokenizer, token);
    if (begins && !piece.empty() && piece.front() == ' ') piece.remove_prefix(1);
    begins = begins && tokenizer_is_control(session->tokenizer, token);
    CAMELGPT_TRY(detokenizer.put(piece, &session->output));
  }
  return detokenizer.finish(&session->output);
}

Status session_piece(Session* session, int32_t token) {
  if (session->state == LoadState::kHeader || session->state == LoadState::kFailed) return not_ready();
  const std::string_view piece = tokenizer_piece(session->tokenizer, token);
  session->output.clear();
  if (!session->output.append(piece.data(), piece.size())) return out_of_memory("a token", piece.size());
  return {};
}

}  // namespace camelgpt
