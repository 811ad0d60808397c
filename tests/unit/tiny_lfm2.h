// A small model of random weights in which layers with a short convolution and layers with attention take turns: the
// file.
#pragma once

#include <string>
#include <vector>

#include "gguf_writer.h"
#include "random_weights.h"
#include "tiny_llama.h"

namespace camelgpt {

// Three layers; the one in the middle has attention.
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
      const std::string block = "blk." + std::to_string(l) + ".";
      add(block + "attn_norm.weight", {kHidden}, 1);
      add(block + "ffn_norm.weight", {kHidden}, 1);
      if (l == 1) {
        add(block + "attn_q.weight", {kHidden, kHidden});
        add(block + "attn_k.weight", {kHidden, kKvHeads * kWidth});
        add(block + "attn_v.weight", {kHidden, kKvHeads * kWidth});
        add(block + "attn_q_norm.weight", {kWidth}, 1);
        add(block + "attn_k_norm.weight", {kWidth}, 1);
        add(block + "attn_output.weight", {kHidden, kHidden});
      } else {
        add(block + "shortconv.in_proj.weight", {kHidden, 3 * kHidden});
        add(block + "shortconv.conv.weight", {kLength, kHidden}, 2);
        add(block + "shortconv.out_proj.weight", {kHidden, kHidden});
      }
      add(block + "ffn_gate.weight", {kHidden, kFfn});
      add(block + "ffn_up.weight", {kHidden, kFfn});
      add(block + "ffn_down.weight", {kFfn, kHidden});
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
