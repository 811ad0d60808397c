#include "nn/gelu.h"

namespace camelgpt {

void gelu(float* x, uint32_t count) {
  // P(x) = 1/2 + x * p(x^2) / q(x^2), fitted to 9e-9 for |x| <= kEnd. Beyond that P is 0 or 1.
  constexpr float kEnd = 5.6f;
  for (uint32_t i = 0; i < count; ++i) {
    const float low = x[i] < -kEnd ? -kEnd : x[i];
    const float t = low > kEnd ? kEnd : low;
    const float u = t * t;
    float p = 2.21455903e-08f;
    p = p * u + 6.3564039e-06f;
    p = p * u + 0.000173841428f;
    p = p * u + 0.00470720278f;
    p = p * u + 0.0343752652f;
    p = p * u + 0.398942232f;
    float q = 1.18021046e-06f;
    q = q * u + 7.50985928e-05f;
    q = q * u + 0.00191292621f;
    q = q * u + 0.0289395917f;
    q = q * u + 0.252831727f;
    q = q * u + 1.0f;
    const float y = x[i] * (0.5f + t * (p / q));
    x[i] = x[i] < -kEnd ? 0.0f : y;
  }
}

}  // namespace camelgpt
