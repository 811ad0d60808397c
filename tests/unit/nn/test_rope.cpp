#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "nn/rope.h"

using namespace camelgpt;

namespace {

struct Angles {
  std::vector<float> cosine, sine;
};

Angles angles_of(const RopeOptions& options, uint32_t position) {
  Angles angles{std::vector<float>(options.rotated / 2), std::vector<float>(options.rotated / 2)};
  rope_angles(options, position, 1, angles.cosine.data(), angles.sine.data());
  return angles;
}

// The angle of a pair by the definition of YaRN (ggml's rope_yarn), for a ramp between two pairs.
double yarn_angle(const RopeOptions& o, uint32_t position, uint32_t pair, double first, double end) {
  const double factor = o.factors == nullptr ? 1 : static_cast<double>(o.factors[pair]);
  const double plain = position * std::pow(static_cast<double>(o.base), -2.0 * pair / o.rotated) / factor;
  const double mix = 1 - std::fmin(1, std::fmax(0, (pair - first) / std::fmax(0.001, end - first)));
  return plain * static_cast<double>(o.position_scale) * (1 - mix) + plain * mix;
}

}  // namespace

TEST_CASE("rope factors divide frequencies, and the magnitude multiplies cosines and sines") {
  const float factors[] = {1, 2, 4, 8};
  const RopeOptions options{8, 100, 0.5f, factors, 1.5f};
  const Angles found = angles_of(options, 7);
  for (uint32_t i = 0; i < 4; ++i) {
    const double angle = 7 * 0.5 * std::pow(100.0, -2.0 * i / 8) / static_cast<double>(factors[i]);
    CHECK(found.cosine[i] == doctest::Approx(1.5 * std::cos(angle)).epsilon(1e-6));
    CHECK(found.sine[i] == doctest::Approx(1.5 * std::sin(angle)).epsilon(1e-6));
  }
}

TEST_CASE("YaRN scales slow pairs, leaves fast pairs, and mixes those between") {
  // 64 values, base 10,000, 4,096 positions: pair 10.47 turns 32 times, pair 22.51 once.
  RopeOptions options{64, 10000, 0.25f};
  rope_set_ramp(4096, &options);
  CHECK(options.ramp_first == 10);
  CHECK(options.ramp_end == 23);
  std::vector<float> factors(32);
  for (uint32_t i = 0; i < 32; ++i) factors[i] = 1 + static_cast<float>(i) / 8;
  for (const float* each : {static_cast<const float*>(nullptr), static_cast<const float*>(factors.data())}) {
    options.factors = each;
    for (const uint32_t position : {0u, 1u, 1000u, 9000u}) {
      const Angles found = angles_of(options, position);
      for (uint32_t i = 0; i < 32; ++i) {
        const double angle = yarn_angle(options, position, i, 10, 23);
        CHECK(std::fabs(static_cast<double>(found.cosine[i]) - std::cos(angle)) < 1e-3);
        CHECK(std::fabs(static_cast<double>(found.sine[i]) - std::sin(angle)) < 1e-3);
      }
    }
  }
}

TEST_CASE("the ramp of YaRN is valid for any context") {
  RopeOptions short_context{32, 10000, 0.5f};
  rope_set_ramp(4, &short_context);  // no pair turns even once
  CHECK(short_context.ramp_first == 0);
  CHECK(short_context.ramp_end > 0);
  RopeOptions long_context{32, 2, 0.5f};
  rope_set_ramp(1 << 20, &long_context);  // all pairs turn often
  CHECK(long_context.ramp_first > 31);
  const Angles found = angles_of(long_context, 3), plain = angles_of({32, 2}, 3);
  for (uint32_t i = 0; i < 16; ++i) CHECK(found.cosine[i] == doctest::Approx(plain.cosine[i]).epsilon(1e-6));
}
