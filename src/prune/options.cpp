#include "prune/options.h"

namespace camelgpt {
namespace {

// Nearly all tokens whose distribution pruning spoils have a smaller margin (nats); docs/epdp.md has the measurement.
constexpr float kExactMargin = 10, kBalancedMargin = 8, kAggressiveMargin = 6;

}  // namespace

PruneOptions prune_options(PruneMode mode, const ModelConfig& config) {
  switch (mode) {
    case PruneMode::kExact: return {config.vocabulary / 16, kExactMargin, 0, 0, true, 0.02f};
    case PruneMode::kBalanced: return {config.vocabulary / 32, kBalancedMargin, 1024, 0, true, 0.02f};
    case PruneMode::kAggressive: return {config.vocabulary / 96, kAggressiveMargin, 512, 0, true, 0.1f};
    case PruneMode::kOff:
    case PruneMode::kCustom: break;
  }
  return {};
}

Status check_prune_options(const PruneOptions& options, const ModelConfig& config) {
  CAMELGPT_TRY(record_check(kPruneOptionsRecord, &options));
  if (options.head_rows <= config.vocabulary) return {};
  return with_expected(option_out_of_range("epdp.headRows", options.head_rows), "0 (all) to %u, the rows of the head",
                       config.vocabulary);
}

PruneRoom prune_room(const PruneOptions& options, float trained_ffn) {
  switch (options.mode) {
    case PruneMode::kOff: return {};
    case PruneMode::kExact:
    case PruneMode::kBalanced:
    case PruneMode::kAggressive: return {true, true, trained_ffn};
    case PruneMode::kCustom: break;
  }
  return {options.head_rows > 0, options.kv_tokens > 0, options.ffn};
}

}  // namespace camelgpt
