// CamelGPT inference: the public C++ API.
//
// One Session is one loaded model with its key/value cache. Bytes of a GGUF file go in, in pieces; tokens and text come
// out. There is no file, network or JavaScript code below this line, and no exception: whatever comes from outside is
// answered with a Status.
//
//     Session* session = session_create();
//     while (bytes left) { copy some to session_staging(session); session_feed(session, n); allocate when planned; }
//     session_tokenize(...); session_prompt(...);
//     while (session_prefill(...) has tokens left) {}
//     while (session_step(...) says kContinue) { show session_output(session); }
//     session_destroy(session);
//
// Where a model reads and writes bytes, a token is a chunk of them, and its id stands for it as long as it is in the
// history or was in use of late.
//
// A Session is used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/file_range.h"
#include "base/record.h"
#include "base/status.h"
#include "generate/options.h"
#include "kernels/kv_layout.h"
#include "model/config.h"
#include "prune/options.h"

namespace camelgpt {

struct Session;

// Null when there is no memory.
Session* session_create();
void session_destroy(Session* session);

// ---------------------------------------------------------------------------------------------------------- loading

// Where a load stands. It goes from top to bottom.
enum class LoadState : uint8_t {
  kHeader,   // the header is arriving
  kPlanned,  // the header is complete and the model is known: ask session_plan, then call session_allocate
  kWeights,  // tensor data are arriving
  kReady,    // every tensor is in place, or after session_load_eagerly all that steps cannot do without
  kFailed,   // an earlier call failed; the session can only be destroyed
};
CAMELGPT_ENUM(LoadState, "header", "planned", "weights", "ready", "failed")
LoadState session_load_state(const Session* session);

// Where the caller writes the next bytes of the file. Fixed size (kStagingBytes), fixed place.
std::span<uint8_t> session_staging(Session* session);

// Takes the first `size` bytes of the staging buffer as the next bytes of the file. While the state becomes kPlanned
// some of them may be weights: they are kept, and taken by session_allocate. Errors: everything a hostile file can
// contain.
Status session_feed(Session* session, size_t size);

// The file has no more bytes: kTruncated unless the state is kReady.
Status session_end_of_file(const Session* session);

// A model that is split into several files (llama.cpp's gguf-split). The header of each file is fed, in order, and then
// what follows the header of each, in order; the state is kHeader until the last header is complete. Positions are
// those in what was fed.
struct SplitState {
  uint32_t files;       // 0 before the first header is complete; 1: the model is not split, and nothing below matters
  uint32_t headers;     // complete headers
  size_t left;          // bytes at the end of the last piece that were not taken, because a header ended before them
  uint64_t data_bytes;  // bytes to feed later: those that follow the last complete header in its file
};
extern const Record kSplitStateRecord;
SplitState session_split(const Session* session);

// Size that the header promises for the whole file, in bytes; of a split model for all files; 0 before kPlanned.
uint64_t session_file_bytes(const Session* session);

// How matrices of F32 are kept. As halves they take half of the memory; docs/accuracy.md gives the cost.
enum class FloatWeights : uint8_t {
  kAuto,   // unchanged if the plan fits, else as halves
  kExact,  // unchanged
  kHalf,   // as halves; kBadTensor if a number is too large for one
};
CAMELGPT_ENUM(FloatWeights, "auto", "exact", "f16")
CAMELGPT_ENUM(KvType, "q16", "q8")

// What the model will occupy, in bytes. Known when the header is.
struct MemoryPlan {
  uint64_t file_bytes;       // the file as the header describes it
  uint64_t weight_bytes;     // tensors as panels and float vectors
  uint64_t cache_bytes;      // keys and values at context_length, of all sequences
  uint64_t tokenizer_bytes;  // vocabulary and merge tables
  uint64_t workspace_bytes;  // activations, logits, sampling, drafts
  uint64_t prune_bytes;      // EPDP's memory beside the model
  uint64_t staging_bytes;
  uint64_t total_bytes;           // the sum of the six parts in memory
  uint32_t context_length;        // positions in the cache
  uint32_t model_context_length;  // positions the model was trained for
  bool halves;                    // whether matrices of F32 are kept as halves, see FloatWeights
};
extern const Record kMemoryPlanRecord;

// What memory depends on beside the model.
struct MemoryOptions {
  uint32_t context_length = 0;    // positions; 0: the model's own, at most kDefaultContextLimit
  KvType kv_cache = KvType::k16;  // how keys and values are stored
  FloatWeights weights = FloatWeights::kAuto;
  // Texts that stay cached, each with keys and values of its own. A prompt continues the text with which it shares the
  // longest beginning, if that forgets the least; otherwise it replaces the least recently used text and starts with a
  // copy of the shared beginning.
  uint32_t sequences = 1;
  PruneOptions prune = {};    // pruning to reserve memory for
  float trained_ffn = 0;      // SidecarInfo::trained_ffn; 0: all neurons
  uint64_t limit = SIZE_MAX;  // bytes that the plan and the memory beside it may take
};
extern const Record kMemoryOptionsRecord;
inline constexpr uint32_t kMostSequences = 16;
inline constexpr uint32_t kDefaultContextLimit = 4096;

// kBadOption where the context is larger than the model's, or the sequences are too many (1 to kMostSequences, of
// models that read bytes at most 32,768 tokens in all); kOutOfMemory with the plan where it does not fit the limit. The
// state is kPlanned.
Status session_plan(const Session* session, const MemoryOptions& options, MemoryPlan* plan);

// Makes the one allocation of the plan. The state goes from kPlanned to kWeights.
Status session_allocate(Session* session, const MemoryOptions& options);

// Eager loading: text before the whole file is there. The embedding and the output head come last; what single steps
// need of them, some rows, can be fed before. Only where EPDP was given room for a pruned head; elsewhere nothing
// changes.

// The state is kWeights. From then on session_wanted says which bytes come next.
Status session_load_eagerly(Session* session);

// The bytes of the file that session_feed takes next. A new place begins with a call of its own. Nothing (from = to):
// no more are needed.
FileRange session_wanted(const Session* session);
// Whether all weights are there. Before that a model that is ready does nothing but generate: all else is kBadState.
bool session_is_whole(const Session* session);
// Where a call of session_prefill or session_step could not go on: the rows that it needs, which may be read and fed in
// any order and together with other rows beside them. The call is then to be repeated. None: it needs the rest of the
// weights.
std::span<const FileRange> session_missing(const Session* session);
// Takes the first `size` bytes of the staging buffer as whole rows that lie at `from` in the file. kBadInput where they
// are none.
Status session_feed_rows(Session* session, uint64_t from, size_t size);

// ------------------------------------------------------------------------------------------------------- inspection

// What a model is for.
enum class ModelKind : uint8_t {
  kCausal,   // says what comes next
  kMasked,   // says what stands in place of masks, and answers so too
  kEncoder,  // gives hidden states only
};
CAMELGPT_ENUM(ModelKind, "causal", "masked", "encoder")
CAMELGPT_ENUM(Pooling, "model", "mean", "first", "last")

// What the model is. The state is kPlanned or later.
struct ModelInfo {
  ModelKind kind;
  std::string_view architecture;  // as general.architecture says
  uint64_t parameters;            // weights in all tensors
  uint32_t layers, hidden, heads, kv_heads, head_width, ffn, vocabulary;
  uint64_t macs_per_token;  // multiply-adds of one decode step in matrices (attention's own excluded); 0 before
                            // session_allocate
  int32_t bos_token, eos_token, mask_token;  // -1 where the model has none
  bool wants_composed_text;  // texts must be in Unicode's normalization form C: session_tokenize does not compose
};
extern const Record kModelInfoRecord;
Status session_model_info(const Session* session, ModelInfo* info);

// JSON into session_output, as long as the header is in memory: from kPlanned until the weights are complete.
Status session_metadata_json(Session* session);
Status session_tensors_json(Session* session, bool halves);  // halves: as the plan says
// A string value of the metadata into session_output; empty where the key is absent. The key is the text (see below),
// one of those that are kept: general.name, general.architecture, tokenizer.chat_template, camelgpt.tasks.
Status session_metadata_string(Session* session, size_t key_size);

// Name of the kernels in use, for example "relaxed dot32".
const char* kernels_name();

// -------------------------------------------------------------------------------------------------------------- text

// A buffer for `size` bytes of UTF-8 that the caller fills in, for the calls below that read "the text". Null: no
// memory.
char* session_text_buffer(Session* session, size_t size);
// A buffer for `count` token ids likewise ("the tokens"). Null: no memory.
int32_t* session_token_buffer(Session* session, size_t count);
// The tokens: what session_tokenize made or the caller wrote.
std::span<const int32_t> session_tokens(const Session* session);
// The text that the last call made (UTF-8).
std::string_view session_output(const Session* session);

// The text → the tokens. kBadInput where the text is not UTF-8.
Status session_tokenize(Session* session, size_t text_size, bool add_special, bool parse_special);
// The tokens → session_output, whole characters only; what is not UTF-8 becomes U+FFFD.
Status session_detokenize(Session* session, size_t token_count, bool keep_control);
// The written form of one token → session_output (may be a part of a character: raw bytes).
Status session_piece(Session* session, int32_t token);

// -------------------------------------------------------------------------------------------------------- generation

struct GenerationOptions {
  SamplerOptions sampler = {};
  uint32_t max_tokens = 256;   // at least 1
  uint32_t logprobs = 0;       // how many of the most probable tokens a step reports, at most kMaxLogprobs
  uint32_t steps = 3;          // steps in which a masked model decides a block of its answer, at least 1
  bool ignore_eos = false;     // forbid the end tokens
  bool context_shift = false;  // continue when the context is full, see session_shift; not for masked models
};
extern const Record kGenerationOptionsRecord;
inline constexpr uint32_t kMaxLogprobs = 20;

// Sets the options and forgets stop strings and biases. kBadOption names the option, its range and the value found.
Status session_configure(Session* session, const GenerationOptions& options);
// Adds a stop string: the text. Generation ends before it; it may span tokens.
Status session_add_stop(Session* session, size_t text_size);
// Adds to the logit of one token; -infinity forbids it.
Status session_add_logit_bias(Session* session, int32_t token, float bias);

// Starts a generation after the first `token_count` tokens of the token buffer. What the cache already holds of them is
// kept. kContextOverflow where they leave no room for one more token; kBadInput where there is none or an id is not in
// the vocabulary; kUnsupportedTask for encoders.
Status session_prompt(Session* session, size_t token_count);
// Prompt tokens that the cache already held.
uint32_t session_reused_tokens(const Session* session);
// Evaluates at most `max_tokens` of the prompt. *left is what remains: call again until it is 0. Where it is as much as
// before, session_missing says why.
Status session_prefill(Session* session, uint32_t max_tokens, uint32_t* left);

// Drafts: tokens that followed when the text went as it goes now, evaluated together with the last token where they are
// likely to be right. They change how long steps take and nothing else: each token is chosen as it would be without
// them. Off at first.
Status session_set_drafts(Session* session, bool use);
// What became of them in this generation.
struct DraftCounts {
  uint64_t batches = 0;   // evaluations with drafts
  uint64_t drafted = 0;   // tokens in them beside the last ones
  uint64_t accepted = 0;  // of these, tokens that were chosen
};
DraftCounts session_draft_counts(const Session* session);

enum class StepResult : uint8_t {
  kContinue = 0,
  kStop = 1,     // the end token or a stop string
  kLength = 2,   // max_tokens or the context is reached
  kFull = 3,     // with context_shift: the context is reached
  kMissing = 4,  // nothing was chosen: weights are missing, see session_missing
};
CAMELGPT_ENUM(StepResult, "continue", "stop", "length", "full", "missing")
// Chooses one token and shows its text in session_output: whole characters that cannot be part of a stop string any
// more, possibly none. With kStop or kLength the output is the rest of the text.
Status session_step(Session* session, StepResult* result);

// After kFull: forgets the older half of the text but for its first tokens (kShiftKept, or a quarter of the context if
// that is less). What is left is evaluated anew, as a prompt: call session_prefill until nothing is left, then step on.
// kBadState where the context is not full.
Status session_shift(Session* session);
inline constexpr uint32_t kShiftKept = 32;

// The token of the last step, and what was probable then, most probable first (natural logarithms, before any sampling
// option).
struct TokenProbability {
  int32_t token;
  float logprob;
};
extern const Record kTokenProbabilityRecord;
TokenProbability session_last_token(const Session* session);
std::span<const TokenProbability> session_top_tokens(const Session* session);

// The following are for masked models; for others they are kUnsupportedTask.

// Evaluates the first `token_count` tokens of the token buffer, masks among them: all see one another; but the first
// `prompt_count` see only themselves, as the prompt of an answer does (0: there is no prompt).
Status session_predict_begin(Session* session, size_t token_count, size_t prompt_count);
// What may stand at a position behind the prompt: session_top_tokens has the `top` most probable tokens (at most
// kMaxLogprobs), session_last_token the probability of `token`.
Status session_predict(Session* session, uint32_t position, int32_t token, uint32_t top);
// Decides all masks among the first `token_count` tokens of the token buffer in GenerationOptions::steps, and puts what
// they became in their place.
Status session_fill(Session* session, size_t token_count);

// -------------------------------------------------------------------------------------------------------- saved states

// A state is the text that the cache holds (of a generation its prompt and the answer so far; of a masked model the
// prompt) with its keys and values, as bytes that pass through session_staging a piece at a time. In another session of
// the same model file, with the same type of keys and values, a prompt that begins with that text then goes on from
// there, as it would in this one.

// Tokens of that text.
uint32_t session_cached_tokens(const Session* session);

// Starts to save; a generation is over with it. *bytes: how many there will be. kBadState where the cache holds no
// text, kUnsupportedTask for encoders.
Status session_save_begin(Session* session, uint64_t* bytes);
// Puts the next of them into the staging buffer and says how many that are: 0 when all were given.
size_t session_save_continue(Session* session);

// Starts to take a state of so many bytes: kTruncated where these are too few. kUnsupportedTask for encoders.
Status session_restore_begin(Session* session, uint64_t bytes);
// Takes the first `size` bytes of the staging buffer as the next of them; with the last ones the state is in place. Any
// bytes may come: kTruncated, kBadFormat, kUnsupportedVersion, kBadInput (another model, another type of keys and
// values), kContextOverflow. The cache then holds what it held, where the first 40 bytes are wrong, or nothing. Another
// use of the cache in between ends it: kBadState.
Status session_restore_continue(Session* session, size_t size);

// ----------------------------------------------------------------------------------------------------------- embedding

// Starts to evaluate the first `token_count` tokens of the token buffer as a text, whose vector is the mean of the
// hidden states of its tokens, or that of the first or last one. `normalize`: it gets the length 1.
Status session_embed_begin(Session* session, size_t token_count, Pooling pooling, bool normalize);
// Evaluates some more. *left is what remains. Models that see both ways take all tokens at once.
Status session_embed_continue(Session* session, uint32_t max_tokens, uint32_t* left);
// The vector [hidden], when nothing is left.
std::span<const float> session_embedding(const Session* session);

// ------------------------------------------------------------------------------------------------------------- scoring

// How probable the model found one token of a text.
struct TokenScore {
  float logprob;        // of the token in the text, in nats
  int32_t best;         // the most probable token in its place
  float dense_logprob;  // logprob of the dense model; this and the rest are set only if the two are compared
  int32_t dense_best;
  float kl;  // divergence of the pruned distribution from the dense one, nats
};
extern const Record kTokenScoreRecord;

// Starts to score the first `token_count` tokens of the token buffer as one window with an empty cache, pruned as
// generations are (where neurons are chosen, by the first quarter of the window); `compare`: with the dense model as
// well.
Status session_score_begin(Session* session, size_t token_count, bool compare = false);
// Scores some more. *left is what remains.
Status session_score_continue(Session* session, uint32_t max_tokens, uint32_t* left);
// One for each token of the window but the first. Valid until the next call.
std::span<const TokenScore> session_scores(const Session* session);

// Bytes that the tokens of the window but the first, or of the last generation's answer, stand for; -1 where tokens are
// not chunks of bytes.
int64_t session_bytes(const Session* session);

// ------------------------------------------------------------------------------------------------------------- pruning

// EPDP: steps leave out what cannot matter now. Until a calibration or a sidecar has told what that is, they are dense.
// kBadOption names the option and its range; kBadState where the model was loaded without room for it. Models that read
// bytes stay dense.
Status session_set_pruning(Session* session, const PruneOptions& options);
Status session_set_prune_mode(Session* session, PruneMode mode);

// Calibrates with the first `token_count` tokens of the token buffer: at least kLeastCalibrationTokens, better some
// thousands, of texts like those to come. It takes seconds, in short parts; other calls can come in between. What the
// cache held is lost.
Status session_calibrate_begin(Session* session, size_t token_count);
// Does a part. *left: parts that remain, 0 when it is done (or there was nothing to do).
Status session_calibrate_continue(Session* session, uint32_t* left);
inline constexpr uint32_t kLeastCalibrationTokens = 256;

// Says that the model was trained to answer with this part of its neurons (PruneOptions::ffn), which the sidecar then
// tells: the modes keep no more of them where memory was taken for it. 0: it was not. Goes before a calibration, or
// stands alone where the head is too small to be pruned.
Status session_set_trained_ffn(Session* session, float ffn);

// What a calibration has learnt, as bytes of a file model.epdp, into session_output.
Status session_sidecar(Session* session);
// Instead of calibrating: takes such a file, the first `size` bytes of the text buffer. session_calibrate_continue then
// packs it. kBadFormat, kTruncated, kUnsupportedVersion; kBadInput where it belongs to another model.
Status session_use_sidecar(Session* session, size_t size);

// What was left out since the generation began.
struct PruneReport {
  bool calibrated;
  bool has_large_head;      // whether the output head is large enough to be pruned
  bool head_reserved;       // whether there is memory for a pruned head
  uint32_t head_rows;       // rows of the output head that a step scores exactly now
  uint32_t kv_tokens;       // positions that attention may read in the last step
  float ffn_kept;           // share of the FFN's neurons that were computed, 0 to 1: 1 unless the gate is a ReLU or
                            // they were chosen for the prompt
  uint64_t macs_per_token;  // multiply-adds of a decode step in matrices, mean; closed gates count as computed
  uint64_t macs_per_token_dense;       // of a dense step
  uint64_t drift_checks;               // dense steps beside pruned ones
  uint64_t drift_events;               // checks that found too much drift: more is kept from then on
  float mean_kl;                       // mean of the checks, nats a token; negative if there was none
  uint64_t drafted;                    // tokens that were evaluated as drafts
  uint64_t accepted;                   // drafts that were chosen
  MeasuredCost costs[kMeasuredCosts];  // of the modes exact, balanced and aggressive; zero before a calibration
};
extern const Record kPruneReportRecord;
PruneReport session_prune_report(const Session* session);

// For tests and tools: the logits after the last evaluated token (prefill or step). [vocabulary], or that for each byte
// of a chunk
std::span<const float> session_logits(const Session* session);

}  // namespace camelgpt
