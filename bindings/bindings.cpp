// The whole JavaScript surface of the core. No logic: every call forwards to camelgpt.h.
//
// Options and results are records at a fixed address (records.h). Arrays and texts are passed by address: JavaScript
// reads and writes them in linear memory. A call that can fail returns false; failure() then stores the error in its
// record.
#include <emscripten/bind.h>
#include <emscripten/em_js.h>

#include <cstdint>
#include <cstdlib>

#include "base/threads.h"
#include "records.h"

// The entry point of a helper thread. It is in assembly because it has no stack until it has set the stack pointer.
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

// Throws a JavaScript error, which ends the engine, if a helper thread has died.
EM_JS(void, camelgpt_check_helpers, (), { Module["checkHelpers"](); })

namespace {

using namespace camelgpt;

double address(const void* pointer) { return static_cast<double>(reinterpret_cast<uintptr_t>(pointer)); }

struct Engine {
  Session* session = nullptr;
  Status status;
  Records records;
  // The inputs of the next call and the results of the last one.
  Buffer<char> text, output;
  Buffer<int32_t> tokens;
  // A text that is being tokenized, in buffers of its own: other calls may come in between.
  Buffer<char> encoded_text;
  Buffer<TextRange> literal;
  Buffer<int32_t> encoded;
  Buffer<char> stop_bytes;     // the stop strings of the next generation, one after the other
  Buffer<uint32_t> stop_ends;  // [stop strings] where each of them ends
  Buffer<LogitBias> logit_bias;

  void dispose() {
    session_destroy(session);
    session = nullptr;
  }

  bool keep(const Status& result) {
    status = result;
    return result.ok();
  }

  template <typename T>
  void show(std::span<T> array) {
    records.view = {reinterpret_cast<uintptr_t>(array.data()), static_cast<uint32_t>(array.size())};
  }
  void show(std::string_view text) { show(std::span(text)); }

  std::string_view text_of(uint32_t size) const { return {text.data(), size}; }
  std::span<const int32_t> tokens_of(uint32_t count) const { return {tokens.data(), count}; }
  Buffer<char>* new_output() {
    output.clear();
    return &output;
  }

  // --- exchange with JavaScript ---
  // Must be called first. Returns false if memory is exhausted.
  bool create() {
    session = session_create();
    return session != nullptr;
  }
  double recordsAddress() const { return address(&records); }
  // Sets all options to their defaults. JavaScript then writes those that the user has set.
  void resetOptions() {
    records.memory_options = {};
    records.generation_options = {};
    records.prune_options = {};
  }
  void failure() {
    records.failure = {error_code_name(status.code), status.message, status.expected, status.found, status.hint};
  }
  // The address of a buffer of `size` bytes for the next call; 0 if memory is exhausted.
  double textBuffer(uint32_t size) { return text.resize(size) ? address(text.data()) : 0; }
  // The address of a buffer of `count` token ids for the next call; 0 if memory is exhausted.
  double tokenBuffer(uint32_t count) { return tokens.resize(count) ? address(tokens.data()) : 0; }
  void showOutput() { show(output.span()); }
  void showTokens() { show(encoded.span()); }

  // --- loading ---
  uint32_t loadState() const { return static_cast<uint32_t>(session_load_state(session)); }
  void staging() { show(session_staging(session)); }
  bool feed(uint32_t size) { return keep(session_feed(session, size)); }
  void setHeaderLimit(double bytes) { session_set_header_limit(session, static_cast<uint64_t>(bytes)); }
  void setFileSize(double bytes) { session_set_file_size(session, static_cast<uint64_t>(bytes)); }
  bool endOfFile() { return keep(session_end_of_file(session)); }
  bool loadEagerly() { return keep(session_load_eagerly(session)); }
  void wanted() { records.wanted = session_wanted(session); }
  bool isComplete() const { return session_is_complete(session); }
  void requestRows(double request_bytes) {  // FileRange
    show(session_request_rows(session, static_cast<uint64_t>(request_bytes)));
  }
  // The number of bytes used; 0 after a failure.
  uint32_t feedRows(double from, uint32_t size) {
    size_t used = 0;
    keep(session_feed_rows(session, static_cast<uint64_t>(from), size, &used));
    return static_cast<uint32_t>(used);
  }
  void split() { records.split_state = session_split(session); }
  double fileBytes() const { return static_cast<double>(session_file_bytes(session)); }
  bool plan() { return keep(session_plan(session, records.memory_options, &records.memory_plan)); }
  bool allocate() { return keep(session_allocate(session, records.memory_options)); }

  // --- inspection ---
  bool info() { return keep(session_model_info(session, &records.model_info)); }
  bool metadataJson() { return keep(session_metadata_json(session, new_output())); }
  bool tensorsJson() { return keep(session_tensors_json(session, records.memory_plan.halves, new_output())); }
  bool metadataString(uint32_t key_size) {
    std::string_view value;
    const bool found = keep(session_metadata_string(session, text_of(key_size), &value));
    show(value);
    return found;
  }

  // --- text and tokens ---
  void notes() { show(session_notes(session)); }
  // The token buffer holds `literal_count` numbers: the bounds of the literal ranges.
  bool tokenize(uint32_t text_size, bool add_special, bool parse_special, bool is_rendered, uint32_t literal_count) {
    const std::span<const int32_t> bounds = tokens_of(literal_count);
    if (!literal.resize(bounds.size() / 2)) return keep(out_of_memory("the text", bounds.size_bytes()));
    for (size_t i = 0; i < literal.size(); ++i) {
      literal[i] = {static_cast<uint32_t>(bounds[2 * i]), static_cast<uint32_t>(bounds[2 * i + 1])};
    }
    encoded_text.swap(text);
    encoded.clear();
    return keep(session_tokenize_begin(session, {encoded_text.data(), text_size},
                                       {add_special, parse_special, is_rendered, literal.span()}, &encoded));
  }
  bool tokenizeMore(uint32_t budget) {
    bool done = false;
    const bool continued = keep(session_tokenize_continue(session, budget, &encoded, &done));
    if (done) encoded_text.release();
    records.activity_progress.state = done ? ActivityState::kDone : ActivityState::kMore;
    return continued;
  }
  double maxTextBytes() const { return static_cast<double>(session_max_text_bytes(session)); }
  bool detokenize(uint32_t count, bool keep_control) {
    return keep(session_detokenize(session, tokens_of(count), keep_control, new_output()));
  }
  bool piece(int32_t token) {
    std::string_view piece;
    const bool found = keep(session_piece(session, token, &piece));
    show(piece);
    return found;
  }

  // --- activities ---
  bool advance(uint32_t budget) { return keep(session_continue(session, budget, &records.activity_progress)); }
  double remaining() const { return static_cast<double>(session_remaining(session)); }
  uint32_t cachedTokens() const { return session_cached_tokens(session); }

  // Stop strings and logit biases of the next generation are added one by one.
  void clearConstraints() {
    stop_bytes.clear();
    stop_ends.clear();
    logit_bias.clear();
  }
  bool addStop(uint32_t text_size) {
    const bool added =
        stop_bytes.append(text.data(), text_size) && stop_ends.push_back(static_cast<uint32_t>(stop_bytes.size()));
    return keep(added ? Status{} : out_of_memory("the stop strings", stop_bytes.size()));
  }
  bool addLogitBias(int32_t token, double bias) {
    const bool added = logit_bias.push_back({token, static_cast<float>(bias)});
    return keep(added ? Status{} : out_of_memory("the logit biases", logit_bias.size() * sizeof(LogitBias)));
  }
  // The text buffer holds the grammar.
  bool generate(uint32_t token_count, uint32_t grammar_size, bool keep_control, uint32_t cache_salt,
                bool side_by_side) {
    Buffer<std::string_view> stops;
    if (!stops.resize(stop_ends.size())) return keep(out_of_memory("the stop strings", stop_bytes.size()));
    uint32_t begin = 0;
    for (size_t i = 0; i < stops.size(); ++i) {
      stops[i] = {stop_bytes.data() + begin, stop_ends[i] - begin};
      begin = stop_ends[i];
    }
    return keep(session_begin(session, GenerateRequest{.prompt = tokens_of(token_count),
                                                       .options = records.generation_options,
                                                       .stop_strings = stops.span(),
                                                       .logit_bias = logit_bias.span(),
                                                       .grammar = text_of(grammar_size),
                                                       .keep_control = keep_control,
                                                       .cache_salt = cache_salt,
                                                       .side_by_side = side_by_side}));
  }
  bool canRunBeside() const { return session_can_run_beside(session); }
  uint32_t slot() const { return session_slot(session); }
  bool resume(uint32_t slot) { return keep(session_resume(session, slot)); }
  void release(uint32_t slot) { session_release(session, slot); }
  // The token buffer holds the slots.
  bool evaluateTogether(uint32_t count) {
    return keep(session_evaluate_together(session, {reinterpret_cast<const uint32_t*>(tokens.data()), count}));
  }
  // The text buffer holds the text, then the grammar.
  bool match(uint32_t text_size, uint32_t grammar_size) {
    return keep(
        session_match(session, text_of(text_size), {text.data() + text_size, grammar_size}, &records.grammar_match));
  }
  bool removeTokens(uint32_t token_count, uint32_t from, uint32_t to) {
    return keep(session_remove_tokens(session, tokens_of(token_count), from, to));
  }
  uint32_t reusedTokens() const { return session_reused_tokens(session); }
  void step() { records.generation_step = session_generation_step(session); }
  void headMap() { show(session_head_map(session)); }          // uint8_t
  void openNeurons() { show(session_open_neurons(session)); }  // uint32_t
  void stepText() { show(session_text(session)); }
  void topTokens() { show(session_top_tokens(session)); }  // TokenProbability

  bool save() { return keep(session_begin(session, SaveRequest{})); }
  bool restore(double bytes) { return keep(session_begin(session, RestoreRequest{static_cast<uint64_t>(bytes)})); }

  bool evaluateMasks(uint32_t token_count, uint32_t prompt_count) {
    return keep(session_begin(session, PredictRequest{tokens_of(token_count), prompt_count}));
  }
  // Stores the log-probability in the step's record.
  bool predict(uint32_t position, int32_t token, uint32_t top) {
    records.generation_step = {.token = token};
    return keep(session_predict(session, position, token, top, &records.generation_step.logprob));
  }
  bool fill(uint32_t token_count) {
    return keep(session_begin(session, FillRequest{tokens_of(token_count), records.generation_options}));
  }
  void filled() { show(session_filled(session)); }

  // The token buffer holds the tokens of all texts, then for each text where it ends.
  bool embed(uint32_t token_count, uint32_t text_count, uint32_t pooling, bool normalize) {
    const uint32_t* const ends = reinterpret_cast<const uint32_t*>(tokens.data()) + token_count;
    return keep(enum_check(kPoolingNames, "pooling", pooling)) &&
           keep(session_begin(
               session,
               EmbedRequest{tokens_of(token_count), static_cast<Pooling>(pooling), normalize, {ends, text_count}}));
  }
  void embedding(uint32_t text) { show(session_embedding(session, text)); }  // float

  // The token buffer holds the tokens, then for each answer where it ends.
  bool score(uint32_t token_count, bool compare, uint32_t first, uint32_t answer_count) {
    const uint32_t* const ends = reinterpret_cast<const uint32_t*>(tokens.data()) + token_count;
    return keep(session_begin(session, ScoreRequest{tokens_of(token_count), compare, first, {ends, answer_count}}));
  }
  void scores() { show(session_scores(session)); }  // TokenScore
  double bytes() const { return static_cast<double>(session_bytes(session)); }

  // --- pruning ---
  bool setPruning() { return keep(session_set_pruning(session, records.prune_options)); }
  bool setTrainedFfn(double ffn) { return keep(session_set_trained_ffn(session, static_cast<float>(ffn))); }
  // Without tokens, resumes the calibration that another activity interrupted.
  bool calibrate(uint32_t token_count) {
    return keep(session_begin(session, CalibrateRequest{tokens_of(token_count)}));
  }
  bool sidecar() { return keep(session_sidecar(session, new_output())); }
  bool useSidecar(uint32_t size) {
    const bool used = keep(session_use_sidecar(session, {reinterpret_cast<const uint8_t*>(text.data()), size}));
    text.release();  // a sidecar takes megabytes
    return used;
  }
  // Takes the pruning options from their record and the beginning of a sidecar from the text buffer.
  void sidecarInfo(uint32_t size) {
    records.sidecar_info = sidecar_info({reinterpret_cast<const uint8_t*>(text.data()), size}, records.prune_options);
  }
  void pruneReport() { records.prune_report = session_prune_report(session); }
};

// A module has one engine, so plain functions suffice; Embind's classes would cost 10 KB of JavaScript.
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
// Sets the number of threads and returns the number that will compute. Must be called before memory is planned.
uint32_t setThreads(uint32_t count) {
  kernels_name();  // selects the kernels before other threads use them
  check_helpers = camelgpt_check_helpers;
  set_thread_count(count);
  return thread_count();
}
// The table index of the function entry(index, top of the stack) that a helper thread runs, in an instance of this
// module of its own.
double threadEntry() { return address(reinterpret_cast<const void*>(&camelgpt_thread)); }
// Allocates the stack of a helper thread and returns its top, or 0 if memory is exhausted. The stack is never freed.
double threadStack() {
  constexpr size_t kBytes = 64 << 10;
  uint8_t* stack = static_cast<uint8_t*>(std::aligned_alloc(16, kBytes));
  return address(stack == nullptr ? nullptr : stack + kBytes);
}
// The address of a flag that a helper thread sets if it fails.
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
  CAMELGPT_BIND(textBuffer)
  CAMELGPT_BIND(tokenBuffer)
  CAMELGPT_BIND(showOutput)
  CAMELGPT_BIND(showTokens)
  CAMELGPT_BIND(loadState)
  CAMELGPT_BIND(staging)
  CAMELGPT_BIND(feed)
  CAMELGPT_BIND(setHeaderLimit)
  CAMELGPT_BIND(setFileSize)
  CAMELGPT_BIND(endOfFile)
  CAMELGPT_BIND(loadEagerly)
  CAMELGPT_BIND(wanted)
  CAMELGPT_BIND(isComplete)
  CAMELGPT_BIND(requestRows)
  CAMELGPT_BIND(feedRows)
  CAMELGPT_BIND(split)
  CAMELGPT_BIND(fileBytes)
  CAMELGPT_BIND(plan)
  CAMELGPT_BIND(allocate)
  CAMELGPT_BIND(info)
  CAMELGPT_BIND(metadataJson)
  CAMELGPT_BIND(tensorsJson)
  CAMELGPT_BIND(metadataString)
  CAMELGPT_BIND(notes)
  CAMELGPT_BIND(tokenize)
  CAMELGPT_BIND(tokenizeMore)
  CAMELGPT_BIND(maxTextBytes)
  CAMELGPT_BIND(detokenize)
  CAMELGPT_BIND(piece)
  CAMELGPT_BIND(advance)
  CAMELGPT_BIND(remaining)
  CAMELGPT_BIND(cachedTokens)
  CAMELGPT_BIND(clearConstraints)
  CAMELGPT_BIND(addStop)
  CAMELGPT_BIND(addLogitBias)
  CAMELGPT_BIND(generate)
  CAMELGPT_BIND(canRunBeside)
  CAMELGPT_BIND(slot)
  CAMELGPT_BIND(resume)
  CAMELGPT_BIND(release)
  CAMELGPT_BIND(evaluateTogether)
  CAMELGPT_BIND(match)
  CAMELGPT_BIND(removeTokens)
  CAMELGPT_BIND(reusedTokens)
  CAMELGPT_BIND(step)
  CAMELGPT_BIND(stepText)
  CAMELGPT_BIND(topTokens)
  CAMELGPT_BIND(headMap)
  CAMELGPT_BIND(openNeurons)
  CAMELGPT_BIND(save)
  CAMELGPT_BIND(restore)
  CAMELGPT_BIND(evaluateMasks)
  CAMELGPT_BIND(predict)
  CAMELGPT_BIND(fill)
  CAMELGPT_BIND(filled)
  CAMELGPT_BIND(embed)
  CAMELGPT_BIND(embedding)
  CAMELGPT_BIND(score)
  CAMELGPT_BIND(scores)
  CAMELGPT_BIND(bytes)
  CAMELGPT_BIND(setPruning)
  CAMELGPT_BIND(setTrainedFfn)
  CAMELGPT_BIND(calibrate)
  CAMELGPT_BIND(sidecar)
  CAMELGPT_BIND(useSidecar)
  CAMELGPT_BIND(sidecarInfo)
  CAMELGPT_BIND(pruneReport)
#undef CAMELGPT_BIND
}
