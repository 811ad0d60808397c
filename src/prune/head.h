// The pruned output head: of a large vocabulary, only the rows that can matter for this token are scored exactly.
//
// Packing makes a coarse copy of the head: its rows, less what they share, in the few directions that carry most of the
// scores (importance.h), at 4 bits, with a bias for each row. A step scores all rows coarsely, selects those with the
// highest scores, and computes their logits with the head itself: they are the very bits of the dense step. The rest of
// the logits stay coarse; what is known about their error is made good by one calibrated constant, so that all of them
// together have about the right mass.
#pragma once

#include <span>

#include "model/model.h"
#include "prune/importance.h"

namespace camelgpt {

// What each thread has for itself.
struct alignas(64) HeadThread {
  std::span<float> rotated;  // [rank + 1] coordinates of the hidden state, and what it adds to all logits
  Activations input;         // the same, quantised
  std::span<uint32_t> rows;  // [kHeadTile] selected ones
  std::span<float> scores;   // [kHeadTile] of them
  uint64_t scored;           // rows scored exactly, of all steps so far
};

struct PrunedHead {
  uint32_t rank = 0;      // 0: the head is too small to be worth it
  bool packed = false;    // the rest is filled in
  Panel rotation;         // [rank + 1, hidden], the last one the centre of the rows
  Panel coarse;           // [vocabulary, rank]
  std::span<float> bias;  // [padded vocabulary] of coarse logits: what they lack in the mean
  float tail_shift = 0;   // added to the coarse logits of rows that are not scored exactly
  std::span<HeadThread> threads;
};

// The rank for a model, 0 where pruning the head would not pay, or where it does not score steps over a vocabulary.
uint32_t pruned_head_rank(const ModelConfig& config);
// Takes memory from the arena, or only adds it up while the arena measures.
void pruned_head_reserve(const ModelConfig& config, Arena* arena, PrunedHead* head);

// What packing needs for a while.
struct HeadPacker {
  Panel to_rows;            // [rank, hidden]
  Buffer<uint8_t> storage;  // of to_rows
  Buffer<float> centre;     // [hidden]
  Buffer<float> rows;       // [kMaxBatch, hidden]
  Buffer<float> coarse;     // [kMaxBatch, rank]
  uint32_t next = 0;        // the first row that is not packed yet
};
// All numbers of the directions must be finite.
Status pruned_head_begin(const Model& model, const HeadDirections& directions, PrunedHead* head, HeadPacker* packer);
// Packs the next kMaxBatch rows.
void pruned_head_pack(const Model& model, PrunedHead* head, HeadPacker* packer);

// Coarse logits of an output of the last forward pass, all of them, into workspace->logits.
void coarse_logits(const Model& model, uint32_t output, PrunedHead* head, Workspace* workspace);

// How high the `wanted` highest of the logits reach down, about: from a sample of them.
float selection_threshold(std::span<const float> logits, uint32_t wanted);

// Logits of an output of the last forward pass, about so many exact: those with the highest coarse ones. Returns the
// margin: how far the best logit lies above the highest coarse one that stays. Where it is thin, another row could be
// the best.
float pruned_logits(const Model& model, uint32_t output, uint32_t rows, PrunedHead* head, Workspace* workspace);
// The rows that pruned_logits would score exactly, so many: those whose values in workspace->logits are then at least
// the number returned.
float selected_rows(const Model& model, uint32_t output, uint32_t rows, PrunedHead* head, Workspace* workspace);

}  // namespace camelgpt
