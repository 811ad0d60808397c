// Threads that compute together: one function runs on all of them at once, with barriers in between.
//
// The core starts no threads. Whoever has some lends them: each calls help() and stays in it. There is one pool, used
// by one caller at a time. Nothing locks or allocates.
#pragma once

#include <cstdint>

namespace camelgpt {

inline constexpr uint32_t kMaxThreads = 32;

// Items from `first` up to `end`.
struct Range {
  uint32_t first, end;
  bool empty() const { return first >= end; }
  uint32_t size() const { return empty() ? 0 : end - first; }
};

// One of the threads that run a function together.
struct Worker {
  uint32_t index = 0;  // 0 is the caller's own thread
  uint32_t count = 1;

  // Returns when all of them are here.
  void barrier() const {
    if (count > 1) wait_for_all();
  }
  // This thread's slice of the items 0 .. total - 1: whole units, except for the last one.
  Range static_slice(uint32_t total, uint32_t unit = 1) const {
    return {border(total, unit, index), border(total, unit, index + 1)};
  }

  // Runs body(range) for slices of the items 0 .. total - 1, whole units except for the last one, until none remains. A
  // thread that is faster, or less disturbed, gets more of them. At most once between two barriers.
  template <typename Body>
  void for_each_slice(uint32_t total, uint32_t unit, Body&& body) const {
    if (total == 0) return;
    if (count == 1) return body(Range{0, total});
    const uint32_t units = (total - 1) / unit + 1;
    const uint32_t step = units / (count * kSlicesPerThread) + 1;
    for (uint32_t at = take(step); at < units; at = take(step)) {
      body(Range{at * unit, at + step < units ? (at + step) * unit : total});
    }
  }

 private:
  static constexpr uint32_t kSlicesPerThread = 6;  // enough to even out, few enough to cost nothing
  static uint32_t take(uint32_t step);
  uint32_t border(uint32_t total, uint32_t unit, uint32_t i) const {
    const uint64_t units = (static_cast<uint64_t>(total) + unit - 1) / unit;
    const uint64_t at = units * i / count * unit;
    return static_cast<uint32_t>(at < total ? at : total);
  }
  void wait_for_all() const;
};

// How many threads compute, the caller's own among them.
uint32_t thread_count();

// 1 .. kMaxThreads; what is beyond counts as the nearest, and everything as 1 where the build has no threads. To be
// called while nobody helps; until the first parallel(), threads 1 .. count - 1 must be on their way into help().
void set_thread_count(uint32_t count);

// Runs function(worker) on every thread and returns when all have.
using ParallelFunction = void (*)(const Worker& worker, void* context);
void run_parallel(ParallelFunction function, void* context);
template <typename Function>
void parallel(Function&& function) {
  run_parallel([](const Worker& worker, void* context) { (*static_cast<Function*>(context))(worker); }, &function);
}

// What a lent thread does, until dismiss_helpers(). `index` is 1 .. count - 1, each used once.
void help(uint32_t index);
void dismiss_helpers();

// Set to anything but 0 when a helper has died: who waits for it traps instead of waiting for ever.
extern uint32_t* const helper_failed;

}  // namespace camelgpt
