#include "prune/costs.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "kernels/kernels.h"

namespace camelgpt {
namespace {

// Work of a row that is scored by itself, relative to a row of a dense step: it waits for memory.
constexpr double kScatteredWork = 3;
// The promise is for any text, so the told cost has to be this part of the budget. Greedy answers stay the same at
// less.
constexpr double kToldBudget = 0.5, kExactToldBudget = 0.25;

// The rows whose coarse logits lie between two thresholds.
struct Bucket {
  double dense = 0, coarse = 0;  // sums of exp(logit - highest)
  double difference = 0;         // sum of exp(dense - highest) * (dense - coarse)
  float max_dense = -HUGE_VALF, max_coarse = -HUGE_VALF;

  void add(const Bucket& other) {
    dense += other.dense;
    coarse += other.coarse;
    difference += other.difference;
    max_dense = std::max(max_dense, other.max_dense);
    max_coarse = std::max(max_coarse, other.max_coarse);
  }
};

struct PrunedStep {
  HeadEstimate estimate;
  double kl;
  bool same_top;
};

// A step that scores the rows of the first `selected` buckets exactly.
PrunedStep step_with(std::span<const Bucket> buckets, uint32_t selected, float threshold, float highest,
                     const CoarseErrors& errors) {
  Bucket in, out;
  for (uint32_t i = 0; i < buckets.size(); ++i) (i < selected ? in : out).add(buckets[i]);
  const double shift = static_cast<double>(errors.shift), other = out.coarse * std::exp(shift);
  const double total = in.dense + out.dense;
  const double kl = std::log((in.dense + other) / total) + (out.difference - shift * out.dense) / total;
  const float best = std::max(in.max_dense, out.max_coarse + errors.shift);
  return {{best - threshold, errors.deviation, expected_kl(in.dense, other, errors.deviation)},
          std::max(0.0, kl),
          in.max_dense == highest && best == highest};
}

// The mean of the costliest group.
double told_kl(const HeadCosts& costs, const HeadCosts::Sums& sums) {
  double most = 0;
  for (uint32_t g = 0; g < kCostGroups; ++g) {
    if (costs.states[g] != 0) most = std::max(most, sums.kl[g] / costs.states[g]);
  }
  return most;
}

}  // namespace

void head_costs_add(const ModelConfig& config, std::span<const float> dense, std::span<const float> coarse,
                    uint32_t group, HeadCosts* costs) {
  uint32_t rows[kErrorRows];
  float differences[kErrorRows];
  error_rows(config.vocabulary, rows);
  for (uint32_t i = 0; i < kErrorRows; ++i) differences[i] = dense[rows[i]] - coarse[rows[i]];
  const CoarseErrors errors = coarse_errors(differences);

  float thresholds[kRowNumbers];  // descending
  const LogitSample sample(coarse);
  for (uint32_t i = 0; i < kRowNumbers; ++i) {
    thresholds[i] = sample.select(config.vocabulary / kRowDivisors[i]).threshold;
  }
  const float highest = dense[kernels().argmax(dense.data(), config.vocabulary)];
  Bucket buckets[kRowNumbers + 1];
  for (uint32_t row = 0; row < config.vocabulary; ++row) {
    const float d = dense[row], c = coarse[row];
    uint32_t i = kRowNumbers;
    while (i > 0 && c >= thresholds[i - 1]) --i;
    const double mass = static_cast<double>(std::exp(d - highest));
    buckets[i].add({mass, static_cast<double>(std::exp(c - highest)), mass * static_cast<double>(d - c), d, c});
  }
  PrunedStep steps[kRowNumbers];
  for (uint32_t i = 0; i < kRowNumbers; ++i) steps[i] = step_with(buckets, i + 1, thresholds[i], highest, errors);

  ++costs->states[group];
  for (uint32_t i = 0; i < kRowChoices; ++i) {
    for (uint32_t mode = 0; mode < kMeasuredCosts; ++mode) {
      const PruneOptions options = prune_options(kMeasuredModes[mode], config);
      const HeadLimits limits{options.margin, options.max_kl};
      const auto prunes = [](const PrunedStep& step, const HeadLimits& within) {
        return is_within_limits(step.estimate, within) && std::isfinite(step.kl);
      };
      HeadCosts::Sums& sums = costs->sums[mode][i];
      const PrunedStep* step = steps + i;  // the narrow one
      if (prunes(*step, narrow_limits(limits))) {
        ++sums.narrow;
      } else if (step += kWiderChoice; !prunes(*step, limits)) {
        step += kWiderChoice;
        ++sums.wider;
        if (!prunes(*step, limits) && step + kWiderChoice < std::end(steps)) {
          step += kWiderChoice;
          ++sums.widest;
        }
      }
      const bool pruned = prunes(*step, limits);
      sums.kl[group] += pruned ? step->kl : 0;
      sums.same_top += !pruned || step->same_top ? 1 : 0;
      sums.dense += pruned ? 0 : 1;
    }
  }
}

MeasuredCost head_costs_choose(const ModelConfig& config, const HeadCosts& costs, uint32_t mode) {
  const PruneOptions options = prune_options(kMeasuredModes[mode], config);
  const double budget = static_cast<double>(options.max_kl) *
                        (kMeasuredModes[mode] == PruneMode::kExact ? kExactToldBudget : kToldBudget);
  uint32_t states = 0;
  for (const uint32_t each : costs.states) states += each;
  if (states == 0) return {options.head_rows, 0, 0};
  MeasuredCost chosen{};
  double least_work = HUGE_VAL;
  for (uint32_t i = 0; i < kRowChoices; ++i) {
    const HeadCosts::Sums& sums = costs.sums[mode][i];
    const uint32_t rows = config.vocabulary / kRowDivisors[kFirstChoice + i];
    const double kl = told_kl(costs, sums);
    const auto share = [states](uint32_t of) { return static_cast<double>(of) / states; };
    const double selected = 1 - share(sums.narrow) * (1 - 1.0 / kWiderRows) +
                            kWiderRows * (share(sums.wider) + kWiderRows * share(sums.widest));
    const double work = kScatteredWork * rows * selected + share(sums.dense) * config.vocabulary;
    const bool is_last_resort = i + 1 == kRowChoices && least_work == HUGE_VAL;
    if (!is_last_resort && (kl > budget || work >= least_work)) continue;
    least_work = work;
    chosen = {rows, static_cast<float>(kl), static_cast<float>(share(sums.same_top))};
  }
  return chosen;
}

}  // namespace camelgpt
