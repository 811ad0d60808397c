// Calibration: learns the pruned head and its cost from the model's hidden states on a text; the result is a sidecar.
//
// It runs in short steps, so that an engine can answer between them.
#pragma once

#include "prune/costs.h"
#include "prune/sidecar.h"

namespace camelgpt {

struct Calibration {
  enum class Stage : uint8_t { kStates, kRows, kBasis, kPack, kBias, kTail, kCosts, kDone };
  Stage stage = Stage::kDone;
  HeadImportance importance;
  HeadDirections directions;  // result of `importance`
  HeadPacker packer;
  Buffer<double> mean;     // [hidden] sum of the states that were learnt from
  Buffer<float> sample;    // [kSampleStates, hidden] some of these states: they set the constants of packing
  Buffer<float> held_out;  // [kHeldOutStates, hidden] states that nothing is learnt from: they measure the costs
  uint32_t sample_count = 0, held_out_count = 0;
  uint64_t learnt = 0, not_learnt = 0;     // states so far
  uint32_t batches = 0;                    // of states so far
  uint32_t steps_done = 0;                 // of this stage
  Buffer<float> dense;                     // [vocabulary] dense logits of one state
  double exact_mass = 0, coarse_mass = 0;  // softmax mass of the rows that are not selected, summed over the sample
  HeadCosts costs;
  Sidecar result;
};

// Starts the first stage, which takes hidden states until calibration_states_end. Marks the head as not packed.
Status calibration_begin(const Model& model, PrunedHead* head, Calibration* calibration);
// Adds the first `count` outputs of the last forward pass, out of about `total` in all.
void calibration_add(const Model& model, const Workspace& workspace, uint32_t count, uint32_t total,
                     Calibration* calibration);
// Ends the first stage.
void calibration_states_end(Calibration* calibration);
// Returns the number of steps that remain; during the first stage an estimate.
uint32_t calibration_remaining(const Model& model, const Calibration& calibration);
// Runs one step after the first stage: a few milliseconds to a tenth of a second. The last one leaves the head packed
// and frees the scratch memory. kBadState if the model's numbers are not finite.
Status calibration_step(const Model& model, Workspace* workspace, PrunedHead* head, Calibration* calibration);

}  // namespace camelgpt
