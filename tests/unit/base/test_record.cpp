#include <cstring>
#include <limits>
#include <string>

#include "base/record.h"
#include "doctest/doctest.h"

namespace camelgpt {
namespace {

enum class Shape : uint8_t { kRound, kSquare };
CAMELGPT_ENUM(Shape, "round", "square")

struct Inner {
  float share = 0.5f;
  uint32_t most_rows = 3;
};
constexpr Field kInnerFields[] = {
    CAMELGPT_FIELD(Inner, share, above(0, 1), ""),
    CAMELGPT_FIELD(Inner, most_rows, range(1, kAnyCount).or_unset(), ""),
};
constexpr Record kInnerRecord = CAMELGPT_RECORD(Inner, "inner.", kInnerFields, "");

struct Outer {
  bool is_open = false;
  Shape shape = Shape::kSquare;
  int32_t level = 0;
  uint64_t seed = 0;
  float part = 0;
  Inner inner;
  Inner pair[2];
};
constexpr Field kOuterFields[] = {
    CAMELGPT_FIELD(Outer, is_open, any_value(), ""),
    CAMELGPT_FIELD(Outer, shape, one_of(kShapeNames), ""),
    CAMELGPT_FIELD(Outer, level, range(-2, 2), ""),
    CAMELGPT_FIELD(Outer, seed, range(0, 9007199254740991), ""),
    CAMELGPT_FIELD(Outer, part, below(0, 1), ""),
    CAMELGPT_FIELD(Outer, inner, nested(kInnerRecord), ""),
    CAMELGPT_FIELD(Outer, pair, array_of(kInnerRecord, kShapeNames), ""),
};
constexpr Record kOuterRecord = CAMELGPT_RECORD(Outer, "", kOuterFields, "");

std::string error_of(const Outer& record) {
  const Status status = record_check(kOuterRecord, &record);
  if (status.ok()) return "ok";
  CHECK(status.code == ErrorCode::kBadOption);
  return std::string(status.message) + " " + status.expected + "; " + status.found;
}

TEST_CASE("a record whose fields are in range passes, at both ends too") {
  CHECK(error_of({}) == "ok");
  Outer record;
  record.level = -2;
  record.seed = 9007199254740991;
  record.inner = {1, 2147483647};
  record.pair[1].most_rows = 0;  // not given
  CHECK(error_of(record) == "ok");
}

TEST_CASE("a field out of range is named in camelCase, with its range and value") {
  Outer record;
  record.level = 3;
  CHECK(error_of(record) == "The option level is out of range. a whole number from -2 to 2; 3");
  record = {};
  record.seed = 1ull << 60;
  CHECK(error_of(record).find("a whole number of at least 0; 1.15292") != std::string::npos);
  record = {};
  record.part = 1;
  CHECK(error_of(record) == "The option part is out of range. a number from 0 to below 1; 1");
  record.part = std::numeric_limits<float>::quiet_NaN();
  CHECK(error_of(record) == "The option part is out of range. a number from 0 to below 1; NaN");
  record = {};
  record.inner.share = 0;
  CHECK(error_of(record) == "The option inner.share is out of range. a number above 0 and at most 1; 0");
  record = {};
  record.pair[1].most_rows = UINT32_MAX;
  CHECK(error_of(record) == "The option inner.mostRows is out of range. a whole number of at least 1; 4294967295");
}

TEST_CASE("a number that is no value of an enum, or of a bool, is an error") {
  Outer record;
  const uint8_t two = 2;
  std::memcpy(&record.shape, &two, 1);
  CHECK(error_of(record) == "The option shape is out of range. 0 (round) to 1 (square); 2");
  record = {};
  std::memcpy(&record.is_open, &two, 1);
  CHECK(error_of(record) == "The option isOpen is out of range. 0 (false) or 1 (true); 2");
  CHECK(enum_check(kShapeNames, "shape", 1).ok());
  CHECK(enum_check(kShapeNames, "shape", 255).code == ErrorCode::kBadOption);
}

}  // namespace
}  // namespace camelgpt
