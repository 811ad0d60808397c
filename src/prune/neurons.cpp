#include "prune/neurons.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/half.h"
#include "quant/neuron_panel.h"

namespace camelgpt {
namespace {

constexpr uint32_t kQ80Bytes = 34;  // a block of Q8_0

// Returns the tensor type that the chosen columns of `down` are packed as.
TensorType packed_type(PanelKind down) {
  switch (down) {
    case PanelKind::kFloat: return TensorType::kF32;
    case PanelKind::kHalf: return TensorType::kF16;
    case PanelKind::kBfloat: return TensorType::kBF16;
    default: return TensorType::kQ8_0;
  }
}

// Quantises x [32] to a block of Q8_0.
void quantise_block(const float* x, uint8_t* block) {
  float largest = 0;
  for (uint32_t i = 0; i < kUnitColumns; ++i) largest = std::max(largest, std::fabs(x[i]));
  const uint16_t half = float_to_half(std::min(largest / 127, 65000.0f));
  const float scale = half_to_float(half), inverse = scale > 0 ? 1 / scale : 0;
  std::memcpy(block, &half, 2);
  for (uint32_t i = 0; i < kUnitColumns; ++i) {
    block[2 + i] =
        static_cast<uint8_t>(static_cast<int8_t>(std::clamp(std::nearbyint(x[i] * inverse), -127.0f, 127.0f)));
  }
}

// Encodes x [count] in a file's format of `type`. Returns the number of bytes.
size_t encode_row(TensorType type, const float* x, uint32_t count, uint8_t* out) {
  if (type == TensorType::kF32) {
    std::memcpy(out, x, count * sizeof(float));
    return count * sizeof(float);
  }
  if (type == TensorType::kQ8_0) {
    for (uint32_t i = 0; i < count; i += kUnitColumns) quantise_block(x + i, out + i / kUnitColumns * kQ80Bytes);
    return count / kUnitColumns * kQ80Bytes;
  }
  for (uint32_t i = 0; i < count; ++i) {
    uint16_t half;
    if (type == TensorType::kF16) {
      half = float_to_half(x[i]);
    } else {
      uint32_t word;
      std::memcpy(&word, x + i, sizeof word);
      half = static_cast<uint16_t>(word >> 16);
    }
    std::memcpy(out + i * size_t{2}, &half, 2);
  }
  return count * size_t{2};
}

// Computes the Euclidean norms of the columns of down [hidden, ffn].
void column_norms(const Panel& down, std::span<float> row, std::span<float> norms) {
  std::fill(norms.begin(), norms.end(), 0.0f);
  for (uint32_t r = 0; r < down.rows; ++r) {
    panel_row(down, r, row.data());
    for (size_t n = 0; n < norms.size(); ++n) norms[n] += row[n] * row[n];
  }
  for (float& norm : norms) norm = std::sqrt(norm);
}

// Stores the chosen.size() neurons with the largest importance * norm in `chosen`, in ascending order.
void choose(std::span<const float> importance, std::span<const float> norms, std::span<uint32_t> weights,
            std::span<uint32_t> chosen) {
  // Non-negative floats sort like their bits. NaN, which huge weights can produce, counts as zero.
  for (size_t n = 0; n < weights.size(); ++n) {
    const float weight = importance[n] * norms[n];
    weights[n] = weight > 0 ? std::bit_cast<uint32_t>(weight) : 0;
  }
  // Finds, bit by bit, the highest threshold that at least chosen.size() neurons reach.
  uint32_t threshold = 0;
  for (uint32_t bit = 1u << 30; bit != 0; bit >>= 1) {
    size_t reaching = 0;
    for (const uint32_t weight : weights) reaching += weight >= threshold + bit;
    if (reaching >= chosen.size()) threshold += bit;
  }
  size_t above = 0;
  for (const uint32_t weight : weights) above += weight > threshold;
  size_t ties = chosen.size() - above, count = 0;  // neurons at the threshold that still fit
  for (uint32_t n = 0; n < weights.size(); ++n) {
    const bool tie = weights[n] == threshold && ties > 0;
    if (tie) --ties;
    if (tie || weights[n] > threshold) chosen[count++] = n;
  }
}

// Copies the chosen rows of `from` bit for bit.
void pack_rows(const Panel& from, std::span<const uint32_t> chosen, std::span<uint8_t> group, Panel* to) {
  uint32_t loaded = UINT32_MAX;  // index of the group in `group`
  for (uint32_t i = 0; i < chosen.size(); ++i) {
    const uint32_t index = chosen[i] / kPanelRows;
    const uint8_t* source = from.data + index * from.group_bytes;
    if (from.order != PanelOrder::kGroups) {
      if (index != loaded) neuron_panel_group(from, index, group.data());
      loaded = index;
      source = group.data();
    }
    panel_copy_lane(*to, source, chosen[i] % kPanelRows, i);
  }
}

// Packs the chosen columns of `from` as packed_type.
void pack_columns(const Panel& from, std::span<const uint32_t> chosen, std::span<float> row, std::span<uint8_t> blocks,
                  Panel* to) {
  const TensorType type = packed_type(from.kind);
  const uint32_t count = static_cast<uint32_t>(chosen.size());
  const uint64_t per_row = count / tensor_type_info(type).block_elements;
  for (uint32_t r = 0; r < from.rows; ++r) {
    panel_row(from, r, row.data());
    for (uint32_t i = 0; i < count; ++i) row[i] = row[chosen[i]];  // in place: chosen[i] >= i
    panel_put(to, type, r * per_row, blocks.first(encode_row(type, row.data(), count, blocks.data())));
  }
}

}  // namespace

uint32_t kept_neurons(const ModelConfig& config, float fraction) {
  if (!(fraction > 0 && fraction < 1)) return 0;
  const uint32_t units = static_cast<uint32_t>(std::ceil(fraction * static_cast<float>(config.ffn) / kUnitColumns));
  return units * kUnitColumns < config.ffn ? units * kUnitColumns : 0;
}

void prompt_neurons_reserve(const Model& model, std::span<const FfnKinds> kinds, uint32_t kept, Arena* arena,
                            PromptNeurons* neurons) {
  const ModelConfig& c = model.config;
  const uint64_t all = static_cast<uint64_t>(c.layers) * c.ffn;
  neurons->importance = arena->take<float>(all);
  neurons->norms = arena->take<float>(all);
  neurons->chosen = arena->take<uint32_t>(static_cast<uint64_t>(c.layers) * kept);
  neurons->weights = arena->take<uint32_t>(c.ffn);
  neurons->row = arena->take<float>(c.ffn);
  neurons->group = arena->take<uint8_t>(panel_group_bytes(PanelKind::kFloat, c.hidden).value);
  neurons->blocks = arena->take<uint8_t>(kept * sizeof(float));
  const std::span<DecoderLayer> layers = arena->take<DecoderLayer>(c.layers);
  for (size_t l = 0; l < kinds.size(); ++l) {
    const Panel gate = panel_reserve(kinds[l].gate, kept, c.hidden, arena);
    const Panel up = panel_reserve(kinds[l].up, kept, c.hidden, arena);
    const Panel down = panel_reserve(panel_kind_of(packed_type(kinds[l].down)), c.hidden, kept, arena);
    if (layers.empty()) continue;
    layers[l] = model.layers[l];
    layers[l].counts.ffn = kept;
    layers[l].gate.weight = gate;
    layers[l].up.weight = up;
    layers[l].down.weight = down;
  }
  neurons->pruned_model = model;
  neurons->pruned_model.config.ffn = kept;
  neurons->pruned_model.layers = layers;
  neurons->kept = kept;
}

void prompt_neurons_begin(uint32_t tokens, uint32_t reused, PromptNeurons* neurons) {
  PromptNeurons& n = *neurons;
  if (2 * static_cast<uint64_t>(reused) < n.seen || reused == 0) {
    std::fill(n.importance.begin(), n.importance.end(), 0.0f);
    n.seen = 0;
    n.packed = false;
  } else if (4 * static_cast<uint64_t>(tokens - reused) > n.packed_seen) {
    n.packed = false;
  }
}

void prompt_neurons_pack(const Model& model, PromptNeurons* neurons) {
  PromptNeurons& n = *neurons;
  if (n.packed) return;
  const size_t ffn = model.config.ffn;
  for (size_t l = 0; l < model.config.layers; ++l) {
    const DecoderLayer& from = model.layers[l];
    DecoderLayer& to = n.pruned_model.layers[l];
    const std::span<float> norms = n.norms.subspan(l * ffn, ffn);
    if (!n.knows_norms) column_norms(from.down.weight, n.row, norms);
    const std::span<uint32_t> chosen = n.chosen.subspan(l * n.kept, n.kept);
    choose(n.importance.subspan(l * ffn, ffn), norms, n.weights, chosen);
    pack_rows(from.gate.weight, chosen, n.group, &to.gate.weight);
    pack_rows(from.up.weight, chosen, n.group, &to.up.weight);
    pack_columns(from.down.weight, chosen, n.row, n.blocks, &to.down.weight);
  }
  n.knows_norms = n.packed = true;
  n.packed_seen = n.seen;
}

}  // namespace camelgpt
