// The whole JavaScript surface of the core. No logic: every call forwards to camelgpt.h.
//
// Data cross the border as addresses in linear memory (JavaScript copies bytes to and from HEAPU8), so that no call
// here allocates. A call that can fail returns false; the error is then in error*().
#include <emscripten/bind.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/threads.h"
#include "camelgpt.h"

// The first thing that a helping thread runs. It has no stack before it has set the pointer to it, so no compiler may
// write this.
extern "C" void camelgpt_thread(uint32_t index, uint32_t stack);
extern "C" void camelgpt_help(uint32_t index) { camelgpt::help(index); }
__asm__(R"(
  .globaltype __stack_pointer, i32
  .functype camelgpt_help (i32) -> ()
  .section .text.camelgpt_thread,"",@
  .globl camelgpt_thread
  .type camelgpt_thread,@function
camelgpt_thread:
  .functype camelgpt_thread (i32, i32) -> ()
  local.get 1
  global.set __stack_pointer
  local.get 0
  call camelgpt_help
  end_function
)");

namespace {

using namespace camelgpt;

double address(const void* pointer) { return static_cast<double>(reinterpret_cast<uintptr_t>(pointer)); }

// Counts arrive as doubles: what is not a whole number of 32 bits becomes the largest one, which every check rejects.
uint32_t count_of(double value) {
  if (!(value >= 0) || value >= 4294967295.0 || value != static_cast<double>(static_cast<uint64_t>(value))) {
    return UINT32_MAX;
  }
  return static_cast<uint32_t>(value);
}

struct Engine {
  Session* session = nullptr;
  Status status;
  MemoryPlan plan_{};
  ModelInfo info_{};
  PruneReport report_{};

  void dispose() {
    session_destroy(session);
    session = nullptr;
  }

  bool keep(const Status& result) {
    status = result;
    return result.ok();
  }

  // --- errors ---
  // Once, before all else. False: no memory.
  bool create() {
    session = session_create();
    return session != nullptr;
  }
  double errorCode() const { return address(error_code_name(status.code)); }
  double errorMessage() const { return address(status.message); }
  double errorExpected() const { return address(status.expected); }
  double errorFound() const { return address(status.found); }
  double errorHint() const { return address(status.hint); }

  // --- loading ---
  uint32_t loadState() const { return static_cast<uint32_t>(session_load_state(session)); }
  double stagingAddress() { return address(session_staging(session).data()); }
  uint32_t stagingSize() { return static_cast<uint32_t>(session_staging(session).size()); }
  bool feed(uint32_t size) { return keep(session_feed(session, size)); }
  bool endOfFile() { return keep(session_end_of_file(session)); }
  bool loadEagerly() { return keep(session_load_eagerly(session)); }
  double wantedFrom() const { return static_cast<double>(session_wanted(session).from); }
  double wantedTo() const { return static_cast<double>(session_wanted(session).to); }
  bool isWhole() const { return session_is_whole(session); }
  uint32_t missingCount() const { return static_cast<uint32_t>(session_missing(session).size()); }
  // Pairs of 64-bit positions.
  double missingAddress() const { return address(session_missing(session).data()); }
  bool feedRows(double from, uint32_t size) {
    return keep(session_feed_rows(session, static_cast<uint64_t>(from), size));
  }
  uint32_t splitFiles() const { return session_split(session).files; }
  uint32_t splitHeaders() const { return session_split(session).headers; }
  uint32_t splitLeft() const { return static_cast<uint32_t>(session_split(session).left); }
  double splitData() const { return static_cast<double>(session_split(session).data_bytes); }
  double fileBytes() const { return static_cast<double>(session_file_bytes(session)); }
  bool plan(double context_length, bool kv_bytes, bool head_rows, bool kv_tokens, double ffn, uint32_t weights,
            double sequences) {
    return keep(session_plan(
        session, memory_options(context_length, kv_bytes, head_rows, kv_tokens, ffn, weights, sequences), &plan_));
  }
  double planFileBytes() const { return static_cast<double>(plan_.file_bytes); }
  double planWeightBytes() const { return static_cast<double>(plan_.weight_bytes); }
  double planCacheBytes() const { return static_cast<double>(plan_.cache_bytes); }
  double planTokenizerBytes() const { return static_cast<double>(plan_.tokenizer_bytes); }
  double planWorkspaceBytes() const { return static_cast<double>(plan_.workspace_bytes); }
  double planPruneBytes() const { return static_cast<double>(plan_.prune_bytes); }
  double planStagingBytes() const { return static_cast<double>(plan_.staging_bytes); }
  double planTotalBytes() const { return static_cast<double>(plan_.total_bytes); }
  uint32_t planContextLength() const { return plan_.context_length; }
  uint32_t planModelContextLength() const { return plan_.model_context_length; }
  bool planHalves() const { return plan_.halves; }
  bool allocate(double context_length, bool kv_bytes, bool head_rows, bool kv_tokens, double ffn, uint32_t weights,
                double sequences) {
    return keep(session_allocate(
        session, memory_options(context_length, kv_bytes, head_rows, kv_tokens, ffn, weights, sequences)));
  }
  // weights: 0 as fits, 1 exact, 2 halves.
  static MemoryOptions memory_options(double context_length, bool kv_bytes, bool head_rows, bool kv_tokens, double ffn,
                                      uint32_t weights, double sequences) {
    return {.context_length = count_of(context_length),
            .kv_type = kv_bytes ? KvType::k8 : KvType::k16,
            .head_rows = head_rows,
            .kv_tokens = kv_tokens,
            .ffn = static_cast<float>(ffn),
            .weights = static_cast<FloatWeights>(weights % 3),
            .sequences = count_of(sequences)};
  }

  // --- inspection ---
  bool info() { return keep(session_model_info(session, &info_)); }
  double infoParameters() const { return static_cast<double>(info_.parameters); }
  double infoMacsPerToken() const { return static_cast<double>(info_.macs_per_token); }
  uint32_t infoLayers() const { return info_.layers; }
  uint32_t infoHidden() const { return info_.hidden; }
  uint32_t infoHeads() const { return info_.heads; }
  uint32_t infoKvHeads() const { return info_.kv_heads; }
  uint32_t infoHeadWidth() const { return info_.head_width; }
  uint32_t infoFfn() const { return info_.ffn; }
  uint32_t infoVocabulary() const { return info_.vocabulary; }
  int32_t infoBosToken() const { return info_.bos_token; }
  int32_t infoEosToken() const { return info_.eos_token; }
  int32_t infoMaskToken() const { return info_.mask_token; }
  bool infoWantsComposedText() const { return info_.wants_composed_text; }
  // 0 causal, 1 masked, 2 encoder.
  uint32_t infoKind() const { return static_cast<uint32_t>(info_.kind); }
  bool metadataJson() { return keep(session_metadata_json(session)); }
  bool tensorsJson() { return keep(session_tensors_json(session, plan_.halves)); }  // goes by the last plan
  bool metadataString(uint32_t key_size) { return keep(session_metadata_string(session, key_size)); }

  // --- text and tokens ---
  double textBuffer(double size) { return address(session_text_buffer(session, count_of(size))); }
  double tokenBuffer(double count) { return address(session_token_buffer(session, count_of(count))); }
  double tokensAddress() const { return address(session_tokens(session).data()); }
  uint32_t tokensCount() const { return static_cast<uint32_t>(session_tokens(session).size()); }
  double outputAddress() const { return address(session_output(session).data()); }
  uint32_t outputSize() const { return static_cast<uint32_t>(session_output(session).size()); }
  bool tokenize(uint32_t text_size, bool add_special, bool parse_special) {
    return keep(session_tokenize(session, text_size, add_special, parse_special));
  }
  bool detokenize(uint32_t count, bool keep_control) { return keep(session_detokenize(session, count, keep_control)); }
  bool piece(int32_t token) { return keep(session_piece(session, token)); }

  // --- generation ---
  // The seed comes in two halves.
  bool configure(double max_tokens, double temperature, double top_k, double top_p, double min_p, double typical_p,
                 double repeat_penalty, double repeat_last, double presence_penalty, double frequency_penalty,
                 double seed_low, double seed_high, bool ignore_eos, double logprobs, double steps,
                 bool context_shift) {
    GenerationOptions options;
    options.max_tokens = count_of(max_tokens);
    options.temperature = static_cast<float>(temperature);
    options.top_k = count_of(top_k);
    options.top_p = static_cast<float>(top_p);
    options.min_p = static_cast<float>(min_p);
    options.typical_p = static_cast<float>(typical_p);
    options.repeat_penalty = static_cast<float>(repeat_penalty);
    options.repeat_last = count_of(repeat_last);
    options.presence_penalty = static_cast<float>(presence_penalty);
    options.frequency_penalty = static_cast<float>(frequency_penalty);
    options.seed = static_cast<uint64_t>(count_of(seed_high)) << 32 | count_of(seed_low);
    options.ignore_eos = ignore_eos;
    options.logprobs = count_of(logprobs);
    options.steps = count_of(steps);
    options.context_shift = context_shift;
    return keep(session_configure(session, options));
  }
  bool addStop(uint32_t text_size) { return keep(session_add_stop(session, text_size)); }
  bool addLogitBias(int32_t token, double bias) {
    return keep(session_add_logit_bias(session, token, static_cast<float>(bias)));
  }
  bool prompt(uint32_t token_count) { return keep(session_prompt(session, token_count)); }
  uint32_t reusedTokens() const { return session_reused_tokens(session); }
  // Tokens left to prefill, or -1 with an error.
  double prefill(uint32_t max_tokens) {
    uint32_t left = 0;
    return keep(session_prefill(session, max_tokens, &left)) ? static_cast<double>(left) : -1.0;
  }
  // 0 continue, 1 stop, 2 length, 3 full, 4 missing, or -1 with an error.
  int32_t step() {
    StepResult result = StepResult::kContinue;
    return keep(session_step(session, &result)) ? static_cast<int32_t>(result) : -1;
  }
  bool shift() { return keep(session_shift(session)); }
  int32_t lastToken() const { return session_last_token(session).token; }
  double lastLogprob() const { return session_last_token(session).logprob; }
  // Pairs of a 32-bit id and a 32-bit float.
  double topTokensAddress() const { return address(session_top_tokens(session).data()); }
  uint32_t topTokensCount() const { return static_cast<uint32_t>(session_top_tokens(session).size()); }

  // --- saved states ---
  uint32_t cachedTokens() const { return session_cached_tokens(session); }
  // How many bytes there will be, or -1 with an error.
  double saveBegin() {
    uint64_t bytes = 0;
    return keep(session_save_begin(session, &bytes)) ? static_cast<double>(bytes) : -1.0;
  }
  uint32_t saveContinue() { return static_cast<uint32_t>(session_save_continue(session)); }
  bool restoreBegin(double bytes) { return keep(session_restore_begin(session, static_cast<uint64_t>(bytes))); }
  bool restoreContinue(uint32_t size) { return keep(session_restore_continue(session, size)); }

  // --- masks ---
  bool predictBegin(uint32_t token_count, uint32_t prompt_count) {
    return keep(session_predict_begin(session, token_count, prompt_count));
  }
  bool predict(uint32_t position, int32_t token, uint32_t top) {
    return keep(session_predict(session, position, token, top));
  }
  bool fill(uint32_t token_count) { return keep(session_fill(session, token_count)); }

  // --- embedding ---
  // 0 as the model says, 1 mean, 2 first, 3 last.
  bool embedBegin(uint32_t token_count, uint32_t pooling, bool normalize) {
    return keep(session_embed_begin(session, token_count, static_cast<Pooling>(pooling & 3), normalize));
  }
  double embedContinue(uint32_t max_tokens) {
    uint32_t left = 0;
    return keep(session_embed_continue(session, max_tokens, &left)) ? static_cast<double>(left) : -1.0;
  }
  // 32-bit floats.
  double embeddingAddress() const { return address(session_embedding(session).data()); }
  uint32_t embeddingCount() const { return static_cast<uint32_t>(session_embedding(session).size()); }

  // --- pruning ---
  // 0 off, 1 exact, 2 balanced, 3 aggressive.
  bool setPruneMode(uint32_t mode) { return keep(session_set_prune_mode(session, static_cast<PruneMode>(mode & 3))); }
  bool setPruning(double head_rows, double margin, double kv_tokens, double ffn, bool drafts, double max_kl) {
    return keep(session_set_pruning(session, {count_of(head_rows), static_cast<float>(margin), count_of(kv_tokens),
                                              static_cast<float>(ffn), drafts, static_cast<float>(max_kl)}));
  }
  bool setTrainedFfn(double ffn) { return keep(session_set_trained_ffn(session, static_cast<float>(ffn))); }
  bool calibrateBegin(uint32_t token_count) { return keep(session_calibrate_begin(session, token_count)); }
  // Parts left, or -1 with an error.
  double calibrateContinue() {
    uint32_t left = 0;
    return keep(session_calibrate_continue(session, &left)) ? static_cast<double>(left) : -1.0;
  }
  bool sidecar() { return keep(session_sidecar(session)); }
  bool useSidecar(uint32_t size) { return keep(session_use_sidecar(session, size)); }
  void pruneReport() { report_ = session_prune_report(session); }
  bool reportHasLargeHead() const { return report_.has_large_head; }
  bool reportCalibrated() const { return report_.calibrated; }
  double reportHeadRows() const { return report_.head_rows; }
  double reportKvTokens() const { return report_.kv_tokens; }
  double reportFfnKept() const { return static_cast<double>(report_.ffn_kept); }
  double reportMacs() const { return static_cast<double>(report_.macs); }
  double reportMacsDense() const { return static_cast<double>(report_.macs_dense); }
  double reportDriftChecks() const { return static_cast<double>(report_.drift_checks); }
  double reportDriftEvents() const { return static_cast<double>(report_.drift_events); }
  double reportDrafted() const { return static_cast<double>(report_.drafted); }
  double reportAccepted() const { return static_cast<double>(report_.accepted); }
  double reportMeanKl() const { return static_cast<double>(report_.mean_kl); }
  double reportCost(uint32_t mode, uint32_t field) const {
    const MeasuredCost& cost = report_.costs[mode < kMeasuredCosts ? mode : 0];
    return field == 0 ? cost.head_rows : static_cast<double>(field == 1 ? cost.kl : cost.top1);
  }

  // --- scoring ---
  bool scoreBegin(uint32_t token_count, bool compare) {
    return keep(session_score_begin(session, token_count, compare));
  }
  double scoreContinue(uint32_t max_tokens) {
    uint32_t left = 0;
    return keep(session_score_continue(session, max_tokens, &left)) ? static_cast<double>(left) : -1.0;
  }
  double bytes() const { return static_cast<double>(session_bytes(session)); }
  // TokenScore: 32-bit floats and ids.
  double scoresAddress() const { return address(session_scores(session).data()); }
  uint32_t scoresCount() const { return static_cast<uint32_t>(session_scores(session).size()); }
  // 32-bit floats.
  double logitsAddress() const { return address(session_logits(session).data()); }
  uint32_t logitsCount() const { return static_cast<uint32_t>(session_logits(session).size()); }
};

// A module has one engine: plain functions are all that it takes to reach it, and Embind's classes are 10 KB of
// JavaScript.
Engine engine;

template <auto method>
struct call;
template <typename Result, typename... Arguments, Result (Engine::*method)(Arguments...)>
struct call<method> {
  static Result with(Arguments... arguments) { return (engine.*method)(arguments...); }
};
template <typename Result, typename... Arguments, Result (Engine::*method)(Arguments...) const>
struct call<method> {
  static Result with(Arguments... arguments) { return (engine.*method)(arguments...); }
};

double kernelsNameAddress() { return address(kernels_name()); }

// --- threads ---
// How many will compute; says how many that are. Comes before memory is planned.
uint32_t setThreads(uint32_t count) {
  kernels_name();  // chosen before another thread can ask
  set_thread_count(count);
  return thread_count();
}
// A helping thread has this module in an instance of its own, whose table holds this function: entry(index, top of its
// stack).
double threadEntry() { return address(reinterpret_cast<const void*>(&camelgpt_thread)); }
// The top of a new stack for a helping thread, which lives as long as the memory; 0 where there is no room.
double threadStack() {
  constexpr size_t kBytes = 64 << 10;
  uint8_t* stack = static_cast<uint8_t*>(std::aligned_alloc(16, kBytes));
  return address(stack == nullptr ? nullptr : stack + kBytes);
}
// Where a helping thread that failed leaves a number other than 0.
double threadFailed() { return address(helper_failed); }

}  // namespace

EMSCRIPTEN_BINDINGS(camelgpt) {
  emscripten::function("kernelsName", &kernelsNameAddress);
  emscripten::function("setThreads", &setThreads);
  emscripten::function("threadEntry", &threadEntry);
  emscripten::function("threadStack", &threadStack);
  emscripten::function("threadFailed", &threadFailed);
#define CAMELGPT_BIND(name) emscripten::function(#name, &call<&Engine::name>::with);
  CAMELGPT_BIND(create)
  CAMELGPT_BIND(dispose)
  CAMELGPT_BIND(errorCode)
  CAMELGPT_BIND(errorMessage)
  CAMELGPT_BIND(errorExpected)
  CAMELGPT_BIND(errorFound)
  CAMELGPT_BIND(errorHint)
  CAMELGPT_BIND(loadState)
  CAMELGPT_BIND(stagingAddress)
  CAMELGPT_BIND(stagingSize)
  CAMELGPT_BIND(feed)
  CAMELGPT_BIND(endOfFile)
  CAMELGPT_BIND(loadEagerly)
  CAMELGPT_BIND(wantedFrom)
  CAMELGPT_BIND(wantedTo)
  CAMELGPT_BIND(isWhole)
  CAMELGPT_BIND(missingCount)
  CAMELGPT_BIND(missingAddress)
  CAMELGPT_BIND(feedRows)
  CAMELGPT_BIND(splitFiles)
  CAMELGPT_BIND(splitHeaders)
  CAMELGPT_BIND(splitLeft)
  CAMELGPT_BIND(splitData)
  CAMELGPT_BIND(fileBytes)
  CAMELGPT_BIND(plan)
  CAMELGPT_BIND(planFileBytes)
  CAMELGPT_BIND(planWeightBytes)
  CAMELGPT_BIND(planCacheBytes)
  CAMELGPT_BIND(planTokenizerBytes)
  CAMELGPT_BIND(planWorkspaceBytes)
  CAMELGPT_BIND(planPruneBytes)
  CAMELGPT_BIND(planStagingBytes)
  CAMELGPT_BIND(planTotalBytes)
  CAMELGPT_BIND(planContextLength)
  CAMELGPT_BIND(planModelContextLength)
  CAMELGPT_BIND(planHalves)
  CAMELGPT_BIND(allocate)
  CAMELGPT_BIND(info)
  CAMELGPT_BIND(infoParameters)
  CAMELGPT_BIND(infoMacsPerToken)
  CAMELGPT_BIND(infoLayers)
  CAMELGPT_BIND(infoHidden)
  CAMELGPT_BIND(infoHeads)
  CAMELGPT_BIND(infoKvHeads)
  CAMELGPT_BIND(infoHeadWidth)
  CAMELGPT_BIND(infoFfn)
  CAMELGPT_BIND(infoVocabulary)
  CAMELGPT_BIND(infoBosToken)
  CAMELGPT_BIND(infoEosToken)
  CAMELGPT_BIND(infoMaskToken)
  CAMELGPT_BIND(infoKind)
  CAMELGPT_BIND(infoWantsComposedText)
  CAMELGPT_BIND(metadataJson)
  CAMELGPT_BIND(tensorsJson)
  CAMELGPT_BIND(metadataString)
  CAMELGPT_BIND(textBuffer)
  CAMELGPT_BIND(tokenBuffer)
  CAMELGPT_BIND(tokensAddress)
  CAMELGPT_BIND(tokensCount)
  CAMELGPT_BIND(outputAddress)
  CAMELGPT_BIND(outputSize)
  CAMELGPT_BIND(tokenize)
  CAMELGPT_BIND(detokenize)
  CAMELGPT_BIND(piece)
  CAMELGPT_BIND(configure)
  CAMELGPT_BIND(addStop)
  CAMELGPT_BIND(addLogitBias)
  CAMELGPT_BIND(prompt)
  CAMELGPT_BIND(reusedTokens)
  CAMELGPT_BIND(prefill)
  CAMELGPT_BIND(step)
  CAMELGPT_BIND(shift)
  CAMELGPT_BIND(lastToken)
  CAMELGPT_BIND(lastLogprob)
  CAMELGPT_BIND(topTokensAddress)
  CAMELGPT_BIND(topTokensCount)
  CAMELGPT_BIND(cachedTokens)
  CAMELGPT_BIND(saveBegin)
  CAMELGPT_BIND(saveContinue)
  CAMELGPT_BIND(restoreBegin)
  CAMELGPT_BIND(restoreContinue)
  CAMELGPT_BIND(predictBegin)
  CAMELGPT_BIND(predict)
  CAMELGPT_BIND(fill)
  CAMELGPT_BIND(embedBegin)
  CAMELGPT_BIND(embedContinue)
  CAMELGPT_BIND(embeddingAddress)
  CAMELGPT_BIND(embeddingCount)
  CAMELGPT_BIND(setPruneMode)
  CAMELGPT_BIND(setPruning)
  CAMELGPT_BIND(setTrainedFfn)
  CAMELGPT_BIND(calibrateBegin)
  CAMELGPT_BIND(calibrateContinue)
  CAMELGPT_BIND(sidecar)
  CAMELGPT_BIND(useSidecar)
  CAMELGPT_BIND(pruneReport)
  CAMELGPT_BIND(reportHasLargeHead)
  CAMELGPT_BIND(reportCalibrated)
  CAMELGPT_BIND(reportHeadRows)
  CAMELGPT_BIND(reportKvTokens)
  CAMELGPT_BIND(reportFfnKept)
  CAMELGPT_BIND(reportMacs)
  CAMELGPT_BIND(reportMacsDense)
  CAMELGPT_BIND(reportDriftChecks)
  CAMELGPT_BIND(reportDriftEvents)
  CAMELGPT_BIND(reportDrafted)
  CAMELGPT_BIND(reportAccepted)
  CAMELGPT_BIND(reportMeanKl)
  CAMELGPT_BIND(reportCost)
  CAMELGPT_BIND(scoreBegin)
  CAMELGPT_BIND(scoreContinue)
  CAMELGPT_BIND(bytes)
  CAMELGPT_BIND(scoresAddress)
  CAMELGPT_BIND(scoresCount)
  CAMELGPT_BIND(logitsAddress)
  CAMELGPT_BIND(logitsCount)
#undef CAMELGPT_BIND
}
