#include "tokenize/word_piece.h"

#include "base/utf8.h"
#include "tokenize/unicode_tables.h"
#include "tokenize/vocabulary.h"

namespace camelgpt {
namespace {

// Each ideograph is a word of its own. The blocks are BERT's, except U+2B920: BERT's code has U+2B820, but the common
// tokenizers have U+2B920.
bool is_ideograph(uint32_t c) {
  return (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x4e00 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) ||
         (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
         (c >= 0x2f800 && c <= 0x2fa1f);
}

// BERT drops control characters. Of the white-space ones it treats only \t, \n and \r as spaces.
bool is_dropped(uint32_t c) {
  return unicode_class(c) == CharacterClass::kControl || c == 0xfffd || c == '\v' || c == '\f' || c == 0x85;
}

// BERT counts ASCII symbols as punctuation.
bool is_punctuation(uint32_t c) {
  const CharacterClass type = unicode_class(c);
  return type == CharacterClass::kPunctuation || (c < 128 && type == CharacterClass::kSymbol);
}

// The word being collected.
struct Word {
  const Tokenizer& tokenizer;
  Buffer<char>* text;
  size_t length;
  Buffer<int32_t>* tokens;
};

bool put(Word* word, uint32_t code_point) {
  if (word->length == 0) {
    word->text->clear();
    if (!word->text->push_back(' ')) return false;
  }
  if (++word->length > kMaxWordLength) return true;
  char bytes[4];
  return word->text->append(bytes, utf8_encode(code_point, bytes));
}

// Finds the longest token at `start`. Returns its end, or `start` if there is none.
size_t longest_token(const Tokenizer& tokenizer, std::string_view word, size_t start, int32_t* token) {
  size_t longest = start;
  uint32_t hash = kEmptyPieceHash;
  for (size_t end = start; end < word.size() && end - start < tokenizer.longest_piece;) {
    hash = piece_hash(hash, word[end++]);
    if (end == 1 && start == 0) continue;  // only the space
    const int32_t found = pieces_find(tokenizer, word.substr(start, end - start), hash, PieceKind::kMerged);
    if (found == kNoToken) continue;
    *token = found;
    longest = end;
  }
  return longest;
}

bool finish(Word* word) {
  if (word->length == 0) return true;
  const Tokenizer& tokenizer = word->tokenizer;
  const std::string_view text{word->text->data(), word->text->size()};
  const size_t before = word->tokens->size();
  bool covered = word->length <= kMaxWordLength;
  word->length = 0;
  for (size_t start = 0; covered && start < text.size();) {
    int32_t token;
    const size_t end = longest_token(tokenizer, text, start, &token);
    covered = end > start;
    if (covered && !word->tokens->push_back(token)) return false;
    start = end;
  }
  if (covered) return true;
  word->tokens->shrink(before);
  return tokenizer.unknown_token == kNoToken || word->tokens->push_back(tokenizer.unknown_token);
}

bool put_single(Word* word, uint32_t code_point) { return finish(word) && put(word, code_point) && finish(word); }

bool put_character(Word* word, uint32_t code_point) {
  if (is_dropped(code_point)) return true;
  if (unicode_class(code_point) == CharacterClass::kSpace) return finish(word);
  const bool ideograph = is_ideograph(code_point);
  uint32_t parts[kMaxBaseParts] = {code_point};
  const uint32_t count = word->tokenizer.strip_accents ? unicode_base(code_point, parts) : 1;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t part = word->tokenizer.lower_case ? unicode_lower(parts[i]) : parts[i];
    if (!(ideograph || is_punctuation(part) ? put_single(word, part) : put(word, part))) return false;
    constexpr uint32_t kDottedI = 0x130, kDotAbove = 0x307;
    if (word->tokenizer.lower_case && parts[i] == kDottedI && !put(word, kDotAbove)) return false;
  }
  return true;
}

}  // namespace

void word_piece_begin(std::string_view text, WordPieceWorkspace* workspace) {
  workspace->is_active = true;
  workspace->text = text;
  workspace->length = 0;
}

Status word_piece_continue(const Tokenizer& tokenizer, WordPieceWorkspace* workspace, size_t* budget,
                           Buffer<int32_t>* tokens) {
  Word current = {tokenizer, &workspace->word, workspace->length, tokens};
  std::string_view& text = workspace->text;
  bool ok = true;
  for (; ok && *budget > 0 && !text.empty(); --*budget) {
    const Utf8Character character = utf8_decode(text);
    ok = put_character(&current, character.code_point);
    text.remove_prefix(character.length);
  }
  workspace->is_active = !text.empty();
  ok = ok && (workspace->is_active || finish(&current));
  workspace->length = current.length;
  return ok ? Status{} : out_of_memory("tokens", tokens->size() * sizeof(int32_t));
}

}  // namespace camelgpt
