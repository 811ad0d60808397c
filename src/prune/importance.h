// Stage 2 of EPDP, importance: what hidden states and the rows of the head have in common.
//
// A logit is a row of the head times the hidden state. Few directions carry most of what logits differ by: those in
// which the rows E and the states h are large together. They are the leading ones of S * G, with S the second moment of
// the states and G = transpose(E) * E; the basis of the rows alone is useless. What all rows share, their mean, is
// taken out first: it moves all logits alike, and would take the best of the directions. Found by subspace iteration
// (Halko, Martinsson and Tropp 2011, "Finding structure with randomness"), since only `rank` of them are wanted.
#pragma once

#include <span>

#include "base/buffer.h"
#include "base/status.h"

namespace camelgpt {

// A logit is about centre · state + ((row - centre) * to_rows) · (transpose(to_states) * state). The coordinates of
// states are uncorrelated and of size 1, and every one of them carries as much as any other, so that all can be
// quantised alike.
struct HeadDirections {
  uint32_t rank = 0;
  Buffer<float> centre;     // [hidden], the mean of the rows
  Buffer<float> to_rows;    // [hidden, rank]
  Buffer<float> to_states;  // [hidden, rank]
};

struct HeadImportance {
  uint32_t hidden = 0;
  HeadDirections directions;
  Buffer<float> states;  // S [hidden, hidden]
  Buffer<float> rows;    // G [hidden, hidden]
  uint64_t state_count = 0, row_count = 0;
  Buffer<float> product;  // [hidden, rank] between two steps
};

// rank: a power of two, at most `hidden`.
Status importance_begin(uint32_t hidden, uint32_t rank, HeadImportance* importance);
// x [count, stride]: hidden states, or rows of the head.
void importance_add_states(const float* x, size_t stride, uint32_t count, HeadImportance* importance);
void importance_add_rows(const float* x, size_t stride, uint32_t count, HeadImportance* importance);
// After all have been added: the mean, kImportanceSteps of these, then the end.
void importance_centre_rows(HeadImportance* importance);
inline constexpr uint32_t kImportanceSteps = 8;
void importance_step(HeadImportance* importance);
// Completes the directions. kBadState where the numbers of the model are not finite.
Status importance_end(HeadImportance* importance);

}  // namespace camelgpt
