// What a Session holds. Only the files of this folder see it; callers use camelgpt.h.
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "camelgpt.h"
#include "generate/drafts.h"
#include "generate/masked.h"
#include "generate/sampler.h"
#include "gguf/gguf.h"
#include "gguf/split.h"
#include "model/model.h"
#include "model/weight_stream.h"
#include "session/pruning.h"
#include "session/state.h"
#include "session/stop_strings.h"
#include "tokenize/tokenizer.h"

namespace camelgpt {

inline constexpr size_t kStagingBytes = 1u << 20;

// A text that is kept beside the one that is being worked on, see Session.
struct Sequence {
  KvCache cache;
  std::span<int32_t> history;
  uint32_t history_length, prompt_length;
  uint64_t last_used;
};

struct Session {
  // Loading.
  LoadState state = LoadState::kHeader;
  Buffer<uint8_t> staging;  // [kStagingBytes]
  size_t staged_from = 0;   // bytes of the piece that ended the header which are not taken yet
  size_t staged_end = 0;
  uint64_t padding_left = 0;  // bytes between the header and the tensor data still to skip
  GgufReader reader;          // of the first file; in the end with the tensors of all
  GgufSplit split;
  GgufReader next;        // of another file of a split model
  size_t split_left = 0;  // see SplitState
  uint64_t file_bytes = 0;
  WeightStream weights;
  uint64_t data_position = 0;  // where the tensor data begin
  Buffer<FileRange> missing;   // of the tensor data: rows that the last call waits for

  // The model and its memory.
  Arena arena;
  Model model;
  KvCache cache;
  Workspace workspace;
  Tokenizer tokenizer;
  Buffer<int32_t> end_tokens;  // tokens that end an answer
  // Strings that outlive the header.
  Buffer<char> architecture, name, chat_template, tasks;

  // Text and tokens that cross the border.
  Buffer<char> text;
  Buffer<int32_t> tokens;
  Buffer<char> output;

  // Generation.
  GenerationOptions options;
  Sampler sampler;
  Drafts drafts;  // follows the history while uses_drafts
  bool uses_drafts = false;
  DraftCounts draft_counts;
  StopStrings stops;
  Detokenizer detokenizer;
  Buffer<char> fresh;  // text of the last token, before stop strings are looked for
  std::span<int32_t>
      history;  // [context] the prompt, the answer, then drafts; the first cache.length tokens are evaluated
  uint32_t history_length = 0;  // without the drafts
  uint32_t first_output = 0;    // the position of the first of the outputs that workspace.x holds
  uint32_t reused = 0;
  uint32_t generated = 0;    // tokens of the answer so far
  int64_t answer_bytes = 0;  // of these, where they are chunks
  // Sequences: the fields above are those of the active one.
  std::span<Sequence> others;    // [MemoryOptions::sequences - 1]
  std::span<int32_t> histories;  // [sequences, context] where these lie; ids that were never written are 0
  uint64_t last_used = 0;        // of the active one, in uses
  uint64_t uses = 0;             // of any of them
  bool generating = false;       // between session_prompt and the end of the answer
  bool logits_due = false;       // after the prompt, since rows of the head were missing
  TokenProbability last_token{kNoToken, 0};
  TokenProbability top_tokens[kMaxLogprobs];
  uint32_t top_count = 0;

  // Masked models.
  std::span<MaskChoice> choices;  // [context]
  std::span<float> logprobs;      // [context] of the tokens that were masks
  uint32_t prompt_length = 0;     // tokens in the cache that were evaluated as a prompt
  uint32_t pending = 0;           // decided tokens behind the history
  bool predicting = false;        // between session_predict_begin and another use of the cache

  Pruning pruning;
  StateTransfer transfer;

  // Embedding.
  Buffer<float> embedding;  // [padded hidden]
  Pooling pooling = Pooling::kMean;
  bool normalizes = false;

  // Scoring.
  Buffer<TokenScore> scores;
  bool scoring = false;
  bool comparing = false;  // with the dense model
};

inline Status not_ready() {
  Status status = make_error(ErrorCode::kBadState, "The model is not loaded.");
  status = with_expected(status, "a finished load");
  return with_hint(status, "Wait for loading to end before using the model.");
}

// Whether all weights are there. A session that is ready may still wait for rows of the embedding and the head, see
// session_load_eagerly.
inline bool is_whole(const Session& session) { return weight_stream_done(session.weights); }
// kBadState unless the model is ready and whole.
Status expect_whole(const Session& session);
// Whether the rows of the embedding for these tokens are there; if not, session->missing says which are not.
bool has_embeddings(Session* session, std::span<const int32_t> tokens);
// Notes a row as missing, unless it is there. All that are noted together are of one matrix.
void want_row(Session* session, const Panel& matrix, uint32_t row);

// What the model is for.
ModelKind model_kind(const Session& session);

bool is_end_token(const Session& session, int32_t token);

// All tokens are forbidden.
Status no_token();
// kContextOverflow, or kBadInput where there is no token.
Status does_not_fit(const Session& session, size_t tokens, size_t most);

// Makes the sequence active in which a prompt of the first `count` tokens of the token buffer is to go on, and says how
// many of these its cache holds: the one with the longest common beginning, or the least recently used one with a copy
// of that.
uint32_t choose_sequence(Session* session, uint32_t count);
// Makes the least recently used one active.
void take_oldest_sequence(Session* session);
// The ids that a sweep must leave alone.
std::span<const int32_t> kept_chunks(const Session& session);

// The first tokens of the token buffer become the history, with an empty cache. Errors: those of check_tokens and
// does_not_fit.
Status begin_text(Session* session, size_t token_count);

// The next token of a masked model's answer. Decides a block of them where none is pending.
Status masked_next(Session* session, int32_t* token);
// No mask becomes a control token other than an end.
Status forbid_unspeakable(Session* session);

// Whether the model's tokens are chunks of bytes. What is different then is in chunks.cpp.
inline bool reads_bytes(const Session& session) { return session.model.config.bytes.length != 0; }
Status no_option_of_chunks(const char* name);
// What session_configure does beside checking options.
Status configure_chunks(Session* session);
// As sampler_choose: byte by byte, until one ends the chunk.
int32_t choose_chunk(Session* session);
// The log-probability of a chunk by the logits in the workspace.
float chunk_log_probability(const Session& session, int32_t token);

// kBadInput where one of the first `count` ids of the token buffer is not in the vocabulary, or `count` is not in the
// buffer.
Status check_tokens(const Session& session, size_t count);

}  // namespace camelgpt
