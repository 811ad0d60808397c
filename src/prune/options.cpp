#include "prune/options.h"

#include "model/config.h"

namespace camelgpt {
namespace {

// Below these margins (nats) lie nearly all tokens whose distribution pruning spoils; docs/epdp.md has the measurement.
constexpr float kExactMargin = 10, kBalancedMargin = 8, kAggressiveMargin = 6;

}  // namespace

PruneOptions prune_options(PruneMode mode, const ModelConfig& config) {
  switch (mode) {
    case PruneMode::kOff: break;
    case PruneMode::kExact: return {config.vocabulary / 16, kExactMargin, 0, 0, true, 0.02f};
    case PruneMode::kBalanced: return {config.vocabulary / 32, kBalancedMargin, 1024, 0, true, 0.02f};
    case PruneMode::kAggressive: return {config.vocabulary / 96, kAggressiveMargin, 512, 0, true, 0.1f};
  }
  return {};
}

Status check_prune_options(const PruneOptions& options, const ModelConfig& config) {
  if (options.head_rows > config.vocabulary) {
    Status status = make_error(ErrorCode::kBadOption, "epdp.headRows is out of range.");
    status = with_expected(status, "0 (all) to %u, the rows of the head", config.vocabulary);
    return options.head_rows == UINT32_MAX ? with_found(status, "not a whole number in range")
                                           : with_found(status, "%u", options.head_rows);
  }
  if (!(options.margin >= 0 && options.margin <= 100)) {
    Status status = make_error(ErrorCode::kBadOption, "epdp.margin is out of range.");
    status = with_expected(status, "0 (no matter how thin) to 100 nats");
    return with_found(status, "%g", static_cast<double>(options.margin));
  }
  if (!(options.ffn >= 0 && options.ffn <= 1)) {
    Status status = make_error(ErrorCode::kBadOption, "epdp.ffn is out of range.");
    status = with_expected(status, "0 to 1, the part of the neurons that is kept");
    return with_found(status, "%g", static_cast<double>(options.ffn));
  }
  if (!(options.max_kl >= 0 && options.max_kl <= 10)) {
    Status status = make_error(ErrorCode::kBadOption, "epdp.maxKl is out of range.");
    status = with_expected(status, "0 (not watched) to 10 nats");
    return with_found(status, "%g", static_cast<double>(options.max_kl));
  }
  return {};
}

}  // namespace camelgpt
