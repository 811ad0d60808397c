#include "tokenize/tokenizer.h"

#include <algorithm>
#include <cassert>

#include "tokenize/encoder.h"
#include "tokenize/vocabulary.h"

namespace camelgpt {
namespace {

template <typename T>
uint64_t bytes_of(const Buffer<T>& buffer) {
  return uint64_t{buffer.capacity()} * sizeof(T);
}

}  // namespace

uint64_t tokenizer_memory(const Tokenizer& tokenizer) {
  return bytes_of(tokenizer.piece_bytes) + bytes_of(tokenizer.piece_start) + bytes_of(tokenizer.token_type) +
         bytes_of(tokenizer.piece_slots) + bytes_of(tokenizer.merge_slots) + bytes_of(tokenizer.specials_user) +
         bytes_of(tokenizer.scores) + bytes_of(tokenizer.charsmap) + bytes_of(tokenizer.end_tokens) +
         matcher_memory(tokenizer.specials) + matcher_memory(tokenizer.segments);
}

Status tokenizer_encode(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options,
                        Buffer<int32_t>* tokens) {
  assert(tokenizer.vocabulary_size > 0 && "tokenizer_build has succeeded");
  Encoder encoder;
  CAMELGPT_TRY(encoder_begin(tokenizer, text, options, tokens, &encoder));
  return encoder_continue(&encoder, SIZE_MAX, tokens);
}

uint64_t tokenizer_max_bytes(const Tokenizer& tokenizer, uint64_t tokens) {
  if (tokenizer.chunk_length != 0) return tokens * tokenizer.chunk_length;
  uint64_t longest = 4;  // a character that is one token, for example an unknown one
  for (uint32_t token = 0; token < tokenizer.vocabulary_size; ++token) {
    longest = std::max<uint64_t>(longest, stored_piece(tokenizer, token).size());
  }
  // A space can be written as kSpaceMark, which has three bytes, and normalization composes up to three characters.
  const bool shortens =
      tokenizer.kind != TokenizerKind::kBytePairs || tokenizer.merges_characters || tokenizer.composes;
  return tokens * longest * (shortens ? 3 : 1) + kMaxDroppedBytes;
}

std::string_view tokenizer_piece(const Tokenizer& tokenizer, int32_t token) {
  if (token < 0 || static_cast<uint32_t>(token) >= tokenizer.vocabulary_size) return {};
  std::string_view piece = stored_piece(tokenizer, static_cast<uint32_t>(token));
  constexpr std::string_view kNoSpaceBefore = ".,:;!?)]}";
  const bool drop_space = tokenizer.kind == TokenizerKind::kWordPiece && piece.size() == 2 && piece[0] == ' ' &&
                          kNoSpaceBefore.find(piece[1]) != std::string_view::npos;
  return drop_space ? piece.substr(1) : piece;
}

bool tokenizer_is_control(const Tokenizer& tokenizer, int32_t token) {
  if (token < 0 || static_cast<uint32_t>(token) >= tokenizer.vocabulary_size) return false;
  const uint8_t type = tokenizer.token_type[static_cast<size_t>(token)];
  return type == kTokenControl || type == kTokenUnknown;
}

bool tokenizer_is_special(const Tokenizer& tokenizer, int32_t token) {
  if (token < 0 || static_cast<uint32_t>(token) >= tokenizer.vocabulary_size) return false;
  return tokenizer_is_control(tokenizer, token) ||
         tokenizer.token_type[static_cast<size_t>(token)] == kTokenUserDefined;
}

bool tokenizer_ends_answer(const Tokenizer& tokenizer, int32_t token) {
  return std::find(tokenizer.end_tokens.begin(), tokenizer.end_tokens.end(), token) != tokenizer.end_tokens.end();
}

int32_t tokenizer_find(const Tokenizer& tokenizer, std::string_view text) {
  if (tokenizer.chunk_length != 0) return kNoToken;
  int32_t token = pieces_find(tokenizer, text, PieceKind::kPlain);
  if (token == kNoToken) token = pieces_find(tokenizer, text, PieceKind::kMerged);
  if (token != kNoToken || tokenizer.kind != TokenizerKind::kWordPiece || text.size() != 1) return token;
  const char with_space[] = {' ', text[0]};  // punctuation is stored with the space that tokenizer_piece drops
  return pieces_find(tokenizer, {with_space, 2}, PieceKind::kMerged);
}

}  // namespace camelgpt
