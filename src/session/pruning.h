// The pruned steps of a session, and what they rest on.
#pragma once

#include "prune/calibration.h"
#include "prune/drift.h"
#include "prune/neurons.h"

namespace camelgpt {

struct Session;
struct MemoryOptions;

struct Pruning {
  bool head_reserved = false;  // memory was taken for a pruned head
  PruneOptions options;
  bool by_mode = false;  // the options are those of a mode
  PrunedHead head;
  PromptNeurons neurons;
  uint32_t prompt_end = 0;  // position before which tokens are the prompt, by which neurons are chosen
  DriftGuard guard;
  std::span<float>
      dense;  // [vocabulary] logits of the dense step beside the pruned one; empty where nothing can be pruned
  bool limited = false;      // whether attention was pruned in the last pruning_forward
  bool light = false;        // whether it left out neurons
  uint64_t light_steps = 0;  // of this generation
  uint32_t thin_streak = 0;  // steps in a row whose margin was too thin
  uint32_t dense_left = 0;   // steps that are dense at once, since the ones before them were in vain
  bool wants_head = false;   // the step that waits for weights needs the whole head
  uint64_t steps = 0;        // of this generation
  uint64_t exact_rows = 0;   // of the head, in all of these steps

  Calibration calibration;
  Buffer<int32_t> text;        // that a calibration learns from
  uint32_t text_next = 0;      // the first token of it that is not evaluated yet
  uint32_t window_length = 0;  // tokens of its window in the cache; 0 after anything else has used the cache
};

// Takes memory for pruning, or only adds it up while the arena measures.
void pruning_reserve(const Model& model, std::span<const FfnKinds> kinds, const MemoryOptions& options, Arena* arena,
                     Pruning* pruning);

// Whether steps leave anything out.
inline bool pruning_is_active(const Pruning& pruning) {
  return (pruning.head.packed && pruning.options.head_rows != 0) || pruning.options.kv_tokens != 0 ||
         pruning.options.ffn != 0;
}

// Whether neurons are chosen by the prompt; and whether a prompt can go on from what the cache holds: they must have
// been watched while it was evaluated.
inline bool pruning_watches_prompt(const Pruning& pruning) {
  return pruning.options.ffn != 0 && pruning.neurons.kept != 0;
}
inline bool pruning_can_reuse(const Pruning& pruning) {
  return !pruning_watches_prompt(pruning) || pruning.neurons.seen > 0;
}
// A text begins, of which the first `prompt` tokens are the prompt and the first `reused` are in the cache.
void pruning_restart(uint32_t prompt, uint32_t reused, Pruning* pruning);
// Whether a single token would be evaluated with less than the whole context or all neurons now.
bool pruning_limits_steps(const Session& session);
// Evaluates tokens after what the cache holds; a single one behind the prompt is pruned as the session's options say.
void pruning_forward(Session* session, std::span<const int32_t> tokens, uint32_t outputs);
// Logits of an output of the last pruning_forward, pruned likewise. False: weights are missing, session->missing says
// which (none: the whole head is needed).
bool pruning_logits(Session* session, uint32_t output);
// The head is whole now. kBadInput where the sidecar in use belongs to another one.
Status pruning_check_head(Session* session);
// Its dense logits, as if nothing had been pruned: of the last token also its keys and values.
void pruning_dense_logits(Session* session, uint32_t output);

}  // namespace camelgpt
