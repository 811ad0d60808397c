#include "base/arena.h"
#include "doctest/doctest.h"

namespace camelgpt {
namespace {

TEST_CASE("an arena hands out exactly what it measured") {
  const auto take = [](Arena* arena) {
    arena->take<uint8_t>(3);
    return arena->take<float>(5);
  };
  Arena measuring;
  CHECK(take(&measuring).data() == nullptr);
  CHECK(measuring.used().value == 2 * kArenaAlignment);
  Arena arena;
  REQUIRE(arena.allocate(measuring.used()));
  const std::span<float> floats = take(&arena);
  CHECK(floats.size() == 5);
  CHECK(reinterpret_cast<uintptr_t>(floats.data()) % kArenaAlignment == 0);
}

TEST_CASE("an arena rejects sizes beyond the address space") {
  Arena arena;
  CHECK_FALSE(arena.allocate(CheckedSize(UINT64_MAX)));
  CHECK_FALSE(arena.allocate(CheckedSize(UINT64_MAX) * 2));
}

// On 32 bits one object is smaller than 2 GiB, but all weights together can be larger.
TEST_CASE("an arena on 32 bits holds more than 2 GiB" * doctest::skip(sizeof(void*) > 4)) {
  constexpr uint64_t kSize = 1152u << 20;
  Arena arena;
  REQUIRE(arena.allocate(CheckedSize(kSize) * 2));
  const std::span<uint8_t> first = arena.take<uint8_t>(kSize);
  const std::span<uint8_t> second = arena.take<uint8_t>(kSize);
  first[kSize - 1] = 1;
  second[0] = 2;
  second[kSize - 1] = 3;
  CHECK(first[kSize - 1] == 1);
  CHECK(second[0] == 2);
}

}  // namespace
}  // namespace camelgpt
