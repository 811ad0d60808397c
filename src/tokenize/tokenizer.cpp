#include "tokenize/tokenizer.h"

#include <algorithm>
#include <cassert>

#include "base/utf8.h"
#include "tokenize/bpe.h"
#include "tokenize/chunks.h"
#include "tokenize/pretokenize.h"
#include "tokenize/sentence_text.h"
#include "tokenize/special_tokens.h"
#include "tokenize/unigram.h"
#include "tokenize/vocabulary.h"
#include "tokenize/word_piece.h"

namespace camelgpt {
namespace {

// Positions in a text are 32-bit.
constexpr size_t kMaxTextBytes = 0x7fffffff;

Status check_text(std::string_view text) {
  if (text.size() > kMaxTextBytes) {
    Status status = make_error(ErrorCode::kBadInput, "The text is too long.");
    status = with_expected(status, "at most %zu bytes", kMaxTextBytes);
    status = with_found(status, "%zu bytes", text.size());
    return with_hint(status, "Split the text into shorter ones.");
  }
  const size_t position = utf8_validate(text);
  if (position == text.size()) return {};
  Status status = make_error(ErrorCode::kBadInput, "The text is not valid UTF-8.");
  status = with_expected(status, "UTF-8");
  const unsigned byte = static_cast<uint8_t>(text[position]);
  status = with_found(status, "byte 0x%02x at position %zu", byte, position);
  return with_hint(status, "Convert the text to UTF-8 first.");
}

Status append_token(int32_t token, Buffer<int32_t>* tokens) {
  return tokens->push_back(token) ? Status{} : out_of_memory("tokens", tokens->size());
}

// Appends `text` to *spaced with a space for each kSpaceMark: tokens write a space as the mark, so the mark itself is
// encoded as a space.
Status append_spaced(std::string_view text, Buffer<char>* spaced) {
  bool ok = true;
  for (size_t at = 0; ok && at < text.size();) {
    const size_t mark = std::min(text.find(kSpaceMark, at), text.size());
    ok = spaced->append(text.data() + at, mark - at) && (mark == text.size() || spaced->push_back(' '));
    at = mark + kSpaceMark.size();
  }
  return ok ? Status{} : out_of_memory("the text", text.size());
}

// Encodes text without special tokens with SentencePiece BPE.
Status encode_sentence(const Tokenizer& tokenizer, std::string_view text, BpeWorkspace* workspace, Buffer<char>* spaced,
                       Buffer<int32_t>* tokens) {
  if (text.empty()) return {};
  spaced->clear();
  if (tokenizer.add_space_prefix && !spaced->push_back(' ')) return out_of_memory("the text", text.size());
  CAMELGPT_TRY(append_spaced(text, spaced));
  return bpe_encode(tokenizer, {spaced->data(), spaced->size()}, workspace, tokens);
}

// Encodes text without special tokens with BPE over bytes or characters.
Status encode_byte_pairs(const Tokenizer& tokenizer, std::string_view text, BpeWorkspace* workspace,
                         Buffer<char>* spaced, Buffer<int32_t>* tokens) {
  if (tokenizer.merges_characters) {
    spaced->clear();
    CAMELGPT_TRY(append_spaced(text, spaced));
    text = {spaced->data(), spaced->size()};
  }
  PieceCursor cursor(tokenizer.pre, text);
  for (std::string_view piece; cursor.next(&piece);) CAMELGPT_TRY(bpe_encode(tokenizer, piece, workspace, tokens));
  return {};
}

// Returns `text` without the white space that the special token after it swallows.
std::string_view without_swallowed(const Tokenizer& tokenizer, std::string_view text, int32_t after) {
  if (after == kNoToken || after != tokenizer.strip_before) return text;
  return text.substr(0, text.find_last_not_of(" \t\n\v\f\r") + 1);
}

// Returns the position after the white space that belongs to a special token (`rstrip` in Hugging Face's files).
size_t skip_trimmed_space(const Tokenizer& tokenizer, int32_t token, std::string_view text, size_t position) {
  const std::string_view piece = tokenizer_piece(tokenizer, token);
  if (!tokenizer.trims_specials || piece == "<s>" || piece == "<unk>" || piece == "<|endoftext|>") return position;
  return std::min(text.find_first_not_of(" \t\n\v\f\r", position), text.size());
}

// Returns the length of BOS at the beginning of the text, or 0. Files without token types give it that of ordinary
// text.
size_t written_bos(const Tokenizer& tokenizer, SpecialSearch* search) {
  const std::string_view bos = tokenizer_piece(tokenizer, tokenizer.bos_token);
  if (utf8_validate(bos) < bos.size()) return 0;  // the rest of the text would begin within a character
  return search->text.starts_with(bos) && bos.size() <= search->control_limit(0) ? bos.size() : 0;
}

Status encode(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options,
              Buffer<int32_t>* tokens) {
  BpeWorkspace workspace;
  Buffer<UnigramNode> nodes;
  Buffer<char> characters;
  // Encodes the text between two special tokens as a separate text.
  const auto encode_plain = [&](std::string_view plain) {
    switch (tokenizer.kind) {
      case TokenizerKind::kBytePairs: return encode_byte_pairs(tokenizer, plain, &workspace, &characters, tokens);
      case TokenizerKind::kSentencePiece: return encode_sentence(tokenizer, plain, &workspace, &characters, tokens);
      case TokenizerKind::kUnigram:
        if (!make_sentence(tokenizer, plain, &characters)) return out_of_memory("the text", plain.size());
        return unigram_encode(tokenizer, {characters.data(), characters.size()}, &nodes, tokens);
      case TokenizerKind::kWordPiece: return word_piece_encode(tokenizer, plain, &characters, tokens);
    }
    return Status{};
  };
  const bool adds_bos = options.add_special && tokenizer.add_bos;
  if (adds_bos) CAMELGPT_TRY(append_token(tokenizer.bos_token, tokens));
  if (tokenizer.chunk_length != 0) return chunks_encode(tokenizer, text, options.kept, options.chunks, tokens);
  SpecialSearch search = {tokenizer, text, options.parse_special, options.literal};
  const size_t begin = adds_bos && options.is_rendered ? written_bos(tokenizer, &search) : 0;
  SpecialMatch special = search.next(begin);
  for (size_t start = begin; start < text.size(); special = search.next(start)) {
    CAMELGPT_TRY(
        encode_plain(without_swallowed(tokenizer, text.substr(start, special.position - start), special.token)));
    start = special.position + special.length;
    if (special.token == kNoToken) continue;
    CAMELGPT_TRY(append_token(special.token, tokens));
    start = skip_trimmed_space(tokenizer, special.token, text, start);
  }
  if (options.add_special && tokenizer.add_eos && !options.is_rendered)
    CAMELGPT_TRY(append_token(tokenizer.eos_token, tokens));
  return {};
}

template <typename T>
uint64_t bytes_of(const Buffer<T>& buffer) {
  return uint64_t{buffer.capacity()} * sizeof(T);
}

}  // namespace

uint64_t tokenizer_memory(const Tokenizer& tokenizer) {
  return bytes_of(tokenizer.piece_bytes) + bytes_of(tokenizer.piece_start) + bytes_of(tokenizer.token_type) +
         bytes_of(tokenizer.piece_slots) + bytes_of(tokenizer.merge_slots) + bytes_of(tokenizer.specials) +
         bytes_of(tokenizer.scores) + bytes_of(tokenizer.charsmap) + bytes_of(tokenizer.end_tokens);
}

Status tokenizer_encode(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options,
                        Buffer<int32_t>* tokens) {
  assert(tokenizer.vocabulary_size > 0 && "tokenizer_build has succeeded");
  CAMELGPT_TRY(check_text(text));
  const size_t before = tokens->size();
  const Status status = encode(tokenizer, text, options, tokens);
  if (!status.ok()) tokens->shrink(before);
  return status;
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
