// Random numbers: known sequences, range and uniformity.
#include <cstdlib>
#include <initializer_list>

#include "doctest/doctest.h"
#include "generate/random.h"

using namespace camelgpt;

TEST_CASE("splitmix64 and xoshiro256** match their authors' programs") {
  uint64_t seed = 1234567;
  for (const uint64_t expected :
       {6457827717110365317u, 3203168211198807973u, 9817491932198370423u, 4593380528125082431u}) {
    CHECK(splitmix64_next(&seed) == expected);
  }
  uint64_t state[4] = {1, 2, 3, 4};
  for (const uint64_t expected : {uint64_t{11520}, uint64_t{0}, uint64_t{1509978240}, uint64_t{1215971899390074240}}) {
    CHECK(random_bits(state) == expected);
  }
}

TEST_CASE("random_unit stays in [0, 1) and fills it evenly") {
  uint64_t state[4];
  random_seed(state, 0);
  int tenths[10] = {};
  for (int i = 0; i < 100000; ++i) {
    const double unit = random_unit(state);
    REQUIRE((unit >= 0 && unit < 1));
    ++tenths[static_cast<int>(unit * 10)];
  }
  for (const int count : tenths) CHECK(std::abs(count - 10000) < 400);  // four standard deviations
}
