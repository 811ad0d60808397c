// The metadata tokenizer.ggml.* go in, the tables of a Tokenizer come out.
#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <utility>

#include "tokenize/bpe.h"
#include "tokenize/chunks.h"
#include "tokenize/sentence_text.h"
#include "tokenize/special_tokens.h"
#include "tokenize/tokenizer.h"
#include "tokenize/vocabulary.h"

namespace camelgpt {
namespace {

constexpr char kConvertHint[] = "Choose another file of the model, or convert it again with a current converter.";

// A name from a file as an error message can show it.
struct Printable {
  char text[48];
  explicit Printable(std::string_view source) {
    size_t size = 0;
    for (; size < source.size() && size + 1 < sizeof text; ++size) {
      text[size] = source[size] >= ' ' && source[size] <= '~' ? source[size] : '?';
    }
    text[size] = '\0';
  }
};

// --- names ---

struct PreTokenizerName {
  std::string_view name;
  PreTokenizer pre;
  // Merges do not lead to all of the tokens, and texts begin with BOS even where the file does not say so.
  bool has_whole_words = false;
};
constexpr PreTokenizerName kPreTokenizers[] = {
    {"gpt-2", PreTokenizer::kGpt2},
    {"gpt2", PreTokenizer::kGpt2},
    {"default", PreTokenizer::kGpt2},
    {"phi-2", PreTokenizer::kGpt2},
    {"olmo", PreTokenizer::kGpt2},
    {"mpt", PreTokenizer::kGpt2},
    {"jais", PreTokenizer::kGpt2},
    {"exaone4", PreTokenizer::kGpt2},
    {"granite-docling", PreTokenizer::kGpt2},
    {"smollm", PreTokenizer::kSmolLm},
    {"starcoder", PreTokenizer::kSmolLm},
    {"refact", PreTokenizer::kSmolLm},  // Granite 3
    {"command-r", PreTokenizer::kSmolLm},
    {"codeshell", PreTokenizer::kSmolLm},
    {"exaone", PreTokenizer::kSmolLm},
    {"minerva-7b", PreTokenizer::kSmolLm},
    {"llama-bpe", PreTokenizer::kLlamaBpe, true},
    {"llama3", PreTokenizer::kLlamaBpe, true},
    {"llama-v3", PreTokenizer::kLlamaBpe, true},
    {"lfm2", PreTokenizer::kLlamaBpe, true},
    {"falcon3", PreTokenizer::kLlamaBpe, true},
    {"falcon-h1", PreTokenizer::kLlamaBpe, true},
    {"pixtral", PreTokenizer::kLlamaBpe, true},
    {"dbrx", PreTokenizer::kLlamaBpe},  // OLMo 2, Phi 4
    {"smaug-bpe", PreTokenizer::kLlamaBpe},
    {"chatglm-bpe", PreTokenizer::kLlamaBpe},
    {"glm4", PreTokenizer::kLlamaBpe},
    {"qwen2", PreTokenizer::kQwen2},
    {"deepseek-r1-qwen", PreTokenizer::kQwen2},
    {"stablelm2", PreTokenizer::kQwen2},
    {"hunyuan", PreTokenizer::kQwen2},
    {"megrez", PreTokenizer::kQwen2},
    {"qwen35", PreTokenizer::kQwen35},
    {"gpt-4o", PreTokenizer::kGpt4o},  // Phi 4 mini
    {"llama4", PreTokenizer::kGpt4o},
    {"tekken", PreTokenizer::kTekken, true},  // Mistral Nemo
};

struct KindName {
  std::string_view name;
  TokenizerKind kind;
};
constexpr KindName kKinds[] = {
    {"gpt2", TokenizerKind::kBytePairs},
    {"llama", TokenizerKind::kSentencePiece},
    {"t5", TokenizerKind::kUnigram},
    {"bert", TokenizerKind::kWordPiece},
};

Status read_kind(const GgufHeader& header, Tokenizer* tokenizer) {
  std::string_view model;
  CAMELGPT_TRY(gguf_get_string(header, "tokenizer.ggml.model", &model));
  for (const KindName& known : kKinds) {
    if (known.name != model) continue;
    tokenizer->kind = known.kind;
    return {};
  }
  Status status = make_error(ErrorCode::kUnsupportedTokenizer, "This kind of tokenizer is not supported.");
  status = with_expected(
      status, "tokenizer.ggml.model gpt2 (byte-level BPE), llama (SentencePiece BPE), t5 (unigram), bert (WordPiece)");
  status = with_found(status, "\"%s\"", Printable(model).text);
  return with_hint(status,
                   "Choose a model with one of these: SmolLM, Llama, Qwen, Gemma, GPT-2, BERT and T5 have one.");
}

Status read_pre_tokenizer(const GgufHeader& header, Tokenizer* tokenizer) {
  if (gguf_find(header, "tokenizer.ggml.pre") == nullptr)
    return {};  // files older than the key: GPT-2 had no name for it
  std::string_view wanted;
  CAMELGPT_TRY(gguf_get_string(header, "tokenizer.ggml.pre", &wanted));
  for (const PreTokenizerName& known : kPreTokenizers) {
    if (known.name != wanted) continue;
    tokenizer->pre = known.pre;
    tokenizer->ignore_merges = known.has_whole_words;
    return {};
  }
  Status status = make_error(ErrorCode::kUnsupportedTokenizer, "This way to cut text into words is not supported.");
  status =
      with_expected(status, "tokenizer.ggml.pre of one of the kinds gpt-2, smollm, llama-bpe, qwen2, gpt-4o, tekken");
  status = with_found(status, "\"%s\"", Printable(wanted).text);
  return with_hint(status, "Choose a model of the families GPT-2, SmolLM, Llama 3, Qwen, OLMo, Granite or GLM.");
}

// --- vocabulary ---

Status read_types(const GgufHeader& header, Tokenizer* tokenizer) {
  if (!tokenizer->token_type.resize(tokenizer->vocabulary_size)) {
    return out_of_memory("the vocabulary", tokenizer->vocabulary_size);
  }
  constexpr std::string_view kKey = "tokenizer.ggml.token_type";
  const GgufEntry* types = gguf_find(header, kKey);
  if (types == nullptr) {
    std::memset(tokenizer->token_type.data(), kTokenNormal, tokenizer->vocabulary_size);
    return {};
  }
  // Most writers use int32.
  const bool is_unsigned = types->type == GgufType::kArray && types->element_type == GgufType::kU32;
  CAMELGPT_TRY(gguf_get_array(header, kKey, is_unsigned ? GgufType::kU32 : GgufType::kI32, &types));
  if (types->count != tokenizer->vocabulary_size) {
    Status status =
        make_error(ErrorCode::kBadMetadata, "The vocabulary has another length than its list of token types.");
    status = with_expected(status, "%u token types", tokenizer->vocabulary_size);
    status = with_found(status, "%llu", static_cast<unsigned long long>(types->count));
    return with_hint(status, kConvertHint);
  }
  for (uint32_t token = 0; token < tokenizer->vocabulary_size; ++token) {
    const int64_t type = gguf_integer_at(header, *types, token);
    if (type < 0 || type > kTokenByte) {
      Status status = make_error(ErrorCode::kBadMetadata, "The type of token %u is not known.", token);
      status = with_expected(status, "0 to %d", int{kTokenByte});
      status = with_found(status, "%lld", static_cast<long long>(type));
      return with_hint(status, kConvertHint);
    }
    tokenizer->token_type[token] = type == 0 ? uint8_t{kTokenNormal} : static_cast<uint8_t>(type);  // 0: not said
  }
  return {};
}

// Normal tokens are written in the alphabet for bytes. All others are plain text, and so is what the alphabet cannot
// be.
size_t decode_token(uint8_t type, std::string_view written, char* bytes, PieceKind* kind) {
  const size_t size = type == kTokenNormal ? alphabet_decode(written, nullptr) : kOutsideAlphabet;
  *kind = size == kOutsideAlphabet ? PieceKind::kPlain : PieceKind::kMerged;
  if (bytes != nullptr) {
    if (*kind == PieceKind::kMerged) {
      alphabet_decode(written, bytes);
    } else if (!written.empty()) {
      std::memcpy(bytes, written.data(), written.size());
    }
  }
  return *kind == PieceKind::kMerged ? size : written.size();
}

// A token of WordPiece: a mark stands for the space before those that begin a word.
size_t decode_word_piece(uint8_t type, std::string_view written, char* bytes, PieceKind* kind) {
  *kind = type == kTokenNormal || type == kTokenUnused ? PieceKind::kMerged : PieceKind::kPlain;
  const bool marked = written.starts_with(kSpaceMark);
  if (marked) written.remove_prefix(kSpaceMark.size());
  const size_t space = marked && *kind == PieceKind::kMerged ? 1 : 0;
  if (bytes != nullptr) {
    if (space > 0) *bytes++ = ' ';
    if (!written.empty()) std::memcpy(bytes, written.data(), written.size());
  }
  return space + written.size();
}

// A token of SentencePiece: "<0x0A>" is a byte, in others a mark stands for each space.
size_t decode_sentence_token(uint8_t type, std::string_view written, char* bytes, PieceKind* kind) {
  *kind = type == kTokenNormal || type == kTokenUnused ? PieceKind::kMerged : PieceKind::kPlain;
  if (type == kTokenByte) {
    const auto digit = [&](size_t at) {
      return written[at] <= '9' ? written[at] - '0' : (written[at] | 32) - 'a' + 10;
    };
    if (written.size() != 6) return kOutsideAlphabet;
    const int high = digit(3), low = digit(4);
    if (high < 0 || high > 15 || low < 0 || low > 15) return kOutsideAlphabet;
    if (bytes != nullptr) *bytes = static_cast<char>(high * 16 + low);
    return 1;
  }
  size_t size = 0;
  for (size_t at = 0; at < written.size();) {
    const bool mark = type != kTokenControl && written.substr(at, kSpaceMark.size()) == kSpaceMark;
    if (bytes != nullptr) bytes[size] = mark ? ' ' : written[at];
    ++size;
    at += mark ? kSpaceMark.size() : 1;
  }
  return size;
}

// A token of a unigram model: the same, but no text leads to those that are not used.
size_t decode_unigram_token(uint8_t type, std::string_view written, char* bytes, PieceKind* kind) {
  const size_t size = decode_sentence_token(type, written, bytes, kind);
  if (type == kTokenUnused) *kind = PieceKind::kPlain;
  return size;
}

auto decoder_of(TokenizerKind kind) {
  switch (kind) {
    case TokenizerKind::kBytePairs: break;
    case TokenizerKind::kSentencePiece: return decode_sentence_token;
    case TokenizerKind::kUnigram: return decode_unigram_token;
    case TokenizerKind::kWordPiece: return decode_word_piece;
  }
  return decode_token;
}

Status bad_byte_token(uint32_t token, std::string_view written) {
  Status status = make_error(ErrorCode::kBadMetadata, "Token %u is said to be a byte, but is none.", token);
  status = with_expected(status, "<0x00> to <0xFF>");
  status = with_found(status, "\"%s\"", Printable(written).text);
  return with_hint(status, kConvertHint);
}

Status read_scores(const GgufHeader& header, Tokenizer* tokenizer) {
  constexpr std::string_view kKey = "tokenizer.ggml.scores";
  const GgufEntry* scores;
  CAMELGPT_TRY(gguf_get_array(header, kKey, GgufType::kF32, &scores));
  if (scores->count != tokenizer->vocabulary_size) {
    Status status = make_error(ErrorCode::kBadMetadata, "The vocabulary has another length than its list of scores.");
    status = with_expected(status, "%u scores", tokenizer->vocabulary_size);
    status = with_found(status, "%llu", static_cast<unsigned long long>(scores->count));
    return with_hint(status, kConvertHint);
  }
  if (!tokenizer->scores.resize(tokenizer->vocabulary_size))
    return out_of_memory("the vocabulary", tokenizer->vocabulary_size * sizeof(float));
  for (uint32_t token = 0; token < tokenizer->vocabulary_size; ++token) {
    const float score = static_cast<float>(gguf_number_at(header, *scores, token));
    if (!std::isfinite(score)) {
      Status status = make_error(ErrorCode::kBadMetadata, "The score of token %u is not a number.", token);
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

Status read_tokens(const GgufHeader& header, Tokenizer* tokenizer) {
  const GgufEntry* tokens;
  CAMELGPT_TRY(gguf_get_array(header, "tokenizer.ggml.tokens", GgufType::kString, &tokens));
  if (tokens->count == 0 || tokens->count > kMaxVocabulary) {
    Status status = make_error(ErrorCode::kBadMetadata, "The vocabulary has an impossible size.");
    status = with_expected(status, "1 to %llu tokens", static_cast<unsigned long long>(kMaxVocabulary));
    status = with_found(status, "%llu", static_cast<unsigned long long>(tokens->count));
    return with_hint(status, kConvertHint);
  }
  tokenizer->vocabulary_size = static_cast<uint32_t>(tokens->count);
  CAMELGPT_TRY(read_types(header, tokenizer));

  const auto decode = decoder_of(tokenizer->kind);
  const bool has_scores =
      tokenizer->kind == TokenizerKind::kSentencePiece || tokenizer->kind == TokenizerKind::kUnigram;
  PieceKind kind;
  std::string_view written;
  uint64_t bytes = 0;  // at most what the header has, so below 2^32
  GgufStringCursor measured(header, *tokens);
  for (uint32_t token = 0; measured.next(&written); ++token) {
    const size_t size = decode(tokenizer->token_type[token], written, nullptr, &kind);
    if (size == kOutsideAlphabet) return bad_byte_token(token, written);
    bytes += size;
  }
  static_assert(kGgufMaxHeaderBytes < UINT32_MAX);
  if (!tokenizer->piece_bytes.resize(static_cast<size_t>(bytes)) ||
      !tokenizer->piece_start.resize(size_t{tokenizer->vocabulary_size} + 1) || !pieces_reserve(tokenizer)) {
    return out_of_memory("the vocabulary", bytes + tokens->count * 2 * sizeof(uint32_t));
  }

  GgufStringCursor cursor(header, *tokens);
  for (uint32_t token = 0; cursor.next(&written); ++token) {
    const uint32_t start = tokenizer->piece_start[token];
    const size_t size = decode(tokenizer->token_type[token], written, tokenizer->piece_bytes.data() + start, &kind);
    tokenizer->piece_start[token + 1] = start + static_cast<uint32_t>(size);
    // Empty tokens fill gaps in some vocabularies; no text leads to them.
    const bool is_byte = has_scores && tokenizer->token_type[token] == kTokenByte;
    if (size == 0 || is_byte) continue;
    pieces_insert(tokenizer, token, kind);
    if (kind != PieceKind::kMerged) continue;
    tokenizer->longest_piece = std::max(tokenizer->longest_piece, static_cast<uint32_t>(size));
    if (stored_piece(*tokenizer, token).find(' ', 1) != std::string_view::npos) tokenizer->crosses_spaces = true;
  }
  if (has_scores) {
    std::fill_n(tokenizer->byte_tokens, 256, kNoToken);
    for (uint32_t token = 0; token < tokenizer->vocabulary_size; ++token) {
      if (tokenizer->token_type[token] != kTokenByte) continue;
      tokenizer->byte_tokens[static_cast<uint8_t>(tokenizer->piece_bytes[tokenizer->piece_start[token]])] =
          static_cast<int32_t>(token);
    }
    CAMELGPT_TRY(read_scores(header, tokenizer));
    return specials_build(tokenizer);
  }
  for (int byte = 0; byte < 256; ++byte) {
    const char bytes_of_token = static_cast<char>(byte);
    tokenizer->byte_tokens[byte] = pieces_find(*tokenizer, {&bytes_of_token, 1}, PieceKind::kMerged);
  }
  return specials_build(tokenizer);
}

// --- merges ---

Status bad_merge(uint64_t index, std::string_view written) {
  Status status = make_error(ErrorCode::kBadMetadata, "Merge %llu of the tokenizer is not a pair.",
                             static_cast<unsigned long long>(index));
  status = with_expected(status, "two tokens with a space between them");
  status = with_found(status, "\"%s\"", Printable(written).text);
  return with_hint(status, kConvertHint);
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
    if (space == 0 || space == std::string_view::npos || space + 1 == written.size() ||
        written.find(' ', space + 1) != std::string_view::npos) {
      return bad_merge(index, written);
    }
    if (!pair.resize(written.size())) return out_of_memory("the tokenizer's merges", written.size());
    const size_t left_size = alphabet_decode(written.substr(0, space), pair.data());
    if (left_size == kOutsideAlphabet) continue;
    const size_t right_size = alphabet_decode(written.substr(space + 1), pair.data() + left_size);
    if (right_size == kOutsideAlphabet) continue;

    const std::string_view both{pair.data(), left_size + right_size};
    const int32_t left = pieces_find(*tokenizer, both.substr(0, left_size), PieceKind::kMerged);
    const int32_t right = pieces_find(*tokenizer, both.substr(left_size), PieceKind::kMerged);
    const int32_t result = pieces_find(*tokenizer, both, PieceKind::kMerged);
    // A merge of what is not in the vocabulary can never happen, or would lead to what no token stands for. Files whose
    // vocabulary was cut down keep such merges: they are passed over, as llama.cpp does, rather than refused.
    if (left == kNoToken || right == kNoToken || result == kNoToken) continue;
    merges_insert(tokenizer, {static_cast<uint32_t>(left), static_cast<uint32_t>(right), index + 1,
                              static_cast<uint32_t>(result)});
  }
  return {};
}

// --- single tokens and flags ---

Status read_id(const GgufHeader& header, std::string_view key, const Tokenizer& tokenizer, int32_t* token) {
  if (gguf_find(header, key) == nullptr) return {};
  uint64_t value = 0;
  CAMELGPT_TRY(gguf_get_u64(header, key, 0, tokenizer.vocabulary_size - 1, &value));
  *token = static_cast<int32_t>(value);
  return {};
}

// Whether to add `token` to each text. Without the key `by_default` decides, as far as there is such a token.
Status read_flag(const GgufHeader& header, std::string_view key, bool by_default, int32_t token, bool* flag) {
  *flag = by_default && token != kNoToken;
  if (gguf_find(header, key) == nullptr) return {};
  CAMELGPT_TRY(gguf_get_bool(header, key, flag));
  if (!*flag || token != kNoToken) return {};
  Status status =
      make_error(ErrorCode::kBadMetadata, "The tokenizer adds a token to each text, but does not say which.");
  status = with_expected(status, "its id beside %.*s", static_cast<int>(key.size()), key.data());
  status = with_found(status, "no id");
  return with_hint(status, kConvertHint);
}

Status read_special_ids(const GgufHeader& header, Tokenizer* tokenizer) {
  const bool is_sentence_piece = tokenizer->kind == TokenizerKind::kSentencePiece;
  const bool is_unigram = tokenizer->kind == TokenizerKind::kUnigram;
  const bool is_word_piece = tokenizer->kind == TokenizerKind::kWordPiece;
  if (is_unigram && tokenizer->vocabulary_size > 2) {  // what files of T5 leave out
    tokenizer->eos_token = 1;
    tokenizer->unknown_token = 2;
  }
  if (is_sentence_piece && tokenizer->vocabulary_size > 2) {  // what files leave out
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
  CAMELGPT_TRY(read_id(header, "tokenizer.ggml.bos_token_id", *tokenizer, &tokenizer->bos_token));
  CAMELGPT_TRY(read_id(header, "tokenizer.ggml.eos_token_id", *tokenizer, &tokenizer->eos_token));
  CAMELGPT_TRY(read_id(header, "tokenizer.ggml.eot_token_id", *tokenizer, &tokenizer->eot_token));
  CAMELGPT_TRY(read_id(header, "tokenizer.ggml.padding_token_id", *tokenizer, &tokenizer->pad_token));
  CAMELGPT_TRY(read_id(header, "tokenizer.ggml.unknown_token_id", *tokenizer, &tokenizer->unknown_token));
  CAMELGPT_TRY(read_id(header, "tokenizer.ggml.mask_token_id", *tokenizer, &tokenizer->mask_token));
  if (is_word_piece) {  // what stands around each text is called by other names
    CAMELGPT_TRY(read_id(header, "tokenizer.ggml.cls_token_id", *tokenizer, &tokenizer->bos_token));
  }
  const bool adds_bos = is_sentence_piece || is_word_piece || tokenizer->ignore_merges;
  CAMELGPT_TRY(read_flag(header, "tokenizer.ggml.add_bos_token", adds_bos, tokenizer->bos_token, &tokenizer->add_bos));
  CAMELGPT_TRY(read_flag(header, "tokenizer.ggml.add_eos_token", is_unigram || is_word_piece, tokenizer->eos_token,
                         &tokenizer->add_eos));
  if (!is_word_piece || !tokenizer->add_eos) return {};
  return read_id(header, "tokenizer.ggml.seperator_token_id", *tokenizer, &tokenizer->eos_token);
}

// A flag that is left alone where the file does not have it.
Status read_option(const GgufHeader& header, std::string_view key, bool* flag) {
  return gguf_find(header, key) == nullptr ? Status{} : gguf_get_bool(header, key, flag);
}

// What characters are replaced by; many files have no such rules.
Status read_charsmap(const GgufHeader& header, Tokenizer* tokenizer) {
  constexpr std::string_view kKey = "tokenizer.ggml.precompiled_charsmap";
  const GgufEntry* map = gguf_find(header, kKey);
  if (map == nullptr) return {};
  const bool is_signed = map->type == GgufType::kArray && map->element_type == GgufType::kI8;
  CAMELGPT_TRY(gguf_get_array(header, kKey, is_signed ? GgufType::kI8 : GgufType::kU8, &map));
  if (map->count == 0) return {};
  if (!tokenizer->charsmap.append(header.bytes.data() + map->value_position, static_cast<size_t>(map->count))) {
    return out_of_memory("the tokenizer's rules", map->count);
  }
  if (charsmap_is_sound(tokenizer->charsmap)) return {};
  Status status = make_error(ErrorCode::kBadMetadata, "The tokenizer's rules for characters are damaged.");
  status = with_expected(status, "a double array, its size in front, and replacements behind it");
  status = with_found(status, "%llu bytes", static_cast<unsigned long long>(map->count));
  return with_hint(status, kConvertHint);
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
  tokenizer->add_space_prefix = true;  // each word begins with a space, the first of a text too
  tokenizer->lower_case = true;
  CAMELGPT_TRY(read_option(header, "tokenizer.ggml.normalizer.lowercase", &tokenizer->lower_case));
  tokenizer->strip_accents = tokenizer->lower_case;
  CAMELGPT_TRY(read_option(header, "tokenizer.ggml.normalizer.strip_accents", &tokenizer->strip_accents));
  return read_option(header, "tokenizer.camelgpt.strip_accents", &tokenizer->strip_accents);
}

Status read_vocabulary(const GgufHeader& header, Tokenizer* tokenizer) {
  CAMELGPT_TRY(read_kind(header, tokenizer));
  const bool has_merges = tokenizer->kind == TokenizerKind::kBytePairs;
  if (has_merges) CAMELGPT_TRY(read_pre_tokenizer(header, tokenizer));
  CAMELGPT_TRY(read_tokens(header, tokenizer));
  if (has_merges) CAMELGPT_TRY(read_merges(header, tokenizer));
  CAMELGPT_TRY(read_special_ids(header, tokenizer));
  return read_text_options(header, tokenizer);
}

// Tokens of GPT-2's kind whose borders are those of a model's chunks. No text may lose a byte to them.
Status read_chunk_borders(const GgufHeader& header, Tokenizer* tokenizer) {
  if (gguf_find(header, "tokenizer.ggml.tokens") == nullptr) return {};
  CAMELGPT_TRY(read_tokens(header, tokenizer));
  for (int byte = 0; byte < 256; ++byte) {
    if (tokenizer->byte_tokens[byte] != kNoToken) continue;
    Status status = make_error(ErrorCode::kBadMetadata, "The tokens that text is cut into lack a byte.");
    status = with_expected(status, "a token for each of the 256 bytes");
    status = with_found(status, "none for 0x%02x", static_cast<unsigned>(byte));
    return with_hint(status, kConvertHint);
  }
  return read_merges(header, tokenizer);
}

}  // namespace

Status tokenizer_build(const GgufHeader& header, Tokenizer* tokenizer) {
  Tokenizer built;
  if (has_chunks(header)) {
    CAMELGPT_TRY(read_chunk_borders(header, &built));
    CAMELGPT_TRY(chunk_tokenizer_build(header, &built));
  } else {
    CAMELGPT_TRY(read_vocabulary(header, &built));
  }
  *tokenizer = std::move(built);
  return {};
}

}  // namespace camelgpt
