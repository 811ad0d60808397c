// The neurons that a prompt needs, packed. While the prompt is evaluated, what each neuron adds to the output is
// gathered; those that add most are packed into panels of their own, and steps run the same graph on these: a model
// with smaller weights and an index map. Rows of gate and up keep their bits. Columns of down do too where they are
// floats; others become bytes with a scale for 32 of the chosen ones, since those that shared a scale lie apart.
#pragma once

#include <span>

#include "model/model.h"

namespace camelgpt {

struct PromptNeurons {
  uint32_t kept = 0;            // of each layer; 0: no memory was taken
  std::span<float> importance;  // [layers, ffn] parts in the output, summed over `seen` tokens
  std::span<float> norms;       // [layers, ffn] of the columns of down
  std::span<uint32_t> chosen;   // [layers, kept] rising: the index map
  std::span<uint32_t> weights;  // [ffn] importance times norm, as bits
  std::span<float> row;         // [ffn]
  std::span<uint8_t> group;     // eight rows
  std::span<uint8_t> blocks;    // a row of a packed down, as a file has it
  bool knows_norms = false;
  bool packed = false;
  uint32_t seen = 0;
  uint32_t packed_seen = 0;  // tokens that had been seen when it was packed
  Model pruned_model;        // of the packed neurons; all else is the model's own
};

// Neurons kept of a layer for a part of them, 0 to 1: whole units, 0 where that is none or all.
uint32_t kept_neurons(const ModelConfig& config, float part);
// Takes memory from the arena, or only adds it up while the arena measures. `kept` is not 0.
void prompt_neurons_reserve(const Model& model, std::span<const FfnKinds> kinds, uint32_t kept, Arena* arena,
                            PromptNeurons* neurons);

// A prompt of `tokens` begins, of which the first `reused` are evaluated already. What was gathered before stays where
// most of it is of these; a plan stays packed where little comes to it.
void prompt_neurons_begin(uint32_t tokens, uint32_t reused, PromptNeurons* neurons);
// Chooses and packs, unless that is done already.
void prompt_neurons_pack(const Model& model, PromptNeurons* neurons);

}  // namespace camelgpt
