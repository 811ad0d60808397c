// Text → token ids in steps, so that the encoding of a long text can be interrupted.
#pragma once

#include "tokenize/bpe.h"
#include "tokenize/pretokenize.h"
#include "tokenize/special_tokens.h"
#include "tokenize/unigram.h"
#include "tokenize/word_piece.h"

namespace camelgpt {

// A long text may hold this many bytes that become no token: white space, characters without a token, long words that
// WordPiece does not know.
inline constexpr uint64_t kMaxDroppedBytes = uint64_t{1} << 20;

// An encoding in progress. The tokenizer, the text and the memory of the options must not change.
struct Encoder {
  const Tokenizer* tokenizer = nullptr;
  EncodeOptions options;
  std::string_view text;
  size_t before = 0;  // tokens in the list before the encoding
  bool is_done = true;

  size_t start = 0;  // of the text that no step has reached
  SpecialSearch search{};
  SpecialMatch special{};       // the one after the plain text
  bool in_plain = false;        // whether plain text is being encoded
  PieceCursor cursor;           // over the plain text
  Buffer<char> characters;      // the plain text as its tokens are written
  Buffer<int32_t> word_tokens;  // of a byte-level model
  bool was_swept = false;       // the chunk table
  BpeWorkspace bpe;
  UnigramWorkspace unigram;
  WordPieceWorkspace word_piece;
};

// Begins to encode a text. Errors: those of tokenizer_encode.
Status encoder_begin(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options,
                     Buffer<int32_t>* tokens, Encoder* encoder);

// Continues for about `budget` bytes of the text, at least one. Appends ids to *tokens; after an error *tokens is as it
// was before the encoding. At the end is_done becomes true.
Status encoder_continue(Encoder* encoder, size_t budget, Buffer<int32_t>* tokens);

}  // namespace camelgpt
