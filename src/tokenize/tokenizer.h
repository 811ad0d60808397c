// Converts text to token ids and back, with the vocabulary of a GGUF header.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "base/chunk_table.h"
#include "base/status.h"
#include "base/text_range.h"
#include "gguf/gguf.h"
#include "tokenize/token_matcher.h"

namespace camelgpt {

// Tokenization algorithm, named by `tokenizer.ggml.model`.
enum class TokenizerKind : uint8_t {
  kBytePairs,      // "gpt2", "gemma4": BPE over bytes or characters; merges are applied in the order of a list
  kSentencePiece,  // "llama": BPE over characters, spaces included; the merge with the highest-scoring result comes
                   // first (Kudo and Richardson 2018)
  kUnigram,        // "t5": the segmentation with the highest sum of scores (Kudo 2018)
  kWordPiece,      // "bert": greedy longest match from the start of each word (Devlin et al. 2019)
};

// How text is split before byte-pair merges, named by `tokenizer.ggml.pre`.
enum class PreTokenizer : uint8_t {
  kGpt2,
  kSmolLm,
  kLlamaBpe,
  kQwen2,
  kQwen35,
  kGpt4o,
  kTekken,
  kWhitespace,
  kDefault,  // of files without the key
  kFalcon,
  kDeepSeekLlm,
  kDeepSeekCoder,
  kDeepSeekV3,
  kBloom,
  kViking,
  kSuperBpe,
  kTinyAya,
  kYoutu,
  kLaguna,
  kSeedCoder,
  kUfakzeka,
  kMiniCpm5,
  kLines,  // Gemma 4: runs of \n, and the text between them
};

inline constexpr int32_t kNoToken = -1;

// Larger vocabularies are rejected. The largest known ones have about 2^18 tokens.
inline constexpr uint64_t kMaxVocabulary = uint64_t{1} << 24;

// Token types, numbered as in GGUF.
enum : uint8_t {
  kTokenNormal = 1,
  kTokenUnknown = 2,
  kTokenControl = 3,
  kTokenUserDefined = 4,
  kTokenUnused = 5,
  kTokenByte = 6,
};

// A merge of two neighbouring tokens: a slot of a hash table, empty if rank is 0.
struct MergeSlot {
  uint32_t left, right;
  uint32_t rank;    // from 1: the lowest is merged first
  uint32_t result;  // the merged token
};

// All tables for encoding and decoding. Read-only after tokenizer_build; the header may be freed then.
struct Tokenizer {
  // Byte-level models: a token is a chunk of at most this many bytes, with an id from EncodeOptions::chunks. The tables
  // below then only decide where words are cut. 0: tokens are those of the vocabulary.
  uint32_t chunk_length = 0;
  TokenizerKind kind = TokenizerKind::kBytePairs;
  bool merges_characters = false;    // kBytePairs: merges start from characters; tokens are written as in SentencePiece
  bool add_space_prefix = false;     // put a space before a text and before the text after a special token
  bool remove_extra_spaces = false;  // unigram: strip spaces at both ends and collapse runs of them
  bool lower_case = false;           // WordPiece: convert text to lower case
  bool strip_accents = false;        // WordPiece: remove nonspacing marks
  PreTokenizer pre = PreTokenizer::kGpt2;
  uint32_t vocabulary_size = 0;
  int32_t bos_token = kNoToken;
  int32_t eos_token = kNoToken;
  int32_t eot_token = kNoToken;  // end of turn
  int32_t eom_token = kNoToken;  // end of message
  int32_t pad_token = kNoToken;
  int32_t unknown_token = kNoToken;
  int32_t mask_token = kNoToken;  // of masked language models
  bool add_bos = false;
  bool add_eos = false;
  bool composes = false;            // the model was trained on text in Unicode normalization form C
  int32_t strip_before = kNoToken;  // this token swallows the ASCII white space before it (mask tokens)
  bool trims_specials = false;      // white space after most special tokens is dropped (Phi-3)
  Buffer<char> notes;               // oddities of the file, a line each
  bool ignore_merges = false;       // look up the whole piece as a token before merging bytes (Llama 3, Tekken)
  Buffer<char> piece_bytes;         // [sum of lengths] decoded bytes of all tokens, concatenated
  Buffer<uint32_t> piece_start;     // [vocabulary_size + 1] offset of each token in piece_bytes
  Buffer<uint8_t> token_type;       // [vocabulary_size] kTokenNormal to kTokenByte
  Buffer<int32_t> end_tokens;       // tokens that end an answer

  // --- implementation tables ---
  Buffer<uint32_t> piece_slots;    // [power of two] hash table from bytes to tokens, see vocabulary.h
  Buffer<MergeSlot> merge_slots;   // [power of two] hash table from token pairs to merges, see bpe.h
  TokenMatcher specials;           // special tokens, read from their ends
  Buffer<uint32_t> specials_user;  // [specials] index of the longest user-defined one with the same beginning; 0: none
  TokenMatcher segments;           // unigram: the tokens of segmentations
  Buffer<float> scores;            // [vocabulary_size] SentencePiece: merge priority; unigram: log-probability
  float lowest_score = 0;          // of the normal tokens
  bool has_inner_spaces = false;   // whether a mergeable token has a space after its first byte
  Buffer<uint8_t> charsmap;        // unigram: replacement rules, see sentence_text.h
  uint32_t longest_piece = 0;      // bytes of the longest mergeable token
  int32_t byte_tokens[256] = {};   // the token of each single byte, or kNoToken
};

// Builds the tables from `tokenizer.ggml.*`. After an error *tokenizer is unchanged. kUnsupportedTokenizer names the
// model or pre-tokenizer; kMissingMetadata and kBadMetadata name the key.
Status tokenizer_build(const GgufHeader& header, Tokenizer* tokenizer);

// Returns the size of the tables in bytes.
uint64_t tokenizer_memory(const Tokenizer& tokenizer);

struct EncodeOptions {
  bool add_special = true;    // add BOS and EOS if the model's metadata asks for them
  bool parse_special = true;  // recognise control tokens spelled out in the text; user-defined ones always are
  // The text is a rendered chat: add no EOS, and BOS only if the text lacks it. Without add_special the text continues
  // a chat: add no space before it either.
  bool is_rendered = false;
  std::span<const TextRange> literal = {};  // sorted: here control tokens are plain text
  ChunkTable* chunks = nullptr;             // assigns ids to the chunks of a byte-level model; required for one
  std::span<const int32_t> kept = {};       // chunk ids that must survive if the table is full
};

// Appends the ids of `text` to *tokens; after an error *tokens is unchanged. Text that is not UTF-8 is kBadInput with
// the position. As in the models' own tokenizers, bytes without a token are dropped, or become the unknown token if the
// vocabulary has one of that type.
Status tokenizer_encode(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options,
                        Buffer<int32_t>* tokens);

// The most bytes of text that `tokens` tokens can have. A longer text has more tokens for certain.
uint64_t tokenizer_max_bytes(const Tokenizer& tokenizer, uint64_t tokens);

// Returns the decoded bytes of a token: the written form of a control token, "" for an id outside the vocabulary. In
// SentencePiece and WordPiece vocabularies a token that begins a word begins with a space; in WordPiece, punctuation
// that is written without a space before it does not.
std::string_view tokenizer_piece(const Tokenizer& tokenizer, int32_t token);

// Whether the token is a control token or the unknown token, which are never part of an answer's visible text.
bool tokenizer_is_control(const Tokenizer& tokenizer, int32_t token);

// Whether a text is cut at the token where it is written out: a control, unknown or user-defined token.
bool tokenizer_is_special(const Tokenizer& tokenizer, int32_t token);

// Whether the token ends an answer.
bool tokenizer_ends_answer(const Tokenizer& tokenizer, int32_t token);

// Returns the token whose decoded bytes are `text`, or kNoToken. A special token wins over a normal one.
int32_t tokenizer_find(const Tokenizer& tokenizer, std::string_view text);

// Joins token bytes into text that never ends within a UTF-8 character.
struct Detokenizer {
  uint8_t pending[4];  // bytes of an incomplete character
  uint32_t pending_size = 0;

  // Appends the complete characters of one token's bytes to *text. Each maximal invalid subsequence becomes one U+FFFD,
  // as in the WHATWG decoder.
  Status put(std::string_view bytes, Buffer<char>* text);
  // Ends the text: an incomplete character becomes U+FFFD.
  Status finish(Buffer<char>* text);
};

}  // namespace camelgpt
