#include "tokenize/vocabulary_reader.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tokenize/end_tokens.h"
#include "tokenize/metadata_errors.h"
#include "tokenize/special_tokens.h"
#include "tokenize/unigram.h"
#include "tokenize/vocabulary.h"

namespace camelgpt {
namespace {

bool has_scores(const Tokenizer& tokenizer) {
  return tokenizer.kind == TokenizerKind::kSentencePiece || tokenizer.kind == TokenizerKind::kUnigram;
}

// Whether tokens are written as SentencePiece does, with byte tokens such as "<0x0A>".
bool has_byte_tokens(const Tokenizer& tokenizer) { return has_scores(tokenizer) || tokenizer.merges_characters; }

// Whether this is a byte as SentencePiece writes it, "<0x0A>".
bool is_written_byte(std::string_view written) {
  const auto is_digit = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
  };
  return written.size() == 6 && written.starts_with("<0x") && is_digit(written[3]) && is_digit(written[4]) &&
         written[5] == '>';
}

// Fills the token types of a file without them from the written forms.
void guess_types(const GgufHeader& header, const GgufEntry& tokens, Tokenizer* tokenizer) {
  std::string_view written;
  GgufStringCursor cursor(header, tokens);
  for (uint32_t token = 0; cursor.next(&written); ++token) {
    uint8_t type = kTokenNormal;
    if (has_byte_tokens(*tokenizer)) {
      if (is_written_byte(written)) type = kTokenByte;
      if (written == "<unk>") type = kTokenUnknown;
      if (written == "<s>" || written == "</s>") type = kTokenControl;
    }
    tokenizer->token_type[token] = type;
  }
}

Status read_types(const GgufHeader& header, const GgufEntry& tokens, Tokenizer* tokenizer) {
  if (!tokenizer->token_type.resize(tokenizer->vocabulary_size)) {
    return out_of_memory("the vocabulary", tokenizer->vocabulary_size);
  }
  constexpr std::string_view kKey = "tokenizer.ggml.token_type";
  const GgufEntry* types = gguf_find(header, kKey);
  if (types == nullptr) {
    guess_types(header, tokens, tokenizer);
    return {};
  }
  CAMELGPT_TRY(gguf_get_numbers(header, kKey, false, &types));
  if (types->count != tokenizer->vocabulary_size) {
    Status status = make_error(ErrorCode::kBadMetadata, "The vocabulary and its list of token types differ in length.");
    status = with_expected(status, "%u token types", tokenizer->vocabulary_size);
    status = with_found(status, "%llu", static_cast<unsigned long long>(types->count));
    return with_hint(status, kConvertHint);
  }
  for (uint32_t token = 0; token < tokenizer->vocabulary_size; ++token) {
    const int64_t type = gguf_integer_at(header, *types, token);
    if (type < 0 || type > kTokenByte) {
      Status status = make_error(ErrorCode::kBadMetadata, "Token %u has an unknown type.", token);
      status = with_expected(status, "0 to %d", int{kTokenByte});
      status = with_found(status, "%lld", static_cast<long long>(type));
      return with_hint(status, kConvertHint);
    }
    tokenizer->token_type[token] = type == 0 ? uint8_t{kTokenNormal} : static_cast<uint8_t>(type);  // 0: undefined
  }
  return {};
}

// Decodes a token of byte-level BPE. Normal tokens are written in GPT-2's byte alphabet; other types, and text outside
// the alphabet, are plain text.
size_t decode_byte_pairs(uint8_t type, std::string_view written, char* bytes, PieceKind* kind) {
  const size_t size = type == kTokenNormal ? alphabet_decode(written, bytes) : kOutsideAlphabet;
  *kind = size == kOutsideAlphabet ? PieceKind::kPlain : PieceKind::kMerged;
  if (*kind == PieceKind::kMerged) return size;
  if (!written.empty()) std::memcpy(bytes, written.data(), written.size());
  return written.size();
}

// Decodes a token of WordPiece. A leading kSpaceMark is the space before a word.
size_t decode_word_piece(uint8_t type, std::string_view written, char* bytes, PieceKind* kind) {
  *kind = type == kTokenNormal || type == kTokenUnused ? PieceKind::kMerged : PieceKind::kPlain;
  const bool marked = written.starts_with(kSpaceMark);
  if (marked) written.remove_prefix(kSpaceMark.size());
  const size_t space = marked && *kind == PieceKind::kMerged ? 1 : 0;
  if (space > 0) *bytes++ = ' ';
  if (!written.empty()) std::memcpy(bytes, written.data(), written.size());
  return space + written.size();
}

// Decodes a token of SentencePiece: "<0x0A>" is a byte; elsewhere kSpaceMark is a space.
size_t decode_sentence_piece(uint8_t type, std::string_view written, char* bytes, PieceKind* kind) {
  *kind = type == kTokenNormal || type == kTokenUnused ? PieceKind::kMerged : PieceKind::kPlain;
  if (type == kTokenByte) {
    const auto digit = [&](size_t at) {
      return written[at] <= '9' ? written[at] - '0' : (written[at] | 32) - 'a' + 10;
    };
    if (written.size() != 6) return kOutsideAlphabet;
    const int high = digit(3), low = digit(4);
    if (high < 0 || high > 15 || low < 0 || low > 15) return kOutsideAlphabet;
    *bytes = static_cast<char>(high * 16 + low);
    return 1;
  }
  size_t size = 0;
  for (size_t at = 0; at < written.size();) {
    const bool mark = type != kTokenControl && written.substr(at, kSpaceMark.size()) == kSpaceMark;
    bytes[size++] = mark ? ' ' : written[at];
    at += mark ? kSpaceMark.size() : 1;
  }
  return size;
}

// Like decode_sentence_piece, but unused tokens are never matched.
size_t decode_unigram(uint8_t type, std::string_view written, char* bytes, PieceKind* kind) {
  const size_t size = decode_sentence_piece(type, written, bytes, kind);
  if (type == kTokenUnused) *kind = PieceKind::kPlain;
  return size;
}

// Returns the function that turns a token's written form into bytes. It stores them (at most written.size()) and
// returns their number, or kOutsideAlphabet if a byte token is malformed.
auto decoder_of(const Tokenizer& tokenizer) {
  if (tokenizer.merges_characters) return decode_sentence_piece;
  switch (tokenizer.kind) {
    case TokenizerKind::kBytePairs: break;
    case TokenizerKind::kSentencePiece: return decode_sentence_piece;
    case TokenizerKind::kUnigram: return decode_unigram;
    case TokenizerKind::kWordPiece: return decode_word_piece;
  }
  return decode_byte_pairs;
}

Status bad_byte_token(uint32_t token, std::string_view written) {
  Status status = make_error(ErrorCode::kBadMetadata, "Token %u has type byte, but its text is not a byte.", token);
  status = with_expected(status, "<0x00> to <0xFF>");
  status = with_found(status, "\"%s\"", Printable(written).text);
  return with_hint(status, kConvertHint);
}

Status read_scores(const GgufHeader& header, Tokenizer* tokenizer) {
  constexpr std::string_view kKey = "tokenizer.ggml.scores";
  const GgufEntry* scores = gguf_find(header, kKey);
  if (!tokenizer->scores.resize(tokenizer->vocabulary_size))
    return out_of_memory("the vocabulary", tokenizer->vocabulary_size * sizeof(float));
  if (scores == nullptr && tokenizer->kind == TokenizerKind::kSentencePiece) {
    std::fill(tokenizer->scores.begin(), tokenizer->scores.end(), 0.0f);  // then the leftmost merge comes first
    return {};
  }
  CAMELGPT_TRY(gguf_get_numbers(header, kKey, true, &scores));
  if (scores->count != tokenizer->vocabulary_size) {
    Status status = make_error(ErrorCode::kBadMetadata, "The vocabulary and its list of scores differ in length.");
    status = with_expected(status, "%u scores", tokenizer->vocabulary_size);
    status = with_found(status, "%llu", static_cast<unsigned long long>(scores->count));
    return with_hint(status, kConvertHint);
  }
  for (uint32_t token = 0; token < tokenizer->vocabulary_size; ++token) {
    const float score = static_cast<float>(gguf_number_at(header, *scores, token));
    if (!std::isfinite(score)) {
      Status status = make_error(ErrorCode::kBadMetadata, "The score of token %u is not finite.", token);
      status = with_expected(status, "a finite number");
      status = with_found(status, "%g", static_cast<double>(score));
      return with_hint(status, kConvertHint);
    }
    tokenizer->scores[token] = score;
    if (tokenizer->token_type[token] == kTokenNormal)
      tokenizer->lowest_score = std::min(tokenizer->lowest_score, score);
  }
  return {};
}

// Decodes all tokens into piece_bytes and the hash table.
Status read_pieces(const GgufHeader& header, const GgufEntry& tokens, Tokenizer* tokenizer) {
  const auto decode = decoder_of(*tokenizer);
  PieceKind kind;
  std::string_view written;
  // Of all written forms, which are no shorter than the bytes. Each follows its length.
  const uint64_t bytes = tokens.value_bytes - tokens.count * sizeof(uint64_t);
  static_assert(kGgufMaxHeaderBytes < UINT32_MAX);
  if (!tokenizer->piece_bytes.resize(static_cast<size_t>(bytes)) ||
      !tokenizer->piece_start.resize(size_t{tokenizer->vocabulary_size} + 1) || !pieces_reserve(tokenizer)) {
    return out_of_memory("the vocabulary", bytes + tokens.count * 2 * sizeof(uint32_t));
  }

  GgufStringCursor cursor(header, tokens);
  for (uint32_t token = 0; cursor.next(&written); ++token) {
    const uint32_t start = tokenizer->piece_start[token];
    const size_t size = decode(tokenizer->token_type[token], written, tokenizer->piece_bytes.data() + start, &kind);
    if (size == kOutsideAlphabet) return bad_byte_token(token, written);
    tokenizer->piece_start[token + 1] = start + static_cast<uint32_t>(size);
    // Some vocabularies fill gaps with empty tokens, which never match. Byte tokens are found through byte_tokens.
    const bool is_byte = has_byte_tokens(*tokenizer) && tokenizer->token_type[token] == kTokenByte;
    if (size == 0 || is_byte) continue;
    pieces_insert(tokenizer, token, kind);
    if (kind != PieceKind::kMerged) continue;
    tokenizer->longest_piece = std::max(tokenizer->longest_piece, static_cast<uint32_t>(size));
    if (!tokenizer->has_inner_spaces)
      tokenizer->has_inner_spaces = stored_piece(*tokenizer, token).find(' ', 1) != std::string_view::npos;
  }
  tokenizer->piece_bytes.shrink(tokenizer->piece_start[tokenizer->vocabulary_size]);
  tokenizer->piece_bytes.release_excess();
  return {};
}

// Fills byte_tokens from the tokens of type byte, or from the mergeable one-byte tokens.
void fill_byte_tokens(Tokenizer* tokenizer) {
  if (!has_byte_tokens(*tokenizer)) {
    for (int byte = 0; byte < 256; ++byte) {
      const char piece = static_cast<char>(byte);
      tokenizer->byte_tokens[byte] = pieces_find(*tokenizer, {&piece, 1}, PieceKind::kMerged);
    }
    return;
  }
  std::fill_n(tokenizer->byte_tokens, 256, kNoToken);
  for (uint32_t token = 0; token < tokenizer->vocabulary_size; ++token) {
    if (tokenizer->token_type[token] != kTokenByte) continue;
    const uint8_t byte = static_cast<uint8_t>(stored_piece(*tokenizer, token)[0]);
    tokenizer->byte_tokens[byte] = static_cast<int32_t>(token);
  }
}

}  // namespace

Status vocabulary_read(const GgufHeader& header, Tokenizer* tokenizer) {
  const GgufEntry* tokens;
  CAMELGPT_TRY(gguf_get_array(header, "tokenizer.ggml.tokens", GgufType::kString, &tokens));
  if (tokens->count == 0 || tokens->count > kMaxVocabulary) {
    Status status = make_error(ErrorCode::kBadMetadata, "The size of the vocabulary is out of range.");
    status = with_expected(status, "1 to %llu tokens", static_cast<unsigned long long>(kMaxVocabulary));
    status = with_found(status, "%llu", static_cast<unsigned long long>(tokens->count));
    return with_hint(status, kConvertHint);
  }
  tokenizer->vocabulary_size = static_cast<uint32_t>(tokens->count);
  CAMELGPT_TRY(read_types(header, *tokens, tokenizer));
  CAMELGPT_TRY(end_tokens_find(header, *tokens, tokenizer));
  CAMELGPT_TRY(read_pieces(header, *tokens, tokenizer));
  fill_byte_tokens(tokenizer);
  if (has_scores(*tokenizer)) CAMELGPT_TRY(read_scores(header, tokenizer));
  if (tokenizer->kind == TokenizerKind::kUnigram) CAMELGPT_TRY(unigram_build(tokenizer));
  return specials_build(tokenizer);
}

}  // namespace camelgpt
