// Byte-pair merging: one piece of text goes in, its tokens come out. GPT-2's way begins with bytes and merges pairs of
// tokens that are in a list; SentencePiece's begins with characters and merges what together is a token, and knows all
// else by its bytes.
#pragma once

#include <cstdint>
#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// A token of the piece that is being merged, with links to its neighbours.
struct BpeSymbol {
  int32_t token;            // kNoToken for a character that SentencePiece has none for
  uint32_t start;           // of its text in the piece
  uint32_t previous, next;  // kNoSymbol at the ends
  uint32_t rank;            // of the merge with `next`; kNoRank where there is none, or the symbol was merged away
  uint32_t result;          // of that merge
};

// Scratch memory, kept from piece to piece.
struct BpeWorkspace {
  Buffer<BpeSymbol> symbols;
  Buffer<uint64_t> queue;  // a heap of (rank << 32 | symbol): the lowest rank comes out first, then the leftmost
};

// Makes room for `count` merges. False when there is no memory.
[[nodiscard]] bool merges_reserve(Tokenizer* tokenizer, size_t count);

// Enters a merge of the rank given (from 1). Of two merges of the same pair the first stays.
void merges_insert(Tokenizer* tokenizer, const MergeSlot& merge);

// Appends the tokens of `piece` (not empty, shorter than 2^32 - 1 bytes). The time is n log n for n bytes.
Status bpe_encode(const Tokenizer& tokenizer, std::string_view piece, BpeWorkspace* workspace, Buffer<int32_t>* tokens);

// Appends the tokens of the bytes of a character that has no token, as far as there are any, or else the unknown token.
// False: no memory.
[[nodiscard]] bool append_bytes(const Tokenizer& tokenizer, std::string_view character, Buffer<int32_t>* tokens);

}  // namespace camelgpt
