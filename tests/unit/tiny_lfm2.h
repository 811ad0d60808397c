// The file of a small lfm2 model with random weights: layers with a short convolution and one with attention.
#pragma once

#include <string>
#include <vector>

#include "gguf_writer.h"
#include "random_weights.h"
#include "tiny_llama.h"

namespace camelgpt {

// Three layers, of which the middle one has attention.
struct TinyLfm2 {
  static constexpr uint32_t kLayers = 3, kHidden = 64, kHeads = 4, kKvHeads = 2, kWidth = 16, kFfn = 96, kContext = 320,
                            kLength = 3;
  GgufWriter writer;

  explicit TinyLfm2(const std::vector<int32_t>& kv_heads = {0, kKvHeads, 0}) {
    writer.add_string("general.architecture", "lfm2");
    writer.add("lfm2.block_count", kLayers);
    writer.add("lfm2.context_length", kContext);
    writer.add("lfm2.embedding_length", kHidden);
    writer.add("lfm2.feed_forward_length", kFfn);
    writer.add("lfm2.attention.head_count", kHeads);
    writer.add_numbers<int32_t>("lfm2.attention.head_count_kv", kv_heads);
    writer.add("lfm2.attention.layer_norm_rms_epsilon", 1e-5f);
    writer.add("lfm2.shortconv.l_cache", kLength);
    add_byte_vocabulary(&writer);
    add("token_embd.weight", {kHidden, TinyLlama::kVocabulary}, 1);
    add("token_embd_norm.weight", {kHidden}, 1);
    for (uint32_t l = 0; l < kLayers; ++l) {
      const std::string prefix = "blk." + std::to_string(l) + ".";
      add(prefix + "attn_norm.weight", {kHidden}, 1);
      add(prefix + "ffn_norm.weight", {kHidden}, 1);
      if (l == 1) {
        add(prefix + "attn_q.weight", {kHidden, kHidden});
        add(prefix + "attn_k.weight", {kHidden, kKvHeads * kWidth});
        add(prefix + "attn_v.weight", {kHidden, kKvHeads * kWidth});
        add(prefix + "attn_q_norm.weight", {kWidth}, 1);
        add(prefix + "attn_k_norm.weight", {kWidth}, 1);
        add(prefix + "attn_output.weight", {kHidden, kHidden});
      } else {
        add(prefix + "shortconv.in_proj.weight", {kHidden, 3 * kHidden});
        add(prefix + "shortconv.conv.weight", {kLength, kHidden}, 2);
        add(prefix + "shortconv.out_proj.weight", {kHidden, kHidden});
      }
      add(prefix + "ffn_gate.weight", {kHidden, kFfn});
      add(prefix + "ffn_up.weight", {kHidden, kFfn});
      add(prefix + "ffn_down.weight", {kFfn, kHidden});
    }
  }

  void add(const std::string& name, const std::vector<uint64_t>& dimensions, float size = 0.2f) {
    uint64_t count = 1;
    for (const uint64_t dimension : dimensions) count *= dimension;
    writer.add_tensor(name, dimensions, TensorType::kF32,
                      random_tensor(TensorType::kF32, count, writer.tensors.size() + 1, size));
  }
};

}  // namespace camelgpt
