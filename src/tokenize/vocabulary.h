// The strings of a vocabulary: GPT-2's byte alphabet, and the hash table from a token's bytes to its id.
#pragma once

#include <cstddef>
#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

inline constexpr size_t kOutsideAlphabet = SIZE_MAX;

// Decodes GPT-2's byte alphabet: bytes that are printable in Latin-1 are written as themselves, the others as U+0100
// and up. Stores the bytes (at most written.size()) and returns their number, or kOutsideAlphabet if a character is not
// in the alphabet.
size_t alphabet_decode(std::string_view written, char* bytes);

// SentencePiece writes a space in a token as U+2581.
inline constexpr std::string_view kSpaceMark = "\xe2\x96\x81";

// Two tokens may have the same bytes: one that merges can produce, and a plain-text one (control, user-defined, …) that
// they never produce. The table keeps both.
enum class PieceKind : uint32_t { kMerged = 0, kPlain = 1 };

// Reserves the table for all tokens of the vocabulary. Returns false when out of memory.
[[nodiscard]] bool pieces_reserve(Tokenizer* tokenizer);

// Adds a token whose bytes are already in piece_bytes. The first of equal tokens stays.
void pieces_insert(Tokenizer* tokenizer, uint32_t token, PieceKind kind);

// Returns the token of this kind with exactly these bytes, or kNoToken.
int32_t pieces_find(const Tokenizer& tokenizer, std::string_view bytes, PieceKind kind);

// pieces_find for bytes whose hash is known. Extending the hash byte by byte finds all tokens that a text starts with.
// The hash is a polynomial, so that the hash of two texts one after the other follows from theirs.
inline constexpr uint32_t kEmptyPieceHash = 0;
inline constexpr uint32_t kPieceHashFactor = 16777619;
constexpr uint32_t piece_hash(uint32_t hash, char byte) {
  return hash * kPieceHashFactor + static_cast<uint8_t>(byte) + 1;
}
uint32_t piece_hash(std::string_view bytes);
int32_t pieces_find(const Tokenizer& tokenizer, std::string_view bytes, uint32_t hash, PieceKind kind);

// Returns a token's bytes as stored, without the changes that tokenizer_piece makes.
std::string_view stored_piece(const Tokenizer& tokenizer, uint32_t token);

// Returns the smallest power of two at which `count` entries fill at most three quarters of a hash table. At least one
// slot stays empty, which ends every search.
size_t hash_slots_for(size_t count);

}  // namespace camelgpt
