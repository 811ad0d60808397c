#include "prune/matrices.h"

#include <cmath>
#include <cstring>

namespace camelgpt {
namespace {

// y [count] += factor * x
void add_scaled(float factor, const float* x, uint32_t count, float* y) {
  for (uint32_t i = 0; i < count; ++i) y[i] += factor * x[i];
}

// y [count] += factors[0] * x[0] + … + factors[3] * x[3]: reads and writes y once instead of four times.
void add_scaled4(const float factors[4], const float* const x[4], uint32_t count, float* y) {
  for (uint32_t i = 0; i < count; ++i) {
    y[i] += factors[0] * x[0][i] + factors[1] * x[1][i] + (factors[2] * x[2][i] + factors[3] * x[3][i]);
  }
}

}  // namespace

void add_gram(const float* x, size_t stride, uint32_t rows, uint32_t n, float* gram) {
  uint32_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const float* const four[4] = {x + r * stride, x + (r + 1) * stride, x + (r + 2) * stride, x + (r + 3) * stride};
    for (uint32_t i = 0; i < n; ++i) {
      const float factors[4] = {four[0][i], four[1][i], four[2][i], four[3][i]};
      add_scaled4(factors, four, n, gram + static_cast<size_t>(i) * n);
    }
  }
  for (; r < rows; ++r) {
    const float* row = x + r * stride;
    for (uint32_t i = 0; i < n; ++i) add_scaled(row[i], row, n, gram + static_cast<size_t>(i) * n);
  }
}

void multiply(const float* a, const float* x, uint32_t rows, uint32_t n, uint32_t p, float* y) {
  std::memset(y, 0, static_cast<size_t>(rows) * p * sizeof(float));
  for (uint32_t r = 0; r < rows; ++r) {
    const float* row = a + static_cast<size_t>(r) * n;
    float* out = y + static_cast<size_t>(r) * p;
    uint32_t i = 0;
    for (; i + 4 <= n; i += 4) {
      const float* from = x + static_cast<size_t>(i) * p;
      const float* const four[4] = {from, from + p, from + 2 * p, from + 3 * p};
      add_scaled4(row + i, four, p, out);
    }
    for (; i < n; ++i) add_scaled(row[i], x + static_cast<size_t>(i) * p, p, out);
  }
}

void multiply_transposed(const float* a, const float* b, uint32_t n, uint32_t p, uint32_t q, float* y) {
  std::memset(y, 0, static_cast<size_t>(p) * q * sizeof(float));
  for (uint32_t r = 0; r < n; ++r) {
    for (uint32_t i = 0; i < p; ++i) {
      add_scaled(a[static_cast<size_t>(r) * p + i], b + static_cast<size_t>(r) * q, q, y + static_cast<size_t>(i) * q);
    }
  }
}

void transpose(const float* x, uint32_t n, uint32_t p, float* y) {
  for (uint32_t r = 0; r < n; ++r) {
    for (uint32_t c = 0; c < p; ++c) y[static_cast<size_t>(c) * n + r] = x[static_cast<size_t>(r) * p + c];
  }
}

double dot(const float* a, const float* b, uint32_t count) {
  float sums[8] = {};
  uint32_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (uint32_t j = 0; j < 8; ++j) sums[j] += a[i + j] * b[i + j];
  }
  double sum = 0;
  for (const float each : sums) sum += static_cast<double>(each);
  for (; i < count; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

void cholesky(const float* a, uint32_t p, float* l) {
  double largest = 0;
  for (uint32_t i = 0; i < p; ++i) largest = std::fmax(largest, static_cast<double>(a[static_cast<size_t>(i) * p + i]));
  const double ridge = std::fmax(largest * 1e-6, 1e-30);
  for (uint32_t i = 0; i < p; ++i) {
    float* row = l + static_cast<size_t>(i) * p;
    for (uint32_t j = 0; j <= i; ++j) {
      const float* other = l + static_cast<size_t>(j) * p;
      double sum = static_cast<double>(a[static_cast<size_t>(i) * p + j]);
      for (uint32_t k = 0; k < j; ++k) sum -= static_cast<double>(row[k]) * static_cast<double>(other[k]);
      row[j] =
          static_cast<float>(i == j ? std::sqrt(std::fmax(sum + ridge, ridge)) : sum / static_cast<double>(other[j]));
    }
    for (uint32_t j = i + 1; j < p; ++j) row[j] = 0;
  }
}

void solve_right_transposed(const float* l, uint32_t n, uint32_t p, float* x) {
  for (uint32_t r = 0; r < n; ++r) {
    float* row = x + static_cast<size_t>(r) * p;
    for (uint32_t j = 0; j < p; ++j) {
      const float* lower = l + static_cast<size_t>(j) * p;
      double sum = static_cast<double>(row[j]);
      for (uint32_t k = 0; k < j; ++k) sum -= static_cast<double>(row[k]) * static_cast<double>(lower[k]);
      row[j] = static_cast<float>(sum / static_cast<double>(lower[j]));
    }
  }
}

void multiply_right_lower(const float* l, uint32_t n, uint32_t p, float* x) {
  for (uint32_t r = 0; r < n; ++r) {
    float* row = x + static_cast<size_t>(r) * p;
    for (uint32_t j = 0; j < p; ++j) {  // in place: column j of the result reads only the columns from j on
      float sum = 0;
      for (uint32_t k = j; k < p; ++k) sum += row[k] * l[static_cast<size_t>(k) * p + j];
      row[j] = sum;
    }
  }
}

}  // namespace camelgpt
