// Calibration: what pruning has to know about a model, learnt from the model's own hidden states on some text.
//
// It is a sequence of short steps, so that an engine can answer in between.
#pragma once

#include "prune/sidecar.h"

namespace camelgpt {

struct Calibration {
  enum class Stage : uint8_t { kStates, kRows, kBasis, kPack, kBias, kTail, kCosts, kDone };
  Stage stage = Stage::kDone;
  HeadImportance importance;
  HeadDirections directions;  // that it led to
  HeadPacker packer;
  Buffer<float> kept;  // [kKeptStates, hidden] states that are kept back, to measure with
  uint32_t kept_count = 0;
  uint64_t seen = 0;                       // states so far
  uint32_t done = 0;                       // parts of this stage
  Buffer<float> dense;                     // [vocabulary]
  Buffer<float> lacking;                   // [vocabulary] what coarse logits lack, of all states that were kept back
  double exact_mass = 0, coarse_mass = 0;  // of the rows that are not selected
  double kl[kMeasuredCosts] = {};          // sums over the states that were kept back
  uint32_t same_top[kMeasuredCosts] = {};
  Sidecar result;
};

// The first stage: hidden states are handed in until calibration_pack.
Status calibration_begin(const Model& model, PrunedHead* head, Calibration* calibration);
// The first `count` outputs of the last forward pass, of about `total` in all.
void calibration_add(const Model& model, const Workspace& workspace, uint32_t count, uint32_t total,
                     Calibration* calibration);
// The states are complete.
void calibration_states_end(Calibration* calibration);
// Parts that remain after the states.
uint32_t calibration_left(const Model& model, const Calibration& calibration);
// Does a part of the rest, a few milliseconds to a tenth of a second. After the last one the head is packed and the
// memory free.
Status calibration_step(const Model& model, Workspace* workspace, PrunedHead* head, Calibration* calibration);

}  // namespace camelgpt
