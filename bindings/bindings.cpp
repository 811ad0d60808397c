// The whole JavaScript surface of the core. No logic: every call forwards to camelgpt.h.
//
// Options and results are records at a fixed address (records.h), arrays and texts are addresses in linear memory:
// JavaScript reads and writes bytes of HEAPU8, and no call here allocates. A call that can fail returns false, or -1 in
// place of a number; failure() then leaves the error in its record.
#include <emscripten/bind.h>

#include <cstdint>
#include <cstdlib>

#include "base/threads.h"
#include "records.h"

// The entry of a helping thread. Written by hand, because a thread has no stack before it has set the stack pointer.
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

// More than 32 bits becomes the largest number, for which there is no memory.
uint32_t size_of(double size) { return size < 4294967295.0 ? static_cast<uint32_t>(size) : UINT32_MAX; }

struct Engine {
  Session* session = nullptr;
  Status status;
  Records records;

  void dispose() {
    session_destroy(session);
    session = nullptr;
  }

  bool keep(const Status& result) {
    status = result;
    return result.ok();
  }
  double keep_count(const Status& result, uint64_t count) { return keep(result) ? static_cast<double>(count) : -1.0; }

  template <typename T>
  void show(std::span<T> array) {
    records.view = {reinterpret_cast<uintptr_t>(array.data()), static_cast<uint32_t>(array.size())};
  }

  // --- the border ---
  // Comes before everything else. False: no memory.
  bool create() {
    session = session_create();
    return session != nullptr;
  }
  double recordsAddress() const { return address(&records); }
  // JavaScript then writes only what differs from the defaults.
  void resetOptions() {
    records.memory_options = {};
    records.generation_options = {};
    records.prune_options = {};
  }
  void failure() {
    records.failure = {error_code_name(status.code), status.message, status.expected, status.found, status.hint};
  }

  // --- loading ---
  uint32_t loadState() const { return static_cast<uint32_t>(session_load_state(session)); }
  void staging() { show(session_staging(session)); }
  bool feed(uint32_t size) { return keep(session_feed(session, size)); }
  bool endOfFile() { return keep(session_end_of_file(session)); }
  bool loadEagerly() { return keep(session_load_eagerly(session)); }
  void wanted() { records.wanted = session_wanted(session); }
  bool isWhole() const { return session_is_whole(session); }
  void missing() { show(session_missing(session)); }  // FileRange
  bool feedRows(double from, uint32_t size) {
    return keep(session_feed_rows(session, static_cast<uint64_t>(from), size));
  }
  void split() { records.split_state = session_split(session); }
  double fileBytes() const { return static_cast<double>(session_file_bytes(session)); }
  bool plan() { return keep(session_plan(session, records.memory_options, &records.memory_plan)); }
  bool allocate() { return keep(session_allocate(session, records.memory_options)); }

  // --- inspection ---
  bool info() { return keep(session_model_info(session, &records.model_info)); }
  bool metadataJson() { return keep(session_metadata_json(session)); }
  bool tensorsJson() { return keep(session_tensors_json(session, records.memory_plan.halves)); }  // as last planned
  bool metadataString(uint32_t key_size) { return keep(session_metadata_string(session, key_size)); }

  // --- text and tokens ---
  double textBuffer(double size) { return address(session_text_buffer(session, size_of(size))); }
  double tokenBuffer(double count) { return address(session_token_buffer(session, size_of(count))); }
  void tokens() { show(session_tokens(session)); }
  void output() { show(std::span(session_output(session))); }
  bool tokenize(uint32_t text_size, bool add_special, bool parse_special) {
    return keep(session_tokenize(session, text_size, add_special, parse_special));
  }
  bool detokenize(uint32_t count, bool keep_control) { return keep(session_detokenize(session, count, keep_control)); }
  bool piece(int32_t token) { return keep(session_piece(session, token)); }

  // --- generation ---
  bool configure() { return keep(session_configure(session, records.generation_options)); }
  bool addStop(uint32_t text_size) { return keep(session_add_stop(session, text_size)); }
  bool addLogitBias(int32_t token, double bias) {
    return keep(session_add_logit_bias(session, token, static_cast<float>(bias)));
  }
  bool prompt(uint32_t token_count) { return keep(session_prompt(session, token_count)); }
  uint32_t reusedTokens() const { return session_reused_tokens(session); }
  // Returns the tokens left to prefill.
  double prefill(uint32_t max_tokens) {
    uint32_t remaining = 0;
    const Status result = session_prefill(session, max_tokens, &remaining);
    return keep_count(result, remaining);
  }
  // Returns a StepResult.
  double step() {
    StepResult result = StepResult::kContinue;
    const Status status = session_step(session, &result);
    return keep_count(status, static_cast<uint64_t>(result));
  }
  bool shift() { return keep(session_shift(session)); }
  void lastToken() { records.last_token = session_last_token(session); }
  void topTokens() { show(session_top_tokens(session)); }  // TokenProbability

  // --- saved states ---
  uint32_t cachedTokens() const { return session_cached_tokens(session); }
  // Returns the size of the state in bytes.
  double saveBegin() {
    uint64_t bytes = 0;
    const Status result = session_save_begin(session, &bytes);
    return keep_count(result, bytes);
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
  bool embedBegin(uint32_t token_count, uint32_t pooling, bool normalize) {
    return keep(enum_check(kPoolingNames, "pooling", pooling)) &&
           keep(session_embed_begin(session, token_count, static_cast<Pooling>(pooling), normalize));
  }
  // Returns the tokens left to evaluate.
  double embedContinue(uint32_t max_tokens) {
    uint32_t remaining = 0;
    const Status result = session_embed_continue(session, max_tokens, &remaining);
    return keep_count(result, remaining);
  }
  void embedding() { show(session_embedding(session)); }  // float

  // --- pruning ---
  // Reads the options of pruning.
  bool setPruning() { return keep(session_set_pruning(session, records.prune_options)); }
  bool setTrainedFfn(double ffn) { return keep(session_set_trained_ffn(session, static_cast<float>(ffn))); }
  bool calibrateBegin(uint32_t token_count) { return keep(session_calibrate_begin(session, token_count)); }
  // Returns the parts left to do.
  double calibrateContinue() {
    uint32_t remaining = 0;
    const Status result = session_calibrate_continue(session, &remaining);
    return keep_count(result, remaining);
  }
  bool sidecar() { return keep(session_sidecar(session)); }
  bool useSidecar(uint32_t size) { return keep(session_use_sidecar(session, size)); }
  // Reads the options of pruning and the first bytes of a sidecar.
  void sidecarInfo(uint32_t from, uint32_t size) {
    const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(from), size);
    records.sidecar_info = sidecar_info(bytes, records.prune_options);
  }
  void pruneReport() { records.prune_report = session_prune_report(session); }

  // --- scoring ---
  bool scoreBegin(uint32_t token_count, bool compare) {
    return keep(session_score_begin(session, token_count, compare));
  }
  // Returns the tokens left to evaluate.
  double scoreContinue(uint32_t max_tokens) {
    uint32_t remaining = 0;
    const Status result = session_score_continue(session, max_tokens, &remaining);
    return keep_count(result, remaining);
  }
  double bytes() const { return static_cast<double>(session_bytes(session)); }
  void scores() { show(session_scores(session)); }  // TokenScore
};

// A module has one engine, so plain functions reach it: Embind's classes would cost 10 KB of JavaScript.
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
// Sets the number of threads, before memory is planned, and returns the number that will compute.
uint32_t setThreads(uint32_t count) {
  kernels_name();  // chosen before another thread can ask
  set_thread_count(count);
  return thread_count();
}
// A helping thread has an instance of this module of its own, whose table holds this function: entry(index, top of its
// stack).
double threadEntry() { return address(reinterpret_cast<const void*>(&camelgpt_thread)); }
// The top of a new stack for a helping thread, which lives as long as the memory; 0: no memory.
double threadStack() {
  constexpr size_t kBytes = 64 << 10;
  uint8_t* stack = static_cast<uint8_t*>(std::aligned_alloc(16, kBytes));
  return address(stack == nullptr ? nullptr : stack + kBytes);
}
// The address at which a helping thread that failed leaves a number other than 0.
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
  CAMELGPT_BIND(recordsAddress)
  CAMELGPT_BIND(resetOptions)
  CAMELGPT_BIND(failure)
  CAMELGPT_BIND(loadState)
  CAMELGPT_BIND(staging)
  CAMELGPT_BIND(feed)
  CAMELGPT_BIND(endOfFile)
  CAMELGPT_BIND(loadEagerly)
  CAMELGPT_BIND(wanted)
  CAMELGPT_BIND(isWhole)
  CAMELGPT_BIND(missing)
  CAMELGPT_BIND(feedRows)
  CAMELGPT_BIND(split)
  CAMELGPT_BIND(fileBytes)
  CAMELGPT_BIND(plan)
  CAMELGPT_BIND(allocate)
  CAMELGPT_BIND(info)
  CAMELGPT_BIND(metadataJson)
  CAMELGPT_BIND(tensorsJson)
  CAMELGPT_BIND(metadataString)
  CAMELGPT_BIND(textBuffer)
  CAMELGPT_BIND(tokenBuffer)
  CAMELGPT_BIND(tokens)
  CAMELGPT_BIND(output)
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
  CAMELGPT_BIND(topTokens)
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
  CAMELGPT_BIND(embedding)
  CAMELGPT_BIND(setPruning)
  CAMELGPT_BIND(setTrainedFfn)
  CAMELGPT_BIND(calibrateBegin)
  CAMELGPT_BIND(calibrateContinue)
  CAMELGPT_BIND(sidecar)
  CAMELGPT_BIND(useSidecar)
  CAMELGPT_BIND(sidecarInfo)
  CAMELGPT_BIND(pruneReport)
  CAMELGPT_BIND(scoreBegin)
  CAMELGPT_BIND(scoreContinue)
  CAMELGPT_BIND(bytes)
  CAMELGPT_BIND(scores)
#undef CAMELGPT_BIND
}
