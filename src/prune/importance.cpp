#include "prune/importance.h"

#include <bit>
#include <cassert>
#include <cmath>

#include "prune/matrices.h"

namespace camelgpt {
namespace {

// Makes the columns of x [n, p] orthonormal (Gram-Schmidt, repeated once against rounding). A column that depends on
// the ones before it becomes zero. `columns` [p, n] is scratch.
void orthonormalise(uint32_t n, uint32_t p, float* x, float* columns) {
  transpose(x, n, p, columns);
  for (uint32_t j = 0; j < p; ++j) {
    float* column = columns + static_cast<size_t>(j) * n;
    const double before = dot(column, column, n);
    for (int pass = 0; pass < 2; ++pass) {
      for (uint32_t k = 0; k < j; ++k) {
        const float* earlier = columns + static_cast<size_t>(k) * n;
        const float projection = static_cast<float>(dot(column, earlier, n));
        for (uint32_t i = 0; i < n; ++i) column[i] -= projection * earlier[i];
      }
    }
    const double after = dot(column, column, n);
    const float factor = after > before * 1e-12 ? static_cast<float>(1 / std::sqrt(after)) : 0.0f;
    for (uint32_t i = 0; i < n; ++i) column[i] *= factor;
  }
  transpose(columns, p, n, x);
}

// x = x / trace(matrix [n, n]), so that products with the matrix stay within the range of floats.
void divide_by_trace(const Buffer<float>& matrix, uint32_t n, Buffer<float>* x) {
  double trace = 0;
  for (uint32_t i = 0; i < n; ++i) trace += static_cast<double>(matrix[static_cast<size_t>(i) * n + i]);
  const float factor = trace > 0 ? static_cast<float>(1 / trace) : 1.0f;
  for (float& value : *x) value *= factor;
}

// x [n, p] = x * H / sqrt(p), with the Hadamard matrix H of size p: each new column mixes all old ones in equal parts.
void mix_columns(uint32_t n, uint32_t p, float* x) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(p));
  for (uint32_t r = 0; r < n; ++r) {
    float* row = x + static_cast<size_t>(r) * p;
    for (uint32_t half = 1; half < p; half *= 2) {
      for (uint32_t i = 0; i < p; ++i) {
        if (i & half) continue;
        const float a = row[i], b = row[i + half];
        row[i] = a + b;
        row[i + half] = a - b;
      }
    }
    for (uint32_t i = 0; i < p; ++i) row[i] *= scale;
  }
}

}  // namespace

Status importance_begin(uint32_t hidden, uint32_t rank, HeadImportance* importance) {
  assert(std::has_single_bit(rank) && rank <= hidden);
  HeadImportance& i = *importance;
  HeadDirections& d = i.directions;
  i.hidden = hidden;
  d.rank = rank;
  i.state_count = i.row_count = 0;
  const size_t square = static_cast<size_t>(hidden) * hidden, tall = static_cast<size_t>(hidden) * rank;
  for (Buffer<float>* matrix : {&i.states, &i.rows}) {
    matrix->clear();
    if (!matrix->resize(square)) return out_of_memory("the statistics of a calibration", square * sizeof(float));
  }
  for (Buffer<float>* matrix : {&d.to_rows, &d.to_states, &i.product}) {
    matrix->clear();
    if (!matrix->resize(tall)) return out_of_memory("the statistics of a calibration", tall * sizeof(float));
  }
  d.centre.clear();
  if (!d.centre.resize(hidden)) return out_of_memory("the statistics of a calibration", hidden * sizeof(float));
  uint32_t seed = 1;  // subspace iteration may start from any matrix of full rank
  for (float& value : d.to_rows) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<int32_t>(seed >> 8) - (1 << 23)) / (1 << 23);
  }
  return {};
}

void importance_add_states(const float* x, size_t stride, uint32_t count, HeadImportance* importance) {
  add_gram(x, stride, count, importance->hidden, importance->states.data());
  importance->state_count += count;
}

void importance_add_rows(const float* x, size_t stride, uint32_t count, HeadImportance* importance) {
  HeadImportance& i = *importance;
  add_gram(x, stride, count, i.hidden, i.rows.data());
  for (uint32_t r = 0; r < count; ++r) {
    for (uint32_t c = 0; c < i.hidden; ++c) i.directions.centre[c] += x[r * stride + c];
  }
  i.row_count += count;
}

void importance_centre_rows(HeadImportance* importance) {
  HeadImportance& i = *importance;
  const float count = static_cast<float>(i.row_count == 0 ? 1 : i.row_count);
  float* centre = i.directions.centre.data();
  for (uint32_t c = 0; c < i.hidden; ++c) centre[c] /= count;
  for (uint32_t r = 0; r < i.hidden; ++r) {
    float* row = i.rows.data() + static_cast<size_t>(r) * i.hidden;
    for (uint32_t c = 0; c < i.hidden; ++c) row[c] -= count * centre[r] * centre[c];
  }
}

void importance_step(HeadImportance* importance) {
  HeadImportance& i = *importance;
  Buffer<float>& basis = i.directions.to_rows;
  const uint32_t n = i.hidden, p = i.directions.rank;
  multiply(i.rows.data(), basis.data(), n, n, p, i.product.data());
  divide_by_trace(i.rows, n, &i.product);
  multiply(i.states.data(), i.product.data(), n, n, p, basis.data());
  divide_by_trace(i.states, n, &basis);
  orthonormalise(n, p, basis.data(), i.product.data());
}

Status importance_end(HeadImportance* importance) {
  HeadImportance& i = *importance;
  HeadDirections& d = i.directions;
  const uint32_t n = i.hidden, p = d.rank;
  Buffer<float> gram, lower;
  if (!gram.resize(static_cast<size_t>(p) * p) || !lower.resize(gram.size())) {
    return out_of_memory("the statistics of a calibration", 2 * gram.size() * sizeof(float));
  }
  const float per_state = 1.0f / static_cast<float>(i.state_count == 0 ? 1 : i.state_count);
  for (float& value : i.states) value *= per_state;
  // With A = to_rows: of all projections onto the span of A, A B^T with B = G A (A^T G A)^-1 has the least error.
  float* a = d.to_rows.data();
  float* b = d.to_states.data();
  multiply(i.rows.data(), a, n, n, p, b);
  multiply_transposed(a, b, n, p, p, gram.data());
  cholesky(gram.data(), p, lower.data());
  solve_right_transposed(lower.data(), n, p, b);
  // With L L^T = A^T G A, b is now G A L^-T. The pair (A L^-T, G A L^-T) has the same product as (A, B).
  solve_right_transposed(lower.data(), n, p, a);
  // Decorrelates the coordinates of states: with R R^T = B^T S B, (A R, B R^-T) has the same product as (A, B).
  for (int pass = 0; pass < 2; ++pass) {  // in the first pass, the ridge of cholesky swamps weak directions
    multiply(i.states.data(), b, n, n, p, i.product.data());
    multiply_transposed(b, i.product.data(), n, p, p, gram.data());
    cholesky(gram.data(), p, lower.data());
    solve_right_transposed(lower.data(), n, p, b);
    multiply_right_lower(lower.data(), n, p, a);
  }
  mix_columns(n, p, a);
  mix_columns(n, p, b);
  for (const Buffer<float>* matrix : {&d.centre, &d.to_rows, &d.to_states}) {
    for (const float value : *matrix) {
      if (!std::isfinite(value))
        return make_error(ErrorCode::kBadState, "The model cannot be calibrated: its numbers are not finite.");
    }
  }
  return {};
}

}  // namespace camelgpt
