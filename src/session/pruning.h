// EPDP in a session: what it keeps for the model, and what it keeps for each sequence.
#pragma once

#include "prune/calibration.h"
#include "prune/drift.h"
#include "prune/neurons.h"

namespace camelgpt {

struct MemoryOptions;
struct Sequence;
struct Session;

// The part that lies in the arena.
struct PruneMemory {
  bool head_reserved = false;  // memory for a pruned output head was taken
  PrunedHead head;
  PromptNeurons neurons;
  std::span<float>
      dense;  // [vocabulary] logits of the dense step beside the pruned one; empty if nothing can be pruned
};

struct Pruning {
  PruneOptions options;
  bool by_mode = false;                  // the options are those of a mode
  const Sequence* neurons_of = nullptr;  // whose prompt memory.pruning.neurons were selected for
  Calibration calibration;
  Buffer<int32_t> text;        // what the calibration learns from
  uint32_t text_next = 0;      // its first token that is not evaluated yet
  uint32_t window_length = 0;  // tokens of the current window in the cache; 0: a new window begins
};

// The pruning of one sequence's steps.
struct StepPruning {
  DriftGuard guard;
  uint32_t prompt_end = 0;         // tokens before this position are the prompt that neurons are selected for
  bool attention_limited = false;  // the last forward pass skipped pages of the context
  bool neurons_skipped = false;    // the last forward pass ran on the selected neurons
  bool wants_head = false;         // the step that waits for weights needs the whole output head
  uint32_t thin_streak = 0;        // consecutive steps whose margin was too thin
  uint32_t backoff = 0;            // dense steps left before pruning is retried
  // Since the generation began.
  uint64_t steps = 0;
  uint64_t exact_rows = 0;      // rows of the output head scored exactly
  uint64_t skipping_steps = 0;  // steps on the selected neurons
};

// Takes memory for pruning from the arena, or measures it.
void pruning_reserve(const Model& model, std::span<const FfnKinds> kinds, const MemoryOptions& options, Arena* arena,
                     PruneMemory* memory);

// Whether steps skip anything.
bool pruning_is_active(const Session& session);
// Whether neurons are selected for each prompt. The prompt must then be evaluated while they are observed.
bool pruning_observes_prompt(const Session& session);
// Whether the neurons are those of this sequence, so that its cached prompt can be reused.
bool pruning_knows_sequence(const Session& session, const Sequence& sequence);
// A text begins: its first `prompt` tokens are the prompt, the first `reused` of them are in the cache.
void pruning_restart(Session* session, Sequence* sequence, uint32_t prompt, uint32_t reused);
// Whether a single token would be evaluated with part of the context or of the neurons now.
bool pruning_limits_steps(const Session& session, const Sequence& sequence);
// Evaluates tokens that follow the cache; a single one after the prompt is pruned as the options say.
void pruning_forward(Session* session, Sequence* sequence, std::span<const int32_t> tokens, uint32_t outputs);
// Pruned logits of an output of the last pruning_forward. False: weights are missing; loader->missing lists them, or is
// empty if the whole output head is needed.
bool pruning_logits(Session* session, Sequence* sequence, uint32_t output);
// Dense logits of an output of the last pruning_forward; for the last token its keys and values become dense too.
void pruning_dense_logits(Session* session, Sequence* sequence, uint32_t output);

// --- eager loading (eager_head.cpp) ---

// Pruned logits with `rows` exact rows of the output head. Returns their margin.
float score_head_rows(Session* session, Sequence* sequence, uint32_t output, uint32_t rows);
// Whether the rows of the output head that a pruned step needs are in place; otherwise loader->missing lists them. If a
// few rows decide the step, their logits are in the workspace: *scored.
bool has_head_rows(Session* session, Sequence* sequence, uint32_t output, uint32_t rows, bool* scored);

// --- sidecar (calibrate.cpp) ---

// The output head is complete. kBadInput if the sidecar in use belongs to another model.
Status pruning_check_head(Session* session);

}  // namespace camelgpt
