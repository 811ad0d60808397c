// Small dense matrices of floats, row by row, for calibration: off the path of a token.
#pragma once

#include <cstddef>
#include <cstdint>

namespace camelgpt {

// gram [n, n] += transpose(x) * x, for x [rows, n] whose rows are `stride` apart.
void add_gram(const float* x, size_t stride, uint32_t rows, uint32_t n, float* gram);

// y [rows, p] = a [rows, n] * x [n, p]
void multiply(const float* a, const float* x, uint32_t rows, uint32_t n, uint32_t p, float* y);

// y [p, q] = transpose(a [n, p]) * b [n, q]
void multiply_transposed(const float* a, const float* b, uint32_t n, uint32_t p, uint32_t q, float* y);

// y [p, n] = transpose(x [n, p])
void transpose(const float* x, uint32_t n, uint32_t p, float* y);

double dot(const float* a, const float* b, uint32_t count);

// a [p, p], symmetric and not negative, of which the lower triangle is read → l [p, p] with l * transpose(l) = a, zero
// above the diagonal. A millionth of the largest diagonal element is added to all of them, so that a singular matrix
// has one too.
void cholesky(const float* a, uint32_t p, float* l);

// x [n, p] = x * inverse(transpose(l)): with l from the Gram matrix of x, its columns become orthonormal.
void solve_right_transposed(const float* l, uint32_t n, uint32_t p, float* x);

// x [n, p] = x * l, l lower triangular.
void multiply_right_lower(const float* l, uint32_t n, uint32_t p, float* x);

}  // namespace camelgpt
