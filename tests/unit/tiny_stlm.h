// The file of a small stlm model with random weights, which tests/parity/make_stlm_goldens.py reproduces.
#pragma once

#include <string>
#include <vector>

#include "gguf_writer.h"
#include "random_weights.h"

namespace camelgpt {

struct TinyStlm {
  static constexpr uint32_t kLength = 6, kWidth = 16, kByteHeads = 2, kVocabulary = 258;
  static constexpr uint32_t kHidden = 32, kHeads = 2, kKvHeads = 1, kHeadWidth = 16, kFfn = 48, kContext = 64;

  GgufWriter writer;

  explicit TinyStlm(uint32_t layers = 2, uint32_t repeat = 2, bool ffn_sharing = true, const char* words = "gpt-2",
                    uint32_t context = kContext) {
    writer.add_string("general.architecture", "stlm");
    writer.add("stlm.block_count", layers);
    writer.add("stlm.block_repeat", repeat);
    writer.add("stlm.ffn_sharing", ffn_sharing);
    writer.add("stlm.context_length", context);
    writer.add("stlm.embedding_length", kHidden);
    writer.add("stlm.feed_forward_length", kFfn);
    writer.add("stlm.attention.head_count", kHeads);
    writer.add("stlm.attention.head_count_kv", kKvHeads);
    writer.add("stlm.attention.layer_norm_rms_epsilon", 1e-6f);
    writer.add("stlm.chunk_length", kLength);
    writer.add("stlm.byte.embedding_length", kWidth);
    writer.add("stlm.byte.head_count", kByteHeads);
    writer.add("stlm.byte.embedder_block_count", uint32_t{2});
    writer.add("stlm.byte.head_block_count", uint32_t{2});
    writer.add_string("tokenizer.ggml.model", "bytes");
    writer.add_string("tokenizer.ggml.pre", words);
    writer.add("tokenizer.ggml.chunk_length", kLength);
    add("token_embd.weight", kVocabulary, kWidth, 1);
    add("position_embd.weight", kLength, kWidth, 1);
    add_block("enc.blk.0.", 16, 40, 24);
    add_block("enc.blk.1.", 24, 48, kHidden);
    add("dec.projection.weight", kLength * kWidth, kHidden, 0.3f);
    add("dec.position_embd.weight", kLength, kWidth, 1);
    add_block("dec.blk.0.", 16, 40, 16);
    add_block("dec.blk.1.", 16, 24, 16);
    add("output.weight", kVocabulary, kWidth, 1);
    for (uint32_t i = 0; i < layers; ++i) {
      const std::string prefix = "blk." + std::to_string(i) + ".";
      add(prefix + "attn_norm.weight", 1, kHidden, 0.5f, 1);
      add(prefix + "attn_q.weight", kHeads * kHeadWidth, kHidden, 0.4f);
      add(prefix + "attn_k.weight", kKvHeads * kHeadWidth, kHidden, 0.4f);
      add(prefix + "attn_v.weight", kKvHeads * kHeadWidth, kHidden, 0.4f);
      add(prefix + "attn_output.weight", kHidden, kHeads * kHeadWidth, 0.3f);
      add(prefix + "ffn_norm.weight", 1, kHidden, 0.5f, 1);
      if (i > 0 && ffn_sharing) continue;
      add(prefix + "ffn_gate.weight", kFfn, kHidden, 0.4f);
      add(prefix + "ffn_up.weight", kFfn, kHidden, 0.4f);
      add(prefix + "ffn_down.weight", kHidden, kFfn, 0.3f);
    }
  }

 private:
  // Random values around `shift`; the seed is the tensor's position in the file.
  void add(const std::string& name, uint32_t rows, uint32_t columns, float size, float shift = 0) {
    TestRandom random(writer.tensors.size() + 1);
    std::vector<uint8_t> bytes(sizeof(float) * rows * columns);
    for (size_t at = 0; at < bytes.size(); at += sizeof(float)) {
      const float value = shift + size * random.real();
      std::memcpy(&bytes[at], &value, sizeof value);
    }
    writer.add_tensor(name, rows == 1 ? std::vector<uint64_t>{columns} : std::vector<uint64_t>{columns, rows},
                      TensorType::kF32, bytes);
  }
  void add_block(const std::string& prefix, uint32_t width, uint32_t ffn, uint32_t out) {
    add(prefix + "attn_norm.weight", 1, width, 0.5f, 1);
    add(prefix + "attn_qkv.weight", 3 * width, width, 0.5f);
    add(prefix + "attn_output.weight", width, width, 0.4f);
    add(prefix + "ffn_norm.weight", 1, width, 0.5f, 1);
    add(prefix + "ffn_up.weight", ffn, width, 0.5f);
    add(prefix + "ffn_down.weight", out, ffn, 0.5f);
  }
};

}  // namespace camelgpt
