// The structures of a Session. Only src/session/ includes this file; callers use camelgpt.h.
//
// The state of a Session has three owners: a Loader, which exists until all weights are in place; the model, which is
// read-only from then on; and the Sequences, one for each cached text. Functions that work on a text take its Sequence.
#pragma once

#include <memory>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/chunk_table.h"
#include "camelgpt.h"
#include "generate/drafts.h"
#include "generate/masked.h"
#include "generate/sampler.h"
#include "gguf/gguf.h"
#include "gguf/split.h"
#include "model/model.h"
#include "model/weight_stream.h"
#include "session/constraint.h"
#include "session/pruning.h"
#include "session/state.h"
#include "session/stop_strings.h"
#include "session/token_form.h"
#include "tokenize/encoder.h"
#include "tokenize/tokenizer.h"

namespace camelgpt {

inline constexpr size_t kStagingBytes = 1u << 20;

// The requests of an eager load for rows (eager_requests.cpp).
struct RowRequests {
  // With these, a load makes 60 requests: others bring the header, the layers and what else remains.
  uint32_t remaining = 54;   // further requests that the load may make
  Buffer<FileRange> ranges;  // to request next
};

// The state of a load. Freed when the last weight is in place.
struct Loader {
  GgufReader reader;  // of the first file; its header collects the tensors of all files
  GgufSplit split;
  GgufReader next_reader;  // of a later file of a split model
  uint64_t file_size = 0;  // of the file whose header is being read; 0: unknown
  uint64_t header_limit = kGgufDefaultHeaderBytes;
  size_t split_remaining = 0;  // SplitState::remaining
  size_t staged_from = 0;      // tensor data that arrived with the header's end: staging[staged_from, staged_end)
  size_t staged_end = 0;
  uint64_t padding_remaining = 0;  // bytes still to skip between the header and the tensor data
  WeightStream weights;
  Buffer<FileRange> missing;  // rows that the last step lacked
  RowRequests requests;       // that bring them
};

// The state of a generation in a sequence.
struct Generation {
  GenerationOptions options;
  bool keep_control = false;  // GenerateRequest::keep_control
  uint32_t reused = 0;        // prompt tokens that were in the cache
  uint32_t prefill_end = 0;   // history before this position is evaluated in batches, then tokens are chosen
  uint32_t generated = 0;     // tokens of the answer so far
  uint64_t answer_bytes = 0;  // of a byte-level model
  uint32_t first_output = 0;  // position of the first hidden state in workspace.x
  uint32_t pending = 0;       // masked models: decided tokens that follow the history
  bool logits_due = false;  // the last forward pass still lacks its logits because rows of the output head were missing
  bool is_full = false;     // the context is full and will be shifted
  DraftCounts drafts;
  GenerationStep step;
  TokenProbability top[kMaxLogprobs];
  uint32_t top_count = 0;
};

// The kept result for the last token of a sequence's history, until the next step takes it: others use the workspace.
enum class TogetherResult : uint8_t { kNone, kState, kLogits };

// One cached text and the state that is needed to continue it.
struct Sequence {
  KvCache cache;
  std::span<int32_t> history;   // [context] prompt, answer, then drafts; the first cache.length tokens are evaluated
  uint32_t history_length = 0;  // without drafts
  uint32_t prompt_length = 0;   // masked models: tokens in the cache that were evaluated as a prompt
  uint64_t last_used = 0;       // Session::uses at its last use; 0: never

  Sampler sampler;
  StopStrings stops;
  Detokenizer detokenizer;
  Constraint constraint;
  Drafts drafts;
  bool uses_drafts = false;
  StepPruning pruning;
  Generation generation;
  uint32_t cache_salt = 0;  // GenerateRequest::cache_salt
  bool is_held = false;     // by a generation side by side, until its slot is released
  TogetherResult together = TogetherResult::kNone;
  uint32_t together_row = 0;  // of ModelMemory::logits, if it is kLogits
  Buffer<char> new_text;      // of the last token, before stop strings are matched
  Buffer<char> text;          // visible text of the last step
};

// Everything in the arena. Planning measures it, allocation fills it in.
struct ModelMemory {
  Model model;
  Workspace workspace;
  Sampler sampler;  // only its working memory, which the samplers of all sequences share
  PruneMemory pruning;
  KvCache caches[kMaxSequences];
  Drafts drafts[kMaxSequences];
  std::span<int32_t> histories;   // [sequences, context]
  std::span<float> states;        // [sequences, padded hidden] TogetherResult::kState; empty if there is one sequence
  std::span<float> logits;        // [sequences, padded vocabulary] TogetherResult::kLogits, likewise
  std::span<MaskChoice> choices;  // [context] of masked models
  std::span<float> logprobs;      // [context] of the decided masks
};

// Texts that share one forward pass at most.
inline constexpr uint32_t kMaxTextRuns = 32;

// The texts of an EmbedRequest, or the answers of a ScoreRequest.
struct Texts {
  Buffer<int32_t> tokens;        // of all texts
  Buffer<uint32_t> ends;         // [texts]
  Buffer<float> vectors;         // [texts, padded hidden] of an EmbedRequest
  uint32_t text = 0;             // the first text that is not complete
  uint32_t evaluated = 0;        // EmbedRequest: tokens of all texts
  uint32_t place = 0;            // EmbedRequest: position in the sequence's cache at which `cache` begins
  KvCache cache;                 // EmbedRequest: of that text, if it is begun
  KvCache caches[kMaxTextRuns];  // of the texts in a pass: parts of the sequence's cache
};

inline uint32_t text_begin(const Texts& texts, uint32_t text) { return text == 0 ? 0 : texts.ends[text - 1]; }
inline uint32_t text_size(const Texts& texts, uint32_t text) { return texts.ends[text] - text_begin(texts, text); }

enum class ActivityKind : uint8_t { kNone, kGenerate, kPredict, kFill, kScore, kEmbed, kCalibrate, kSave, kRestore };

// The activity of a session. Results stay readable after is_done until the next activity begins.
struct Activity {
  ActivityKind kind = ActivityKind::kNone;
  Sequence* sequence = nullptr;
  bool is_done = false;
  // kPredict: position of the first hidden state; the prompt's length until it is evaluated. kScore: position of the
  // first output that is scored.
  uint32_t first_output = 0;
  uint32_t masks = 0, step = 0, steps = 0;  // kFill: initial masks, completed steps, total steps
  bool compares = false;                    // kScore
  Pooling pooling = Pooling::kMean;         // kEmbed
  bool normalizes = false;
};

struct Session {
  LoadState state = LoadState::kHeader;
  Buffer<uint8_t> staging;  // [kStagingBytes]
  std::unique_ptr<Loader> loader;
  uint32_t files = 0;  // number of files of the model, set when all headers are complete
  uint64_t file_bytes = 0;
  uint64_t data_position = 0;  // where the tensor data begins in the file

  // The model.
  Arena arena;
  ModelMemory memory;
  Tokenizer tokenizer;
  const TokenForm* token_form = &kVocabularyTokens;
  Buffer<char> architecture, name, chat_template, tasks;  // metadata that outlives the header
  RecommendedSampling sampling;                           // likewise
  ChunkTable chunks;                                      // the tokens of a byte-level model

  Sequence sequences[kMaxSequences];
  uint32_t sequence_count = 0;
  uint64_t uses = 0;

  Grammars grammars;

  Pruning pruning;
  Activity activity;
  // Results of activities.
  Buffer<TokenScore> scores;
  Texts texts;
  StateTransfer transfer;
  Encoder encoder;  // of session_tokenize_begin()
};

inline const Model& model_of(const Session& session) { return session.memory.model; }
inline const ModelConfig& config_of(const Session& session) { return session.memory.model.config; }

inline Status not_ready() {
  Status status = make_error(ErrorCode::kBadState, "The model is not loaded.");
  status = with_expected(status, "a finished load");
  return with_hint(status, "Wait for loading to end before using the model.");
}

// Whether texts can share a forward pass: the parts of a cache share its convolution inputs.
inline bool shares_passes(const Session& session) {
  return config_of(session).conv_layers == 0 && !session.chunks.in_use();
}

inline bool has_header(const Session& session) {
  return session.state != LoadState::kHeader && session.state != LoadState::kFailed;
}
// Whether all weights are in place. A session that is ready may still lack rows, see session_load_eagerly().
inline bool is_complete(const Session& session) {
  return session.state == LoadState::kReady && session.loader == nullptr;
}
// kBadState unless the model is ready and complete.
Status expect_complete(const Session& session);

ModelKind model_kind(const Session& session);
bool is_end_token(const Session& session, int32_t token);

// --- weights that are still missing (eager.cpp) ---

// Whether the embedding rows of these tokens are in place; otherwise loader->missing lists them.
bool has_embeddings(Session* session, std::span<const int32_t> tokens);
// Adds a row to loader->missing unless it is in place. Rows that are added in succession belong to one matrix.
void want_row(Session* session, const Panel& matrix, uint32_t row);

// Reads the sampling options that the file recommends. Values that are not options are ignored, with a note.
Status read_recommended_sampling(const GgufHeader& header, Session* session);

// --- memory (memory.cpp) ---

// Computes the plan for plan->context_length positions, without comparing it with the limit.
Status measure_memory(const Session& session, const MemoryOptions& options, bool halves, MemoryPlan* plan);
// Takes the plan's memory from the allocated arena and hands it to the model and the sequences.
Status take_memory(Session* session, const MemoryOptions& options, uint32_t context, WeightBinder* binder);

// --- sequences (sequences.cpp) ---

// Chooses the sequence for a prompt and marks it as used: the one with the longest common prefix, or the least recently
// used one with a copy of that prefix. *reused: the length of the prefix. Sequences that are held only lend theirs; one
// at least must not be held.
Sequence* choose_sequence(Session* session, std::span<const int32_t> prompt, uint32_t salt, uint32_t* reused);
// The length of the longest prefix of a prompt that a sequence holds.
uint32_t longest_prefix(const Session& session, std::span<const int32_t> prompt);
// The least recently used sequence, marked as used.
Sequence* take_oldest_sequence(Session* session);
Sequence* latest_sequence(Session* session);
const Sequence* latest_sequence(const Session* session);
// The number of leading tokens of a sequence that a prompt could reuse.
uint32_t held_tokens(const Session& session, const Sequence& sequence);
// All token ids that a sweep of the chunk table must keep.
std::span<const int32_t> kept_chunks(const Session& session);
// Ends the activity and all generations side by side. Their texts stay cached.
void end_activities(Session* session);
// kUnsupportedTask if the model cannot run generations side by side, kBadState if no sequence is free for one.
Status expect_free_slot(const Session& session);
// The index of a sequence.
uint32_t slot_of(const Session& session, const Sequence& sequence);
// Makes these tokens the history of a sequence with an empty cache. Errors: those of check_tokens and does_not_fit.
Status begin_text(Session* session, std::span<const int32_t> tokens, Sequence** sequence);
// Empties a sequence.
void forget_text(Sequence* sequence);

// kBadInput if an id is not a token of the model.
Status check_tokens(const Session& session, std::span<const int32_t> tokens);
// The error for a text that does not fit: kContextOverflow, or kBadInput if it is empty.
Status does_not_fit(const Session& session, size_t tokens, size_t limit);
// The error for a step in which every token is forbidden.
Status no_token();

// --- activities, each in a file of its own ---

Status generation_continue(Session* session, uint32_t budget, ActivityProgress* progress);
Status predict_continue(Session* session, ActivityProgress* progress);
Status fill_continue(Session* session, ActivityProgress* progress);
Status score_continue(Session* session, uint32_t budget, ActivityProgress* progress);
Status embed_continue(Session* session, uint32_t budget, ActivityProgress* progress);
Status calibrate_continue(Session* session, ActivityProgress* progress);
Status save_continue(Session* session, uint32_t budget, ActivityProgress* progress);
Status restore_continue(Session* session, uint32_t budget, ActivityProgress* progress);
uint64_t calibrate_remaining(const Session& session);

// Makes the tokens the history of a sequence, of which the first `prompt` are only evaluated, unless they are cached.
Status begin_answer(Session* session, std::span<const int32_t> tokens, uint32_t prompt, Sequence** sequence);
// The log-probability of a token and the most probable token, from the logits in the workspace.
void score_logits(const Session& session, int32_t target, float* logprob, int32_t* best);
// A ScoreRequest with answers (answers.cpp).
Status answers_begin(Session* session, const ScoreRequest& request);
Status answers_continue(Session* session, uint32_t budget, ActivityProgress* progress);

// Keeps output 0 of the last forward pass as TogetherResult::kState.
void keep_state(Session* session, Sequence* sequence);
// Puts the result that is kept for the last token, if there is one, where a step expects that of its own forward pass,
// as output 0. Returns whether there is one. *has_logits: the step's logits are in the workspace too.
bool take_together(Session* session, Sequence* sequence, bool* has_logits);

// Checks the options and prepares the sequence's sampler, stop strings and biases for them.
Status configure_generation(Session* session, const GenerationOptions& options, Sequence* sequence);
// Returns the next token of a masked model's answer in *token. Decides a block of masks if no token is pending.
Status masked_next(Session* session, Sequence* sequence, int32_t* token);

}  // namespace camelgpt
