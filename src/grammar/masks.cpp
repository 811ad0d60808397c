#include "grammar/masks.h"

#include <algorithm>
#include <cstring>

namespace camelgpt {
namespace {

constexpr uint64_t kMaxCacheBytes = uint64_t{4} << 20;
// Places followed for one mask; past it the grammar is too complex.
constexpr uint64_t kMaxWork = uint64_t{1} << 22;
constexpr uint64_t kNodesPerPlace = 8;  // nodes of the trie that take as long to visit as a place to follow

struct MaskBuilder {
  MaskCache& cache;
  Machine& machine;
  const TokenTrie& trie;
  const size_t words;

  bool step(uint32_t state, uint32_t byte, uint32_t* next) {
    return machine_step(&machine, state, machine.automaton->class_of[byte], next);
  }

  // Whether every character of several bytes leads from one state to the other.
  bool leads_with_characters(uint32_t state, uint32_t to, bool* leads) {
    // Table 3-7 of the Unicode Standard: lead bytes, second bytes, and the number of bytes that follow.
    static constexpr uint8_t kSequences[][5] = {
        {0xc2, 0xdf, 0x80, 0xbf, 0}, {0xe0, 0xe0, 0xa0, 0xbf, 1}, {0xe1, 0xec, 0x80, 0xbf, 1},
        {0xed, 0xed, 0x80, 0x9f, 1}, {0xee, 0xef, 0x80, 0xbf, 1}, {0xf0, 0xf0, 0x90, 0xbf, 2},
        {0xf1, 0xf3, 0x80, 0xbf, 2}, {0xf4, 0xf4, 0x80, 0x8f, 2},
    };
    const uint8_t* const class_of = machine.automaton->class_of;
    // States before this number of continuation bytes.
    uint32_t before[3] = {to, kDeadState, kDeadState};
    if (!step(state, 0xc2, &before[1])) return false;
    if (!step(state, 0xe1, &before[2])) return false;
    *leads = true;
    for (const auto& [first_lead, last_lead, first, last, missing] : kSequences) {
      for (uint32_t lead = first_lead; lead <= last_lead && *leads; ++lead) {
        if (lead > first_lead && class_of[lead] == class_of[lead - 1]) continue;
        uint32_t second, third;
        if (!step(state, lead, &second)) return false;
        for (uint32_t byte = first; byte <= last && *leads; ++byte) {
          if (byte > first && class_of[byte] == class_of[byte - 1]) continue;
          if (!step(second, byte, &third)) return false;
          *leads = third == before[missing];
        }
      }
    }
    return true;
  }

  // Whether all characters of these groups lead from a state to StateInfo::next. The first call for a state chooses
  // that: it is where `byte`, which is below 0x80, leads.
  bool leads_on(uint32_t state, uint32_t byte, uint64_t groups, bool* leads) {
    uint32_t to = machine.info[state].next, next;
    if (to == kUnknownState) {
      if (!step(state, byte, &to)) return false;
      machine.info[state].next = to;
    }
    const uint64_t unknown = groups & ~machine.info[state].groups;
    uint64_t other = unknown & (machine.info[state].others | uint64_t{1} << kBrokenGroup);
    for (byte = 0; byte < 0x80 && unknown != 0 && other == 0; ++byte) {
      const uint64_t group = uint64_t{1} << ascii_group(static_cast<uint8_t>(byte));
      if ((unknown & group) == 0) continue;
      if (!step(state, byte, &next)) return false;
      if (next != to) other = group;
    }
    *leads = other == 0;
    if (*leads && (unknown >> kCharacterGroup & 1) != 0) {
      if (!leads_with_characters(state, to, leads)) return false;
      if (!*leads) other = uint64_t{1} << kCharacterGroup;
    }
    machine.info[state].others |= other;
    if (*leads) machine.info[state].groups |= groups;
    return true;
  }

  // Whether the machine accepts every string below a node from a state in which it is at the node.
  bool stays_below(uint32_t node, uint32_t state, bool* stays) {
    const TrieSummary below = trie.summary(trie.nodes[node]);
    *stays = false;
    // Most states are left by the first byte already.
    const uint8_t byte = trie.nodes[node + 1].byte;
    uint32_t next;
    if (!step(state, byte, &next)) return false;
    if (next == kDeadState) return true;
    for (uint64_t i = 0; i < below.height; ++i) {
      bool leads;
      if (!leads_on(state, byte < 0x80 ? byte : 'a', below.groups, &leads)) return false;
      next = machine.info[state].next;
      if (!leads || next == kDeadState) return true;
      if (next == state) break;
      if (below.height > kMaxPlainCharacters) return true;  // such tokens are few
      state = next;
    }
    *stays = true;
    return true;
  }

  // Sets the bits of tokens, given as indices into the trie's ids; or clears them.
  void change(uint32_t first, uint32_t last, bool clears, uint64_t* bits) {
    for (uint32_t i = first; i < last; ++i) {
      const uint32_t id = static_cast<uint32_t>(trie.ids[i]);
      const uint64_t bit = uint64_t{1} << (id % 64);
      bits[id / 64] = (bits[id / 64] | bit) ^ (clears ? bit : 0);
    }
  }

  // Sets the bits of the tokens of nodes that the state before them allows; if it `clears`, clears those of the others
  // instead. The nodes are siblings, from `begin` to `end`, and those below them. Appends to *exits the nodes with
  // nodes below them at which the text may end, if it is not null.
  bool walk(uint32_t state, uint32_t begin, uint32_t end, bool clears, uint64_t* bits, Buffer<uint32_t>* exits) {
    const uint8_t* const class_of = machine.automaton->class_of;
    const TrieNode* const nodes = trie.nodes.data();
    uint32_t* const rows = cache.rows.data();
    uint32_t* const states = cache.states.data();
    if (begin == end) return true;
    states[nodes[begin].depth - 1] = state;
    if (!machine_row(&machine, state, &rows[nodes[begin].depth - 1])) return false;
    uint64_t visited = 0;
    for (uint32_t i = begin; i < end; ++visited) {
      const TrieNode& at = nodes[i];
      const uint32_t byte_class = class_of[at.byte];
      uint32_t next = machine.transitions[rows[at.depth - 1] + byte_class];
      if (next == kUnknownState)
        if (!machine_step(&machine, states[at.depth - 1], byte_class, &next)) return false;
      if (next == kDeadState) {
        if (clears) change(at.first, nodes[at.end].first, true, bits);
        i = at.end;
        continue;
      }
      if (!clears) change(at.first, nodes[i + 1].first, false, bits);
      if (at.end > i + 1) {
        if (!machine_row(&machine, next, &rows[at.depth])) return false;
        if (at.summary != 0) {
          bool stays;
          if (!stays_below(i, next, &stays)) return false;
          if (stays) {
            if (!clears) change(nodes[i + 1].first, nodes[at.end].first, false, bits);
            i = at.end;
            continue;
          }
        }
        states[at.depth] = next;
        if (exits != nullptr && machine.info[next].accepts && !exits->push_back(i))
          return machine.fail(Failure::kMemory);
      }
      ++i;
    }
    machine.work += visited / kNodesPerPlace;
    return machine.work <= machine.work_limit || machine.fail(Failure::kComplexity);
  }

  // Counts the plain characters that may follow, up to kMaxPlainCharacters. *is_exact is false unless all of them lead
  // from state to state in the same way, and nothing can follow the last one in a token.
  bool count_plain(uint32_t state, uint32_t* count, bool* is_exact) {
    bool accepts = false;
    *is_exact = true;
    for (*count = 0; *count < kMaxPlainCharacters; ++*count) {
      if (!leads_on(state, 'a', kPlainGroups, is_exact)) return false;
      accepts |= machine.info[state].accepts;
      state = machine.info[state].next;
      if (!*is_exact || state == kDeadState) break;
    }
    *is_exact &= state != kDeadState || !accepts;
    return true;
  }

  // Sets the bits of the plain tokens that a state allows, if only their number of characters matters. First characters
  // that are single bytes can be exceptions. Otherwise *is_done is false.
  bool count_tokens(uint32_t state, uint64_t* bits, Buffer<uint32_t>* exits, bool* is_done) {
    uint32_t after, count;
    *is_done = false;
    // The state after U+0080, which hardly any grammar treats differently from other characters.
    if (!step(state, 0xc2, &after) || !step(after, 0x80, &after)) return false;
    if (after == kDeadState) return true;
    if (!leads_with_characters(state, after, is_done)) return false;
    if (*is_done && !count_plain(after, &count, is_done)) return false;
    if (!*is_done) return true;
    std::memcpy(bits, trie.plain_mask(std::min(count + 1, kMaxPlainCharacters)), words * sizeof(uint64_t));
    for (uint32_t i = 1, end; i < trie.other_root() && trie.nodes[i].byte < 0x80; i = end) {
      uint32_t next;
      end = trie.nodes[i].end;
      if (!step(state, trie.nodes[i].byte, &next)) return false;
      if (next == after) continue;
      change(trie.nodes[i].first, trie.nodes[end].first, true, bits);
      if (!walk(state, i, end, false, bits, exits)) return false;
    }
    return true;
  }

  // Sets the bits of all tokens that a state allows.
  bool walk_all(uint32_t state, uint64_t* bits, Buffer<uint32_t>* exits) {
    const uint32_t other_root = trie.other_root();
    bool is_done;
    if (!count_tokens(state, bits, exits, &is_done)) return false;
    if (!is_done) {
      // If few of the plain tokens begin with a byte that the state allows, the walk starts from none, else from all.
      uint32_t begins = 0;
      for (uint32_t i = 1; i < other_root; i = trie.nodes[i].end) {
        uint32_t next;
        if (!step(state, trie.nodes[i].byte, &next)) return false;
        if (next != kDeadState) begins += trie.nodes[trie.nodes[i].end].first - trie.nodes[i].first;
      }
      const bool clears = begins > trie.nodes[other_root].first / 2;
      std::memcpy(bits, trie.plain_mask(clears ? kMaxPlainCharacters : 0), words * sizeof(uint64_t));
      if (!walk(state, 1, other_root, clears, bits, exits)) return false;
    }
    return walk(state, other_root + 1, trie.nodes[other_root].end, false, bits, exits);
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

  // Adds a mask, the last of the entries.
  bool add(uint32_t state, const uint64_t* bits) {
    if ((cache.entries.size() + 1) * words * 8 + cache.exits.size() * 4 > kMaxCacheBytes) {
      cache.entries.clear();
      cache.bits.clear();
      cache.exits.clear();
    }
    const size_t index = cache.entries.size();
    if (!cache.bits.append(bits, words) ||
        !cache.entries.push_back({state, static_cast<uint32_t>(cache.exits.size()), 0})) {
      cache.bits.shrink(index * words);
      return machine.fail(Failure::kMemory);
    }
    machine.info[state].mask = static_cast<uint32_t>(index);
    return true;
  }
  void remove_last() {
    cache.exits.shrink(cache.entries.back().first_exit);
    cache.entries.shrink(cache.entries.size() - 1);
    cache.bits.shrink(cache.entries.size() * words);
  }

  // The mask of the places of one frame, as if nothing was known of the frame: shared by all calls of a rule.
  bool find_local(uint32_t state, const MaskEntry** entry) {
    *entry = find(state);
    if (*entry != nullptr) return true;
    if (!add(state, trie.plain_mask(0))) return false;
    uint64_t* const bits = bits_of(&cache.entries.back());
    if (!walk_all(state, bits, &cache.exits)) {
      remove_last();
      return false;
    }
    cache.entries.back().exits = static_cast<uint32_t>(cache.exits.size()) - cache.entries.back().first_exit;
    for (const uint64_t member : machine.states[state]) {
      for (const uint64_t item : machine.locals[static_cast<uint32_t>(member)]) {
        const AutomatonNode& node = machine.automaton->nodes[item >> 32];
        if (node.kind == NodeKind::kToken) bits[node.a / 64] |= uint64_t{1} << (node.a % 64);
      }
    }
    *entry = &cache.entries.back();
    return true;
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
        if (next_change > trie.height) count = std::max<uint64_t>(count, next_change - trie.height - 1);
      }
      if (!cache.local.push_back((item >> 32) << 32 | count)) return false;
    }
    return true;
  }

  // Adds the mask of a member of the state to the scratch mask.
  bool add_member(uint64_t member) {
    const uint32_t frame = static_cast<uint32_t>(member >> 32);
    if (!copy_local(static_cast<uint32_t>(member))) return machine.fail(Failure::kMemory);
    uint32_t local_state;
    if (!machine_local_state(&machine, cache.local.span(), &local_state)) return false;
    const MaskEntry* entry;
    if (!find_local(local_state, &entry)) return false;
    const uint64_t* const bits = bits_of(entry);
    for (size_t i = 0; i < words; ++i) cache.scratch[i] |= bits[i];
    if (frame == kBottomFrame || entry->exits == 0) return true;
    uint32_t after;
    if (!machine_return(&machine, frame, &after)) return false;
    for (uint32_t i = 0; i < entry->exits; ++i) {
      const uint32_t node = cache.exits[entry->first_exit + i];
      if (!walk(after, node + 1, trie.nodes[node].end, false, cache.scratch.data(), nullptr)) return false;
    }
    return true;
  }
};

}  // namespace

bool masks_init(const TokenTrie& trie, MaskCache* cache) {
  cache->trie = &trie;
  return cache->scratch.resize(trie.mask_words()) && cache->rows.resize(trie.height + 1) &&
         cache->states.resize(trie.height + 1);
}

bool mask_of(MaskCache* cache, Machine* machine, uint32_t state, std::span<const uint64_t>* mask) {
  const size_t words = cache->trie->mask_words();
  MaskBuilder builder = {*cache, *machine, *cache->trie, words};
  const MaskEntry* entry = builder.find(state);
  if (entry == nullptr) {
    machine->work_limit = machine->work + kMaxWork + cache->trie->nodes.size();
    std::memset(cache->scratch.data(), 0, words * 8);
    cache->members.clear();
    const std::span<const uint64_t> members = machine->states[state];
    bool is_fine = cache->members.append(members.data(), members.size()) || machine->fail(Failure::kMemory);
    for (size_t i = 0; i < cache->members.size() && is_fine; ++i) is_fine = builder.add_member(cache->members[i]);
    machine->work_limit = UINT64_MAX;
    if (!is_fine) return false;
    // A state with one member in the bottom frame has it already.
    entry = builder.find(state);
    if (entry == nullptr) {
      if (!builder.add(state, cache->scratch.data())) return false;
      entry = &cache->entries.back();
    }
  }
  *mask = {builder.bits_of(entry), words};
  return true;
}

}  // namespace camelgpt
