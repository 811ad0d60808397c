#include <doctest/doctest.h>

#include <atomic>
#include <vector>

#include "lent_threads.h"

using namespace camelgpt;

TEST_CASE("static slices are contiguous and cover every item once") {
  for (const uint32_t count : {1u, 2u, 3u, 7u, 32u}) {
    for (const uint32_t unit : {1u, 4u, 8u}) {
      for (const uint32_t total : {0u, 1u, 7u, 8u, 9u, 64u, 1000u}) {
        uint32_t next = 0;
        for (uint32_t i = 0; i < count; ++i) {
          const Range part = Worker{i, count}.static_slice(total, unit);
          CHECK(part.first == next);
          CHECK(part.end >= part.first);
          CHECK((part.end % unit == 0 || part.end == total));
          CHECK(part.size() <= (total / unit / count + 1) * unit + unit);
          next = part.end;
        }
        CHECK(next == total);
      }
    }
  }
}

TEST_CASE("dynamic slices cover every item once in every stage") {
  for (const uint32_t count : {1u, 2u, 5u}) {
    const LentThreads threads(count);
    for (const uint32_t unit : {1u, 4u, 8u}) {
      for (const uint32_t total : {0u, 1u, 7u, 8u, 9u, 64u, 1000u}) {
        std::vector<std::atomic<uint32_t>> runs(total);
        parallel([&](const Worker& worker) {
          for (int stage = 0; stage < 20; ++stage) {
            worker.for_each_slice(total, unit, [&](Range part) {
              CHECK(part.first % unit == 0);
              CHECK((part.end % unit == 0 || part.end == total));
              CHECK(!part.empty());
              for (uint32_t i = part.first; i < part.end; ++i) ++runs[i];
            });
            worker.barrier();
          }
        });
        for (const auto& run : runs) CHECK(run == 20);
      }
    }
  }
}

TEST_CASE("parallel runs the function once on every thread and waits for all of them") {
  for (const uint32_t count : {1u, 2u, 4u}) {
    const LentThreads threads(count);
    REQUIRE((thread_count() == count || thread_count() == 1));
    for (int round = 0; round < 300; ++round) {
      std::vector<int> runs(thread_count());
      parallel([&](const Worker& worker) { ++runs[worker.index]; });
      for (const int count_of_thread : runs) CHECK(count_of_thread == 1);
    }
  }
}

TEST_CASE("writes before a barrier are visible to all threads after it") {
  const LentThreads threads(4);
  constexpr uint32_t kItems = 64;
  constexpr int kStages = 200;
  std::vector<uint64_t> values(kItems, 1), next(kItems);
  parallel([&](const Worker& worker) {
    const Range own = worker.static_slice(kItems);
    std::vector<uint64_t>*from = &values, *to = &next;
    for (int stage = 0; stage < kStages; ++stage) {
      for (uint32_t i = own.first; i < own.end; ++i)
        (*to)[i] = 3 * (*from)[kItems - 1 - i] + (*from)[(i + 1) % kItems] + i;
      worker.barrier();
      std::swap(from, to);
    }
  });
  std::vector<uint64_t> expected(kItems, 1), scratch(kItems);
  for (int stage = 0; stage < kStages; ++stage) {
    for (uint32_t i = 0; i < kItems; ++i) scratch[i] = 3 * expected[kItems - 1 - i] + expected[(i + 1) % kItems] + i;
    expected.swap(scratch);
  }
  CHECK(values == expected);
}

// Takes far longer than a thread spins before it sleeps.
static uint32_t keep_busy() {
  std::atomic<uint32_t> steps{0};
  while (steps < 5'000'000) steps.fetch_add(1, std::memory_order_relaxed);
  return steps;
}

TEST_CASE("sleeping threads wake up at barriers and at the next parallel") {
  const LentThreads threads(2);
  for (int round = 0; round < 3; ++round) {
    std::atomic<uint32_t> runs{0};
    parallel([&](const Worker& worker) {
      if (worker.index == 0) keep_busy();
      worker.barrier();
      ++runs;
    });
    CHECK(runs == thread_count());
    keep_busy();
  }
}
