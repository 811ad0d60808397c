#include "tokenize/vocabulary.h"

#include <bit>
#include <cassert>

namespace camelgpt {
namespace {

// A slot of piece_slots: the token in the lower 24 bits, a bit that is set if the slot is in use, one bit of PieceKind,
// and six bits of the hash, which skip most mismatches without comparing bytes.
constexpr uint32_t kTokenMask = (1u << 24) - 1;
constexpr uint32_t kUsed = 1u << 24;
constexpr uint32_t kKindShift = 25;
constexpr uint32_t kTagMask = ~((1u << 26) - 1);
static_assert(kMaxVocabulary == kTokenMask + uint64_t{1});

// All bits of the result depend on all bits of the hash.
uint32_t mixed(uint32_t hash) {
  hash = (hash ^ hash >> 16) * 0x85ebca6bu;
  return hash ^ hash >> 13;
}

bool is_printable_ascii(uint8_t byte) { return byte >= 0x21 && byte <= 0x7e; }

// Returns the byte that a character from U+0080 on encodes in GPT-2's alphabet, or -1.
int32_t alphabet_byte(uint32_t character) {
  if ((character >= 0xa1 && character <= 0xac) || (character >= 0xae && character <= 0xff))
    return static_cast<int32_t>(character);
  // The other bytes in order: 00 to 20, 7f to a0, ad.
  const uint32_t index = character - 0x100;  // wraps around for characters below U+0100
  if (index <= 0x20) return static_cast<int32_t>(index);
  if (index <= 0x42) return static_cast<int32_t>(index - 0x21 + 0x7f);
  return index == 0x43 ? 0xad : -1;
}

// Returns the slot of the token of this kind with these bytes, or the empty slot where it belongs.
size_t find_slot(const Tokenizer& tokenizer, std::string_view bytes, uint32_t hash, PieceKind kind) {
  const uint32_t tag = (hash & kTagMask) | static_cast<uint32_t>(kind) << kKindShift | kUsed;
  const size_t mask = tokenizer.piece_slots.size() - 1;
  for (size_t slot = hash & mask;; slot = (slot + 1) & mask) {
    const uint32_t entry = tokenizer.piece_slots[slot];
    if (entry == 0) return slot;
    if ((entry & ~kTokenMask) != tag) continue;
    if (stored_piece(tokenizer, entry & kTokenMask) == bytes) return slot;
  }
}

}  // namespace

size_t alphabet_decode(std::string_view written, char* bytes) {
  char* out = bytes;
  for (const char *at = written.data(), *end = at + written.size(); at != end; ++at, ++out) {
    const uint8_t first = static_cast<uint8_t>(*at);
    if (is_printable_ascii(first)) {
      *out = *at;
      continue;
    }
    // All other characters of the alphabet have two bytes in UTF-8.
    if ((first & 0xe0) != 0xc0 || end - at < 2) return kOutsideAlphabet;
    const uint8_t second = static_cast<uint8_t>(*++at);
    const int32_t byte = (second & 0xc0) == 0x80 ? alphabet_byte((first & 0x1fu) << 6 | (second & 0x3fu)) : -1;
    if (byte < 0) return kOutsideAlphabet;
    *out = static_cast<char>(byte);
  }
  return static_cast<size_t>(out - bytes);
}

size_t hash_slots_for(size_t count) { return std::bit_ceil(count + (count < 3 ? 1 : count / 3)); }

bool pieces_reserve(Tokenizer* tokenizer) {
  return tokenizer->piece_slots.resize(hash_slots_for(tokenizer->vocabulary_size));
}

uint32_t piece_hash(std::string_view bytes) {
  uint32_t hash = kEmptyPieceHash;
  for (const char byte : bytes) hash = piece_hash(hash, byte);
  return hash;
}

void pieces_insert(Tokenizer* tokenizer, uint32_t token, PieceKind kind) {
  assert(token <= kTokenMask);
  const std::string_view bytes = stored_piece(*tokenizer, token);
  const uint32_t hash = mixed(piece_hash(bytes));
  const size_t slot = find_slot(*tokenizer, bytes, hash, kind);
  if (tokenizer->piece_slots[slot] != 0) return;
  tokenizer->piece_slots[slot] = (hash & kTagMask) | static_cast<uint32_t>(kind) << kKindShift | kUsed | token;
}

int32_t pieces_find(const Tokenizer& tokenizer, std::string_view bytes, PieceKind kind) {
  return pieces_find(tokenizer, bytes, piece_hash(bytes), kind);
}

int32_t pieces_find(const Tokenizer& tokenizer, std::string_view bytes, uint32_t hash, PieceKind kind) {
  if (tokenizer.piece_slots.empty()) return kNoToken;
  const uint32_t entry = tokenizer.piece_slots[find_slot(tokenizer, bytes, mixed(hash), kind)];
  return entry == 0 ? kNoToken : static_cast<int32_t>(entry & kTokenMask);
}

std::string_view stored_piece(const Tokenizer& tokenizer, uint32_t token) {
  const uint32_t start = tokenizer.piece_start[token];
  return {tokenizer.piece_bytes.data() + start, tokenizer.piece_start[size_t{token} + 1] - start};
}

}  // namespace camelgpt
