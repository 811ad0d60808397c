// Dense row-major matrix operations for calibration; not used while generating.
#pragma once

#include <cstddef>
#include <cstdint>

namespace camelgpt {

// gram [n, n] += transpose(x) * x, for x [rows, n] with `stride` floats between rows
void add_gram(const float* x, size_t stride, uint32_t rows, uint32_t n, float* gram);

// y [rows, p] = a [rows, n] * x [n, p]
void multiply(const float* a, const float* x, uint32_t rows, uint32_t n, uint32_t p, float* y);

// y [p, q] = transpose(a [n, p]) * b [n, q]
void multiply_transposed(const float* a, const float* b, uint32_t n, uint32_t p, uint32_t q, float* y);

// y [p, n] = transpose(x [n, p])
void transpose(const float* x, uint32_t n, uint32_t p, float* y);

double dot(const float* a, const float* b, uint32_t count);

// l * transpose(l) = a, for a [p, p] symmetric positive semidefinite, of which only the lower triangle is read. l [p,
// p] is lower triangular. A millionth of the largest diagonal element is added to the diagonal, so that singular
// matrices work too.
void cholesky(const float* a, uint32_t p, float* l);

// x [n, p] = x * inverse(transpose(l)). With l the Cholesky factor of x's Gram matrix, x becomes orthonormal.
void solve_right_transposed(const float* l, uint32_t n, uint32_t p, float* x);

// x [n, p] = x * l, for l [p, p] lower triangular
void multiply_right_lower(const float* l, uint32_t n, uint32_t p, float* x);

}  // namespace camelgpt
