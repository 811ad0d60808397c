#include "nn/rope.h"

#include <cmath>

namespace camelgpt {

void rope_angles(const RopeOptions& options, uint32_t position, uint32_t tokens, float* cosine, float* sine) {
  const uint32_t pairs = options.rotated / 2;
  for (uint32_t i = 0; i < pairs; ++i) {
    const double exponent = -2.0 * i / options.rotated;
    double frequency =
        std::pow(static_cast<double>(options.base), exponent) * static_cast<double>(options.position_scale);
    if (options.factors != nullptr) frequency /= static_cast<double>(options.factors[i]);
    for (uint32_t t = 0; t < tokens; ++t) {
      // In double precision: at position 100,000 a float angle has an error of 0.01.
      const double angle = (static_cast<double>(position) + t) * frequency;
      cosine[t * pairs + i] = static_cast<float>(std::cos(angle));
      sine[t * pairs + i] = static_cast<float>(std::sin(angle));
    }
  }
}

}  // namespace camelgpt
