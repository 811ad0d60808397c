// The tables of the structs that only the bindings have.
#include "records.h"

namespace camelgpt {
namespace {

constexpr Field kFailureFields[] = {
    CAMELGPT_FIELD(Failure, code, any_value(), ""),     CAMELGPT_FIELD(Failure, message, any_value(), ""),
    CAMELGPT_FIELD(Failure, expected, any_value(), ""), CAMELGPT_FIELD(Failure, found, any_value(), ""),
    CAMELGPT_FIELD(Failure, hint, any_value(), ""),
};
constinit const Record kFailureRecord =
    CAMELGPT_RECORD(Failure, "", kFailureFields, "The error of the last call that failed.");

constexpr Field kViewFields[] = {
    CAMELGPT_FIELD(View, address, any_value(), ""),
    CAMELGPT_FIELD(View, size, any_value(), "Elements."),
};
constinit const Record kViewRecord = CAMELGPT_RECORD(View, "", kViewFields, "An array in linear memory.");

constexpr Field kRecordsFields[] = {
    CAMELGPT_FIELD(Records, failure, nested(kFailureRecord), ""),
    CAMELGPT_FIELD(Records, view, nested(kViewRecord), ""),
    CAMELGPT_FIELD(Records, split_state, nested(kSplitStateRecord), ""),
    CAMELGPT_FIELD(Records, wanted, nested(kFileRangeRecord), ""),
    CAMELGPT_FIELD(Records, memory_options, nested(kMemoryOptionsRecord), ""),
    CAMELGPT_FIELD(Records, memory_plan, nested(kMemoryPlanRecord), ""),
    CAMELGPT_FIELD(Records, model_info, nested(kModelInfoRecord), ""),
    CAMELGPT_FIELD(Records, sidecar_info, nested(kSidecarInfoRecord), ""),
    CAMELGPT_FIELD(Records, generation_options, nested(kGenerationOptionsRecord), ""),
    CAMELGPT_FIELD(Records, activity_progress, nested(kActivityProgressRecord), ""),
    CAMELGPT_FIELD(Records, generation_step, nested(kGenerationStepRecord), ""),
    CAMELGPT_FIELD(Records, grammar_match, nested(kGrammarMatchRecord), ""),
    CAMELGPT_FIELD(Records, prune_options, nested(kPruneOptionsRecord), ""),
    CAMELGPT_FIELD(Records, prune_report, nested(kPruneReportRecord), ""),
};

}  // namespace

constinit const Record kRecordsRecord =
    CAMELGPT_RECORD(Records, "", kRecordsFields, "Where each record at the boundary lies.");

}  // namespace camelgpt
