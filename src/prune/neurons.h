// Packs the feed-forward neurons that a prompt needs most. Evaluating the prompt accumulates how much each neuron adds
// to the output. Those that add most are packed into smaller panels, and steps run the same graph on them: a model with
// smaller weights and an index map.
//
// Rows of gate and up are copied bit for bit, and so are float columns of down. Quantised columns of down are
// requantised to Q8_0, because the columns of an original block do not stay together.
#pragma once

#include <span>

#include "model/model.h"

namespace camelgpt {

struct PromptNeurons {
  uint32_t kept = 0;            // neurons per layer; 0: no memory was reserved
  std::span<float> importance;  // [layers, ffn] shares of the activations, summed over `seen` tokens
  std::span<float> norms;       // [layers, ffn] of the columns of down
  std::span<uint32_t> chosen;   // [layers, kept] ascending: the index map
  std::span<uint32_t> weights;  // [ffn] scratch: importance * norm as float bits
  std::span<float> row;         // [ffn] scratch
  std::span<uint8_t> group;     // scratch: a panel group of eight rows
  std::span<uint8_t> blocks;    // scratch: a row of the packed down in a file's format
  bool knows_norms = false;
  bool packed = false;
  uint32_t seen = 0;         // prompt tokens in `importance`
  uint32_t packed_seen = 0;  // value of `seen` when the neurons were packed
  Model pruned_model;        // of the packed neurons; everything else is the model's own
};

// Returns how many neurons of a layer to keep for a fraction from 0 to 1, rounded up to whole units; 0 for none or all.
uint32_t kept_neurons(const ModelConfig& config, float fraction);
// Takes memory from the arena, or only measures it. `kept` is not 0.
void prompt_neurons_reserve(const Model& model, std::span<const FfnKinds> kinds, uint32_t kept, Arena* arena,
                            PromptNeurons* neurons);

// Begins a prompt of `tokens` tokens, the first `reused` of which are already in the cache. The accumulated importance
// is kept if at least half of it is from reused tokens. The packed neurons are kept if the new tokens are at most a
// quarter of those that they were chosen for.
void prompt_neurons_begin(uint32_t tokens, uint32_t reused, PromptNeurons* neurons);
// Chooses and packs the neurons, unless they are packed already.
void prompt_neurons_pack(const Model& model, PromptNeurons* neurons);

}  // namespace camelgpt
