#include "base/threads.h"

#include <algorithm>
#include <atomic>

namespace camelgpt {
namespace {

// Sleeps unless *value has changed from `old` already; may wake for no reason.
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

constexpr int64_t kForEver = -1;
constexpr int64_t kUntilALook = 100'000'000;  // nanoseconds after which one looks whether the others still live

// How often a thread looks before it sleeps. At first for 200 to 500 microseconds: longer than the parts of a token's
// stages take, and than the caller takes between two tokens. Each time it looked in vain it looks for half as long,
// until the next parallel(): where others want the processors too, a thread that sleeps early is let back in sooner.
constexpr uint32_t kMostLooks = 500'000;
constexpr uint32_t kLeastLooks = 10'000;
struct alignas(64) Patience {
  uint32_t looks = kMostLooks;
};

std::atomic<uint32_t> failed;

// A number that one thread changes and others wait for.
struct alignas(64) Gate {
  std::atomic<uint32_t> value{0};
  std::atomic<uint32_t> sleepers{0};

  void wait_while(uint32_t old, int64_t longest_sleep, Patience* patience) {
    for (uint32_t i = 0; i < patience->looks; ++i) {
      if (value.load(std::memory_order_acquire) != old) return;
    }
    patience->looks = std::max(kLeastLooks, patience->looks / 2);
    sleepers.fetch_add(1);
    while (value.load() == old) {
      sleep_while(&value, old, longest_sleep);
      if (failed.load(std::memory_order_relaxed) != 0) __builtin_trap();
    }
    sleepers.fetch_sub(1);
  }

  // Either the sleeper sees the new value before it sleeps, or it is counted here: both orders are sequentially
  // consistent.
  void open() {
    value.fetch_add(1);
    if (sleepers.load() != 0) wake(&value);
  }
};

struct Pool {
  Gate start;     // opens for each parallel()
  Gate together;  // opens when the last thread is at the barrier
  alignas(64) std::atomic<uint32_t> arrived{0};
  alignas(64) std::atomic<uint32_t> taken{0};  // units of the work that is shared out until the next barrier
  alignas(64) uint32_t count = 1;
  ParallelFunction function = nullptr;  // null: helpers go home
  void* context = nullptr;
  Patience patience[kMaxThreads];
};
Pool pool;

}  // namespace

static_assert(sizeof(failed) == sizeof(uint32_t));
uint32_t* const helper_failed = reinterpret_cast<uint32_t*>(&failed);

void Worker::wait_for_all() const {
  const uint32_t before = pool.together.value.load(std::memory_order_acquire);
  if (pool.arrived.fetch_add(1) + 1 < count)
    return pool.together.wait_while(before, kUntilALook, &pool.patience[index]);
  pool.arrived.store(0, std::memory_order_relaxed);
  pool.taken.store(0, std::memory_order_relaxed);
  pool.together.open();
}

uint32_t Worker::take(uint32_t step) { return pool.taken.fetch_add(step, std::memory_order_relaxed); }

uint32_t thread_count() { return pool.count; }

void set_thread_count(uint32_t count) {
  if (!kHasThreads || count < 1) count = 1;
  pool.count = count < kMaxThreads ? count : kMaxThreads;
  pool.start.value = 0;  // where helpers begin to count
}

void run_parallel(ParallelFunction function, void* context) {
  const Worker self{0, pool.count};
  if (self.count == 1) return function(self, context);
  pool.function = function;
  pool.context = context;
  pool.start.open();
  pool.patience[0] = {};
  function(self, context);
  self.barrier();
}

void help(uint32_t index) {
  for (uint32_t seen = 0;; ++seen) {
    pool.start.wait_while(seen, kForEver, &pool.patience[index]);
    if (pool.function == nullptr) return;
    const Worker self{index, pool.count};
    pool.patience[index] = {};
    pool.function(self, pool.context);
    self.barrier();
  }
}

void dismiss_helpers() {
  pool.function = nullptr;
  pool.start.open();
}

}  // namespace camelgpt
