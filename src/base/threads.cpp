#include "base/threads.h"

#include <algorithm>
#include <atomic>

namespace camelgpt {
namespace {

// Sleeps while *value is `old`; may wake spuriously.
#if !defined(__wasm__)
constexpr bool kHasThreads = true;
void sleep_while(std::atomic<uint32_t>* value, uint32_t old, int64_t) { value->wait(old); }
void wake(std::atomic<uint32_t>* value) { value->notify_all(); }
#elif defined(__wasm_atomics__)
constexpr bool kHasThreads = true;
void sleep_while(std::atomic<uint32_t>* value, uint32_t old, int64_t nanoseconds) {
  __builtin_wasm_memory_atomic_wait32(reinterpret_cast<int*>(value), static_cast<int>(old), nanoseconds);
}
void wake(std::atomic<uint32_t>* value) {
  __builtin_wasm_memory_atomic_notify(reinterpret_cast<int*>(value), UINT32_MAX);
}
#else
constexpr bool kHasThreads = false;
void sleep_while(std::atomic<uint32_t>*, uint32_t, int64_t) {}
void wake(std::atomic<uint32_t>*) {}
#endif

// A slice is what remains divided by the number of threads and by this: enough slices to balance, few enough to cost
// nothing.
constexpr uint32_t kShare = 2;

constexpr int64_t kNoTimeout = -1;
constexpr int64_t kLivenessTimeout = 100'000'000;  // nanoseconds between checks for helpers that have died

// How often a thread polls before it sleeps. The maximum lasts 200 to 500 microseconds: longer than a thread's share of
// one stage, and longer than the caller needs between two tokens. Each unsuccessful spin halves the limit until the
// next parallel(): if other programs compete for the processors, a thread that sleeps early is scheduled again sooner.
constexpr uint32_t kMaxSpins = 500'000;
constexpr uint32_t kMinSpins = 10'000;
struct alignas(64) SpinLimit {
  uint32_t spins = kMaxSpins;
};

std::atomic<uint32_t> failed;

// A counter that one thread increments and others wait for.
struct alignas(64) Gate {
  std::atomic<uint32_t> value{0};
  std::atomic<uint32_t> sleepers{0};

  // After each `timeout`, calls `check`, or if it is null traps if a helper has died.
  void wait_while(uint32_t old, int64_t timeout, SpinLimit* limit, void (*check)() = nullptr) {
    for (uint32_t i = 0; i < limit->spins; ++i) {
      if (value.load(std::memory_order_acquire) != old) return;
    }
    limit->spins = std::max(kMinSpins, limit->spins / 2);
    sleepers.fetch_add(1);
    while (value.load() == old) {
      sleep_while(&value, old, timeout);
      if (value.load() != old) break;
      if (check != nullptr) {
        check();
      } else if (failed.load(std::memory_order_relaxed) != 0) {
        __builtin_trap();
      }
    }
    sleepers.fetch_sub(1);
  }

  // No sleeper is missed: it counts itself before it reads `value`, and open() changes `value` before it reads
  // `sleepers`, all sequentially consistent.
  void open() {
    value.fetch_add(1);
    if (sleepers.load() != 0) wake(&value);
  }
};

struct Pool {
  Gate start;    // opens at each parallel()
  Gate barrier;  // opens when the last thread arrives at a barrier
  alignas(64) std::atomic<uint32_t> arrived{0};
  alignas(64) std::atomic<uint32_t> taken{0};  // slices handed out since the last barrier
  alignas(64) uint32_t count = 1;
  ParallelFunction function = nullptr;  // null: help() returns
  void* context = nullptr;
  SpinLimit spin_limits[kMaxThreads];
};
Pool pool;

}  // namespace

static_assert(sizeof(failed) == sizeof(uint32_t));
uint32_t* const helper_failed = reinterpret_cast<uint32_t*>(&failed);
void (*check_helpers)() = nullptr;

void Worker::wait_for_all() const {
  const uint32_t before = pool.barrier.value.load(std::memory_order_acquire);
  if (pool.arrived.fetch_add(1) + 1 < count) {
    const auto check = index == 0 ? check_helpers : nullptr;
    return pool.barrier.wait_while(before, kLivenessTimeout, &pool.spin_limits[index], check);
  }
  pool.arrived.store(0, std::memory_order_relaxed);
  pool.taken.store(0, std::memory_order_relaxed);
  pool.barrier.open();
}

bool Worker::next_slice(uint32_t units, Slice* slice) const {
  const uint32_t wanted = pool.taken.fetch_add(1, std::memory_order_relaxed) + 1;
  while (slice->index < wanted && slice->end < units) {
    slice->first = slice->end;
    slice->end += (units - slice->end) / (count * kShare) + 1;
    ++slice->index;
  }
  return slice->index == wanted;
}

uint32_t thread_count() { return pool.count; }

void set_thread_count(uint32_t count) {
  if (!kHasThreads || count < 1) count = 1;
  pool.count = count < kMaxThreads ? count : kMaxThreads;
  pool.start.value = 0;  // help() counts from 0
}

void run_parallel(ParallelFunction function, void* context) {
  const Worker self{0, pool.count};
  if (self.count == 1) return function(self, context);
  pool.function = function;
  pool.context = context;
  pool.start.open();
  pool.spin_limits[0] = {};
  function(self, context);
  self.barrier();
}

void help(uint32_t index) {
  for (uint32_t seen = 0;; ++seen) {
    pool.start.wait_while(seen, kNoTimeout, &pool.spin_limits[index]);
    if (pool.function == nullptr) return;
    const Worker self{index, pool.count};
    pool.spin_limits[index] = {};
    pool.function(self, pool.context);
    self.barrier();
  }
}

void dismiss_helpers() {
  pool.function = nullptr;
  pool.start.open();
}

}  // namespace camelgpt
