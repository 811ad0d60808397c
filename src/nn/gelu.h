// GELU by the normal distribution itself (Hendrycks and Gimpel 2016), which models differ from where they use tanh
// instead.
#pragma once

#include <cstdint>

namespace camelgpt {

// x[i] = x[i] * P(x[i]), off by at most 2e-6 for |x| <= 8.
void gelu(float* x, uint32_t count);

}  // namespace camelgpt
