// EPDP in a session: its state for the model and for each sequence.
#pragma once

#include "prune/calibration.h"
#include "prune/drift.h"
#include "prune/neurons.h"

namespace camelgpt {

struct Sequence;
struct Session;

// EPDP's memory in the arena.
struct PruneMemory {
  bool head_reserved = false;  // memory for a pruned output head is reserved
  PrunedHead head;
  PromptNeurons neurons;
  std::span<float> dense;  // [vocabulary] logits to compare with those of a dense step; empty if nothing can be pruned
};

struct Pruning {
  PruneOptions options;
  PruneMode mode = PruneMode::kCustom;   // the mode whose numbers the options are
  const Sequence* neurons_of = nullptr;  // memory.pruning.neurons were selected for the prompt of this sequence
  Calibration calibration;
  Buffer<int32_t> text;    // tokens of the calibration text: whole windows, the last one may be shorter
  uint32_t text_next = 0;  // first token that is not evaluated yet
};

// The state of EPDP in the steps of one sequence.
struct StepPruning {
  DriftGuard guard;
  uint32_t prompt_end = 0;         // tokens before this position are the prompt that neurons are selected for
  bool attention_limited = false;  // the last forward pass skipped pages of the context
  bool neurons_skipped = false;    // the last forward pass ran on the selected neurons
  bool wants_head = false;         // the step that waits for weights needs the whole output head
  uint32_t thin_streak = 0;        // consecutive steps whose margin was too thin
  uint32_t backoff = 0;            // dense steps left before pruning is retried
  uint32_t step_rows = 0;          // rows of the output head that the last step scored exactly
  float expected_kl = 0;           // of the last step, in nats; 0: its head was dense
  bool has_map = false;            // the head's map is that of the last step
  // Since the generation began.
  uint64_t steps = 0;
  uint64_t exact_rows = 0;      // rows of the output head scored exactly
  uint64_t skipping_steps = 0;  // steps on the selected neurons
};

// Whether steps skip anything.
bool pruning_is_active(const Session& session);
// Whether neurons are selected for each prompt, and therefore observed while the prompt is evaluated.
bool pruning_observes_prompt(const Session& session);
// Whether the selected neurons, if any, are those of this sequence, so that its cached prompt can be reused.
bool pruning_knows_sequence(const Session& session, const Sequence& sequence);
// Resets the state of a sequence whose first `prompt` tokens are a prompt. No neurons are selected for it.
void pruning_reset(const Session& session, uint32_t prompt, Sequence* sequence);
// Resets the state for a new text: its first `prompt` tokens are the prompt, of which the first `reused` are cached.
void pruning_restart(Session* session, Sequence* sequence, uint32_t prompt, uint32_t reused);
// Whether evaluating a single token now would skip part of the context or some of the neurons.
bool pruning_limits_steps(const Session& session, const Sequence& sequence);
// Evaluates the tokens that follow the cached ones. A single token after the prompt is pruned according to the options.
void pruning_forward(Session* session, Sequence* sequence, std::span<const int32_t> tokens, uint32_t outputs);
// Computes the logits of an output of the last pruning_forward(), pruned if possible. Returns false if weights are
// missing: loader->missing lists them, or is empty if the whole output head is needed.
bool pruning_logits(Session* session, Sequence* sequence, uint32_t output);
// Whether the next step computes all logits, and evaluates its token with the whole context and all neurons.
bool pruning_wants_all_logits(const Session& session, const Sequence& sequence);
// Prepares the evaluation of a single token with all neurons. Returns its TokenRun::kv_tokens.
uint32_t pruning_begin_step(const Session& session, Sequence* sequence);
// Counts a step whose logits are all computed.
void pruning_count_dense_step(const Session& session, Sequence* sequence);
// Whether a pruned step with this estimate is within its limits. After two in a row that are not, the next 2, then 4,
// up to 32 steps are dense.
bool pruning_accepts(const HeadEstimate& estimate, const HeadLimits& limits, Sequence* sequence);
// Computes the dense logits of an output of the last pruning_forward(). If its pass skipped anything, the last token is
// evaluated again, so that its keys and values are dense too.
void pruning_dense_logits(Session* session, Sequence* sequence, uint32_t output);

// --- eager loading (eager_head.cpp) ---

// Whether the rows of the output head that a pruned step needs are in place; otherwise loader->missing lists them.
// *scored: the rows in place have decided the step, and its logits are in the workspace.
bool has_head_rows(Session* session, Sequence* sequence, uint32_t output, uint32_t rows, bool* scored);

// --- sidecar (calibrate.cpp) ---

// Called when the output head is complete. kBadInput if the sidecar in use belongs to another model.
Status pruning_check_head(Session* session);

}  // namespace camelgpt
