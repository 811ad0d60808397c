// Text to token ids and back, from the vocabulary in a GGUF header.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "base/chunk_table.h"
#include "base/status.h"
#include "gguf/gguf.h"

namespace camelgpt {

// How text becomes tokens; `tokenizer.ggml.model` names it.
enum class TokenizerKind : uint8_t {
  kBytePairs,      // "gpt2": pairs of bytes are merged in the order of a list
  kSentencePiece,  // "llama": merges go by the scores of their results, and spaces are letters (Kudo and Richardson
                   // 2018)
  kUnigram,        // "t5": of all ways to write a text the one with the highest sum of scores (Kudo 2018)
  kWordPiece,      // "bert": of each word the longest token that it begins with, and so on (Devlin et al. 2019)
};

// How text is cut before byte-pair merges; `tokenizer.ggml.pre` names it.
enum class PreTokenizer : uint8_t { kGpt2, kSmolLm, kLlamaBpe, kQwen2, kQwen35, kGpt4o, kTekken, kWhitespace };

inline constexpr int32_t kNoToken = -1;

// What is refused as soon as a vocabulary claims it. The largest known ones have about 2^18 tokens.
inline constexpr uint64_t kMaxVocabulary = uint64_t{1} << 24;

// Token types, with the file's numbers.
enum : uint8_t {
  kTokenNormal = 1,
  kTokenUnknown = 2,
  kTokenControl = 3,
  kTokenUserDefined = 4,
  kTokenUnused = 5,
  kTokenByte = 6,
};

// Two neighbouring tokens that become one. A slot of a hash table; empty where rank is 0.
struct MergeSlot {
  uint32_t left, right;
  uint32_t rank;    // from 1: the lowest is merged first
  uint32_t result;  // the token that both become
};

// Everything that encoding and decoding need; built once, then read-only. The header may be freed after building.
struct Tokenizer {
  // Byte-level models: a token is a chunk of at most this many bytes, with an id from EncodeOptions::chunks. The tables
  // below then only decide where words are cut. 0: tokens are those of the vocabulary.
  uint32_t chunk_length = 0;
  TokenizerKind kind = TokenizerKind::kBytePairs;
  bool add_space_prefix = false;     // texts, and what follows a special token, begin with a space
  bool remove_extra_spaces = false;  // of a unigram model: spaces around a text are left out, and several are one
  bool lower_case = false;           // WordPiece sees small letters alone,
  bool strip_accents = false;        // and these without accents
  PreTokenizer pre = PreTokenizer::kGpt2;
  uint32_t vocabulary_size = 0;
  int32_t bos_token = kNoToken;
  int32_t eos_token = kNoToken;
  int32_t eot_token = kNoToken;  // end of turn, where the file names one
  int32_t pad_token = kNoToken;
  int32_t unknown_token = kNoToken;
  int32_t mask_token = kNoToken;  // of models that fill in masks
  bool add_bos = false;
  bool add_eos = false;
  bool ignore_merges = false;    // a piece that is a token as it stands is not merged from bytes (Llama 3, Tekken)
  Buffer<char> piece_bytes;      // [sum of lengths] the bytes that each token stands for, one after the other
  Buffer<uint32_t> piece_start;  // [vocabulary_size + 1] where each token's bytes begin in piece_bytes
  Buffer<uint8_t> token_type;    // [vocabulary_size] 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte

  // --- tables of the implementation; private in spirit ---
  Buffer<uint32_t> piece_slots;   // [power of two] bytes → token, see vocabulary.h
  Buffer<MergeSlot> merge_slots;  // [power of two] pair of tokens → merge, see bpe.h
  Buffer<uint32_t> specials;      // tokens that are recognised where they are written out, sorted by their bytes
  Buffer<float>
      scores;  // [vocabulary_size] of SentencePiece: the highest is merged first; of unigram: log-probabilities
  float lowest_score = 0;            // of the normal tokens
  bool crosses_spaces = false;       // whether text leads to tokens with a space behind their first byte
  Buffer<uint8_t> charsmap;          // of unigram: what characters are replaced by, see sentence_text.h
  uint32_t longest_piece = 0;        // bytes of the longest token that text leads to
  uint8_t special_starts[256] = {};  // whether any of them starts with this byte
  int32_t byte_tokens[256] = {};     // the token of each single byte, or kNoToken
};

// Reads `tokenizer.ggml.*`. kUnsupportedTokenizer names the model or pre-tokenizer that is not known.
Status tokenizer_build(const GgufHeader& header, Tokenizer* tokenizer);

// Bytes that the built tables occupy.
uint64_t tokenizer_memory(const Tokenizer& tokenizer);

struct EncodeOptions {
  bool add_special = true;             // put BOS (and EOS) where the model's metadata asks for it
  bool parse_special = true;           // recognise control and user-defined tokens written out in the text
  ChunkTable* chunks = nullptr;        // assigns ids to the chunks of a byte-level model; required for one
  std::span<const int32_t> kept = {};  // chunk ids that must survive if the table is full
};

// Appends the ids of `text` (UTF-8; anything else is kBadInput with the position) to *tokens. Bytes that the vocabulary
// has no token for are left out, or become the unknown token if it is of that type: as the models' own tokenizers do.
Status tokenizer_encode(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options,
                        Buffer<int32_t>* tokens);

// The bytes that a token stands for. Control tokens give their written form. An id outside the vocabulary gives "".
// Where words are joined by spaces (SentencePiece, WordPiece), a token that begins one begins with the space; WordPiece
// puts none before the signs that are written without one.
std::string_view tokenizer_piece(const Tokenizer& tokenizer, int32_t token);

// Whether the token is a control token or the unknown one (never part of the visible text of an answer).
bool tokenizer_is_control(const Tokenizer& tokenizer, int32_t token);

// The token that is written exactly like `text`, or kNoToken.
int32_t tokenizer_find(const Tokenizer& tokenizer, std::string_view text);

// Joins the bytes of tokens into text that never ends in half a UTF-8 character.
struct Detokenizer {
  uint8_t pending[4];  // bytes of a character that is not complete yet
  uint32_t pending_size = 0;

  // Appends the bytes of one token to *text: all complete characters; bytes that can never become valid UTF-8 turn into
  // U+FFFD (one per maximal invalid part, as the WHATWG decoder does).
  Status put(std::string_view bytes, Buffer<char>* text);
  // At the end: what is pending becomes U+FFFD.
  Status finish(Buffer<char>* text);
};

}  // namespace camelgpt
