// The pruned output head: of a large vocabulary, it scores only the rows that can matter for a token exactly.
//
// Packing makes a coarse copy of the head: its rows minus their mean, in the few directions that carry most of the
// scores (importance.h), at 4 bits, with a bias per row. A step scores all rows coarsely, selects the highest, and
// computes their logits with the head itself, bit for bit as in a dense step. The other logits stay coarse. A few rows
// all over the vocabulary are scored both ways: their errors tell by how much the coarse logits of this step understate
// probability mass, and how far the step is from a dense one.
#pragma once

#include <cmath>
#include <span>

#include "model/model.h"
#include "prune/importance.h"
#include "prune/options.h"

namespace camelgpt {

// Scratch memory of one thread.
struct alignas(64) HeadThread {
  std::span<float> rotated;  // [rank + 1] coordinates of the hidden state, then the centre's share of every logit
  Activations input;         // `rotated`, quantised
  std::span<uint32_t> rows;  // [kHeadTile] selected rows
  std::span<float> scores;   // [kHeadTile] their logits
  float highest;             // coarse logit of the thread's slices
  uint64_t scored;           // rows scored exactly, over all steps
};

// How well the coarse logits of a step tell the exact ones.
struct CoarseErrors {
  float shift = 0;      // nats, added to the coarse logits of rows that are not selected to correct their mass
  float deviation = 0;  // nats, the standard deviation of the errors; 0: unknown
};
inline constexpr uint32_t kErrorRows = 512;  // rows whose errors are measured in every step
// Fills rows [kErrorRows] with their indices, which ascend: groups of eight, evenly spaced.
void error_rows(uint32_t vocabulary, uint32_t* rows);
// Infers the errors of all rows from those of these rows, exact minus coarse logits.
CoarseErrors coarse_errors(std::span<const float> errors);

// Estimated cost of a pruned step.
struct HeadEstimate {
  float margin = 0;     // nats between the best logit and the selection threshold; if it is thin, an unselected row
                        // could be the best one
  float deviation = 0;  // CoarseErrors::deviation
  float kl = 0;         // expected divergence from the dense step, nats; 0: unknown
};
// Returns the expected divergence. The masses are those of the rows that are scored exactly, and of the others with
// their shift. If errors are normally distributed, it is the others' share times half the variance of the errors.
float expected_kl(double selected_mass, double other_mass, float deviation);
// Limits of a step: the least HeadEstimate::margin, and the budget for its divergence, both in nats; 0: none.
struct HeadLimits {
  float margin = 0;
  float max_kl = 0;
};
// Whether a step has the margin, and is likely to stay within the budget and to have the dense step's best token.
bool is_within_limits(const HeadEstimate& estimate, const HeadLimits& limits);
// The limits of a step that scores narrow_rows(): its divergence has to be a small part of the budget.
HeadLimits narrow_limits(const HeadLimits& limits);
// A step that is not within its limits scores this many times as many rows, twice if need be, before it is dense. One
// whose tail is light scores this many times fewer.
inline constexpr uint32_t kWiderRows = 4;
// Returns the larger number, or 0 if a dense step takes less.
uint32_t wider_rows(uint32_t rows, uint32_t vocabulary);
// Returns the smaller number, or 0 if the limits have no budget for divergence.
uint32_t narrow_rows(uint32_t rows, const HeadLimits& limits);

static_assert(kHeadTile % kHeadMapRows == 0);  // a thread counts whole stretches

struct PrunedHead {
  uint32_t rank = 0;         // 0: the head is too small to prune
  bool packed = false;       // whether the fields below are filled in
  Panel rotation;            // [rank + 1, hidden]; the last row is the centre of the head's rows
  Panel coarse;              // [vocabulary, rank]
  std::span<float> bias;     // [padded vocabulary] mean of dense minus coarse logits
  float tail_shift = 0;      // nats, CoarseErrors::shift of steps that cannot measure it
  std::span<double> masses;  // [tiles of kHeadTile rows] of the selected rows, relative to the highest coarse logit
  std::span<uint8_t> map;    // [stretches of kHeadMapRows rows] selected rows of the last step
  std::span<HeadThread> threads;
};

// Returns the rank for a model, or 0 if pruning its head does not pay or its steps do not score a vocabulary.
uint32_t pruned_head_rank(const ModelConfig& config);
// Takes memory from the arena, or only measures it.
void pruned_head_reserve(const ModelConfig& config, Arena* arena, PrunedHead* head);

// Temporary state of packing.
struct HeadPacker {
  Panel to_rows;            // [rank, hidden]
  Buffer<uint8_t> storage;  // of to_rows
  Buffer<float> centre;     // [hidden]
  Buffer<float> rows;       // [kMaxBatch, hidden]
  Buffer<float> coarse;     // [kMaxBatch, rank]
  uint32_t next = 0;        // the first row that is not packed yet
};
// Starts packing. kBadState if the directions are not finite.
Status pruned_head_begin(const Model& model, const HeadDirections& directions, PrunedHead* head, HeadPacker* packer);
// Packs the next kMaxBatch rows.
void pruned_head_pack(const Model& model, PrunedHead* head, HeadPacker* packer);

// Quantises the hidden state of an output of the last forward pass as the input of the head. Called on every thread.
const Activations& quantize_state(const Worker& worker, const Model& model, uint32_t output, Workspace* workspace);

// Computes the coarse logits of all rows, for one output of the last forward pass, into workspace->logits.
void coarse_logits(const Model& model, uint32_t output, PrunedHead* head, Workspace* workspace);

// A threshold that about the `wanted` highest logits reach, estimated from a sample.
struct Selection {
  float threshold;    // infinity if no logit is finite
  float highest;      // logit of the sample
  double other_mass;  // sum of exp(logit - highest) over the logits below the threshold
};
Selection select_rows(std::span<const float> logits, uint32_t wanted);

// The histogram that select_rows() makes, for several numbers of rows of the same logits.
class LogitSample {
 public:
  explicit LogitSample(std::span<const float> logits);
  Selection select(uint32_t wanted) const;

 private:
  static constexpr uint32_t kBuckets = 512;  // cover 32 nats below the highest logit

  size_t step_;  // every step-th logit is in the sample
  float highest_ = -HUGE_VALF;
  uint32_t counts_[kBuckets] = {};
};

// Computes the logits for one output of the last forward pass: exact for about `rows` rows, those with the highest
// coarse logits, and coarse for the rest. With limits, the errors of this step are measured: narrow_rows() are scored
// if they suffice, and wider_rows(), then those of these, while the step is not within the limits. Without (null), the
// estimate has only a margin, and the head may lack the rows that are measured. `allowed`, unless it is empty, has one
// bit for each token: the rows are selected among the tokens with a bit, and the logits of the others are -infinity.
HeadEstimate pruned_logits(const Model& model, uint32_t output, uint32_t rows, const HeadLimits* limits,
                           std::span<const uint64_t> allowed, PrunedHead* head, Workspace* workspace);
// Finds the rows that pruned_logits would score exactly, without scoring them. Returns a threshold: they are the rows
// whose value in workspace->logits is at least that.
float selected_rows(const Model& model, uint32_t output, uint32_t rows, PrunedHead* head, Workspace* workspace);

}  // namespace camelgpt
