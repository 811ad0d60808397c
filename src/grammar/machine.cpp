#include "grammar/machine.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace camelgpt {
namespace {

constexpr uint64_t kMaxMachineBytes = uint64_t{96} << 20;
constexpr uint32_t kMaxPlaces = 1u << 24;  // in one step: less than its work
// Places added in one step, besides four for each node of the automaton; past it the text has too many readings.
constexpr uint64_t kMaxStepWork = uint64_t{1} << 18;

constexpr uint64_t item_of(uint32_t node, uint64_t count) { return uint64_t{node} << 32 | count; }
constexpr uint32_t node_of(uint64_t item) { return static_cast<uint32_t>(item >> 32); }
constexpr uint32_t count_of(uint64_t item) { return static_cast<uint32_t>(item); }
constexpr uint32_t node_of(const Place& place) { return static_cast<uint32_t>(place.key); }
constexpr uint32_t frame_of(const Place& place) { return static_cast<uint32_t>(place.key >> 32); }

// Whether `b`, the next place in order, allows nothing that `a` does not: of two counts of the same loop that are both
// past its minimum, the lower one allows more iterations.
bool makes_redundant(const Machine& machine, const Place& a, const Place& b) {
  if (a.key != b.key) return false;
  if (a.value == b.value) return true;
  const uint32_t loop = machine.automaton->nodes[node_of(a)].loop;
  return loop != kNoLoop && a.value + 1 >= machine.automaton->loops[loop].min;
}

// Sorts places and removes redundant ones; returns the new end.
Place* sort_places(const Machine& machine, Place* begin, Place* end) {
  sort_pairs(begin, static_cast<size_t>(end - begin));
  Place* kept = begin;
  for (Place* place = begin; place < end; ++place) {
    if (kept > begin && makes_redundant(machine, kept[-1], *place)) continue;
    *kept++ = *place;
  }
  return kept;
}

uint32_t& slot_of(const Place& place, Machine* machine) {
  const size_t mask = machine->slots.size() - 1;
  const uint64_t hash = (place.key ^ place.value << 20) * 0x9e3779b97f4a7c15u;
  for (size_t slot = (hash >> 32) & mask;; slot = (slot + 1) & mask) {
    uint32_t& entry = machine->slots[slot];
    if (entry < machine->stamp || machine->places[entry - machine->stamp] == place) return entry;
  }
}

// Adds a place to those to follow, unless it is known.
void add(Machine* machine, const Place& place) {
  ++machine->work;
  if (machine->places.size() * 2 >= machine->slots.size()) {
    Buffer<uint32_t> larger;
    if (!larger.resize(std::max<size_t>(64, machine->slots.size() * 2))) {
      machine->fail(Failure::kMemory);
      return;
    }
    machine->slots.swap(larger);
    for (uint32_t i = 0; i < machine->places.size(); ++i) slot_of(machine->places[i], machine) = i + machine->stamp;
  }
  uint32_t& slot = slot_of(place, machine);
  if (slot >= machine->stamp) return;
  if (!machine->places.push_back(place)) {
    machine->fail(Failure::kMemory);
    return;
  }
  slot = static_cast<uint32_t>(machine->places.size() - 1) + machine->stamp;
}

// Notes a call. Calls of one rule are processed together, see run().
void call(Machine* machine, uint32_t rule, uint64_t item, uint32_t frame) {
  uint32_t& list = machine->call_lists[rule];
  if (!machine->calls.push_back({item, frame, list})) {
    machine->fail(Failure::kMemory);
    return;
  }
  list = static_cast<uint32_t>(machine->calls.size());
  machine->called[rule / 64] |= uint64_t{1} << (rule % 64);
}

// Follows the places from the cursor on through all nodes that need no byte.
void follow(Machine* machine, bool returns) {
  const Automaton& automaton = *machine->automaton;
  while (machine->cursor < machine->places.size() && machine->failure == Failure::kNone) {
    if (machine->work > std::min(machine->work_limit, machine->step_limit)) machine->fail(Failure::kComplexity);
    const Place place = machine->places[machine->cursor++];
    const AutomatonNode& node = automaton.nodes[node_of(place)];
    const uint32_t frame = frame_of(place);
    const std::span<const uint64_t> callers = machine->frames[frame];
    uint64_t count = place.value;
    switch (node.kind) {
      case NodeKind::kBytes:
      case NodeKind::kToken: break;
      case NodeKind::kEnd:
        for (size_t i = 0; i < callers.size() && returns; i += 2) {
          add(machine, place_of(node_of(callers[i]), count_of(callers[i]), static_cast<uint32_t>(callers[i + 1])));
        }
        break;
      case NodeKind::kSplit:
        add(machine, place_of(node.a, count, frame));
        add(machine, place_of(node.b, count, frame));
        break;
      case NodeKind::kCall:
        // A tail call returns to where this rule would return, so that right recursion needs no frames.
        if (!node.is_tail) call(machine, node.a, item_of(node.b, count), frame);
        for (size_t i = 0; i < callers.size() && node.is_tail; i += 2) {
          call(machine, node.a, callers[i], static_cast<uint32_t>(callers[i + 1]));
        }
        machine->work += callers.size();
        if (node.may_be_skipped) add(machine, place_of(node.b, count, frame));
        break;
      case NodeKind::kRepeat:
      case NodeKind::kStep: {
        const AutomatonLoop& loop = automaton.loops[node.a];
        count = node.kind == NodeKind::kRepeat ? 0 : count + 1;
        if (count >= loop.min) add(machine, place_of(loop.exit, 0, frame));
        if (loop.max == kNoLimit) count = std::min<uint64_t>(count, loop.min);
        if (count < loop.max) add(machine, place_of(loop.body, count, frame));
        break;
      }
    }
  }
}

// The frame of a rule's calls, which it removes from the list; kNoSet when out of memory.
uint32_t take_frame(Machine* machine, uint32_t rule) {
  Buffer<Place>& places = machine->places;
  const size_t known = places.size();
  bool has_memory = true;
  for (uint32_t i = machine->call_lists[rule]; i != 0; i = machine->calls[i - 1].next) {
    const PendingCall& pending = machine->calls[i - 1];
    has_memory &= places.push_back(place_of(node_of(pending.item), count_of(pending.item), pending.frame));
  }
  machine->call_lists[rule] = 0;
  const Place* const end = sort_places(*machine, places.begin() + known, places.end());
  machine->words.clear();
  for (const Place* place = places.begin() + known; place < end; ++place) {
    has_memory &=
        machine->words.push_back(item_of(node_of(*place), place->value)) && machine->words.push_back(frame_of(*place));
  }
  places.shrink(known);
  return has_memory ? set_intern(machine->words.span(), &machine->frames) : kNoSet;
}

void begin(Machine* machine) {
  machine->places.clear();
  machine->cursor = 0;
  machine->failure = Failure::kNone;
  machine->step_limit = machine->work + kMaxStepWork + 4 * machine->automaton->nodes.size();
}

// Adds what follows the places of a state whose nodes are of this kind and match the symbol. If that is a byte, removes
// from `alike` those that a place does not treat as it.
void add_matches(Machine* machine, uint32_t state, NodeKind kind, uint32_t symbol, uint64_t alike[4]) {
  const Automaton& automaton = *machine->automaton;
  for (const uint64_t member : machine->states[state]) {
    const std::span<const uint64_t> local = machine->locals[static_cast<uint32_t>(member)];
    machine->work += local.size();
    for (const uint64_t item : local) {
      const AutomatonNode& node = automaton.nodes[node_of(item)];
      if (node.kind != kind) continue;
      bool matches = node.a == symbol;
      if (kind == NodeKind::kBytes) {
        matches = automaton.set_has(node.a, symbol);
        const uint64_t* const set = automaton.sets.words.data() + size_t{node.a} * 4;
        for (size_t i = 0; i < 4; ++i) alike[i] &= matches ? set[i] : ~set[i];
      }
      if (!matches) continue;
      add(machine, place_of(node.b, count_of(item), static_cast<uint32_t>(member >> 32)));
    }
  }
}

// Interns the state of the places found.
bool make_state(Machine* machine, uint32_t* state) {
  Place* place = machine->places.begin();
  Place* const end = sort_places(*machine, place, machine->places.end());
  bool has_memory = true;
  machine->members.clear();
  while (place < end) {
    const uint32_t frame = frame_of(*place);
    machine->words.clear();
    for (; place < end && frame_of(*place) == frame; ++place) {
      has_memory &= machine->words.push_back(item_of(node_of(*place), place->value));
    }
    const uint32_t local = set_intern(machine->words.span(), &machine->locals);
    has_memory &= local != kNoSet && machine->members.push_back(uint64_t{frame} << 32 | local);
  }
  *state = has_memory ? set_intern(machine->members.span(), &machine->states) : kNoSet;
  if (*state == kNoSet) return machine->fail(Failure::kMemory);
  if (*state < machine->info.size()) return true;
  // The end node is the first one, and the bottom frame the first frame.
  const bool accepts = !machine->members.empty() && machine->members[0] >> 32 == kBottomFrame &&
                       machine->locals[static_cast<uint32_t>(machine->members[0])][0] == 0;
  return machine->info.push_back({0, 0, accepts, kUnknownState, 0, 0}) || machine->fail(Failure::kMemory);
}

// Follows the places added since begin(), and interns their state.
bool run(Machine* machine, uint32_t* state) {
  follow(machine, true);
  // Rules in their order: those that call a rule here are before it, so its frame is known when its turn comes. The end
  // of a rule that began here needs no return, since the call is skipped if the rule can be empty.
  for (size_t i = 0; i < machine->called.size(); ++i) {
    while (machine->called[i] != 0) {
      const uint32_t rule = static_cast<uint32_t>(i * 64) + static_cast<uint32_t>(std::countr_zero(machine->called[i]));
      machine->called[i] &= machine->called[i] - 1;
      const uint32_t frame = take_frame(machine, rule);
      if (frame == kNoSet) machine->fail(Failure::kMemory);
      if (machine->failure != Failure::kNone) continue;
      add(machine, place_of(machine->automaton->rules[rule], 0, frame));
      follow(machine, false);
    }
  }
  machine->calls.clear();

  // Empties the hash table.
  machine->stamp += static_cast<uint32_t>(machine->places.size());
  if (machine->stamp > UINT32_MAX - 2 * kMaxPlaces) {
    std::memset(machine->slots.data(), 0, machine->slots.size() * sizeof(uint32_t));
    machine->stamp = 1;
  }
  if (machine->memory() > kMaxMachineBytes) machine->fail(Failure::kComplexity);
  if (machine->failure != Failure::kNone) return false;
  // Places where the text continues, or may end.
  size_t kept = 0;
  for (const Place& place : machine->places) {
    const NodeKind kind = machine->automaton->nodes[node_of(place)].kind;
    const bool ends = kind == NodeKind::kEnd && frame_of(place) == kBottomFrame;
    if (ends || kind == NodeKind::kBytes || kind == NodeKind::kToken) machine->places[kept++] = place;
  }
  machine->places.shrink(kept);
  return make_state(machine, state);
}

}  // namespace

uint64_t Machine::memory() const {
  return locals.memory() + frames.memory() + states.memory() + info.capacity() * sizeof(StateInfo) +
         transitions.capacity() * sizeof(uint32_t) + places.capacity() * sizeof(Place) +
         slots.capacity() * sizeof(uint32_t) + calls.capacity() * sizeof(PendingCall) +
         (words.capacity() + members.capacity() + called.capacity()) * sizeof(uint64_t) +
         call_lists.capacity() * sizeof(uint32_t);
}

bool machine_init(const Automaton& automaton, Machine* machine) {
  machine->automaton = &automaton;
  const size_t rules = automaton.rules.size();
  static constexpr uint64_t kBottom[2] = {0, kBottomFrame};
  uint32_t dead;
  if (!machine->call_lists.resize(rules) || !machine->called.resize((rules + 63) / 64) ||
      set_intern(kBottom, &machine->frames) == kNoSet) {
    return machine->fail(Failure::kMemory);
  }
  return make_state(machine, &dead);
}

bool machine_start(Machine* machine, uint32_t* state) {
  begin(machine);
  add(machine, place_of(machine->automaton->start, 0, kBottomFrame));
  return run(machine, state);
}

bool machine_row(Machine* machine, uint32_t state, uint32_t* row) {
  const uint32_t classes = machine->automaton->classes;
  StateInfo& info = machine->info[state];
  if (info.row == 0) {
    const size_t begin = machine->transitions.size() / classes;  // a failure may have left a part of a row
    machine->transitions.shrink(begin * classes);
    for (uint32_t i = 0; i < classes; ++i) {
      if (!machine->transitions.push_back(kUnknownState)) return machine->fail(Failure::kMemory);
    }
    info.row = static_cast<uint32_t>(begin) + 1;
  }
  *row = (info.row - 1) * classes;
  return true;
}

bool machine_step(Machine* machine, uint32_t state, uint32_t byte_class, uint32_t* next) {
  uint32_t row;
  if (!machine_row(machine, state, &row)) return false;
  *next = machine->transitions[row + byte_class];
  if (*next != kUnknownState) return true;
  begin(machine);
  const Automaton& automaton = *machine->automaton;
  uint64_t alike[4];
  std::fill_n(alike, 4, ~uint64_t{0});
  add_matches(machine, state, NodeKind::kBytes, automaton.representative[byte_class], alike);
  if (!run(machine, next)) return false;
  for (uint32_t i = 0; i < automaton.classes; ++i) {
    const uint32_t byte = automaton.representative[i];
    if ((alike[byte / 64] >> (byte % 64) & 1) != 0) machine->transitions[row + i] = *next;
  }
  return true;
}

bool machine_step_token(Machine* machine, uint32_t state, uint32_t token, uint32_t* next) {
  begin(machine);
  add_matches(machine, state, NodeKind::kToken, token, nullptr);
  return run(machine, next);
}

bool machine_return(Machine* machine, uint32_t frame, uint32_t* state) {
  begin(machine);
  add(machine, place_of(0, 0, frame));
  return run(machine, state);
}

bool machine_union(Machine* machine, uint32_t a, uint32_t b, uint32_t* state) {
  begin(machine);
  for (const uint32_t part : {a, b}) {
    for (const uint64_t member : machine->states[part]) {
      for (const uint64_t item : machine->locals[static_cast<uint32_t>(member)]) {
        add(machine, place_of(node_of(item), count_of(item), static_cast<uint32_t>(member >> 32)));
      }
    }
  }
  return run(machine, state);
}

bool machine_local_state(Machine* machine, std::span<const uint64_t> local, uint32_t* state) {
  begin(machine);
  for (const uint64_t item : local) add(machine, place_of(node_of(item), count_of(item), kBottomFrame));
  return run(machine, state);
}

Status machine_error(const Machine& machine) {
  if (machine.failure == Failure::kMemory) return out_of_memory("the states of the grammar", machine.memory());
  return with_hint(make_error(ErrorCode::kBadGrammar, "The grammar is too complex at this point of the text."),
                   "Nest less deeply, and let alternatives differ early.");
}

bool machine_sweep(Machine* machine, std::span<uint32_t> states) {
  // Parents of a frame have lower ids than the frame.
  const uint32_t locals = machine->locals.size(), frames = machine->frames.size();
  Buffer<uint32_t> new_locals, new_frames;  // 1 if it is kept; then its new id
  machine->failure = Failure::kMemory;      // until the end
  if (!new_locals.resize(locals) || !new_frames.resize(frames)) return false;
  for (const uint32_t state : states) {
    for (const uint64_t member : machine->states[state]) {
      new_locals[static_cast<uint32_t>(member)] = new_frames[member >> 32] = 1;
    }
  }
  new_frames[kBottomFrame] = 1;
  for (uint32_t i = frames; i-- > 0;) {
    const std::span<const uint64_t> callers = machine->frames[i];
    for (size_t k = 1; new_frames[i] != 0 && k < callers.size(); k += 2) new_frames[callers[k]] = 1;
  }

  SetTable kept_locals, kept_frames, kept_states;
  Buffer<StateInfo> info;
  Buffer<uint64_t>& words = machine->words;
  for (uint32_t i = 0; i < locals; ++i) {
    if (new_locals[i] != 0 && (new_locals[i] = set_intern(machine->locals[i], &kept_locals)) == kNoSet) return false;
  }
  for (uint32_t i = 0; i < frames; ++i) {
    if (new_frames[i] == 0) continue;
    const std::span<const uint64_t> callers = machine->frames[i];
    new_frames[i] = kept_frames.size();  // the bottom frame is its own parent
    words.clear();
    for (size_t k = 0; k < callers.size(); ++k) {
      if (!words.push_back(k % 2 == 0 ? callers[k] : new_frames[callers[k]])) return false;
    }
    if (set_intern(words.span(), &kept_frames) == kNoSet) return false;
  }
  if (set_intern({}, &kept_states) == kNoSet || !info.push_back({0, 0, false, kUnknownState, 0, 0})) return false;
  Buffer<uint32_t> ids;
  for (const uint32_t state : states) {
    words.clear();
    for (const uint64_t member : machine->states[state]) {
      const uint64_t frame = new_frames[member >> 32];
      if (!words.push_back(frame << 32 | new_locals[static_cast<uint32_t>(member)])) return false;
    }
    const uint32_t id = set_intern(words.span(), &kept_states);
    if (id == kNoSet || !ids.push_back(id)) return false;
    if (id == info.size() && !info.push_back({0, 0, machine->info[state].accepts, kUnknownState, 0, 0})) return false;
  }
  for (size_t i = 0; i < ids.size(); ++i) states[i] = ids[i];
  machine->locals.swap(kept_locals);
  machine->frames.swap(kept_frames);
  machine->states.swap(kept_states);
  machine->info.swap(info);
  machine->transitions.release();
  // Scratch memory, which counts towards the limit of the next steps.
  machine->places.release();
  machine->slots.release();
  machine->stamp = 1;
  machine->calls.release();
  machine->words.release();
  machine->members.release();
  machine->failure = Failure::kNone;
  return true;
}

}  // namespace camelgpt
