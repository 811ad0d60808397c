#include "tokenize/bpe.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <functional>

#include "base/utf8.h"
#include "tokenize/vocabulary.h"

namespace camelgpt {
namespace {

constexpr uint32_t kNoSymbol = UINT32_MAX;
constexpr uint32_t kNoRank = UINT32_MAX;

// Returns the slot of the pair, or the empty slot where it belongs.
size_t find_merge(const Buffer<MergeSlot>& slots, uint32_t left, uint32_t right) {
  // Fibonacci hashing: the product's upper bits depend on all bits of both ids.
  const uint64_t hash = (uint64_t{left} << 32 | right) * 0x9e3779b97f4a7c15u;
  const size_t mask = slots.size() - 1;
  for (size_t slot = static_cast<size_t>(hash >> 32) & mask;; slot = (slot + 1) & mask) {
    const MergeSlot& merge = slots[slot];
    if (merge.rank == 0 || (merge.left == left && merge.right == right)) return slot;
  }
}

// Maps scores to ranks in reverse order: the highest score has the lowest rank.
uint32_t rank_of(float score) {
  const uint32_t bits = std::bit_cast<uint32_t>(score);
  return (bits & 0x80000000u) != 0 ? bits : ~(bits | 0x80000000u);
}

// [n] kPieceHashFactor to the power of n: what n more bytes multiply a hash by.
struct HashPowers {
  uint32_t of[kMaxMergedLength + 1] = {1};
  constexpr HashPowers() {
    for (size_t i = 1; i <= kMaxMergedLength; ++i) of[i] = of[i - 1] * kPieceHashFactor;
  }
};
constexpr HashPowers kHashPowers;

uint32_t joined_hash(uint32_t left, uint32_t right, size_t right_size) {
  return left * kHashPowers.of[right_size] + right;
}

// Stores the merge of a symbol with its right neighbour, if there is one.
void look_up_merge(const Tokenizer& tokenizer, std::string_view piece, BpeSymbol* symbols, uint32_t index) {
  BpeSymbol& symbol = symbols[index];
  symbol.rank = kNoRank;
  if (symbol.next == kNoSymbol) return;
  const BpeSymbol& next = symbols[symbol.next];
  if (tokenizer.kind == TokenizerKind::kSentencePiece) {
    const size_t end = next.next == kNoSymbol ? piece.size() : symbols[next.next].start;
    if (end - symbol.start > kMaxMergedLength) return;
    const int32_t both = pieces_find(tokenizer, piece.substr(symbol.start, end - symbol.start),
                                     joined_hash(symbol.hash, next.hash, end - next.start), PieceKind::kMerged);
    if (both == kNoToken) return;
    symbol.rank = rank_of(tokenizer.scores[static_cast<size_t>(both)]);
    symbol.result = static_cast<uint32_t>(both);
    return;
  }
  const MergeSlot& merge = tokenizer.merge_slots[find_merge(tokenizer.merge_slots, static_cast<uint32_t>(symbol.token),
                                                            static_cast<uint32_t>(next.token))];
  if (merge.rank == 0) return;
  symbol.rank = merge.rank;
  symbol.result = merge.result;
}

uint64_t queue_entry(uint32_t rank, uint32_t symbol) { return uint64_t{rank} << 32 | symbol; }

// Makes a linked list of the bytes of `piece`.
//
// Some vocabularies have no token for control characters and rare lead bytes (SmolLM2 lacks 04, 06, 13, 14, 16, 1d, f1
// and f2). Their own tokenizers emit the unknown token if the model was trained with one, and otherwise drop the byte,
// so that its neighbours can merge. SmolLM2 drops it, although its file has an unknown_token_id: that is the control
// token <|endoftext|>, which would tell the model that the text has ended. So only a token of type "unknown" is used.
bool make_byte_symbols(const Tokenizer& tokenizer, std::string_view piece, Buffer<BpeSymbol>* symbols) {
  const bool has_unknown = tokenizer.unknown_token != kNoToken &&
                           tokenizer.token_type[static_cast<size_t>(tokenizer.unknown_token)] == kTokenUnknown;
  symbols->clear();
  if (!symbols->resize(piece.size())) return false;
  uint32_t count = 0;
  for (const char byte : piece) {
    int32_t token = tokenizer.byte_tokens[static_cast<uint8_t>(byte)];
    if (token == kNoToken && has_unknown) token = tokenizer.unknown_token;
    if (token == kNoToken) continue;
    (*symbols)[count] = {token, 0, count == 0 ? kNoSymbol : count - 1, count + 1, kNoRank, 0, 0};
    ++count;
  }
  symbols->shrink(count);
  if (count > 0) symbols->back().next = kNoSymbol;
  return true;
}

// Makes a linked list of the characters of `piece`.
bool make_character_symbols(const Tokenizer& tokenizer, std::string_view piece, Buffer<BpeSymbol>* symbols) {
  symbols->clear();
  if (!symbols->resize(piece.size())) return false;
  uint32_t count = 0;
  for (size_t start = 0; start < piece.size(); ++count) {
    const size_t length = utf8_decode(piece.substr(start)).length;
    const uint32_t hash = piece_hash(piece.substr(start, length));
    const int32_t token = pieces_find(tokenizer, piece.substr(start, length), hash, PieceKind::kMerged);
    const uint32_t previous = count == 0 ? kNoSymbol : count - 1;
    (*symbols)[count] = {token, static_cast<uint32_t>(start), previous, count + 1, kNoRank, 0, hash};
    start += length;
  }
  symbols->shrink(count);
  if (count > 0) symbols->back().next = kNoSymbol;
  return true;
}

void merge_with_next(std::string_view piece, BpeSymbol* symbols, uint32_t index) {
  BpeSymbol& symbol = symbols[index];
  BpeSymbol& next = symbols[symbol.next];
  const size_t end = next.next == kNoSymbol ? piece.size() : symbols[next.next].start;
  symbol.hash = joined_hash(symbol.hash, next.hash, std::min(end - next.start, kMaxMergedLength));
  next.rank = kNoRank;
  symbol.token = static_cast<int32_t>(symbol.result);
  symbol.next = next.next;
  if (symbol.next != kNoSymbol) symbols[symbol.next].previous = index;
}

// Applies merges, at most *budget steps of them: the lowest rank first, equal ranks from left to right. No merge is
// left once the queue is empty and all symbols are looked up. Returns false when out of memory.
bool merge_symbols(const Tokenizer& tokenizer, BpeWorkspace* workspace, size_t* budget) {
  BpeSymbol* symbols = workspace->symbols.data();
  const std::string_view piece = workspace->piece;
  const uint32_t count = static_cast<uint32_t>(workspace->symbols.size());
  Buffer<uint64_t>& queue = workspace->queue;
  if (workspace->looked_up < count) {
    for (uint32_t& i = workspace->looked_up; i < count; ++i) {
      if (*budget == 0) return true;
      --*budget;
      look_up_merge(tokenizer, piece, symbols, i);
      if (symbols[i].rank != kNoRank && !queue.push_back(queue_entry(symbols[i].rank, i))) return false;
    }
    std::make_heap(queue.begin(), queue.end(), std::greater<>());
  }

  for (; !queue.empty() && *budget > 0; --*budget) {
    const uint64_t entry = queue[0];
    std::pop_heap(queue.begin(), queue.end(), std::greater<>());
    queue.shrink(queue.size() - 1);
    const uint32_t index = static_cast<uint32_t>(entry);
    // Skips a stale entry. If the pair changed but its new merge has the same rank, this entry is as good as its own.
    if (symbols[index].rank != entry >> 32) continue;

    merge_with_next(piece, symbols, index);
    for (const uint32_t changed : {symbols[index].previous, index}) {
      if (changed == kNoSymbol) continue;
      look_up_merge(tokenizer, piece, symbols, changed);
      if (symbols[changed].rank == kNoRank) continue;
      if (!queue.push_back(queue_entry(symbols[changed].rank, changed))) return false;
      std::push_heap(queue.begin(), queue.end(), std::greater<>());
    }
  }
  return true;
}

}  // namespace

bool append_byte_tokens(const Tokenizer& tokenizer, std::string_view character, Buffer<int32_t>* tokens) {
  for (const char byte : character) {
    const int32_t token = tokenizer.byte_tokens[static_cast<uint8_t>(byte)];
    if (token == kNoToken) return tokenizer.unknown_token == kNoToken || tokens->push_back(tokenizer.unknown_token);
    if (!tokens->push_back(token)) return false;
  }
  return true;
}

bool merges_reserve(Tokenizer* tokenizer, size_t count) { return tokenizer->merge_slots.resize(hash_slots_for(count)); }

void merges_insert(Tokenizer* tokenizer, const MergeSlot& merge) {
  MergeSlot& slot = tokenizer->merge_slots[find_merge(tokenizer->merge_slots, merge.left, merge.right)];
  if (slot.rank == 0) slot = merge;
}

Status bpe_begin(const Tokenizer& tokenizer, std::string_view piece, BpeWorkspace* workspace, Buffer<int32_t>* tokens) {
  assert(!piece.empty() && piece.size() < kNoSymbol);
  // Gemma 4 looks up a run of line ends first.
  if (tokenizer.ignore_merges || (tokenizer.merges_characters && piece[0] == '\n')) {
    const int32_t whole = pieces_find(tokenizer, piece, PieceKind::kMerged);
    if (whole != kNoToken) return tokens->push_back(whole) ? Status{} : out_of_memory("tokens", tokens->size());
  }
  Buffer<BpeSymbol>& symbols = workspace->symbols;
  const bool by_character = tokenizer.kind == TokenizerKind::kSentencePiece || tokenizer.merges_characters;
  const bool made =
      by_character ? make_character_symbols(tokenizer, piece, &symbols) : make_byte_symbols(tokenizer, piece, &symbols);
  if (!made) return out_of_memory("merging a long word", piece.size() * sizeof(BpeSymbol));
  workspace->piece = piece;
  workspace->looked_up = 0;
  workspace->queue.clear();
  workspace->is_active = true;
  return {};
}

Status bpe_continue(const Tokenizer& tokenizer, BpeWorkspace* workspace, size_t* budget, Buffer<int32_t>* tokens) {
  assert(workspace->is_active && *budget > 0);
  const std::string_view piece = workspace->piece;
  const Buffer<BpeSymbol>& symbols = workspace->symbols;
  if (!merge_symbols(tokenizer, workspace, budget)) {
    return out_of_memory("merging a long word", piece.size() * sizeof(BpeSymbol));
  }
  if (workspace->looked_up < symbols.size() || !workspace->queue.empty()) return {};
  workspace->is_active = false;
  for (uint32_t i = symbols.empty() ? kNoSymbol : 0; i != kNoSymbol; i = symbols[i].next) {
    const int32_t token = symbols[i].token;
    const size_t end = symbols[i].next == kNoSymbol ? piece.size() : symbols[symbols[i].next].start;
    const std::string_view character = piece.substr(symbols[i].start, end - symbols[i].start);
    const bool ok = token != kNoToken ? tokens->push_back(token) : append_byte_tokens(tokenizer, character, tokens);
    if (!ok) return out_of_memory("tokens", tokens->size());
  }
  return {};
}

Status bpe_encode(const Tokenizer& tokenizer, std::string_view piece, BpeWorkspace* workspace,
                  Buffer<int32_t>* tokens) {
  CAMELGPT_TRY(bpe_begin(tokenizer, piece, workspace, tokens));
  size_t budget = SIZE_MAX;
  return workspace->is_active ? bpe_continue(tokenizer, workspace, &budget, tokens) : Status{};
}

}  // namespace camelgpt
