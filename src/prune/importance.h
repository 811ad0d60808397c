// Stage 2 of EPDP, importance: finds the directions in which hidden states and the rows of the head are large together.
//
// A logit is a row of the head times the hidden state. With the states' second moment S and the Gram matrix G =
// transpose(E) * E of the rows E, the leading directions of S * G carry most of the differences between logits; those
// of G by itself are useless. The mean of the rows is subtracted first: it shifts all logits alike and would take up
// the best directions. The leading `rank` directions are found by subspace iteration (Halko, Martinsson and Tropp 2011,
// "Finding structure with randomness").
#pragma once

#include <span>

#include "base/buffer.h"
#include "base/status.h"

namespace camelgpt {

// Approximates a logit by centre · state + (transpose(to_rows) * (row - centre)) · (transpose(to_states) * state). The
// coordinates of states are uncorrelated and have a mean square of 1, and all contribute equally to logits, so that
// they can be quantised alike.
struct HeadDirections {
  uint32_t rank = 0;
  Buffer<float> centre;     // [hidden] mean of the rows
  Buffer<float> to_rows;    // [hidden, rank]
  Buffer<float> to_states;  // [hidden, rank]
};

struct HeadImportance {
  uint32_t hidden = 0;
  HeadDirections directions;
  Buffer<float> states;  // S [hidden, hidden]
  Buffer<float> rows;    // G [hidden, hidden]
  uint64_t state_count = 0, row_count = 0;
  Buffer<float> product;  // [hidden, rank] scratch
};

// `rank` is a power of two, at most `hidden`.
Status importance_begin(uint32_t hidden, uint32_t rank, HeadImportance* importance);
// Add hidden states, and rows of the head. x is [count, hidden] with `stride` floats between rows.
void importance_add_states(const float* x, size_t stride, uint32_t count, HeadImportance* importance);
void importance_add_rows(const float* x, size_t stride, uint32_t count, HeadImportance* importance);
// Call once after all rows have been added; then importance_step kImportanceSteps times; then importance_end.
void importance_centre_rows(HeadImportance* importance);
inline constexpr uint32_t kImportanceSteps = 8;
void importance_step(HeadImportance* importance);
// Completes importance->directions. kBadState if the model's numbers are not finite.
Status importance_end(HeadImportance* importance);

}  // namespace camelgpt
