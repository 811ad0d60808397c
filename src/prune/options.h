// Options of EPDP (Eager Precached Dynamic Pruning): how much a step may skip.
#pragma once

#include <cstdint>
#include <span>

#include "base/record.h"
#include "model/config.h"

namespace camelgpt {

enum class PruneMode : uint8_t {
  kOff,         // the dense model, bit for bit
  kExact,       // nearly every greedy answer is unchanged (docs/epdp.md)
  kBalanced,    // mean KL divergence of at most 0.02 nats a token from the dense model
  kAggressive,  // the same, but at most 0.1
  kCustom,      // the numbers of PruneOptions
};
CAMELGPT_ENUM(PruneMode, "off", "exact", "balanced", "aggressive", "custom")

// Rows of the output head in a cell of a step's map.
inline constexpr uint32_t kHeadMapRows = 64;

struct PruneOptions {
  uint32_t head_rows = 0;  // rows of the output head that a step scores exactly; 0: all
  float margin = 0;        // nats: all rows are scored if the best logit leads the unselected rows by less than this
  uint32_t kv_tokens = 0;  // positions that attention reads in a layer, in whole pages; 0: all
  float ffn = 0;           // share of the feed-forward neurons to compute, the most important ones for the prompt; 0 or
                           // 1: all
  bool drafts = false;     // evaluate text that is likely to repeat in batches
  float max_kl = 0;        // mean KL divergence, nats a token, above which the drift guard prunes less (2.5 times this
                           // if attention is pruned too); 0: disabled
  PruneMode mode = PruneMode::kCustom;  // any other mode replaces the numbers
};
extern const Record kPruneOptionsRecord;

// Cost of a mode on the held-out part of the calibration text.
struct MeasuredCost {
  uint32_t head_rows;  // scored exactly
  float kl;            // mean, nats a token
  float top1;          // share of the steps whose most probable token is that of the dense model, 0 to 1
};
inline constexpr uint32_t kMeasuredCosts = 3;
extern const Record kMeasuredCostRecord;

// The numbers of a mode other than kCustom.
PruneOptions prune_options(PruneMode mode, const ModelConfig& config);

// kBadOption names the option, its range and the value.
Status check_prune_options(const PruneOptions& options, const ModelConfig& config);

// Pruning features to reserve memory for.
struct PruneRoom {
  bool head;       // a pruned output head
  bool attention;  // the comparison of pruned attention with the dense model
  float ffn;       // a copy of this share of the neurons; 0 or 1: none
};
// `trained_ffn`: the share of its neurons that the model was trained to answer with, which the modes keep; 0: all.
PruneRoom prune_room(const PruneOptions& options, float trained_ffn);

// The properties of a sidecar that a load depends on. session_use_sidecar() checks the rest once the model is loaded.
struct SidecarInfo {
  bool used = false;          // whether the options prune anything that the sidecar describes
  uint64_t header_bytes = 0;  // size of the header of the model's file; 0: no eager loading
  float trained_ffn = 0;      // see prune_room(); 0: the model was not trained for it
};
extern const Record kSidecarInfoRecord;

// `bytes`: the beginning of the file, at least kSidecarHeaderBytes. Sets only `used` for a file of another format or
// version.
SidecarInfo sidecar_info(std::span<const uint8_t> bytes, const PruneOptions& options);
inline constexpr size_t kSidecarHeaderBytes = 96;

}  // namespace camelgpt
