// States of a grammar → the tokens that they allow.
#pragma once

#include <cstdint>
#include <span>

#include "base/buffer.h"
#include "base/status.h"
#include "grammar/machine.h"
#include "grammar/token_trie.h"

namespace camelgpt {

// The mask of a state. Of a state with only the bottom frame, also where tokens leave that frame: `exits` first_exit up
// to first_exit + exits are the nodes of the trie at which the text may end, and which have nodes below.
struct MaskEntry {
  uint32_t state;
  uint32_t first_exit, exits;
};

// Dropped as a whole when it is full.
struct MaskCache {
  const TokenTrie* trie = nullptr;
  Buffer<MaskEntry> entries;
  Buffer<uint64_t> bits;     // [entries * words of a mask]
  Buffer<uint32_t> exits;    // of all entries
  Buffer<uint64_t> scratch;  // the mask being computed
  Buffer<uint32_t> rows;     // [height of the trie + 1] the states on the way to a node, as rows of transitions
  Buffer<uint32_t> states;   // [height of the trie + 1] and as ids
  Buffer<uint64_t> members;  // of the state whose mask is computed
  Buffer<uint64_t> local;

  uint64_t memory() const {
    return entries.capacity() * sizeof(MaskEntry) +
           (bits.capacity() + scratch.capacity() + members.capacity() + local.capacity()) * 8 +
           (exits.capacity() + rows.capacity() + states.capacity()) * 4;
  }
};

// False when out of memory.
bool masks_init(const TokenTrie& trie, MaskCache* cache);

// The mask of a state: bit i of the words is token i. Valid until the next call. False after a failure of the machine.
bool mask_of(MaskCache* cache, Machine* machine, uint32_t state, std::span<const uint64_t>* mask);

}  // namespace camelgpt
