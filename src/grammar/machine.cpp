#include "grammar/machine.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/heap_sort.h"

namespace camelgpt {
namespace {

constexpr uint64_t kMaxMachineBytes = uint64_t{96} << 20;
constexpr size_t kMaxPlaces = size_t{1} << 20;  // in one step

constexpr uint64_t item_of(uint32_t node, uint32_t count) { return uint64_t{node} << 32 | count; }
constexpr uint32_t node_of(uint64_t item) { return static_cast<uint32_t>(item >> 32); }
constexpr uint32_t count_of(uint64_t item) { return static_cast<uint32_t>(item); }

bool place_before(const Place& a, const Place& b) {
  if (a.frame != b.frame) return a.frame < b.frame;
  return item_of(a.node, a.count) < item_of(b.node, b.count);
}

void sort_places(Place* begin, Place* end) {
  if (!std::is_sorted(begin, end, place_before)) heap_sort(begin, end, place_before);
}

// Whether `b`, the next place in order, allows nothing that `a` does not: of two counts of the same loop that are both
// past its minimum, the lower one allows more iterations.
bool makes_redundant(const Machine& machine, const Place& a, const Place& b) {
  if (a.node != b.node || a.frame != b.frame) return false;
  if (a.count == b.count) return true;
  const uint32_t loop = machine.automaton->nodes[a.node].loop;
  return loop != kNoLoop && uint64_t{a.count} + 1 >= machine.automaton->loops[loop].min;
}

// Removes redundant places from a sorted range; returns its new end.
Place* remove_redundant(const Machine& machine, Place* begin, Place* end) {
  Place* kept = begin;
  for (Place* place = begin; place < end; ++place) {
    if (kept > begin && makes_redundant(machine, kept[-1], *place)) continue;
    *kept++ = *place;
  }
  return kept;
}

uint32_t& slot_of(const Place& place, Machine* machine) {
  const size_t mask = machine->slots.size() - 1;
  const uint64_t hash = (item_of(place.node, place.count) ^ uint64_t{place.frame} << 16) * 0x9e3779b97f4a7c15u;
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
      machine->has_memory = false;
      return;
    }
    machine->slots.swap(larger);
    for (uint32_t i = 0; i < machine->places.size(); ++i) slot_of(machine->places[i], machine) = i + machine->stamp;
  }
  uint32_t& slot = slot_of(place, machine);
  if (slot >= machine->stamp) return;
  slot = static_cast<uint32_t>(machine->places.size()) + machine->stamp;
  machine->has_memory &= machine->places.push_back(place);
}

void add_item(Machine* machine, uint64_t item, uint32_t frame) { add(machine, {node_of(item), count_of(item), frame}); }

// Notes a call. Calls of one rule are processed together, see run().
void call(Machine* machine, uint32_t rule, uint64_t item, uint32_t frame) {
  uint32_t& list = machine->call_lists[rule];
  machine->has_memory &= machine->calls.push_back({item, frame, list});
  if (!machine->has_memory) return;
  list = static_cast<uint32_t>(machine->calls.size());
  machine->called[rule / 64] |= uint64_t{1} << (rule % 64);
}

// A loop after `count` iterations: another one, and the way out.
void iterate(Machine* machine, const AutomatonLoop& loop, uint32_t count, uint32_t frame) {
  if (count < loop.max) add(machine, {loop.body, loop.max == kNoLimit ? std::min(count, loop.min) : count, frame});
  if (count >= loop.min) add(machine, {loop.exit, 0, frame});
}

bool is_failed(const Machine& machine) { return !machine.has_memory || machine.is_too_complex; }

// Follows the places from the cursor on through all nodes that need no byte.
void follow(Machine* machine, bool returns) {
  const Automaton& automaton = *machine->automaton;
  while (machine->cursor < machine->places.size() && !is_failed(*machine)) {
    if (machine->places.size() > kMaxPlaces || machine->work > machine->work_limit) machine->is_too_complex = true;
    const Place place = machine->places[machine->cursor++];
    const AutomatonNode& node = automaton.nodes[place.node];
    const std::span<const uint64_t> callers = machine->frames[place.frame];
    switch (node.kind) {
      case NodeKind::kBytes:
      case NodeKind::kToken: break;
      case NodeKind::kEnd:
        if (!returns || place.frame == kBottomFrame) break;
        for (size_t i = 0; i < callers.size(); i += 2) {
          add_item(machine, callers[i], static_cast<uint32_t>(callers[i + 1]));
        }
        break;
      case NodeKind::kSplit:
        add(machine, {node.a, place.count, place.frame});
        add(machine, {node.b, place.count, place.frame});
        break;
      case NodeKind::kCall:
        if (node.is_tail) {
          // The rule returns to where this one would return, so that right recursion needs no frames.
          for (size_t i = 0; i < callers.size(); i += 2) {
            call(machine, node.a, callers[i], static_cast<uint32_t>(callers[i + 1]));
          }
          machine->work += callers.size();
        } else {
          call(machine, node.a, item_of(node.b, place.count), place.frame);
        }
        if (node.may_be_skipped) add(machine, {node.b, place.count, place.frame});
        break;
      case NodeKind::kRepeat: iterate(machine, automaton.loops[node.a], 0, place.frame); break;
      case NodeKind::kStep: iterate(machine, automaton.loops[node.a], place.count + 1, place.frame); break;
    }
  }
}

// The frame of a rule's calls, which it removes from the list.
uint32_t take_frame(Machine* machine, uint32_t rule) {
  // As places: node, count and frame of each caller.
  Buffer<Place>& places = machine->places;
  const size_t known = places.size();
  for (uint32_t i = machine->call_lists[rule]; i != 0; i = machine->calls[i - 1].next) {
    const PendingCall& pending = machine->calls[i - 1];
    machine->has_memory &= places.push_back({node_of(pending.item), count_of(pending.item), pending.frame});
  }
  machine->call_lists[rule] = 0;
  sort_places(places.begin() + known, places.end());
  Place* const end = remove_redundant(*machine, places.begin() + known, places.end());
  machine->words.clear();
  for (const Place* place = places.begin() + known; place < end; ++place) {
    machine->has_memory &=
        machine->words.push_back(item_of(place->node, place->count)) && machine->words.push_back(place->frame);
  }
  places.shrink(known);
  const uint32_t frame = set_intern(machine->words.span(), &machine->frames);
  machine->has_memory &= frame != kNoSet;
  return frame;
}

void begin(Machine* machine) {
  machine->places.clear();
  machine->cursor = 0;
  machine->has_memory = true;
  machine->is_too_complex = false;
}

// Interns the state of the places in machine->places, which it sorts.
Status make_state(Machine* machine, uint32_t* state) {
  Place* const end_place = machine->places.end();
  Place* place = machine->places.begin();
  machine->members.clear();
  if (!is_failed(*machine)) {
    sort_places(place, end_place);
    Place* const end = remove_redundant(*machine, place, end_place);
    while (place < end && machine->has_memory) {
      const uint32_t frame = place->frame;
      machine->words.clear();
      for (; place < end && place->frame == frame; ++place) {
        machine->has_memory &= machine->words.push_back(item_of(place->node, place->count));
      }
      const uint32_t local = set_intern(machine->words.span(), &machine->locals);
      machine->has_memory &= local != kNoSet && machine->members.push_back(uint64_t{frame} << 32 | local);
    }
  }
  if (machine->memory() > kMaxMachineBytes) machine->is_too_complex = true;
  if (machine->has_memory && !machine->is_too_complex) {
    *state = set_intern(machine->members.span(), &machine->states);
    machine->has_memory = *state != kNoSet;
    if (machine->has_memory && *state == machine->info.size()) {
      // The end node is the first one, and the bottom frame the first frame.
      const bool accepts = !machine->members.empty() && machine->members[0] >> 32 == kBottomFrame &&
                           machine->locals[static_cast<uint32_t>(machine->members[0])][0] == 0;
      machine->has_memory = machine->info.push_back({0, 0, accepts, false, 0});
    }
  }
  if (!machine->has_memory) return out_of_memory("the states of the grammar", machine->memory());
  if (!machine->is_too_complex) return {};
  Status status = make_error(ErrorCode::kBadGrammar, "The grammar is too complex at this point of the text.");
  status =
      with_found(status, "%zu positions in rules, %u levels or more", machine->places.size(), machine->frames.size());
  return with_hint(status, "Nest less deeply, or make alternatives that begin alike differ earlier.");
}

// Follows the places added since begin(), and interns their state.
Status run(Machine* machine, uint32_t* state) {
  follow(machine, true);
  // Rules in their order: those that call a rule here are before it, so its frame is known when its turn comes. The end
  // of a rule that began here needs no return, since the call is skipped if the rule can be empty.
  for (size_t i = 0; i < machine->called.size(); ++i) {
    while (machine->called[i] != 0) {
      const uint32_t rule = static_cast<uint32_t>(i * 64) + static_cast<uint32_t>(std::countr_zero(machine->called[i]));
      machine->called[i] &= machine->called[i] - 1;
      const uint32_t frame = take_frame(machine, rule);
      if (is_failed(*machine)) continue;
      add(machine, {machine->automaton->rules[rule], 0, frame});
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
  // Places where the text continues, or may end.
  size_t kept = 0;
  for (const Place& place : machine->places) {
    const NodeKind kind = machine->automaton->nodes[place.node].kind;
    const bool ends = kind == NodeKind::kEnd && place.frame == kBottomFrame;
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

Status machine_init(const Automaton& automaton, Machine* machine) {
  machine->automaton = &automaton;
  const size_t rules = automaton.rules.size();
  static constexpr uint64_t kBottom[2] = {0, kBottomFrame};
  uint32_t dead;
  begin(machine);
  if (!machine->call_lists.resize(rules) || !machine->called.resize((rules + 63) / 64) ||
      set_intern(kBottom, &machine->frames) == kNoSet) {
    return out_of_memory("the grammar", rules * sizeof(uint32_t));
  }
  return make_state(machine, &dead);
}

Status machine_start(Machine* machine, uint32_t* state) {
  begin(machine);
  add(machine, {machine->automaton->start, 0, kBottomFrame});
  return run(machine, state);
}

Status machine_row(Machine* machine, uint32_t state, uint32_t* row) {
  const uint32_t classes = machine->automaton->classes;
  if (machine->info[state].row == 0) {
    const size_t begin = machine->transitions.size();
    if (!machine->transitions.resize(begin + classes)) {
      return out_of_memory("the states of the grammar", begin * sizeof(uint32_t));
    }
    std::memset(machine->transitions.data() + begin, 0xff, classes * sizeof(uint32_t));
    machine->info[state].row = static_cast<uint32_t>(begin / classes) + 1;
  }
  *row = (machine->info[state].row - 1) * classes;
  return {};
}

Status machine_step(Machine* machine, uint32_t state, uint32_t byte_class, uint32_t* next) {
  uint32_t row;
  CAMELGPT_TRY(machine_row(machine, state, &row));
  *next = machine->transitions[row + byte_class];
  if (*next != kUnknownState) return {};
  const Automaton& automaton = *machine->automaton;
  const uint32_t byte = automaton.representative[byte_class];
  begin(machine);
  for (const uint64_t member : machine->states[state]) {
    const std::span<const uint64_t> local = machine->locals[static_cast<uint32_t>(member)];
    machine->work += local.size();
    for (const uint64_t item : local) {
      const AutomatonNode& node = automaton.nodes[node_of(item)];
      if (node.kind != NodeKind::kBytes || !automaton.sets[node.a].has(byte)) continue;
      add(machine, {node.b, count_of(item), static_cast<uint32_t>(member >> 32)});
    }
  }
  CAMELGPT_TRY(run(machine, next));
  machine->transitions[row + byte_class] = *next;
  return {};
}

Status machine_step_token(Machine* machine, uint32_t state, uint32_t token, uint32_t* next) {
  begin(machine);
  for (const uint64_t member : machine->states[state]) {
    for (const uint64_t item : machine->locals[static_cast<uint32_t>(member)]) {
      const AutomatonNode& node = machine->automaton->nodes[node_of(item)];
      if (node.kind != NodeKind::kToken || node.a != token) continue;
      add(machine, {node.b, count_of(item), static_cast<uint32_t>(member >> 32)});
    }
  }
  return run(machine, next);
}

Status machine_return(Machine* machine, uint32_t frame, uint32_t* state) {
  begin(machine);
  add(machine, {0, 0, frame});
  return run(machine, state);
}

Status machine_union(Machine* machine, uint32_t a, uint32_t b, uint32_t* state) {
  begin(machine);
  for (const uint32_t part : {a, b}) {
    for (const uint64_t member : machine->states[part]) {
      for (const uint64_t item : machine->locals[static_cast<uint32_t>(member)]) {
        add_item(machine, item, static_cast<uint32_t>(member >> 32));
      }
    }
  }
  return run(machine, state);
}

Status machine_local_state(Machine* machine, std::span<const uint64_t> local, uint32_t* state) {
  begin(machine);
  for (const uint64_t item : local) add_item(machine, item, kBottomFrame);
  return run(machine, state);
}

Status machine_sweep(Machine* machine, std::span<uint32_t> states) {
  // Parents of a frame have lower ids than the frame.
  const uint32_t locals = machine->locals.size(), frames = machine->frames.size();
  Buffer<uint32_t> new_locals, new_frames;  // 1 if it is kept; then its new id
  if (!new_locals.resize(locals) || !new_frames.resize(frames)) return out_of_memory("the grammar", frames * 4);
  for (const uint32_t state : states) {
    for (const uint64_t member : machine->states[state]) {
      new_locals[static_cast<uint32_t>(member)] = new_frames[member >> 32] = 1;
    }
  }
  for (uint32_t i = frames; i-- > 0;) {
    const std::span<const uint64_t> callers = machine->frames[i];
    for (size_t k = 1; new_frames[i] != 0 && k < callers.size(); k += 2) new_frames[callers[k]] = 1;
  }

  Machine next;
  CAMELGPT_TRY(machine_init(*machine->automaton, &next));
  bool has_memory = true;
  for (uint32_t i = 0; i < locals; ++i) {
    if (new_locals[i] != 0) new_locals[i] = set_intern(machine->locals[i], &next.locals);
    has_memory &= new_locals[i] != kNoSet;
  }
  new_frames[kBottomFrame] = kBottomFrame;
  for (uint32_t i = kBottomFrame + 1; i < frames && has_memory; ++i) {
    if (new_frames[i] == 0) continue;
    next.words.clear();
    has_memory &= next.words.append(machine->frames[i].data(), machine->frames[i].size());
    for (size_t k = 1; k < next.words.size(); k += 2) next.words[k] = new_frames[next.words[k]];
    new_frames[i] = set_intern(next.words.span(), &next.frames);
    has_memory &= new_frames[i] != kNoSet;
  }
  for (uint32_t& state : states) {
    next.members.clear();
    for (const uint64_t member : machine->states[state]) {
      has_memory &=
          next.members.push_back(uint64_t{new_frames[member >> 32]} << 32 | new_locals[static_cast<uint32_t>(member)]);
    }
    const uint32_t id = has_memory ? set_intern(next.members.span(), &next.states) : kNoSet;
    has_memory &= id != kNoSet;
    if (has_memory && id == next.info.size()) {
      has_memory = next.info.push_back({0, 0, machine->info[state].accepts, false, 0});
    }
    if (!has_memory) return out_of_memory("the grammar", frames * 4);
    state = id;
  }
  *machine = std::move(next);
  return {};
}

}  // namespace camelgpt
