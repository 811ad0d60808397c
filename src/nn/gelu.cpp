#include "nn/gelu.h"

namespace camelgpt {
namespace {

constexpr float kEnd = 5.6f;

// V8 builds a constant of a vector again at every use, unless it was loaded from memory (see opaque_splat_i32).
const volatile float kNumerator[] = {2.21455903e-08f, 6.3564039e-06f, 0.000173841428f,
                                     0.00470720278f,  0.0343752652f,  0.398942232f};
const volatile float kDenominator[] = {1.18021046e-06f, 7.50985928e-05f, 0.00191292621f,
                                       0.0289395917f,   0.252831727f,    1.0f};

}  // namespace

void gelu(float* x, uint32_t count) {
  // P(x) = 1/2 + x * p(x^2) / q(x^2), fitted to within 9e-9 for |x| <= kEnd; beyond, P is taken as 0 or 1.
  const float p5 = kNumerator[0], p4 = kNumerator[1], p3 = kNumerator[2], p2 = kNumerator[3], p1 = kNumerator[4],
              p0 = kNumerator[5];
  const float q5 = kDenominator[0], q4 = kDenominator[1], q3 = kDenominator[2], q2 = kDenominator[3],
              q1 = kDenominator[4], q0 = kDenominator[5];
  for (uint32_t i = 0; i < count; ++i) {
    const float low = x[i] < -kEnd ? -kEnd : x[i];
    const float t = low > kEnd ? kEnd : low;
    const float u = t * t;
    const float p = ((((p5 * u + p4) * u + p3) * u + p2) * u + p1) * u + p0;
    const float q = ((((q5 * u + q4) * u + q3) * u + q2) * u + q1) * u + q0;
    const float y = x[i] * (0.5f + t * (p / q));
    x[i] = x[i] < -kEnd ? 0.0f : y;
  }
}

}  // namespace camelgpt
