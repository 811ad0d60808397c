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

  const AutomatonLoop* loop_of(uint64_t item) const {
    const uint32_t loop = machine.automaton->nodes[item >> 32].loop;
    return loop == kNoLoop ? nullptr : &machine.automaton->loops[loop];
  }

  // The places of a state that has only one frame, which must be that of `like`; otherwise none.
  std::span<const uint64_t> places_of(uint32_t state, uint32_t like) const {
    const std::span<const uint64_t> members = machine.states[state], others = machine.states[like];
    if (members.size() != 1 || others.size() != 1 || members[0] >> 32 != others[0] >> 32) return {};
    return machine.locals[static_cast<uint32_t>(members[0])];
  }

  // Whether `next` is the state in which each count of a loop is one higher than in `state`.
  bool is_advanced(uint32_t state, uint32_t next) const {
    const std::span<const uint64_t> before = places_of(state, state), after = places_of(next, state);
    if (before.empty() || before.size() != after.size()) return false;
    for (size_t i = 0; i < before.size(); ++i) {
      const AutomatonLoop* const loop = loop_of(before[i]);
      const bool rises = loop != nullptr && (loop->max != kNoLimit || static_cast<uint32_t>(before[i]) < loop->min);
      if (after[i] != before[i] + rises) return false;
    }
    return true;
  }

  // How often the counts can rise before one of them is compared with a bound of its loop with another result.
  uint32_t room_of(uint32_t state) const {
    uint32_t room = kMaxTrieDepth;
    for (const uint64_t item : places_of(state, state)) {
      const AutomatonLoop* const loop = loop_of(item);
      const uint32_t count = static_cast<uint32_t>(item);
      if (loop == nullptr) continue;
      if (count + 1 < loop->min) room = std::min(room, loop->min - count - 2);
      if (count + 1 >= loop->min && loop->max != kNoLimit) room = std::min(room, loop->max - count - 1);
    }
    return room;
  }

  // Whether a state within a character that begins in `state`, whose counts are above 0, has entered no loop or rule.
  bool is_within(uint32_t state, uint32_t middle) const {
    const std::span<const uint64_t> places = places_of(middle, state);
    return !places.empty() && std::none_of(places.begin(), places.end(), [&](uint64_t item) {
      return loop_of(item) != nullptr && static_cast<uint32_t>(item) == 0;
    });
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
    *leads = before[1] != kDeadState && before[2] != kDeadState;
    for (const auto& [first_lead, last_lead, first, last, missing] : kSequences) {
      for (uint32_t lead = first_lead; lead <= last_lead && *leads; ++lead) {
        if (lead > first_lead && class_of[lead] == class_of[lead - 1]) continue;
        uint32_t second, third;
        if (!step(state, lead, &second)) return false;
        *leads = state == to || is_within(state, second);
        for (uint32_t byte = first; byte <= last && *leads; ++byte) {
          if (byte > first && class_of[byte] == class_of[byte - 1]) continue;
          if (!step(second, byte, &third)) return false;
          *leads = third == before[missing];
        }
      }
    }
    return true;
  }

  // The groups of bytes that lead from one state to the other.
  bool find_groups(uint32_t state, uint32_t to, uint64_t* groups) {
    *groups = ~(uint64_t{1} << kBrokenGroup);
    for (uint32_t byte = 0; byte < 0x80; ++byte) {
      uint32_t next;
      if (!step(state, byte, &next)) return false;
      if (next != to) *groups &= ~(uint64_t{1} << ascii_group(static_cast<uint8_t>(byte)));
    }
    bool leads;
    if (!leads_with_characters(state, to, &leads)) return false;
    if (!leads) *groups &= ~(uint64_t{1} << kCharacterGroup);
    return true;
  }

  // Finds the groups of bytes that keep a state, or only raise its counts: `byte` leads to the state `next`, which is
  // the same or advanced.
  //
  // Counts matter only where they are compared with the bounds of loops. If they can rise twice without another result,
  // and all places of the advanced state come from places of the state, with the same count or one more, this is so for
  // every further byte. Places that come from elsewhere, where a loop or rule begins or a rule ends, have the count 0
  // or another frame: so the advanced state, whose counts are above 0, shows whether there are any.
  bool find_loops(uint32_t state, uint8_t byte, uint32_t next) {
    if (machine.info[state].has_loops) return true;
    uint64_t loops = 0;
    uint32_t reach = kMaxTrieDepth;
    if (next == state) {
      if (!find_groups(state, state, &loops)) return false;
    } else {
      uint32_t second;
      reach = room_of(state);
      if (!step(next, byte, &second)) return false;
      if (reach >= 2 && is_advanced(next, second) && !find_groups(next, second, &loops)) return false;
    }
    StateInfo& info = machine.info[state];
    info.loops = loops;
    info.reach = static_cast<uint8_t>(reach);
    info.has_loops = true;
    return true;
  }

  // Whether the machine accepts every string below a node from a state in which it is at the node.
  bool stays_below(uint32_t node, uint32_t state, bool* stays) {
    const TrieSummary below = trie.summary(trie.nodes[node]);
    *stays = false;
    // Most states are left by the first byte already.
    uint8_t byte = trie.nodes[node + 1].byte;
    uint32_t next;
    if (!step(state, byte, &next)) return false;
    if (next == kDeadState) return true;
    if (!machine.info[state].has_loops) {
      if (byte >= 0x80) {
        byte = 'a';  // a whole character
        if (!step(state, byte, &next)) return false;
      }
      if (next != state && !is_advanced(state, next)) return true;
      if (!find_loops(state, byte, next)) return false;
    }
    const StateInfo& info = machine.info[state];
    if (next != state && byte < 0x80 && info.reach > 2 && (info.loops >> ascii_group(byte) & 1) != 0) {
      StateInfo& advanced = machine.info[next];
      if (!advanced.has_loops) {
        advanced.loops = info.loops;
        advanced.reach = static_cast<uint8_t>(info.reach - 1);
        advanced.has_loops = true;
      }
    }
    *stays = (below.groups & ~info.loops) == 0 && below.height <= info.reach;
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

  // Sets the bits of the tokens below a node that the state at the node allows; if it `clears`, clears those of the
  // others instead. Appends to *exits the nodes with nodes below them at which the text may end, if it is not null.
  bool walk(uint32_t state, uint32_t node, bool clears, uint64_t* bits, Buffer<uint32_t>* exits) {
    const uint8_t* const class_of = machine.automaton->class_of;
    const TrieNode* const nodes = trie.nodes.data();
    uint32_t* const rows = cache.rows.data();
    uint32_t* const states = cache.states.data();
    states[nodes[node].depth] = state;
    if (!machine_row(&machine, state, &rows[nodes[node].depth])) return false;
    const uint32_t end = nodes[node].end;
    uint64_t visited = 0;
    for (uint32_t i = node + 1; i < end; ++visited) {
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

  // The walk from the root, given all tokens. If few of them begin with a byte that the state allows, it starts from
  // none.
  bool walk_all(uint32_t state, uint64_t* bits, Buffer<uint32_t>* exits) {
    uint32_t begins = 0;
    for (uint32_t i = 1; i < trie.nodes[0].end; i = trie.nodes[i].end) {
      uint32_t next;
      if (!step(state, trie.nodes[i].byte, &next)) return false;
      if (next != kDeadState) begins += trie.nodes[trie.nodes[i].end].first - trie.nodes[i].first;
    }
    const bool clears = begins > trie.ids.size() / 2;
    if (!clears) std::memset(bits, 0, words * sizeof(uint64_t));
    return walk(state, 0, clears, bits, exits);
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

  // Adds a mask, the last of the entries, which has all tokens of texts.
  bool add(uint32_t state) {
    if ((cache.entries.size() + 1) * words * 8 + cache.exits.size() * 4 > kMaxCacheBytes) {
      cache.entries.clear();
      cache.bits.clear();
      cache.exits.clear();
    }
    const size_t index = cache.entries.size();
    if (!cache.bits.append(trie.text_mask.data(), words) ||
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
    if (!add(state)) return false;
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
        if (next_change > trie.height && next_change != kNoLimit)
          count = std::max<uint64_t>(count, next_change - trie.height - 1);
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
      if (!walk(after, cache.exits[entry->first_exit + i], false, cache.scratch.data(), nullptr)) return false;
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
      if (!builder.add(state)) return false;
      entry = &cache->entries.back();
      std::memcpy(builder.bits_of(entry), cache->scratch.data(), words * 8);
    }
  }
  *mask = {builder.bits_of(entry), words};
  return true;
}

}  // namespace camelgpt
