#include "tokenize/encoder.h"

#include <algorithm>
#include <cassert>

#include "base/utf8.h"
#include "tokenize/chunks.h"
#include "tokenize/sentence_text.h"
#include "tokenize/vocabulary.h"

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

// Whether the plain text at the encoder's position continues a chat, and so is not the beginning of a text.
bool continues_text(const Encoder& e) { return e.start == 0 && e.options.is_rendered && !e.options.add_special; }

// Begins to encode text without special tokens, as a separate text.
Status begin_plain(Encoder* e, std::string_view plain, Buffer<int32_t>* tokens) {
  const Tokenizer& tokenizer = *e->tokenizer;
  Buffer<char>& characters = e->characters;
  const auto view = [&] { return std::string_view(characters.data(), characters.size()); };
  characters.clear();
  switch (tokenizer.kind) {
    case TokenizerKind::kBytePairs:
      if (tokenizer.merges_characters) {
        CAMELGPT_TRY(append_spaced(plain, &characters));
        plain = view();
      }
      e->cursor = PieceCursor(tokenizer.pre, plain);
      return {};
    case TokenizerKind::kSentencePiece:
      if (plain.empty()) return {};
      if (tokenizer.add_space_prefix && !continues_text(*e) && !characters.push_back(' ')) {
        return out_of_memory("the text", plain.size());
      }
      CAMELGPT_TRY(append_spaced(plain, &characters));
      return bpe_begin(tokenizer, view(), &e->bpe, tokens);
    case TokenizerKind::kUnigram:
      if (!make_sentence(tokenizer, plain, &characters)) return out_of_memory("the text", plain.size());
      unigram_begin(view(), &e->unigram);
      return {};
    case TokenizerKind::kWordPiece: word_piece_begin(plain, &e->word_piece); return {};
  }
  return {};
}

void spend(size_t* budget, size_t bytes) { *budget -= std::min(*budget, bytes); }

// Encodes pieces of the plain text. *is_done: there are no more.
Status continue_pieces(Encoder* e, size_t* budget, Buffer<int32_t>* tokens, bool* is_done) {
  std::string_view piece;
  while (*budget > 0) {
    if (e->bpe.is_active) {
      CAMELGPT_TRY(bpe_continue(*e->tokenizer, &e->bpe, budget, tokens));
      continue;
    }
    *is_done = !e->cursor.next(&piece);
    if (*is_done) return {};
    spend(budget, 1);
    CAMELGPT_TRY(bpe_begin(*e->tokenizer, piece, &e->bpe, tokens));
    // A short piece is encoded in one step.
    size_t few = piece.size() * 4;
    if (e->bpe.is_active && piece.size() < kSearchWindow)
      CAMELGPT_TRY(bpe_continue(*e->tokenizer, &e->bpe, &few, tokens));
    spend(budget, piece.size());
  }
  return {};
}

// Continues with the plain text. *is_done: it is complete.
Status continue_plain(Encoder* e, size_t* budget, Buffer<int32_t>* tokens, bool* is_done) {
  *is_done = false;
  switch (e->tokenizer->kind) {
    case TokenizerKind::kBytePairs: return continue_pieces(e, budget, tokens, is_done);
    case TokenizerKind::kSentencePiece:
      if (e->bpe.is_active) CAMELGPT_TRY(bpe_continue(*e->tokenizer, &e->bpe, budget, tokens));
      *is_done = !e->bpe.is_active;
      return {};
    case TokenizerKind::kUnigram:
      CAMELGPT_TRY(unigram_continue(*e->tokenizer, &e->unigram, budget, tokens));
      *is_done = !e->unigram.is_active;
      return {};
    case TokenizerKind::kWordPiece:
      CAMELGPT_TRY(word_piece_continue(*e->tokenizer, &e->word_piece, budget, tokens));
      *is_done = !e->word_piece.is_active;
      return {};
  }
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
size_t written_bos(const Tokenizer& tokenizer, const SpecialSearch& search) {
  const std::string_view bos = tokenizer_piece(tokenizer, tokenizer.bos_token);
  if (utf8_validate(bos) < bos.size()) return 0;  // the rest of the text would begin within a character
  return search.text.starts_with(bos) && bos.size() <= search.control_limit(0) ? bos.size() : 0;
}

// Continues with the text of a byte-level model. If the chunk table is full, ids that are not kept are recycled, and
// the text is encoded again.
Status continue_chunks(Encoder* e, size_t budget, Buffer<int32_t>* tokens) {
  std::string_view word;
  while (budget > 0) {
    e->is_done = !e->cursor.next(&word);
    if (e->is_done) return {};
    spend(&budget, word.size());
    bool is_full = false;
    CAMELGPT_TRY(
        chunks_append_word(*e->tokenizer, word, e->options.chunks, &e->bpe, &e->word_tokens, tokens, &is_full));
    if (!is_full) continue;
    if (e->was_swept) return chunks_exhausted(*e->options.chunks, e->options.kept.size());
    e->was_swept = true;
    tokens->shrink(e->start);
    chunks_sweep(e->options.kept, e->options.chunks);
    e->cursor = PieceCursor(e->tokenizer->pre, e->text);
  }
  return {};
}

// Continues with a text of the vocabulary's tokens.
Status continue_text(Encoder* e, size_t budget, Buffer<int32_t>* tokens) {
  const Tokenizer& tokenizer = *e->tokenizer;
  while (budget > 0) {
    if (!e->in_plain) {
      if (e->start >= e->text.size()) {
        e->is_done = true;
        const bool adds_eos = e->options.add_special && tokenizer.add_eos && !e->options.is_rendered;
        return adds_eos ? append_token(tokenizer.eos_token, tokens) : Status{};
      }
      CAMELGPT_TRY(e->search.next(e->start, &e->special));
      const std::string_view plain = e->text.substr(e->start, e->special.position - e->start);
      CAMELGPT_TRY(begin_plain(e, without_swallowed(tokenizer, plain, e->special.token), tokens));
      e->in_plain = true;
    }
    bool is_done;
    CAMELGPT_TRY(continue_plain(e, &budget, tokens, &is_done));
    if (!is_done) continue;
    e->in_plain = false;
    e->start = e->special.position + e->special.length;
    spend(&budget, e->special.length);
    if (e->special.token == kNoToken) continue;
    CAMELGPT_TRY(append_token(e->special.token, tokens));
    e->start = skip_trimmed_space(tokenizer, e->special.token, e->text, e->start);
  }
  return {};
}

}  // namespace

Status encoder_begin(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options,
                     Buffer<int32_t>* tokens, Encoder* encoder) {
  CAMELGPT_TRY(check_text(text));
  Encoder& e = *encoder;
  e.tokenizer = &tokenizer;
  e.options = options;
  e.text = text;
  e.before = tokens->size();
  e.is_done = e.in_plain = e.was_swept = e.bpe.is_active = false;
  const bool adds_bos = options.add_special && tokenizer.add_bos;
  if (adds_bos) CAMELGPT_TRY(append_token(tokenizer.bos_token, tokens));
  if (tokenizer.chunk_length != 0) {
    e.start = tokens->size();
    e.cursor = PieceCursor(tokenizer.pre, text);
    return {};
  }
  e.search = {&tokenizer, text, options.parse_special, options.literal};
  e.start = adds_bos && options.is_rendered ? written_bos(tokenizer, e.search) : 0;
  return {};
}

Status encoder_continue(Encoder* encoder, size_t budget, Buffer<int32_t>* tokens) {
  assert(!encoder->is_done && budget > 0);
  const bool reads_chunks = encoder->tokenizer->chunk_length != 0;
  const Status status =
      reads_chunks ? continue_chunks(encoder, budget, tokens) : continue_text(encoder, budget, tokens);
  if (status.ok()) return status;
  encoder->is_done = true;
  tokens->shrink(encoder->before);
  return status;
}

}  // namespace camelgpt
