// The cost of a mode by its number of exact head rows, measured on held-out states, and the choice of that number.
#pragma once

#include <span>

#include "prune/head.h"
#include "prune/options.h"

namespace camelgpt {

// Numbers of rows that a step may score exactly: the vocabulary divided by each of these. A mode chooses one of
// kRowChoices from kFirstChoice on; narrow_rows() and wider_rows() of each are kWiderChoice entries before and after.
// Where wider_rows() can be widened again, that is the entry after kWiderChoice more.
inline constexpr uint32_t kRowDivisors[] = {512, 384, 256, 192, 128, 96, 64, 48, 32, 24, 16, 12, 8, 6, 4, 3};
inline constexpr uint32_t kRowNumbers = sizeof kRowDivisors / sizeof *kRowDivisors;
inline constexpr uint32_t kWiderChoice = 4, kFirstChoice = kWiderChoice, kRowChoices = 8;
static_assert(kRowDivisors[0] == kRowDivisors[kWiderChoice] * kWiderRows);
static_assert(kFirstChoice + kRowChoices + kWiderChoice == kRowNumbers);
// Consecutive held-out states are of one kind of text. Costs are kept apart for this many groups of them.
inline constexpr uint32_t kCostGroups = 8;
inline constexpr PruneMode kMeasuredModes[kMeasuredCosts] = {PruneMode::kExact, PruneMode::kBalanced,
                                                             PruneMode::kAggressive};

struct HeadCosts {
  struct Sums {
    double kl[kCostGroups] = {};  // nats
    uint32_t same_top = 0;        // states whose most probable token is the dense model's
    uint32_t narrow = 0;          // states that take narrow_rows()
    uint32_t wider = 0;           // states that take wider_rows()
    uint32_t widest = 0;          // states that take the wider_rows() of those too
    uint32_t dense = 0;           // states that are too uncertain to prune
  };
  Sums sums[kMeasuredCosts][kRowChoices];  // from kFirstChoice on
  uint32_t states[kCostGroups] = {};
};

// Adds a state of a group. Both spans are [vocabulary], the coarse logits without a shift.
void head_costs_add(const ModelConfig& config, std::span<const float> dense, std::span<const float> coarse,
                    uint32_t group, HeadCosts* costs);
// Returns the number of rows that takes the least work of those with which a mode keeps its promise. The divergence it
// tells is the mean of the costliest group, which predicts other texts best: held-out states cost a little less, since
// what they belong to was partly learnt from.
MeasuredCost head_costs_choose(const ModelConfig& config, const HeadCosts& costs, uint32_t mode);

}  // namespace camelgpt
