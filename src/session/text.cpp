// Text ↔ tokens.
#include "session/session.h"

namespace camelgpt {

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
