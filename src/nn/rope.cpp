#include "nn/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace camelgpt {
namespace {

constexpr float kFastTurns = 32, kSlowTurns = 1;  // beta in the paper

// The pair, not rounded, that turns this often within the original context.
float pair_of_turns(const RopeOptions& options, uint32_t original_context, float turns) {
  const float wave = static_cast<float>(original_context) / (turns * 2 * std::numbers::pi_v<float>);
  return static_cast<float>(options.rotated) * std::log(wave) / (2 * std::log(options.base));
}

}  // namespace

void rope_set_ramp(uint32_t original_context, RopeOptions* options) {
  const float last = static_cast<float>(options->rotated) - 1;
  options->ramp_first = std::max(0.0f, std::floor(pair_of_turns(*options, original_context, kFastTurns)));
  options->ramp_end = std::min(last, std::ceil(pair_of_turns(*options, original_context, kSlowTurns)));
  options->ramp_end = std::max(options->ramp_end, options->ramp_first + 0.001f);
}

void rope_angles(const RopeOptions& options, uint32_t position, uint32_t tokens, float* cosine, float* sine) {
  const uint32_t pairs = options.rotated / 2;
  const double magnitude = static_cast<double>(options.magnitude);
  for (uint32_t i = 0; i < pairs; ++i) {
    const double exponent = -2.0 * i / options.rotated;
    double frequency =
        std::pow(static_cast<double>(options.base), exponent) * static_cast<double>(options.position_scale);
    if (options.factors != nullptr) frequency /= static_cast<double>(options.factors[i]);
    if (options.ramp_end != 0) {
      const float ramp = (static_cast<float>(i) - options.ramp_first) / (options.ramp_end - options.ramp_first);
      const double unscaled = 1 - static_cast<double>(std::clamp(ramp, 0.0f, 1.0f));
      frequency *= 1 - unscaled + unscaled / static_cast<double>(options.position_scale);
    }
    for (uint32_t t = 0; t < tokens; ++t) {
      // In double: at position 100,000 a float angle is off by a hundredth.
      const double angle = (static_cast<double>(position) + t) * frequency;
      cosine[t * pairs + i] = static_cast<float>(std::cos(angle) * magnitude);
      sine[t * pairs + i] = static_cast<float>(std::sin(angle) * magnitude);
    }
  }
}

}  // namespace camelgpt
