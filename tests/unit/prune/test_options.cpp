#include <cstring>
#include <limits>
#include <vector>

#include "doctest/doctest.h"
#include "prune/options.h"

namespace camelgpt {
namespace {

PruneOptions of_mode(PruneMode mode) {
  PruneOptions options;
  options.mode = mode;
  return options;
}

// As docs/formats.md describes it.
std::vector<uint8_t> sidecar_header(uint32_t version, uint32_t rank, float ffn) {
  std::vector<uint8_t> bytes(kSidecarHeaderBytes);
  const uint64_t data_position = 123456;
  std::memcpy(&bytes[0], "EPDP", 4);
  std::memcpy(&bytes[4], &version, 4);
  std::memcpy(&bytes[32], &data_position, 8);
  std::memcpy(&bytes[48], &rank, 4);
  std::memcpy(&bytes[92], &ffn, 4);
  return bytes;
}

TEST_CASE("a mode needs room for the head, the attention and the trained neurons; numbers for what they name") {
  for (const PruneMode mode : {PruneMode::kExact, PruneMode::kBalanced, PruneMode::kAggressive}) {
    const PruneRoom room = prune_room(of_mode(mode), 0.5f);
    CHECK((room.head && room.attention && room.ffn == 0.5f));
  }
  const PruneRoom off = prune_room(of_mode(PruneMode::kOff), 0.5f);
  CHECK((!off.head && !off.attention && off.ffn == 0));
  PruneOptions numbers;
  numbers.ffn = 0.25f;
  numbers.kv_tokens = 64;
  const PruneRoom room = prune_room(numbers, 0.5f);
  CHECK((!room.head && room.attention && room.ffn == 0.25f));
}

TEST_CASE("a sidecar tells where the tensor data begin and what the model was trained for, if it is of use") {
  const SidecarInfo info = sidecar_info(sidecar_header(3, 256, 0.5f), of_mode(PruneMode::kBalanced));
  CHECK((info.used && info.header_bytes == 123456 && info.trained_ffn == 0.5f));
  const SidecarInfo headless = sidecar_info(sidecar_header(3, 0, 0.5f), of_mode(PruneMode::kExact));
  CHECK((headless.used && headless.header_bytes == 0 && headless.trained_ffn == 0.5f));
  const SidecarInfo unused = sidecar_info(sidecar_header(3, 256, 0.5f), of_mode(PruneMode::kOff));
  CHECK((!unused.used && unused.header_bytes == 0 && unused.trained_ffn == 0));
}

TEST_CASE("nothing is known of a sidecar that is cut, of another version or damaged") {
  const PruneOptions options = of_mode(PruneMode::kBalanced);
  std::vector<uint8_t> bytes = sidecar_header(3, 256, 0.5f);
  bytes.pop_back();
  for (const auto& each : {bytes, std::vector<uint8_t>(), sidecar_header(2, 256, 0.5f)}) {
    const SidecarInfo info = sidecar_info(each, options);
    CHECK((info.used && info.header_bytes == 0 && info.trained_ffn == 0));
  }
  for (const float ffn : {-1.0f, 0.0f, 1.0f, 2.0f, std::numeric_limits<float>::quiet_NaN()})
    CHECK(sidecar_info(sidecar_header(3, 256, ffn), options).trained_ffn == 0);
}

}  // namespace
}  // namespace camelgpt
