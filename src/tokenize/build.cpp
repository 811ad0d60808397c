// tokenizer_build: the metadata tokenizer.ggml.* in, the tables of a Tokenizer out.
#include <algorithm>
#include <cstdio>
#include <utility>

#include "tokenize/bpe.h"
#include "tokenize/chunks.h"
#include "tokenize/end_tokens.h"
#include "tokenize/metadata_errors.h"
#include "tokenize/pre_tokenizer_names.h"
#include "tokenize/sentence_text.h"
#include "tokenize/special_tokens.h"
#include "tokenize/tokenizer.h"
#include "tokenize/vocabulary.h"
#include "tokenize/vocabulary_reader.h"

namespace camelgpt {
namespace {

// --- names ---

constexpr uint64_t kLlama3Vocabulary = 128256;

struct KindName {
  std::string_view name;
  TokenizerKind kind;
  bool merges_characters = false;
};
constexpr KindName kKinds[] = {
    {"gpt2", TokenizerKind::kBytePairs},      {"gemma4", TokenizerKind::kBytePairs, true},
    {"llama", TokenizerKind::kSentencePiece}, {"t5", TokenizerKind::kUnigram},
    {"bert", TokenizerKind::kWordPiece},
};

// Returns the entry of a table with this name, or null.
template <typename Entry, size_t count>
const Entry* find_by_name(const Entry (&table)[count], std::string_view name) {
  const Entry* found = std::find_if(table, table + count, [name](const Entry& entry) { return entry.name == name; });
  return found == table + count ? nullptr : found;
}

Status unsupported(const char* message, const char* expected, std::string_view found, const char* hint) {
  Status status = make_error(ErrorCode::kUnsupportedTokenizer, "%s", message);
  status = with_expected(status, "%s", expected);
  status = with_found(status, "\"%s\"", Printable(found).text);
  return with_hint(status, "%s", hint);
}

// Appends a line to tokenizer->notes.
template <typename... Values>
Status note(Tokenizer* tokenizer, const char* format, Values... values) {
  char line[256];
  const int written = std::snprintf(line, sizeof line - 1, format, values...);
  size_t size = written < 0 ? 0 : std::min(static_cast<size_t>(written), sizeof line - 2);
  line[size++] = '\n';
  return tokenizer->notes.append(line, size) ? Status{} : out_of_memory("notes", size);
}

Status read_kind(const GgufHeader& header, Tokenizer* tokenizer) {
  std::string_view name;
  CAMELGPT_TRY(gguf_get_string(header, "tokenizer.ggml.model", &name));
  const KindName* known = find_by_name(kKinds, name);
  if (known == nullptr) {
    return unsupported(
        "This kind of tokenizer is not supported.",
        "tokenizer.ggml.model gpt2 or gemma4 (BPE), llama (SentencePiece BPE), t5 (unigram) or bert (WordPiece)", name,
        "Choose a model of a supported family, for example SmolLM, Llama, Qwen, Gemma, GPT-2, BERT or T5.");
  }
  tokenizer->kind = known->kind;
  tokenizer->merges_characters = known->merges_characters;
  return {};
}

Status read_pre_tokenizer(const GgufHeader& header, Tokenizer* tokenizer) {
  // Files from before May 2024 lack the key.
  std::string_view name = "default";
  if (gguf_find(header, "tokenizer.ggml.pre") != nullptr)
    CAMELGPT_TRY(gguf_get_string(header, "tokenizer.ggml.pre", &name));
  if (tokenizer->merges_characters) {
    name = "gemma4";
  } else if (name == "default") {
    const GgufEntry* tokens = gguf_find(header, "tokenizer.ggml.tokens");
    const bool is_llama3 = tokens != nullptr && tokens->count == kLlama3Vocabulary;
    if (is_llama3) name = "llama-bpe";
    CAMELGPT_TRY(note(tokenizer, "The file does not say how text is cut into words (tokenizer.ggml.pre): %s is used.",
                      is_llama3 ? "the rule of Llama 3, whose vocabulary has this size," : "llama.cpp's default rule"));
  }
  const PreTokenizerName* known = pre_tokenizer_find(name);
  if (known == nullptr) {
    return unsupported(
        "This pre-tokenizer is not supported.",
        "tokenizer.ggml.pre gpt-2, smollm, llama-bpe, qwen2, gpt-4o, tekken, falcon, deepseek-v3, bloom, "
        "gemma4, default or an alias of these",
        name, "Choose a model of the GPT-2, SmolLM, Llama 3, Qwen, OLMo, Granite or GLM family.");
  }
  tokenizer->pre = known->pre;
  tokenizer->ignore_merges = known->ignore_merges;
  tokenizer->add_bos = known->adds_bos;
  tokenizer->composes = known->composes;
  tokenizer->merges_characters = known->pre == PreTokenizer::kLines;
  return {};
}

// --- merges ---

// Decodes one side of a merge. Stores the bytes (at most written.size()) and returns their number, or kOutsideAlphabet.
size_t decode_side(const Tokenizer& tokenizer, std::string_view written, char* bytes) {
  if (!tokenizer.merges_characters) return alphabet_decode(written, bytes);
  size_t size = 0;
  for (size_t at = 0; at < written.size(); ++size) {
    const bool is_mark = written.substr(at).starts_with(kSpaceMark);
    bytes[size] = is_mark ? ' ' : written[at];
    at += is_mark ? kSpaceMark.size() : 1;
  }
  return size;
}

Status read_merges(const GgufHeader& header, Tokenizer* tokenizer) {
  const GgufEntry* merges;
  CAMELGPT_TRY(gguf_get_array(header, "tokenizer.ggml.merges", GgufType::kString, &merges));
  if (merges->count > kMaxVocabulary) {
    Status status = make_error(ErrorCode::kBadMetadata, "The tokenizer has too many merges.");
    status = with_expected(status, "at most %llu", static_cast<unsigned long long>(kMaxVocabulary));
    status = with_found(status, "%llu", static_cast<unsigned long long>(merges->count));
    return with_hint(status, kConvertHint);
  }
  if (!merges_reserve(tokenizer, static_cast<size_t>(merges->count))) {
    return out_of_memory("the tokenizer's merges", merges->count * sizeof(MergeSlot));
  }

  Buffer<char> pair;
  std::string_view written;
  GgufStringCursor cursor(header, *merges);
  for (uint32_t index = 0; cursor.next(&written); ++index) {
    const size_t space = written.find(' ');
    if (space == std::string_view::npos) continue;  // not a pair; skipped, as in llama.cpp
    if (!pair.resize(written.size())) return out_of_memory("the tokenizer's merges", written.size());
    const size_t left_size = decode_side(*tokenizer, written.substr(0, space), pair.data());
    if (left_size == kOutsideAlphabet) continue;
    const size_t right_size = decode_side(*tokenizer, written.substr(space + 1), pair.data() + left_size);
    if (right_size == kOutsideAlphabet) continue;

    const std::string_view both{pair.data(), left_size + right_size};
    const uint32_t left_hash = piece_hash(both.substr(0, left_size));
    uint32_t right_hash = kEmptyPieceHash, hash = left_hash;
    for (const char byte : both.substr(left_size)) {
      right_hash = piece_hash(right_hash, byte);
      hash = piece_hash(hash, byte);
    }
    // Files with a pruned vocabulary keep merges of tokens that are gone. They are skipped, as in llama.cpp.
    const int32_t left = pieces_find(*tokenizer, both.substr(0, left_size), left_hash, PieceKind::kMerged);
    if (left == kNoToken) continue;
    const int32_t right = pieces_find(*tokenizer, both.substr(left_size), right_hash, PieceKind::kMerged);
    if (right == kNoToken) continue;
    const int32_t result = pieces_find(*tokenizer, both, hash, PieceKind::kMerged);
    if (result == kNoToken) continue;
    merges_insert(tokenizer, {static_cast<uint32_t>(left), static_cast<uint32_t>(right), index + 1,
                              static_cast<uint32_t>(result)});
  }
  return {};
}

// --- special ids and options ---

// Reads the id of a special token. An id that the vocabulary lacks counts as absent: converters write -1, or an id of a
// larger vocabulary.
Status read_id(const GgufHeader& header, const char* key, Tokenizer* tokenizer, int32_t* token) {
  const GgufEntry* entry = gguf_find(header, key);
  if (entry == nullptr) return {};
  uint64_t value = 0;
  if (!gguf_is_integer(entry->type)) return gguf_get_u64(header, key, 0, 0, &value);  // names the wrong type
  const int64_t id = gguf_integer_at(header, *entry, 0);
  if (id >= 0 && id < tokenizer->vocabulary_size) {
    *token = static_cast<int32_t>(id);
    return {};
  }
  return note(tokenizer, "%s is ignored: the vocabulary has no token %lld.", key, static_cast<long long>(id));
}

// Reads whether to add `token` to each text. Without the key, *flag is `by_default` if the vocabulary has the token.
Status read_add_flag(const GgufHeader& header, const char* key, bool by_default, int32_t token, Tokenizer* tokenizer,
                     bool* flag) {
  *flag = by_default && token != kNoToken;
  if (gguf_find(header, key) == nullptr) return {};
  CAMELGPT_TRY(gguf_get_bool(header, key, flag));
  if (!*flag || token != kNoToken) return {};
  *flag = false;
  return note(tokenizer, "%s is ignored: the file does not say which token that is.", key);
}

Status read_special_ids(const GgufHeader& header, Tokenizer* tokenizer) {
  const bool is_sentence_piece = tokenizer->kind == TokenizerKind::kSentencePiece;
  const bool is_unigram = tokenizer->kind == TokenizerKind::kUnigram;
  const bool is_word_piece = tokenizer->kind == TokenizerKind::kWordPiece;
  if (is_unigram && tokenizer->vocabulary_size > 2) {  // defaults for T5 files, which omit the keys
    tokenizer->eos_token = 1;
    tokenizer->unknown_token = 2;
  }
  if (is_sentence_piece && tokenizer->vocabulary_size > 2) {  // defaults, because files may omit the keys
    tokenizer->unknown_token = 0;
    tokenizer->bos_token = 1;
    tokenizer->eos_token = 2;
  }
  if (is_word_piece) {
    tokenizer->unknown_token = tokenizer_find(*tokenizer, "[UNK]");
    tokenizer->bos_token = tokenizer_find(*tokenizer, "[CLS]");
    tokenizer->eos_token = tokenizer_find(*tokenizer, "[SEP]");
    tokenizer->mask_token = tokenizer_find(*tokenizer, "[MASK]");
  }
  CAMELGPT_TRY(read_id(header, "tokenizer.ggml.bos_token_id", tokenizer, &tokenizer->bos_token));
  CAMELGPT_TRY(read_id(header, "tokenizer.ggml.eos_token_id", tokenizer, &tokenizer->eos_token));
  CAMELGPT_TRY(read_id(header, "tokenizer.ggml.eot_token_id", tokenizer, &tokenizer->eot_token));
  CAMELGPT_TRY(read_id(header, "tokenizer.ggml.eom_token_id", tokenizer, &tokenizer->eom_token));
  CAMELGPT_TRY(read_id(header, "tokenizer.ggml.padding_token_id", tokenizer, &tokenizer->pad_token));
  CAMELGPT_TRY(read_id(header, "tokenizer.ggml.unknown_token_id", tokenizer, &tokenizer->unknown_token));
  CAMELGPT_TRY(read_id(header, "tokenizer.ggml.mask_token_id", tokenizer, &tokenizer->mask_token));
  if (is_word_piece) {  // BERT calls the tokens around a text CLS and SEP
    CAMELGPT_TRY(read_id(header, "tokenizer.ggml.cls_token_id", tokenizer, &tokenizer->bos_token));
  }
  const bool adds_bos = is_sentence_piece || is_word_piece || tokenizer->add_bos;
  const bool adds_eos = is_unigram || is_word_piece;
  CAMELGPT_TRY(read_add_flag(header, "tokenizer.ggml.add_bos_token", adds_bos, tokenizer->bos_token, tokenizer,
                             &tokenizer->add_bos));
  // Gemma 4 needs BOS. Some of its files say otherwise.
  if (tokenizer->merges_characters) tokenizer->add_bos = tokenizer->bos_token != kNoToken;
  CAMELGPT_TRY(read_add_flag(header, "tokenizer.ggml.add_eos_token", adds_eos, tokenizer->eos_token, tokenizer,
                             &tokenizer->add_eos));
  if (is_word_piece && tokenizer->add_eos) {
    CAMELGPT_TRY(read_id(header, "tokenizer.ggml.seperator_token_id", tokenizer, &tokenizer->eos_token));
  }
  make_control(tokenizer->bos_token, tokenizer);
  return {};
}

Status read_end_tokens(const GgufHeader& header, Tokenizer* tokenizer) {
  for (const int32_t token : {tokenizer->eos_token, tokenizer->eot_token, tokenizer->eom_token}) {
    CAMELGPT_TRY(end_tokens_add(token, tokenizer));
  }
  for (const char* key :
       {"tokenizer.ggml.fim_pad_token_id", "tokenizer.ggml.fim_rep_token_id", "tokenizer.ggml.fim_sep_token_id"}) {
    int32_t token = kNoToken;
    CAMELGPT_TRY(read_id(header, key, tokenizer, &token));
    CAMELGPT_TRY(end_tokens_add(token, tokenizer));
  }
  end_tokens_apply_exceptions(tokenizer);
  return {};
}

// Reads a flag; without the key, *flag is unchanged.
Status read_option(const GgufHeader& header, std::string_view key, bool* flag) {
  return gguf_find(header, key) == nullptr ? Status{} : gguf_get_bool(header, key, flag);
}

// Reads the character replacement rules, which many files do not have.
Status read_charsmap(const GgufHeader& header, Tokenizer* tokenizer) {
  constexpr std::string_view kKey = "tokenizer.ggml.precompiled_charsmap";
  const GgufEntry* map = gguf_find(header, kKey);
  if (map == nullptr) return {};
  const bool is_signed = map->type == GgufType::kArray && map->element_type == GgufType::kI8;
  CAMELGPT_TRY(gguf_get_array(header, kKey, is_signed ? GgufType::kI8 : GgufType::kU8, &map));
  if (map->count == 0) return {};
  if (!tokenizer->charsmap.append(header.bytes.data() + map->value_position, static_cast<size_t>(map->count))) {
    return out_of_memory("the tokenizer's character map", map->count);
  }
  if (charsmap_is_valid(tokenizer->charsmap)) return {};
  Status status = make_error(ErrorCode::kBadMetadata, "The tokenizer's character map is damaged.");
  status = with_expected(status, "the size of a double array, the array, and the replacement strings");
  status = with_found(status, "%llu bytes", static_cast<unsigned long long>(map->count));
  return with_hint(status, kConvertHint);
}

// The value of a string key, or "".
std::string_view string_of(const GgufHeader& header, std::string_view key) {
  std::string_view value;
  return gguf_get_string(header, key, &value).ok() ? value : std::string_view();
}

// Decides from names which special tokens absorb the white space next to them, as llama.cpp does: GGUF has no key for
// it.
void guess_trimmed_space(const GgufHeader& header, Tokenizer* tokenizer) {
  const std::string_view architecture = string_of(header, "general.architecture");
  const std::string_view name = string_of(header, "general.name"), pre = string_of(header, "tokenizer.ggml.pre");
  const auto names = [&](std::string_view wanted) {
    const auto is_same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b; };
    return std::search(name.begin(), name.end(), wanted.begin(), wanted.end(), is_same) != name.end();
  };
  tokenizer->trims_specials =
      tokenizer->kind == TokenizerKind::kSentencePiece && (architecture == "phi3" || names("phi-3") || names("phi3"));
  if (architecture == "nomic-bert-moe" || architecture == "jina-bert-v3" || pre == "jina-v2-de" ||
      pre == "jina-v2-es" || pre == "jina-v2-code") {
    tokenizer->strip_before = tokenizer_find(*tokenizer, "<mask>");
  } else if (names("modern-bert")) {
    tokenizer->strip_before = tokenizer_find(*tokenizer, "[MASK]");
  }
}

Status read_text_options(const GgufHeader& header, Tokenizer* tokenizer) {
  if (tokenizer->kind == TokenizerKind::kSentencePiece) {
    tokenizer->add_space_prefix = true;
    return read_option(header, "tokenizer.ggml.add_space_prefix", &tokenizer->add_space_prefix);
  }
  if (tokenizer->kind == TokenizerKind::kUnigram) {
    tokenizer->add_space_prefix = true;
    CAMELGPT_TRY(read_option(header, "tokenizer.ggml.add_space_prefix", &tokenizer->add_space_prefix));
    CAMELGPT_TRY(read_option(header, "tokenizer.ggml.remove_extra_whitespaces", &tokenizer->remove_extra_spaces));
    return read_charsmap(header, tokenizer);
  }
  if (tokenizer->kind != TokenizerKind::kWordPiece) return {};
  tokenizer->add_space_prefix = true;  // every word begins with a space, including the first one
  tokenizer->lower_case = true;
  CAMELGPT_TRY(read_option(header, "tokenizer.ggml.normalizer.lowercase", &tokenizer->lower_case));
  tokenizer->strip_accents = tokenizer->lower_case;
  CAMELGPT_TRY(read_option(header, "tokenizer.ggml.normalizer.strip_accents", &tokenizer->strip_accents));
  return read_option(header, "tokenizer.camelgpt.strip_accents", &tokenizer->strip_accents);
}

Status read_tokenizer(const GgufHeader& header, Tokenizer* tokenizer) {
  CAMELGPT_TRY(read_kind(header, tokenizer));
  const bool has_merges = tokenizer->kind == TokenizerKind::kBytePairs;
  if (has_merges) CAMELGPT_TRY(read_pre_tokenizer(header, tokenizer));
  CAMELGPT_TRY(vocabulary_read(header, tokenizer));
  if (has_merges) CAMELGPT_TRY(read_merges(header, tokenizer));
  CAMELGPT_TRY(read_special_ids(header, tokenizer));
  CAMELGPT_TRY(read_end_tokens(header, tokenizer));
  CAMELGPT_TRY(specials_find_user_defined(tokenizer));
  guess_trimmed_space(header, tokenizer);
  return read_text_options(header, tokenizer);
}

// Reads the optional BPE vocabulary of a model that reads bytes. Its token boundaries split words into chunks. It needs
// a token for each byte, so that encoding loses none.
Status read_chunk_merges(const GgufHeader& header, Tokenizer* tokenizer) {
  if (gguf_find(header, "tokenizer.ggml.tokens") == nullptr) return {};
  CAMELGPT_TRY(vocabulary_read(header, tokenizer));
  for (int byte = 0; byte < 256; ++byte) {
    if (tokenizer->byte_tokens[byte] != kNoToken) continue;
    Status status = make_error(ErrorCode::kBadMetadata, "The vocabulary that splits text into chunks lacks a byte.");
    status = with_expected(status, "a token for each of the 256 bytes");
    status = with_found(status, "none for 0x%02x", static_cast<unsigned>(byte));
    return with_hint(status, kConvertHint);
  }
  return read_merges(header, tokenizer);
}

}  // namespace

Status tokenizer_build(const GgufHeader& header, Tokenizer* tokenizer) {
  Tokenizer built;
  if (is_chunk_tokenizer(header)) {
    CAMELGPT_TRY(read_chunk_merges(header, &built));
    CAMELGPT_TRY(chunk_tokenizer_build(header, &built));
  } else {
    CAMELGPT_TRY(read_tokenizer(header, &built));
  }
  *tokenizer = std::move(built);
  return {};
}

}  // namespace camelgpt
