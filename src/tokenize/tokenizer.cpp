#include "tokenize/tokenizer.h"

#include <algorithm>
#include <cassert>

#include "base/utf8.h"
#include "tokenize/bpe.h"
#include "tokenize/pretokenize.h"
#include "tokenize/special_tokens.h"
#include "tokenize/vocabulary.h"

namespace camelgpt {
namespace {

// Positions in a text are 32 bits wide.
constexpr size_t kMaxTextBytes = 0x7fffffff;

Status check_text(std::string_view text) {
  if (text.size() > kMaxTextBytes) {
    Status status = make_error(ErrorCode::kBadInput, "The text is too long.");
    status = with_expected(status, "at most %zu bytes", kMaxTextBytes);
    status = with_found(status, "%zu bytes", text.size());
    return with_hint(status, "Cut the text into parts.");
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

// Text without special tokens, which begins here, as SentencePiece sees it.
Status encode_sentence(const Tokenizer& tokenizer, std::string_view text, BpeWorkspace* workspace, Buffer<char>* spaced,
                       Buffer<int32_t>* tokens) {
  if (text.empty()) return {};
  spaced->clear();
  bool kept = !tokenizer.add_space_prefix || spaced->push_back(' ');
  // The mark itself cannot be told from a space.
  for (size_t at = 0; kept && at < text.size();) {
    const size_t mark = std::min(text.find(kSpaceMark, at), text.size());
    kept = spaced->append(text.data() + at, mark - at) && (mark == text.size() || spaced->push_back(' '));
    at = mark + kSpaceMark.size();
  }
  if (!kept) return out_of_memory("the text", text.size());
  return bpe_encode(tokenizer, {spaced->data(), spaced->size()}, workspace, tokens);
}

// Text without special tokens.
Status encode_plain(const Tokenizer& tokenizer, std::string_view text, BpeWorkspace* workspace, Buffer<int32_t>* tokens) {
  for (size_t start = 0; start < text.size();) {
    const size_t end = piece_end(tokenizer.pre, text, start);
    CAMELGPT_TRY(bpe_encode(tokenizer, text.substr(start, end - start), workspace, tokens));
    start = end;
  }
  return {};
}

Status encode(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options, Buffer<int32_t>* tokens) {
  BpeWorkspace workspace;
  Buffer<char> spaced;
  if (options.add_special && tokenizer.add_bos) CAMELGPT_TRY(append_token(tokenizer.bos_token, tokens));
  for (size_t start = 0; start < text.size();) {
    SpecialMatch special = {text.size(), 0, kNoToken};
    if (options.parse_special) special = specials_find(tokenizer, text, start);
    const std::string_view plain = text.substr(start, special.position - start);
    // What follows a special token begins anew.
    CAMELGPT_TRY(tokenizer.sentence_piece ? encode_sentence(tokenizer, plain, &workspace, &spaced, tokens)
                                          : encode_plain(tokenizer, plain, &workspace, tokens));
    if (special.token != kNoToken) CAMELGPT_TRY(append_token(special.token, tokens));
    start = special.position + special.length;
  }
  if (options.add_special && tokenizer.add_eos) CAMELGPT_TRY(append_token(tokenizer.eos_token, tokens));
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
         bytes_of(tokenizer.scores);
}

Status tokenizer_encode(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options,
                        Buffer<int32_t>* tokens) {
  assert(tokenizer.vocabulary_size > 0);  // built
  CAMELGPT_TRY(check_text(text));
  const size_t before = tokens->size();
  const Status status = encode(tokenizer, text, options, tokens);
  if (!status.ok()) tokens->shrink(before);
  return status;
}

std::string_view tokenizer_piece(const Tokenizer& tokenizer, int32_t token) {
  if (token < 0 || static_cast<uint32_t>(token) >= tokenizer.vocabulary_size) return {};
  const size_t index = static_cast<size_t>(token);
  const uint32_t start = tokenizer.piece_start[index];
  return {tokenizer.piece_bytes.data() + start, tokenizer.piece_start[index + 1] - start};
}

bool tokenizer_is_control(const Tokenizer& tokenizer, int32_t token) {
  if (token < 0 || static_cast<uint32_t>(token) >= tokenizer.vocabulary_size) return false;
  const uint8_t type = tokenizer.token_type[static_cast<size_t>(token)];
  return type == kTokenControl || type == kTokenUnknown;
}

// Where a special and an ordinary token are written the same, the special one is meant.
int32_t tokenizer_find(const Tokenizer& tokenizer, std::string_view text) {
  const int32_t plain = pieces_find(tokenizer, text, PieceKind::kPlain);
  return plain != kNoToken ? plain : pieces_find(tokenizer, text, PieceKind::kMerged);
}

}  // namespace camelgpt
