// Text ↔ tokens.
#include <algorithm>

#include "session/session.h"

namespace camelgpt {

Status session_tokenize_begin(Session* session, std::string_view text, const TokenizeOptions& options,
                              Buffer<int32_t>* tokens) {
  if (!has_header(*session)) return not_ready();
  return encoder_begin(session->tokenizer, text,
                       {options.add_special, options.parse_special, options.is_rendered, options.literal,
                        &session->chunks, kept_chunks(*session)},
                       tokens, &session->encoder);
}

Status session_tokenize_continue(Session* session, size_t budget, Buffer<int32_t>* tokens, bool* done) {
  Encoder& encoder = session->encoder;
  if (encoder.is_done) return make_error(ErrorCode::kBadState, "No text is being tokenized.");
  CAMELGPT_TRY(encoder_continue(&encoder, std::max<size_t>(budget, 1), tokens));
  *done = encoder.is_done;
  if (encoder.is_done) encoder = Encoder();  // a long text has taken memory
  return {};
}

uint64_t session_max_text_bytes(const Session* session) {
  return has_header(*session) ? tokenizer_max_bytes(session->tokenizer, session->sequences[0].cache.context) : 0;
}

Status session_tokenize(Session* session, std::string_view text, const TokenizeOptions& options,
                        Buffer<int32_t>* tokens) {
  if (!has_header(*session)) return not_ready();
  return tokenizer_encode(session->tokenizer, text,
                          {options.add_special, options.parse_special, options.is_rendered, options.literal,
                           &session->chunks, kept_chunks(*session)},
                          tokens);
}

Status session_detokenize(const Session* session, std::span<const int32_t> tokens, bool keep_control,
                          Buffer<char>* text) {
  const Session& s = *session;
  if (!has_header(s)) return not_ready();
  CAMELGPT_TRY(check_tokens(s, tokens));
  Detokenizer detokenizer;
  bool begins = s.tokenizer.add_space_prefix;  // the added space is not part of the text
  // These tokenizers also add a space to the text after a special token.
  const bool repeats = begins && s.tokenizer.kind != TokenizerKind::kWordPiece;
  for (const int32_t token : tokens) {
    const bool is_control = s.token_form->is_control(s, token);
    if (!keep_control && is_control) continue;
    std::string_view piece = s.token_form->piece(s, token);
    if (begins && !piece.empty() && piece.front() == ' ') piece.remove_prefix(1);
    begins = (begins && is_control) || (repeats && keep_control && tokenizer_is_special(s.tokenizer, token));
    CAMELGPT_TRY(detokenizer.put(piece, text));
  }
  return detokenizer.finish(text);
}

Status session_piece(const Session* session, int32_t token, std::string_view* piece) {
  if (!has_header(*session)) return not_ready();
  *piece = session->token_form->piece(*session, token);
  return {};
}

}  // namespace camelgpt
