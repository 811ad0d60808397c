// The pruned output head: of a large vocabulary, it scores only the rows that can matter for a token exactly.
//
// Packing makes a coarse copy of the head: its rows minus their mean, in the few directions that carry most of the
// scores (importance.h), at 4 bits, with a bias per row. A step scores all rows coarsely, selects the highest, and
// computes their logits with the head itself, bit for bit as in a dense step. The other logits stay coarse; one
// calibrated constant corrects their total probability mass.
#pragma once

#include <span>

#include "model/model.h"
#include "prune/importance.h"

namespace camelgpt {

// Scratch memory of one thread.
struct alignas(64) HeadThread {
  std::span<float> rotated;  // [rank + 1] coordinates of the hidden state, then the centre's share of every logit
  Activations input;         // `rotated`, quantised
  std::span<uint32_t> rows;  // [kHeadTile] selected rows
  std::span<float> scores;   // [kHeadTile] their logits
  uint64_t scored;           // rows scored exactly, over all steps
};

struct PrunedHead {
  uint32_t rank = 0;      // 0: the head is too small to prune
  bool packed = false;    // whether the fields below are filled in
  Panel rotation;         // [rank + 1, hidden]; the last row is the centre of the head's rows
  Panel coarse;           // [vocabulary, rank]
  std::span<float> bias;  // [padded vocabulary] mean of dense minus coarse logits
  float tail_shift = 0;   // nats, added to the coarse logits of rows that are not scored exactly
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

// Computes the coarse logits of all rows, for one output of the last forward pass, into workspace->logits.
void coarse_logits(const Model& model, uint32_t output, PrunedHead* head, Workspace* workspace);

// Returns a threshold that about `wanted` of the logits exceed, estimated from a sample.
float selection_threshold(std::span<const float> logits, uint32_t wanted);

// Computes the logits for one output of the last forward pass: exact for about `rows` rows, those with the highest
// coarse logits, and coarse for the rest. Returns the margin in nats between the best logit and the selection
// threshold. If it is thin, an unselected row could be the best one.
float pruned_logits(const Model& model, uint32_t output, uint32_t rows, PrunedHead* head, Workspace* workspace);
// Finds the rows that pruned_logits would score exactly, without scoring them. Returns a threshold: they are the rows
// whose value in workspace->logits is at least that.
float selected_rows(const Model& model, uint32_t output, uint32_t rows, PrunedHead* head, Workspace* workspace);

}  // namespace camelgpt
