// The strings of a vocabulary: GPT-2's alphabet for bytes, and the hash table from a token's bytes to its id.
#pragma once

#include <cstddef>
#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

inline constexpr size_t kOutsideAlphabet = SIZE_MAX;

// GPT-2 writes each byte of a token as one printable character: bytes that are printable in Latin-1 as themselves, the
// others as U+0100 and on. Returns the number of bytes that `written` stands for, and stores them in `bytes` if that is
// not null (never more than written.size()); kOutsideAlphabet if one of its characters stands for no byte.
size_t alphabet_decode(std::string_view written, char* bytes);

// What SentencePiece writes for a space in its tokens: U+2581.
inline constexpr std::string_view kSpaceMark = "\xe2\x96\x81";

// The same bytes can be two tokens: one that merges lead to, and one of plain text (control, user-defined…), which they
// never lead to. The table keeps both.
enum class PieceKind : uint32_t { kMerged = 0, kPlain = 1 };

// Makes room for all tokens of the vocabulary. False when there is no memory.
[[nodiscard]] bool pieces_reserve(Tokenizer* tokenizer);

// Enters a token, whose bytes are in piece_bytes already. Of equal ones the first stays.
void pieces_insert(Tokenizer* tokenizer, uint32_t token, PieceKind kind);

// The token of this kind with exactly these bytes, or kNoToken.
int32_t pieces_find(const Tokenizer& tokenizer, std::string_view bytes, PieceKind kind);

// The same for bytes whose hash is known, from byte to byte: so all tokens that a text begins with are found in one go.
inline constexpr uint32_t kEmptyPieceHash = 2166136261u;  // FNV-1a
constexpr uint32_t piece_hash(uint32_t hash, char byte) { return (hash ^ static_cast<uint8_t>(byte)) * 16777619u; }
int32_t pieces_find(const Tokenizer& tokenizer, std::string_view bytes, uint32_t hash, PieceKind kind);

// The bytes of a token as the table has them: tokenizer_piece without its tidying.
std::string_view stored_piece(const Tokenizer& tokenizer, uint32_t token);

// The smallest power of two at which `count` entries fill at most three quarters of a hash table: one slot at least
// stays empty, where every search ends.
size_t hash_slots_for(size_t count);

}  // namespace camelgpt
