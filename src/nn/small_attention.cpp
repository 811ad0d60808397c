#include "nn/small_attention.h"

#include <cmath>

namespace camelgpt {

void small_attention(const float* q, const float* keys, const float* values, size_t stride, uint32_t count,
                     uint32_t width, float* out) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(width));
  float weights[kMaxSmallAttention], largest = -HUGE_VALF, total = 0;
  for (uint32_t p = 0; p < count; ++p) {
    const float* key = keys + p * stride;
    float sums[4] = {};  // the lanes of a vector
    for (uint32_t i = 0; i < width; i += 4) {
      for (uint32_t lane = 0; lane < 4; ++lane) sums[lane] += q[i + lane] * key[i + lane];
    }
    weights[p] = scale * ((sums[0] + sums[1]) + (sums[2] + sums[3]));
    largest = weights[p] > largest ? weights[p] : largest;
  }
  for (uint32_t p = 0; p < count; ++p) total += weights[p] = std::exp(weights[p] - largest);
  for (uint32_t i = 0; i < width; ++i) out[i] = 0;
  for (uint32_t p = 0; p < count; ++p) {
    const float weight = weights[p] / total;
    const float* value = values + p * stride;
    for (uint32_t i = 0; i < width; ++i) out[i] += weight * value[i];
  }
}

}  // namespace camelgpt
