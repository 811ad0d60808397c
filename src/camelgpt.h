// CamelGPT inference: the public C++ API.
//
// A Session holds one loaded model and up to kMaxSequences texts with their key/value caches. The bytes of a GGUF file
// go in piece by piece; tokens and text come out. The core contains no file, network or JavaScript code and throws no
// exceptions: every failure that input can cause is a Status.
//
//     Session* session = session_create();
//     // Loading: copy bytes to session_staging(), call session_feed(); call session_allocate() in state kPlanned.
//     session_tokenize(session, text, {}, &tokens);
//     session_begin(session, GenerateRequest{.prompt = tokens.span(), .options = options});
//     ActivityProgress progress;
//     do {
//       session_continue(session, 64, &progress);
//       show(session_text(session));
//     } while (progress.state != ActivityState::kDone);
//     session_destroy(session);
//
// In a byte-level model a token is a chunk of bytes. Chunk ids are assigned on first use and stay valid while a cached
// text contains the chunk or until the table of 65,536 chunks is full.
//
// A Session must be used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "base/file_range.h"
#include "base/record.h"
#include "base/status.h"
#include "base/text_range.h"
#include "generate/sampler.h"
#include "kernels/kv_layout.h"
#include "model/pooling.h"
#include "prune/options.h"

namespace camelgpt {

struct Session;

// Null if memory is exhausted.
Session* session_create();
void session_destroy(Session* session);

// ---------------------------------------------------------------------------------------------------------- loading

// The states of a load, in order.
enum class LoadState : uint8_t {
  kHeader,   // the header is arriving
  kPlanned,  // the header is complete and the model is known: call session_plan() and session_allocate()
  kWeights,  // tensor data is arriving
  kReady,    // all tensors are in place; after session_load_eagerly() all but rows of the embedding and output head
  kFailed,   // an earlier call failed; the session can only be destroyed
};
CAMELGPT_ENUM(LoadState, "header", "planned", "weights", "ready", "failed")
LoadState session_load_state(const Session* session);

// Where the caller writes the next bytes of the file, or of a saved state. Its size and address are fixed.
std::span<uint8_t> session_staging(Session* session);

// Takes the first `size` bytes of the staging buffer as the next bytes of the file. Bytes that follow the header in the
// same piece are kept for session_allocate(). Errors: everything that a hostile file can contain.
Status session_feed(Session* session, size_t size);

// Reports the end of the file: kTruncated unless the state is kReady.
Status session_end_of_file(const Session* session);

// Limits the size of the headers of all files together. Files with larger ones are kBadFormat. `bytes` is at most
// kGgufMaxHeaderBytes, and by default kGgufDefaultHeaderBytes.
void session_set_header_limit(Session* session, uint64_t bytes);

// The size in bytes of the file whose header is fed next, if the source knows it. Files that are too short for their
// tensors are then kTruncated as soon as the header is complete, before memory is planned.
void session_set_file_size(Session* session, uint64_t bytes);

// A split model: llama.cpp's gguf-split cut it into several files. Feed the headers of all files in order, then the
// rest of each file in order; the state is kHeader until the last header is complete. Positions count bytes in the
// order in which they are fed.
struct SplitState {
  uint32_t files;       // 0 before the first header is complete; 1: not split, and the other fields are unused
  uint32_t headers;     // complete so far
  size_t remaining;     // bytes at the end of the last piece that follow a header and were not taken
  uint64_t data_bytes;  // tensor data of the file whose header was completed last, to be fed later
};
extern const Record kSplitStateRecord;
SplitState session_split(const Session* session);

// The size of the file in bytes, according to its header; the sum of all files of a split model. 0 before kPlanned.
uint64_t session_file_bytes(const Session* session);

// How F32 matrices are stored. Half floats take half the memory; docs/accuracy.md gives the cost.
enum class FloatWeights : uint8_t {
  kAuto,   // unchanged if the plan fits, otherwise as half floats
  kExact,  // unchanged
  kHalf,   // as half floats; kBadTensor if a weight is too large for one
};
CAMELGPT_ENUM(FloatWeights, "auto", "exact", "f16")
CAMELGPT_ENUM(KvType, "q16", "q8")

// The memory that a model will occupy, in bytes. It is known once the header is complete.
struct MemoryPlan {
  uint64_t file_bytes;       // the file as the header describes it
  uint64_t weight_bytes;     // tensors, as panels and float vectors
  uint64_t cache_bytes;      // keys and values of all sequences at context_length
  uint64_t tokenizer_bytes;  // vocabulary and merge tables
  uint64_t workspace_bytes;  // activations, logits, sampling, drafts
  uint64_t prune_bytes;      // EPDP's tables and buffers
  uint64_t staging_bytes;
  uint64_t total_bytes;           // the sum of the six sizes above, without file_bytes
  uint32_t context_length;        // positions in the cache
  uint32_t model_context_length;  // positions the model was trained for
  bool halves;                    // whether F32 matrices are stored as half floats, see FloatWeights
};
extern const Record kMemoryPlanRecord;

// Options that determine the memory plan of a model.
struct MemoryOptions {
  uint32_t context_length = 0;    // positions; 0: the model's own, at most kDefaultContextLimit
  KvType kv_cache = KvType::k16;  // how keys and values are stored
  FloatWeights weights = FloatWeights::kAuto;
  // Number of texts that stay cached, each with its own keys and values. A prompt continues the text with which it
  // shares the longest prefix, or replaces the least recently used text with a copy of that prefix, whichever discards
  // fewer tokens.
  uint32_t sequences = 1;
  PruneOptions prune = {};   // pruning to reserve memory for
  float trained_ffn = 0;     // SidecarInfo::trained_ffn; 0: all neurons
  bool has_sidecar = false;  // SidecarInfo::used: single rows of the output head are read from the first step on
  uint64_t max_memory = 0;   // bytes available for the plan and for memory outside it; 0: all of the address space
};
extern const Record kMemoryOptionsRecord;
inline constexpr uint32_t kMaxSequences = 16;
inline constexpr uint32_t kDefaultContextLimit = 4096;

// Computes the plan. kBadOption for a context larger than the model's or too many sequences; kOutOfMemory, with the
// plan in *plan, if it exceeds max_memory. The state must be kPlanned.
Status session_plan(const Session* session, const MemoryOptions& options, MemoryPlan* plan);

// Allocates the memory of the plan in one block. The state becomes kWeights.
Status session_allocate(Session* session, const MemoryOptions& options);

// With eager loading, generation can start before the whole file has arrived: the embedding and the output head come
// last, and the rows that a step needs can be fed earlier. It requires a pruned output head (PruneOptions::head_rows);
// without one it has no effect.

// Switches to eager loading; session_wanted() then returns the bytes to feed next. The state must be kWeights.
Status session_load_eagerly(Session* session);

// The bytes of the file that session_feed() takes next. Empty if no more are needed.
FileRange session_wanted(const Session* session);
// Whether all weights are in place. A model that is ready but not complete can only generate; all other activities fail
// with kBadState.
bool session_is_complete(const Session* session);
// The rows that the last session_continue() lacked, after ActivityState::kNeedsWeights. They may be fed in any order,
// together with neighbouring rows. Empty: all remaining weights are needed.
std::span<const FileRange> session_missing(const Session* session);
// The ranges of the file to request for these rows: fewer and longer ones, with rows in between. `request_bytes`: bytes
// that arrive in the time that a request adds. A load makes 60 requests at most; empty if the remaining weights arrive
// hardly later than the rows would, or if the requests are used up.
std::span<const FileRange> session_request_rows(Session* session, uint64_t request_bytes);
// Takes the whole rows among the first `size` bytes of the staging buffer, which lie at position `from` of the file.
// *used says how many bytes they have. kBadInput if there is no whole row.
Status session_feed_rows(Session* session, uint64_t from, size_t size, size_t* used);

// ------------------------------------------------------------------------------------------------------- inspection

enum class ModelKind : uint8_t {
  kCausal,   // predicts the next token
  kMasked,   // predicts masked tokens, and generates text by filling masks
  kEncoder,  // computes hidden states only
};
CAMELGPT_ENUM(ModelKind, "causal", "masked", "encoder")
CAMELGPT_ENUM(Pooling, "model", "mean", "first", "last")

// The sampling options that the file recommends for its model, in the metadata general.sampling.*; negative: none.
struct RecommendedSampling {
  float temperature = -1;
  int32_t top_k = -1;
  float top_p = -1;
  float min_p = -1;
  float repeat_penalty = -1;
  int32_t repeat_last = -1;
  float xtc_probability = -1;
  float xtc_threshold = -1;
};
extern const Record kRecommendedSamplingRecord;

// The properties of a model, available from kPlanned.
struct ModelInfo {
  ModelKind kind;
  std::string_view architecture;  // general.architecture
  uint64_t parameters;            // weights in all tensors
  uint32_t layers, hidden, heads, kv_heads, head_width, ffn, vocabulary;
  uint64_t macs_per_token;  // multiply-adds of one decode step in matrices, without those of attention itself; 0 before
                            // session_allocate()
  int32_t bos_token, eos_token, mask_token;  // -1 if the model has none
  bool wants_composed_text;                  // session_tokenize() expects text in Unicode normalization form C
  RecommendedSampling sampling;              // values that SamplerOptions does not accept are left out, with a note
};
extern const Record kModelInfoRecord;
Status session_model_info(const Session* session, ModelInfo* info);

// The metadata as JSON, appended to *json. Available from kPlanned until the weights are complete, like the tensors.
Status session_metadata_json(const Session* session, Buffer<char>* json);
// The tensor table as JSON. `halves` is MemoryPlan::halves: whether F32 matrices are listed as half-float panels.
Status session_tensors_json(const Session* session, bool halves, Buffer<char>* json);
// A metadata string that outlives the header: general.name, general.architecture, tokenizer.chat_template or
// camelgpt.tasks. Empty if the file lacks the key; kBadInput for any other key. The view lives as long as the session.
Status session_metadata_string(const Session* session, std::string_view key, std::string_view* value);

// Oddities of the file that do not prevent its use, a line each.
std::string_view session_notes(const Session* session);

// The name of the kernels in use, for example "relaxed dot32".
const char* kernels_name();

// -------------------------------------------------------------------------------------------------------------- text

struct TokenizeOptions {
  bool add_special = true;    // add BOS and EOS if the model's metadata asks for them
  bool parse_special = true;  // read control tokens written out in the text (`<|im_end|>`) as tokens
  // The text is a rendered chat: add no EOS, and BOS only if the text does not begin with it. Without add_special it is
  // the continuation of one: no space is put before it.
  bool is_rendered = false;
  std::span<const TextRange> literal = {};  // sorted byte ranges in which control tokens are plain text
};

// Appends the token ids of `text` to *tokens. kBadInput if the text is not valid UTF-8.
Status session_tokenize(Session* session, std::string_view text, const TokenizeOptions& options,
                        Buffer<int32_t>* tokens);
// The same as session_tokenize(), but in steps. The text and the options' memory must stay unchanged until the end, and
// *tokens is incomplete until then. A text that is begun later replaces one that has not ended.
Status session_tokenize_begin(Session* session, std::string_view text, const TokenizeOptions& options,
                              Buffer<int32_t>* tokens);
// Continues for about `budget` bytes of text. *done: the tokens are complete.
Status session_tokenize_continue(Session* session, size_t budget, Buffer<int32_t>* tokens, bool* done);
// A longer text does not fit into the context of a loaded model. This is known before the text is tokenized.
uint64_t session_max_text_bytes(const Session* session);
// Appends the text of the tokens to *text, always whole characters; invalid UTF-8 becomes U+FFFD. Control tokens are
// omitted unless `keep_control`. kBadInput for an id outside the vocabulary.
Status session_detokenize(const Session* session, std::span<const int32_t> tokens, bool keep_control,
                          Buffer<char>* text);
// The written form of one token: raw bytes, possibly an incomplete character. Empty for an id outside the vocabulary.
// The view is valid until the next call that tokenizes or generates.
Status session_piece(const Session* session, int32_t token, std::string_view* piece);

// -------------------------------------------------------------------------------------------------------- activities

// A session works on one activity at a time: session_begin() starts it, session_continue() advances it in small steps
// so that the caller can report progress or stop in between. Beginning an activity ends the previous one; an
// interrupted generation stays in the cache, and a prompt that repeats it is not evaluated again.

// How a generation chooses and reports tokens.
struct GenerationOptions {
  SamplerOptions sampler = {};
  uint32_t max_tokens = 256;   // at least 1
  uint32_t min_tokens = 0;     // never choose an end token before this many tokens; not for masked models
  uint32_t logprobs = 0;       // most probable tokens to report for each step, at most kMaxLogprobs
  uint32_t steps = 3;          // masked models: steps to decide one block of the answer, at least 1
  bool ignore_eos = false;     // never choose an end token
  bool context_shift = false;  // continue past the end of the context, see kShiftKept; causal models only
};
extern const Record kGenerationOptionsRecord;
inline constexpr uint32_t kMaxLogprobs = 20;

// Generates text after a prompt. The longest prefix of the prompt that a cached sequence holds is not evaluated again.
// Errors: kBadOption names the option, stop string or bias; kContextOverflow if the prompt leaves no room for one more
// token; kBadInput for an empty prompt or an unknown token id; kUnsupportedTask for encoders, and for a grammar with a
// masked model; those of grammar_compile(). session_continue() returns kBadGrammar if no token of the vocabulary
// continues the text as the grammar asks.
struct GenerateRequest {
  std::span<const int32_t> prompt;
  GenerationOptions options;
  std::span<const std::string_view> stop_strings = {};  // UTF-8; the text ends before the first of them
  std::span<const LogitBias> logit_bias = {};           // added to the logits; -infinity forbids a token
  // The language of the answer in GBNF (docs/grammar.md); empty: any text. The answer ends with FinishReason::kStop
  // where nothing can follow. Stretches without a choice join it without being chosen, unless logprobs are reported.
  std::string_view grammar = {};
  bool keep_control = false;  // the text contains the written form of control tokens, except for end tokens
  // Only texts with the same salt share cached prefixes.
  uint32_t cache_salt = 0;
  // The generation keeps its sequence, a slot, until session_release(), and others can begin side by side with it.
  // session_can_run_beside() says whether the model can; kUnsupportedTask otherwise, and kBadState if no slot is free.
  bool side_by_side = false;
};
Status session_begin(Session* session, const GenerateRequest& request);

// Generations side by side: up to MemoryOptions::sequences of them are in progress. Before each session_continue(),
// make the generation the activity with session_resume(); results are then read as those of any activity. Their tokens
// are the same as without the others, bit for bit, but they do not select neurons for their prompts. Beginning an
// activity of another kind, or a generation that is not side by side, releases all slots.

// Whether generations side by side are possible now: there are several sequences, the model is causal, has a vocabulary
// and is complete, and no neurons are selected for prompts.
bool session_can_run_beside(const Session* session);
// The slot of the activity, a generation side by side, below kMaxSequences.
uint32_t session_slot(const Session* session);
// Makes the generation in a slot the activity. kBadState if the slot is free.
Status session_resume(Session* session, uint32_t slot);
// Frees a slot, whether its generation is done or not. Its text stays cached.
void session_release(Session* session, uint32_t slot);
// Evaluates the last tokens of those of these generations whose next step needs just that, in one forward pass. The
// next session_continue() of each takes its result, and must come before another call of this function. kBadState if a
// slot is free or has a result that was not taken.
Status session_evaluate_together(Session* session, std::span<const uint32_t> slots);

// How far a text belongs to the language of a grammar.
struct GrammarMatch {
  uint32_t matched;  // bytes before the first one that cannot come next
  bool complete;     // whether these bytes are a text of the language
};
extern const Record kGrammarMatchRecord;
// Compares a text with a grammar, whose token literals match nothing. Ends the activity. Errors: those of
// grammar_compile().
Status session_match(Session* session, std::string_view text, std::string_view grammar, GrammarMatch* match);

// Evaluates a text with masks for session_predict(). Masked models only: kUnsupportedTask for others.
struct PredictRequest {
  std::span<const int32_t> tokens;
  size_t prompt_count = 0;  // leading tokens that attend only to one another, like the prompt of an answer
};
Status session_begin(Session* session, const PredictRequest& request);

// Removes the tokens [from, to) from the cached text that shares the longest prefix with `text`. The cached tokens
// after them stay, with their keys rotated to their new positions. They were computed while the removed tokens were
// visible, so that an answer may differ from one to the shorter text. Does nothing if no sequence holds more than `to`
// tokens of the text. Ends the activity. kUnsupportedTask if the model has other than rotary positions, or
// convolutions; kBadInput for an unknown token id or a range beyond the text.
Status session_remove_tokens(Session* session, std::span<const int32_t> text, uint32_t from, uint32_t to);

// Replaces every mask of a text in `options.steps` steps; session_filled() has the result. Masked models only.
struct FillRequest {
  std::span<const int32_t> tokens;
  GenerationOptions options;
};
Status session_begin(Session* session, const FillRequest& request);

// Computes the log-probability of every token from `first` on. By default the cache is empty at the start, and if
// neurons are selected per prompt, the first quarter of the tokens is the prompt. Steps are pruned as in a generation.
// Causal models only.
struct ScoreRequest {
  std::span<const int32_t> tokens;
  bool compare = false;  // also evaluate the dense model
  // The first token to score. If it is above 1, the tokens before it are a prompt, which is evaluated as that of a
  // generation: unless it is cached, and without logits.
  uint32_t first = 1;
  // [answers] If not empty, `first` tokens are a prompt, and the tokens after it are answers to it, each by itself.
  // This is where each answer ends in `tokens`, ascending. The prompt is evaluated once, and short answers share
  // forward passes. Their steps are not pruned, and `compare` has no effect.
  std::span<const uint32_t> ends = {};
};
Status session_begin(Session* session, const ScoreRequest& request);

// Pools the hidden states of each text into one vector. Short texts share forward passes; the vector of a text does not
// depend on the others. Several texts leave an empty cache.
struct EmbedRequest {
  std::span<const int32_t> tokens;  // of all texts, one text after the other
  Pooling pooling = Pooling::kOfModel;
  bool normalize = true;                // scale the vectors to length 1
  std::span<const uint32_t> ends = {};  // [texts] where each text ends in `tokens`, ascending; empty: one text
};
Status session_begin(Session* session, const EmbedRequest& request);

// Learns what EPDP may skip from representative text of at least kMinCalibrationTokens tokens, which takes seconds.
// Without tokens, resumes a calibration that another activity interrupted; kBadState if there is none.
struct CalibrateRequest {
  std::span<const int32_t> tokens = {};
};
Status session_begin(Session* session, const CalibrateRequest& request);
inline constexpr uint32_t kMinCalibrationTokens = 256;

// Saves the most recently used text with its keys and values; docs/formats.md describes the bytes. In another session
// of the same model file and KvType, a prompt that begins with this text continues from there with the same results.
// kBadState if the cache holds no text, kUnsupportedTask for encoders.
struct SaveRequest {};
Status session_begin(Session* session, const SaveRequest& request);

// Restores a saved state of `bytes` bytes into the least recently used sequence. The bytes need not be trusted. Errors:
// kTruncated, kBadFormat, kUnsupportedVersion, kBadInput (another model or KvType), kContextOverflow. After an error in
// the first 40 bytes the cache is unchanged; after a later one the sequence is empty.
struct RestoreRequest {
  uint64_t bytes = 0;
};
Status session_begin(Session* session, const RestoreRequest& request);

enum class ActivityState : uint8_t {
  kDone,          // finished: results are available; kBadState to continue
  kMore,          // call session_continue() again
  kNeedsWeights,  // eager loading: feed what session_missing() lists (all weights if it is empty), then call again
};
CAMELGPT_ENUM(ActivityState, "done", "more", "needsWeights")

struct ActivityProgress {
  ActivityState state = ActivityState::kDone;
  uint64_t processed = 0;  // by this call: tokens evaluated or chosen, masks decided, bytes transferred
  uint64_t remaining = 0;  // tokens to evaluate (of a generation: of its prompt), calibration steps, or bytes
};
extern const Record kActivityProgressRecord;

// Advances the activity. `budget` limits the work of one call: the tokens to evaluate, the bytes of a SaveRequest to
// write to the staging buffer, or the bytes of a RestoreRequest to read from its start. A generation first evaluates
// its prompt, then chooses one token per call. Non-causal models evaluate a text in a single call. Calibration ignores
// the budget. An error ends the activity. kBadState if no activity is running.
Status session_continue(Session* session, uint32_t budget, ActivityProgress* progress);

// The current value of ActivityProgress::remaining.
uint64_t session_remaining(const Session* session);

// --- results of generations ---

enum class FinishReason : uint8_t {
  kNone,    // not finished
  kStop,    // the end token, a stop string, or the end of the grammar's language
  kLength,  // max_tokens or the end of the context
};
CAMELGPT_ENUM(FinishReason, "none", "stop", "length")

extern const Record kTokenProbabilityRecord;

// The result of the last session_continue() on a generation.
struct GenerationStep {
  int32_t token = -1;  // the token that was chosen; -1 if none was
  float logprob = 0;   // NaN unless GenerationOptions::logprobs asks for it
  FinishReason finish = FinishReason::kNone;
  uint32_t head_rows = 0;  // rows of the output head that were scored exactly for the token; 0: none
  float expected_kl = 0;   // expected divergence of the pruned step from the dense one, in nats; 0: it was dense
};
extern const Record kGenerationStepRecord;
GenerationStep session_generation_step(const Session* session);

// How many rows of the output head the last step selected, to score them exactly, in each stretch of kHeadMapRows rows;
// empty if it selected none: if it was dense, or scored the few tokens that a grammar allows.
std::span<const uint8_t> session_head_map(const Session* session);
// How many neurons of each layer were open for the last token, for models whose gates are ReLUs: the others were
// skipped. 0 for layers that skip none.
std::span<const uint32_t> session_open_neurons(const Session* session);
// The text that the step adds: whole characters that cannot become part of a stop string, possibly none. The last step
// adds everything that was held back.
std::string_view session_text(const Session* session);
// The most probable tokens of the last step, or of session_predict(), most probable first.
std::span<const TokenProbability> session_top_tokens(const Session* session);
// Prompt tokens that were already in the cache.
uint32_t session_reused_tokens(const Session* session);

// Statistics of draft verification in this generation.
struct DraftCounts {
  uint64_t batches = 0;   // forward passes with drafts
  uint64_t drafted = 0;   // draft tokens in them
  uint64_t accepted = 0;  // draft tokens that were chosen
};
DraftCounts session_draft_counts(const Session* session);

// With GenerationOptions::context_shift, a full context drops the older half of its text, except for the first
// min(kShiftKept, context / 4) tokens, and evaluates the rest again.
inline constexpr uint32_t kShiftKept = 32;

// --- results of other activities; empty, or kBadState, unless the activity is done ---

// Computes the distribution at a position from PredictRequest::prompt_count on: the log-probability of `token` (of
// token 0 if negative) in *logprob, and the `top` (at most kMaxLogprobs) most probable tokens in session_top_tokens().
// kBadInput for other positions and unknown tokens.
Status session_predict(Session* session, uint32_t position, int32_t token, uint32_t top, float* logprob);

// The tokens of a FillRequest, with every mask replaced.
std::span<const int32_t> session_filled(const Session* session);

struct TokenScore {
  float logprob;        // of the given token, nats
  int32_t best;         // the most probable token
  float dense_logprob;  // of the given token in the dense model, if ScoreRequest::compare
  int32_t dense_best;   // the most probable token of the dense model
  float kl;             // KL divergence of the pruned distribution from the dense one, nats
};
extern const Record kTokenScoreRecord;
// The scores of the tokens of the ScoreRequest from ScoreRequest::first on.
std::span<const TokenScore> session_scores(const Session* session);

// The vector [hidden] of a text of an EmbedRequest.
std::span<const float> session_embedding(const Session* session, size_t text = 0);

// The size of the answer so far, or of the scored tokens, in bytes; -1 unless the model is byte-level.
int64_t session_bytes(const Session* session);

// The number of cached tokens of the most recently used text, which a SaveRequest would save.
uint32_t session_cached_tokens(const Session* session);

// ------------------------------------------------------------------------------------------------------------- pruning

// Sets what EPDP may skip. Generations continue with their next steps, for which no neurons are selected; any other
// activity ends. Steps stay dense until a calibration or a sidecar says what is safe to skip. kBadOption names
// the option and its range; kBadState if the load reserved no memory for it. Byte-level models always stay dense.
Status session_set_pruning(Session* session, const PruneOptions& options);

// Declares that the model was trained to answer with this share of its neurons (PruneOptions::ffn); 0: it was not. The
// sidecar records the share, and the modes then compute only these neurons if memory was reserved for them. Call it
// before a calibration, or instead of one if the output head is too small to be pruned.
Status session_set_trained_ffn(Session* session, float ffn);

// Appends the sidecar (model.epdp), the result of a calibration. kBadState before a calibration.
Status session_sidecar(const Session* session, Buffer<char>* bytes);
// Uses a sidecar instead of calibrating. kBadFormat, kTruncated, kUnsupportedVersion; kBadInput if it belongs to
// another model.
Status session_use_sidecar(Session* session, std::span<const uint8_t> bytes);

// Statistics of EPDP in the latest generation.
struct PruneReport {
  bool calibrated;
  bool has_large_head;  // whether the output head is large enough to be pruned
  bool head_reserved;   // whether there is memory for a pruned head
  uint32_t head_rows;   // rows of the output head that a step currently scores exactly
  uint32_t kv_tokens;   // positions that attention was allowed to read in the last step
  float ffn_kept;       // share of the feed-forward neurons that were computed, 0 to 1; less than 1 only if the gate
                        // is a ReLU or neurons were selected for the prompt
  uint64_t macs_per_token;        // mean multiply-adds of a decode step in matrices; closed gates count as computed
  uint64_t macs_per_token_dense;  // of a dense step
  uint64_t drift_checks;          // pruned steps that were compared with a dense one
  uint64_t drift_events;          // checks that found too much drift; later steps prune less
  float mean_kl;                  // mean KL divergence of the checks, nats a token; negative if there was none
  uint64_t drafted;               // tokens that were evaluated as drafts
  uint64_t accepted;              // drafts that were chosen
  MeasuredCost costs[kMeasuredCosts];  // of the modes exact, balanced and aggressive; zero before a calibration
};
extern const Record kPruneReportRecord;
PruneReport session_prune_report(const Session* session);

// The logits after the last evaluated token, for tests and tools: [vocabulary], or [chunk length, 258] in a byte-level
// model.
std::span<const float> session_logits(const Session* session);

}  // namespace camelgpt
