// The field tables of pruning's options and results.
#include "prune/options.h"

namespace camelgpt {
namespace {

constexpr Field kPruneOptionsFields[] = {
    CAMELGPT_FIELD(PruneOptions, head_rows, range(0, kAnyCount),
                   "Rows of the output head that a step scores exactly; 0: all."),
    CAMELGPT_FIELD(PruneOptions, margin, range(0, 100),
                   "Score more rows, or all, if the best logit leads the unselected rows by less than this, in nats; "
                   "0: never."),
    CAMELGPT_FIELD(PruneOptions, kv_tokens, range(0, kAnyCount),
                   "Positions of the context that attention reads for a token, in pages of 32; 0: all."),
    CAMELGPT_FIELD(PruneOptions, ffn, above(0, 1).or_unset(),
                   "Share of the neurons of each feed-forward network that answers are computed with: those that added "
                   "most while the prompt was evaluated. It costs little only in models that were trained for it; "
                   "`report()` says how much. Default: 1."),
    CAMELGPT_FIELD(PruneOptions, drafts, any_value(),
                   "Evaluate text that is likely to repeat together with the last token. Lossless."),
    CAMELGPT_FIELD(PruneOptions, max_kl, range(0, 10),
                   "Prune less above this mean divergence from the dense model, in nats a token; 0: no limit."),
    CAMELGPT_FIELD(PruneOptions, mode, one_of(kPruneModeNames), "`custom`: the numbers above."),
};

constexpr Field kMeasuredCostFields[] = {
    CAMELGPT_FIELD(MeasuredCost, head_rows, any_value(), "Rows of the output head that are scored exactly."),
    CAMELGPT_FIELD(MeasuredCost, kl, any_value(), "Mean divergence from the dense model, in nats a token."),
    CAMELGPT_FIELD(MeasuredCost, top1, any_value(),
                   "Share of the tokens whose most probable token is the dense model's."),
};

constexpr Field kSidecarInfoFields[] = {
    CAMELGPT_FIELD(SidecarInfo, used, any_value(), "Whether the options prune anything that the sidecar describes."),
    CAMELGPT_FIELD(SidecarInfo, header_bytes, any_value(),
                   "Size of the header of the model's file, for eager loading; 0: no eager loading."),
    CAMELGPT_FIELD(SidecarInfo, trained_ffn, any_value(),
                   "Share of the neurons that the model was trained to answer with; 0: not trained for it."),
};

}  // namespace

constinit const Record kPruneOptionsRecord =
    CAMELGPT_RECORD(PruneOptions, "epdp.", kPruneOptionsFields, "What dynamic pruning may leave out of a step.");
constinit const Record kMeasuredCostRecord = CAMELGPT_RECORD(
    MeasuredCost, "", kMeasuredCostFields, "The cost of a mode, measured when the model was calibrated.");
constinit const Record kSidecarInfoRecord =
    CAMELGPT_RECORD(SidecarInfo, "", kSidecarInfoFields, "What a load needs to know of a sidecar.");

}  // namespace camelgpt
