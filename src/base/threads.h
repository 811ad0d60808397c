// A pool of threads that run one function together, synchronised by barriers.
//
// The core starts no threads. The host lends them: each calls help() and stays in it. There is one pool, used by one
// caller at a time. Nothing locks or allocates.
#pragma once

#include <cstdint>

namespace camelgpt {

inline constexpr uint32_t kMaxThreads = 32;

// Items `first` to `end` - 1.
struct Range {
  uint32_t first, end;
  bool empty() const { return first >= end; }
  uint32_t size() const { return empty() ? 0 : end - first; }
};

// One of the threads that run a function.
struct Worker {
  uint32_t index = 0;  // 0 is the caller's own thread
  uint32_t count = 1;

  // Returns once every thread has called it.
  void barrier() const {
    if (count > 1) wait_for_all();
  }
  // This thread's slice of the items 0 .. total - 1: whole units, except at the end.
  Range static_slice(uint32_t total, uint32_t unit = 1) const {
    return {boundary(total, unit, index), boundary(total, unit, index + 1)};
  }

  // Runs body(slice) on slices of the items 0 .. total - 1 (whole units, except at the end) until none remain: faster
  // threads take more of them. Slices shrink towards the end, so that the threads finish together. Call it at most once
  // between two barriers.
  template <typename Body>
  void for_each_slice(uint32_t total, uint32_t unit, Body&& body) const {
    if (total == 0) return;
    if (count == 1) return body(Range{0, total});
    const uint32_t units = (total - 1) / unit + 1;
    for (Slice slice; next_slice(units, &slice);) {
      body(Range{slice.first * unit, slice.end < units ? slice.end * unit : total});
    }
  }

 private:
  // A slice in units, and the number of slices up to its end.
  struct Slice {
    uint32_t first = 0, end = 0, index = 0;
  };
  // Takes the next slice that no thread has taken. Returns false if none remains.
  bool next_slice(uint32_t units, Slice* slice) const;
  uint32_t boundary(uint32_t total, uint32_t unit, uint32_t i) const {
    const uint64_t units = (static_cast<uint64_t>(total) + unit - 1) / unit;
    const uint64_t at = units * i / count * unit;
    return static_cast<uint32_t>(at < total ? at : total);
  }
  void wait_for_all() const;
};

// Number of threads that compute, including the caller's.
uint32_t thread_count();

// Clamps `count` to 1 .. kMaxThreads, or to 1 in builds without threads. Call it while no thread is in help(); then
// start threads 1 .. count - 1 in help() before the first parallel().
void set_thread_count(uint32_t count);

// Runs function(worker) on every thread; returns when all have finished.
using ParallelFunction = void (*)(const Worker& worker, void* context);
void run_parallel(ParallelFunction function, void* context);
template <typename Function>
void parallel(Function&& function) {
  run_parallel([](const Worker& worker, void* context) { (*static_cast<Function*>(context))(worker); }, &function);
}

// Turns the calling thread into helper `index` (1 .. count - 1, each used once) until dismiss_helpers().
void help(uint32_t index);
void dismiss_helpers();

// The host sets it to non-zero when a helper has died: threads that wait for it trap instead of waiting forever.
extern uint32_t* const helper_failed;

// Set by a host that can ask whether its helpers are alive. While run_parallel() waits for them, it calls the function
// about ten times a second. The function does not return if a helper has died, also if helper_failed says so.
extern void (*check_helpers)();

}  // namespace camelgpt
