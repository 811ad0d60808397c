#include "grammar/masks.h"

#include <algorithm>
#include <cstring>

namespace camelgpt {
namespace {

constexpr uint64_t kMaxCacheBytes = uint64_t{4} << 20;
// Places followed for one mask; past it the grammar is too complex.
constexpr uint64_t kMaxWork = uint64_t{1} << 24;

Status no_memory(const MaskCache& cache) { return out_of_memory("the masks of the grammar", cache.memory()); }

struct MaskBuilder {
  MaskCache& cache;
  Machine& machine;
  const TokenTrie& trie;
  const size_t words;

  // Sets the bits of the tokens below a node that the state at the node allows. Appends to *exits the nodes with nodes
  // below them at which the text may end, if it is not null.
  Status walk(uint32_t state, uint32_t node, uint64_t* bits, Buffer<uint32_t>* exits) {
    const uint8_t* const class_of = machine.automaton->class_of;
    const TrieNode* const nodes = trie.nodes.data();
    const int32_t* const ids = trie.ids.data();
    uint32_t* const rows = cache.rows.data();
    uint32_t* const states = cache.states.data();
    states[nodes[node].depth] = state;
    CAMELGPT_TRY(machine_row(&machine, state, &rows[nodes[node].depth]));
    const uint32_t end = nodes[node].end;
    for (uint32_t i = node + 1; i < end;) {
      const TrieNode& at = nodes[i];
      const uint32_t byte_class = class_of[at.byte];
      uint32_t next = machine.transitions[rows[at.depth - 1] + byte_class];
      if (next == kUnknownState) CAMELGPT_TRY(machine_step(&machine, states[at.depth - 1], byte_class, &next));
      if (next == kDeadState) {
        i = at.end;
        continue;
      }
      for (uint32_t k = at.first; k < nodes[i + 1].first; ++k) bits[ids[k] / 64] |= uint64_t{1} << (ids[k] % 64);
      if (at.end > i + 1) {
        const StateInfo& info = machine.info[next];
        const bool accepts = info.accepts;
        if (info.row != 0)
          rows[at.depth] = (info.row - 1) * machine.automaton->classes;
        else
          CAMELGPT_TRY(machine_row(&machine, next, &rows[at.depth]));
        states[at.depth] = next;
        if (exits != nullptr && accepts && !exits->push_back(i)) return no_memory(cache);
      }
      ++i;
    }
    return {};
  }

  // Finds the mask of a state in the cache.
  const MaskEntry* find(uint32_t state) const {
    const uint32_t index = machine.info[state].mask;
    if (index >= cache.entries.size() || cache.entries[index].state != state) return nullptr;
    return &cache.entries[index];
  }
  uint64_t* bits_of(const MaskEntry* entry) {
    return cache.bits.data() + static_cast<size_t>(entry - cache.entries.data()) * words;
  }

  // Adds an empty mask, the last of the entries.
  Status add(uint32_t state) {
    if ((cache.entries.size() + 1) * words * 8 + cache.exits.size() * 4 > kMaxCacheBytes) {
      cache.entries.clear();
      cache.bits.clear();
      cache.exits.clear();
    }
    const uint32_t index = static_cast<uint32_t>(cache.entries.size());
    if (!cache.bits.resize((index + 1) * words) ||
        !cache.entries.push_back({state, static_cast<uint32_t>(cache.exits.size()), 0})) {
      cache.bits.shrink(index * words);
      return no_memory(cache);
    }
    machine.info[state].mask = index;
    return {};
  }
  void remove_last() {
    cache.exits.shrink(cache.entries.back().first_exit);
    cache.entries.shrink(cache.entries.size() - 1);
    cache.bits.shrink(cache.entries.size() * words);
  }

  // The mask of the places of one frame, as if nothing was known of the frame: shared by all calls of a rule.
  Status find_local(uint32_t state, const MaskEntry** entry) {
    *entry = find(state);
    if (*entry != nullptr) return {};
    CAMELGPT_TRY(add(state));
    uint64_t* const bits = bits_of(&cache.entries.back());
    const Status status = walk(state, 0, bits, &cache.exits);
    if (!status.ok()) {
      remove_last();
      return status;
    }
    cache.entries.back().exits = static_cast<uint32_t>(cache.exits.size()) - cache.entries.back().first_exit;
    for (const uint64_t member : machine.states[state]) {
      for (const uint64_t item : machine.locals[static_cast<uint32_t>(member)]) {
        const AutomatonNode& node = machine.automaton->nodes[item >> 32];
        if (node.kind == NodeKind::kToken) bits[node.a / 64] |= uint64_t{1} << (node.a % 64);
      }
    }
    *entry = &cache.entries.back();
    return {};
  }

  // Copies the places of a local set to cache.local. The counts of loops become those that the longest token does not
  // tell from them, so that most iterations share a mask.
  bool copy_local(uint32_t local) {
    cache.local.clear();
    for (const uint64_t item : machine.locals[local]) {
      const uint32_t loop_index = machine.automaton->nodes[item >> 32].loop;
      uint64_t count = item & 0xffffffffu;
      if (loop_index != kNoLoop) {
        const AutomatonLoop& loop = machine.automaton->loops[loop_index];
        const uint32_t next_change = count < loop.min ? loop.min : loop.max;
        if (next_change > trie.height && next_change != kNoLimit)
          count = std::max<uint64_t>(count, next_change - trie.height - 1);
      }
      if (!cache.local.push_back((item >> 32) << 32 | count)) return false;
    }
    return true;
  }

  // Adds the mask of a member of the state to the scratch mask.
  Status add_member(uint64_t member) {
    const uint32_t frame = static_cast<uint32_t>(member >> 32);
    if (!copy_local(static_cast<uint32_t>(member))) return no_memory(cache);
    uint32_t local_state;
    CAMELGPT_TRY(machine_local_state(&machine, cache.local.span(), &local_state));
    const MaskEntry* entry;
    CAMELGPT_TRY(find_local(local_state, &entry));
    const uint64_t* const bits = bits_of(entry);
    for (size_t i = 0; i < words; ++i) cache.scratch[i] |= bits[i];
    if (frame == kBottomFrame || entry->exits == 0) return {};
    uint32_t after;
    CAMELGPT_TRY(machine_return(&machine, frame, &after));
    for (uint32_t i = 0; i < entry->exits; ++i) {
      CAMELGPT_TRY(walk(after, cache.exits[entry->first_exit + i], cache.scratch.data(), nullptr));
    }
    return {};
  }
};

}  // namespace

Status masks_init(const TokenTrie& trie, MaskCache* cache) {
  cache->trie = &trie;
  const bool has_memory = cache->scratch.resize(trie.mask_words()) && cache->rows.resize(trie.height + 1) &&
                          cache->states.resize(trie.height + 1);
  return has_memory ? Status{} : no_memory(*cache);
}

Status mask_of(MaskCache* cache, Machine* machine, uint32_t state, std::span<const uint64_t>* mask) {
  const size_t words = cache->trie->mask_words();
  MaskBuilder builder = {*cache, *machine, *cache->trie, words};
  const MaskEntry* entry = builder.find(state);
  if (entry == nullptr) {
    machine->work_limit = machine->work + kMaxWork;
    std::memset(cache->scratch.data(), 0, words * 8);
    cache->members.clear();
    const std::span<const uint64_t> members = machine->states[state];
    Status status = cache->members.append(members.data(), members.size()) ? Status{} : no_memory(*cache);
    for (size_t i = 0; i < cache->members.size() && status.ok(); ++i) status = builder.add_member(cache->members[i]);
    machine->work_limit = UINT64_MAX;
    if (!status.ok()) return status;
    // A state with one member in the bottom frame has it already.
    entry = builder.find(state);
    if (entry == nullptr) {
      CAMELGPT_TRY(builder.add(state));
      entry = &cache->entries.back();
      std::memcpy(builder.bits_of(entry), cache->scratch.data(), words * 8);
    }
  }
  *mask = {builder.bits_of(entry), words};
  return {};
}

}  // namespace camelgpt
