// Byte-pair encoding of one piece of text: bytes in, token ids out.
//
// Byte-level BPE (GPT-2) starts from single bytes and merges the pairs in a list. SentencePiece BPE starts from
// characters and merges two neighbours if their concatenation is a token; characters without a token become bytes.
#pragma once

#include <cstdint>
#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// A token of the piece being merged, in a doubly linked list.
struct BpeSymbol {
  int32_t token;            // kNoToken: a character that SentencePiece has no token for
  uint32_t start;           // byte offset in the piece
  uint32_t previous, next;  // kNoSymbol at the ends
  uint32_t rank;            // of the merge with `next`; kNoRank if there is none or the symbol was merged away
  uint32_t result;          // token that this merge produces
  uint32_t hash;            // of its bytes (SentencePiece)
};

// The encoding of a piece, in steps. The memory is reused from piece to piece.
struct BpeWorkspace {
  bool is_active = false;  // whether a piece is being encoded
  std::string_view piece;
  uint32_t looked_up = 0;  // symbols whose merges are in the queue
  Buffer<BpeSymbol> symbols;
  Buffer<uint64_t> queue;  // min-heap of (rank << 32 | symbol): the lowest rank first, then the leftmost symbol
};

// In bytes. SentencePiece tokens that are longer are never produced, to bound the time of a merge. SentencePiece trains
// tokens of at most 16 characters unless told otherwise.
inline constexpr size_t kMaxMergedLength = 256;

// Reserves the hash table for `count` merges. Returns false when out of memory.
[[nodiscard]] bool merges_reserve(Tokenizer* tokenizer, size_t count);

// Adds a merge; its rank is at least 1. If the pair already has a merge, the earlier one stays.
void merges_insert(Tokenizer* tokenizer, const MergeSlot& merge);

// Begins to encode `piece`, 1 to 2^32 - 2 bytes long, which must not change meanwhile. If it is a token as a whole, the
// token is appended, and the encoding has ended.
Status bpe_begin(const Tokenizer& tokenizer, std::string_view piece, BpeWorkspace* workspace, Buffer<int32_t>* tokens);

// Continues for *budget steps, at least one and about two for each byte of the piece, and subtracts those taken.
// Appends the tokens at the end, when is_active becomes false. The whole takes O(n log n) time.
Status bpe_continue(const Tokenizer& tokenizer, BpeWorkspace* workspace, size_t* budget, Buffer<int32_t>* tokens);

// Appends the tokens of a piece in one step.
Status bpe_encode(const Tokenizer& tokenizer, std::string_view piece, BpeWorkspace* workspace, Buffer<int32_t>* tokens);

// Appends the byte tokens of a character that has no token of its own. At the first byte without a token it appends the
// unknown token, if there is one, and stops. Returns false when out of memory.
[[nodiscard]] bool append_byte_tokens(const Tokenizer& tokenizer, std::string_view character, Buffer<int32_t>* tokens);

}  // namespace camelgpt
