// The field tables of the structs in camelgpt.h.
#include "camelgpt.h"

namespace camelgpt {
namespace {

constexpr Field kFileRangeFields[] = {
    CAMELGPT_FIELD(FileRange, from, any_value(), ""),
    CAMELGPT_FIELD(FileRange, to, any_value(), "The position after the last byte."),
};

constexpr Field kSplitStateFields[] = {
    CAMELGPT_FIELD(SplitState, files, any_value(), "0 before the first header is complete; 1: the model is not split."),
    CAMELGPT_FIELD(SplitState, headers, any_value(), "Complete headers."),
    CAMELGPT_FIELD(SplitState, remaining, any_value(), "Bytes at the end of the last piece that were not taken."),
    CAMELGPT_FIELD(SplitState, data_bytes, any_value(), "Bytes that follow the last complete header in its file."),
};

constexpr Field kMemoryPlanFields[] = {
    CAMELGPT_FIELD(MemoryPlan, file_bytes, any_value(), "The file as its header describes it."),
    CAMELGPT_FIELD(MemoryPlan, weight_bytes, any_value(), "Weights in the layout of the kernels."),
    CAMELGPT_FIELD(MemoryPlan, cache_bytes, any_value(),
                   "Keys and values of `contextLength` positions, for each of the `sequences`."),
    CAMELGPT_FIELD(MemoryPlan, tokenizer_bytes, any_value(), "Vocabulary and merge tables."),
    CAMELGPT_FIELD(MemoryPlan, workspace_bytes, any_value(), "Activations, logits, sampling."),
    CAMELGPT_FIELD(MemoryPlan, prune_bytes, any_value(), "Dynamic pruning's memory beside the model."),
    CAMELGPT_FIELD(MemoryPlan, staging_bytes, any_value(), "The buffer through which the file arrives."),
    CAMELGPT_FIELD(MemoryPlan, total_bytes, any_value(), "The sum of the six parts in memory."),
    CAMELGPT_FIELD(MemoryPlan, context_length, any_value(), "Positions in the cache."),
    CAMELGPT_FIELD(MemoryPlan, model_context_length, any_value(), "Positions the model was trained for."),
    CAMELGPT_FIELD(MemoryPlan, halves, any_value(), "Whether matrices of F32 are kept as halves."),
};

constexpr Field kMemoryOptionsFields[] = {
    CAMELGPT_FIELD(MemoryOptions, context_length, range(1, kAnyCount).or_unset(),
                   "Positions in the key/value cache: prompt and answer together. The plan counts their memory, see "
                   "`info()`. Default: the model's own, at most 4096."),
    CAMELGPT_FIELD(MemoryOptions, kv_cache, one_of(kKvTypeNames),
                   "How keys and values are stored: as integers of 16 bits with a scale for each head and position, "
                   "or of 8 bits, which takes about half of the memory."),
    CAMELGPT_FIELD(MemoryOptions, weights, one_of(kFloatWeightsNames),
                   "How matrices of an F32 file are kept: `exact`, or `f16`, as halves, which take half of the memory "
                   "and cannot hold numbers of 65,520 and above (`bad-tensor`). Other files are not changed. "
                   "Default: `exact` if that fits 4 GiB, otherwise `f16`; `info().memoryPlan.weights` says which."),
    CAMELGPT_FIELD(MemoryOptions, sequences, range(1, kMaxSequences),
                   "How many texts stay in the cache, each with keys and values of its own in the plan: conversations "
                   "that take turns then evaluate only new tokens. A prompt continues the text it begins with; "
                   "otherwise it replaces the least recently used one. Overlapping generations run side by side, up "
                   "to this number: each has the answer that it has by itself, and together they take less time."),
    CAMELGPT_FIELD(MemoryOptions, max_memory, range(1, 9007199254740991.0).or_unset(),
                   "Bytes that the engine's memory may have: weights, caches, vocabulary and buffers together. A model "
                   "that needs more is refused with `out-of-memory`, which says how much, before memory is taken, and "
                   "the memory cannot grow past it later. Default: no limit but the 4 GiB of WebAssembly."),
    CAMELGPT_FIELD(MemoryOptions, prune, nested(kPruneOptionsRecord), "Pruning to reserve memory for."),
    CAMELGPT_FIELD(MemoryOptions, trained_ffn, range(0, 1),
                   "Share of the neurons that the model was trained to answer with, as its sidecar says; 0: all."),
    CAMELGPT_FIELD(MemoryOptions, has_sidecar, any_value(), "Whether a sidecar will be used."),
};

constexpr Field kRecommendedSamplingFields[] = {
    CAMELGPT_FIELD(RecommendedSampling, temperature, none_if_negative(), ""),
    CAMELGPT_FIELD(RecommendedSampling, top_k, none_if_negative(), ""),
    CAMELGPT_FIELD(RecommendedSampling, top_p, none_if_negative(), ""),
    CAMELGPT_FIELD(RecommendedSampling, min_p, none_if_negative(), ""),
    CAMELGPT_FIELD(RecommendedSampling, repeat_penalty, none_if_negative(), ""),
    CAMELGPT_FIELD(RecommendedSampling, repeat_last, none_if_negative(), ""),
    CAMELGPT_FIELD(RecommendedSampling, xtc_probability, none_if_negative(), ""),
    CAMELGPT_FIELD(RecommendedSampling, xtc_threshold, none_if_negative(), ""),
};

constexpr Field kModelInfoFields[] = {
    CAMELGPT_FIELD(ModelInfo, kind, one_of(kModelKindNames), ""),
    CAMELGPT_FIELD(ModelInfo, parameters, any_value(), "Weights in all tensors."),
    CAMELGPT_FIELD(ModelInfo, layers, any_value(), ""),
    CAMELGPT_FIELD(ModelInfo, hidden, any_value(), ""),
    CAMELGPT_FIELD(ModelInfo, heads, any_value(), ""),
    CAMELGPT_FIELD(ModelInfo, kv_heads, any_value(), ""),
    CAMELGPT_FIELD(ModelInfo, head_width, any_value(), ""),
    CAMELGPT_FIELD(ModelInfo, ffn, any_value(), ""),
    CAMELGPT_FIELD(ModelInfo, vocabulary, any_value(), ""),
    CAMELGPT_FIELD(ModelInfo, macs_per_token, any_value(),
                   "Multiply-adds of one decode step in matrices; those of attention itself are not counted."),
    CAMELGPT_FIELD(ModelInfo, bos_token, none_if_negative(), "Token id; null if the model has none."),
    CAMELGPT_FIELD(ModelInfo, eos_token, none_if_negative(), "Token id; null if the model has none."),
    CAMELGPT_FIELD(ModelInfo, mask_token, none_if_negative(), "Token id; null if the model has none."),
    CAMELGPT_FIELD(ModelInfo, wants_composed_text, any_value(),
                   "Whether texts must be in Unicode's normalization form C."),
    CAMELGPT_FIELD(ModelInfo, sampling, nested(kRecommendedSamplingRecord), "Of the metadata `general.sampling.*`."),
};

constexpr Field kGenerationOptionsFields[] = {
    CAMELGPT_FIELD(GenerationOptions, max_tokens, range(1, kAnyCount), "Tokens to generate at most."),
    CAMELGPT_FIELD(GenerationOptions, min_tokens, range(0, kAnyCount),
                   "Never choose the model's end token before this many tokens. The answer still ends at a stop "
                   "string, and where its format is complete. Not for masked models."),
    CAMELGPT_FIELD(GenerationOptions, sampler, fields_of(kSamplerOptionsRecord), ""),
    CAMELGPT_FIELD(GenerationOptions, ignore_eos, any_value(),
                   "Never choose the model's end token, so that the text continues."),
    CAMELGPT_FIELD(GenerationOptions, context_shift, any_value(),
                   "Continue when the context is full: the older half of the text is forgotten except for its first "
                   "32 tokens, and the remaining text is evaluated again. Otherwise the answer ends there. Not for "
                   "masked models."),
    CAMELGPT_FIELD(GenerationOptions, logprobs, range(0, kMaxLogprobs),
                   "Report the log-probability of each chosen token, with this many of the most probable ones; "
                   "0: no report."),
    CAMELGPT_FIELD(GenerationOptions, steps, range(1, kAnyCount),
                   "Steps in which a masked model decides a block of its answer, the surest tokens first. Other "
                   "models choose one token after the other."),
};

constexpr Field kGrammarMatchFields[] = {
    CAMELGPT_FIELD(GrammarMatch, matched, any_value(), "Bytes before the first one that cannot come next."),
    CAMELGPT_FIELD(GrammarMatch, complete, any_value(), "Whether these bytes are a text of the language."),
};

constexpr Field kActivityProgressFields[] = {
    CAMELGPT_FIELD(ActivityProgress, state, one_of(kActivityStateNames), ""),
    CAMELGPT_FIELD(ActivityProgress, processed, any_value(),
                   "Tokens evaluated or chosen, masks decided or bytes transferred by the call."),
    CAMELGPT_FIELD(ActivityProgress, remaining, any_value(),
                   "Tokens to evaluate, calibration steps or bytes; of a generation the tokens of its prompt."),
};

constexpr Field kGenerationStepFields[] = {
    CAMELGPT_FIELD(GenerationStep, token, none_if_negative(), "The chosen token; null if none was chosen."),
    CAMELGPT_FIELD(GenerationStep, logprob, any_value(), "NaN unless the option `logprobs` asks for it."),
    CAMELGPT_FIELD(GenerationStep, finish, one_of(kFinishReasonNames), ""),
    CAMELGPT_FIELD(GenerationStep, head_rows, any_value(), "Rows of the output head that were scored exactly."),
    CAMELGPT_FIELD(GenerationStep, expected_kl, any_value(), "Of the pruned step from the dense one, in nats."),
};

constexpr Field kTokenProbabilityFields[] = {
    CAMELGPT_FIELD(TokenProbability, token, any_value(), ""),
    CAMELGPT_FIELD(TokenProbability, logprob, any_value(), ""),
};

constexpr Field kTokenScoreFields[] = {
    CAMELGPT_FIELD(TokenScore, logprob, any_value(), "Of the token in the text, in nats."),
    CAMELGPT_FIELD(TokenScore, best, any_value(), "The most probable token in its place."),
    CAMELGPT_FIELD(TokenScore, dense_logprob, any_value(),
                   "`logprob` of the dense model; this and the rest are set only if the two are compared."),
    CAMELGPT_FIELD(TokenScore, dense_best, any_value(), ""),
    CAMELGPT_FIELD(TokenScore, kl, any_value(), "Divergence of the pruned distribution from the dense one, in nats."),
};

constexpr const char* kMeasuredModes[kMeasuredCosts] = {"exact", "balanced", "aggressive"};
constexpr EnumNames kMeasuredModeNames = {"MeasuredMode", kMeasuredModes};

constexpr Field kPruneReportFields[] = {
    CAMELGPT_FIELD(PruneReport, calibrated, any_value(),
                   "Whether a sidecar or a calibration has told what can be left out. Until then all steps are dense."),
    CAMELGPT_FIELD(PruneReport, has_large_head, any_value(), "Whether the output head is large enough to be pruned."),
    CAMELGPT_FIELD(PruneReport, head_reserved, any_value(), "Whether there is memory for a pruned head."),
    CAMELGPT_FIELD(PruneReport, head_rows, any_value(), "Rows of the output head that are scored exactly for a token."),
    CAMELGPT_FIELD(PruneReport, kv_tokens, any_value(), "Positions that attention may read in the last step."),
    CAMELGPT_FIELD(PruneReport, ffn_kept, any_value(), "Share of the FFN's neurons that were computed, 0 to 1."),
    CAMELGPT_FIELD(PruneReport, macs_per_token, any_value(),
                   "Multiply-adds of a token in matrices, mean of the last generation."),
    CAMELGPT_FIELD(PruneReport, macs_per_token_dense, any_value(), "The same for the dense model."),
    CAMELGPT_FIELD(PruneReport, drift_checks, any_value(),
                   "How often the last generation compared a pruned step with the dense one."),
    CAMELGPT_FIELD(PruneReport, drift_events, any_value(), "How many of the checks found too much drift."),
    CAMELGPT_FIELD(PruneReport, mean_kl, none_if_negative(),
                   "Mean divergence from the dense model in the checks, in nats a token; null if there was no check."),
    CAMELGPT_FIELD(PruneReport, drafted, any_value(), "Tokens that were evaluated as drafts."),
    CAMELGPT_FIELD(PruneReport, accepted, any_value(), "Drafts that were chosen."),
    CAMELGPT_FIELD(PruneReport, costs, array_of(kMeasuredCostRecord, kMeasuredModeNames),
                   "The cost of each mode, measured when the model was calibrated."),
};

}  // namespace

constinit const Record kFileRangeRecord =
    CAMELGPT_RECORD(FileRange, "", kFileRangeFields, "Bytes of a file: from one position to before another.");
constinit const Record kSplitStateRecord =
    CAMELGPT_RECORD(SplitState, "", kSplitStateFields, "How much of a split model's headers has arrived.");
constinit const Record kMemoryPlanRecord = CAMELGPT_RECORD(
    MemoryPlan, "", kMemoryPlanFields, "What a model occupies, in bytes. Known as soon as the header of the file is.");
constinit const Record kMemoryOptionsRecord =
    CAMELGPT_RECORD(MemoryOptions, "", kMemoryOptionsFields, "What memory depends on beside the model.");
constinit const Record kRecommendedSamplingRecord =
    CAMELGPT_RECORD(RecommendedSampling, "", kRecommendedSamplingFields,
                    "The sampling options that a file recommends; null: it recommends none.");
constinit const Record kModelInfoRecord = CAMELGPT_RECORD(ModelInfo, "", kModelInfoFields, "The numbers of a model.");
constinit const Record kGenerationOptionsRecord =
    CAMELGPT_RECORD(GenerationOptions, "", kGenerationOptionsFields, "How a text is generated.");
constinit const Record kGrammarMatchRecord =
    CAMELGPT_RECORD(GrammarMatch, "", kGrammarMatchFields, "How far a text belongs to the language of a grammar.");
constinit const Record kActivityProgressRecord =
    CAMELGPT_RECORD(ActivityProgress, "", kActivityProgressFields, "How far an activity is.");
constinit const Record kGenerationStepRecord =
    CAMELGPT_RECORD(GenerationStep, "", kGenerationStepFields, "The last step of a generation.");
constinit const Record kTokenProbabilityRecord =
    CAMELGPT_RECORD(TokenProbability, "", kTokenProbabilityFields, "A token and its log-probability.");
constinit const Record kTokenScoreRecord =
    CAMELGPT_RECORD(TokenScore, "", kTokenScoreFields, "How probable the model found one token of a text.");
constinit const Record kPruneReportRecord =
    CAMELGPT_RECORD(PruneReport, "", kPruneReportFields, "What dynamic pruning did in the last generation.");

}  // namespace camelgpt
