#include "base/arena.h"
#include "doctest/doctest.h"

namespace camelgpt {
namespace {

TEST_CASE("an arena measures what it hands out afterwards") {
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

TEST_CASE("an arena refuses what cannot be addressed") {
  Arena arena;
  CHECK_FALSE(arena.allocate(CheckedSize(UINT64_MAX)));
  CHECK_FALSE(arena.allocate(CheckedSize(UINT64_MAX) * 2));
}

// 32-bit pointers move by less than 2 GiB within an object, but weights can take more together.
TEST_CASE("an arena on 32 bits holds more than 2 GiB" * doctest::skip(sizeof(void*) > 4)) {
  constexpr uint64_t kPiece = 1152u << 20;
  Arena arena;
  REQUIRE(arena.allocate(CheckedSize(kPiece) * 2));
  const std::span<uint8_t> first = arena.take<uint8_t>(kPiece);
  const std::span<uint8_t> second = arena.take<uint8_t>(kPiece);
  first[kPiece - 1] = 1;
  second[0] = 2;
  second[kPiece - 1] = 3;
  CHECK(first[kPiece - 1] == 1);
  CHECK(second[0] == 2);
}

}  // namespace
}  // namespace camelgpt
