// A small llama model with random weights: its file, its weights as floats, and a reference that evaluates it in
// doubles.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "gguf_writer.h"
#include "quant/blocks.h"
#include "random_weights.h"

namespace camelgpt {

// Single bytes in GPT-2's alphabet (printable bytes are themselves, the others follow from U+0100 on), then two control
// tokens.
inline void add_byte_vocabulary(GgufWriter* writer) {
  std::vector<std::string> tokens;
  std::vector<int32_t> types(258, 1);
  uint32_t next = 0x100;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const bool itself = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    const uint32_t c = itself ? byte : next++;
    tokens.push_back(c < 0x80 ? std::string(1, static_cast<char>(c))
                              : std::string{static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 63))});
  }
  tokens.push_back("<|end|>");
  tokens.push_back("<|start|>");
  types[256] = types[257] = 3;
  writer->add_string("tokenizer.ggml.model", "gpt2");
  writer->add_string("tokenizer.ggml.pre", "gpt-2");
  writer->add_strings("tokenizer.ggml.tokens", tokens);
  writer->add_numbers<int32_t>("tokenizer.ggml.token_type", types);
  writer->add_strings("tokenizer.ggml.merges", {});
  writer->add("tokenizer.ggml.bos_token_id", uint32_t{257});
  writer->add("tokenizer.ggml.eos_token_id", uint32_t{256});
}

struct TinyLlama {
  static constexpr uint32_t kLayers = 2, kHidden = 256, kHeads = 4, kKvHeads = 2, kWidth = 64, kFfn = 512,
                            kContext = 64;
  static constexpr uint32_t kBytes = 256, kEnd = 256, kStart = 257, kVocabulary = 258;
  static constexpr float kEpsilon = 1e-5f, kBase = 10000.0f;

  GgufWriter writer;
  std::map<std::string, std::vector<float>> weights;  // dequantised, row-major

  std::string activation;  // of the gate

  // `rows`: of the embedding; those past the vocabulary are tokens without a text. The architecture "camelgpt" is a
  // masked model whose mask token is kStart.
  explicit TinyLlama(TensorType type, bool tied = true, bool rope_factors = false, uint32_t context = kContext,
                     uint32_t rows = kVocabulary, const std::string& activation = "silu",
                     const std::string& architecture = "llama")
      : activation(activation) {
    const auto key = [&](const char* name) { return architecture + "." + name; };
    writer.add_string("general.architecture", architecture);
    writer.add_string("general.name", "Tiny");
    writer.add(key("block_count"), kLayers);
    writer.add(key("context_length"), context);
    writer.add(key("embedding_length"), kHidden);
    writer.add(key("feed_forward_length"), kFfn);
    writer.add(key("attention.head_count"), kHeads);
    writer.add(key("attention.head_count_kv"), kKvHeads);
    writer.add(key("attention.layer_norm_rms_epsilon"), kEpsilon);
    writer.add(key("rope.freq_base"), kBase);
    if (activation != "silu") writer.add_string(key("hidden_activation"), activation);
    if (architecture == "camelgpt") writer.add("tokenizer.ggml.mask_token_id", kStart);
    add_byte_vocabulary(&writer);
    add("token_embd.weight", kHidden, rows, type, 1.0f);
    if (!tied) add("output.weight", kHidden, rows, type);
    add_norm("output_norm.weight");
    if (rope_factors) add("rope_freqs.weight", kWidth / 2, 1, TensorType::kF32, 1.0f, 2.0f);
    for (uint32_t l = 0; l < kLayers; ++l) {
      const std::string prefix = "blk." + std::to_string(l) + ".";
      add_norm(prefix + "attn_norm.weight");
      add(prefix + "attn_q.weight", kHidden, kHeads * kWidth, type);
      add(prefix + "attn_k.weight", kHidden, kKvHeads * kWidth, type);
      add(prefix + "attn_v.weight", kHidden, kKvHeads * kWidth, type);
      add(prefix + "attn_output.weight", kHeads * kWidth, kHidden, type);
      add_norm(prefix + "ffn_norm.weight");
      add(prefix + "ffn_gate.weight", kHidden, kFfn, type);
      add(prefix + "ffn_up.weight", kHidden, kFfn, type);
      add(prefix + "ffn_down.weight", kFfn, kHidden, type);
    }
  }

  // Logits after the last token, in doubles, from the definition of the graph.
  std::vector<double> logits(const std::vector<int32_t>& tokens) const {
    return logits_seeing(tokens, tokens.size() - 1, [](size_t t) { return t + 1; });
  }
  // Logits of a masked model at a position: prompt tokens see the prompt, all others see everything.
  std::vector<double> masked_logits(const std::vector<int32_t>& tokens, size_t prompt, size_t position) const {
    return logits_seeing(tokens, position, [&](size_t t) { return t < prompt ? prompt : tokens.size(); });
  }

 private:
  template <typename Seen>
  // Logits at a position; the token at t sees positions 0 to seen(t) - 1.
  std::vector<double> logits_seeing(const std::vector<int32_t>& tokens, size_t position, Seen seen) const {
    const size_t count = tokens.size();
    std::vector<std::vector<double>> x(count);
    for (size_t t = 0; t < count; ++t) x[t] = row("token_embd.weight", static_cast<size_t>(tokens[t]), kHidden);
    for (uint32_t l = 0; l < kLayers; ++l) {
      const std::string prefix = "blk." + std::to_string(l) + ".";
      std::vector<std::vector<double>> q(count), k(count), v(count);
      for (size_t t = 0; t < count; ++t) {
        const std::vector<double> n = norm(x[t], prefix + "attn_norm.weight");
        q[t] = rotated(product(prefix + "attn_q.weight", n), t);
        k[t] = rotated(product(prefix + "attn_k.weight", n), t);
        v[t] = product(prefix + "attn_v.weight", n);
      }
      for (size_t t = 0; t < count; ++t) {
        std::vector<double> attended(kHeads * kWidth);
        for (uint32_t h = 0; h < kHeads; ++h) {
          const size_t at = h * kWidth, kv = h / (kHeads / kKvHeads) * kWidth;
          std::vector<double> scores(seen(t));
          double total = 0, highest = -HUGE_VAL;
          for (size_t p = 0; p < scores.size(); ++p) {
            for (uint32_t i = 0; i < kWidth; ++i) scores[p] += q[t][at + i] * k[p][kv + i] / std::sqrt(kWidth);
            highest = std::fmax(highest, scores[p]);
          }
          for (double& score : scores) total += score = std::exp(score - highest);
          for (size_t p = 0; p < scores.size(); ++p) {
            for (uint32_t i = 0; i < kWidth; ++i) attended[at + i] += scores[p] / total * v[p][kv + i];
          }
        }
        add_to(x[t], product(prefix + "attn_output.weight", attended));
        const std::vector<double> n = norm(x[t], prefix + "ffn_norm.weight");
        std::vector<double> gate = product(prefix + "ffn_gate.weight", n);
        const std::vector<double> up = product(prefix + "ffn_up.weight", n);
        for (size_t i = 0; i < gate.size(); ++i) {
          const double relu = std::fmax(gate[i], 0);
          gate[i] = up[i] * (activation == "relu"    ? relu
                             : activation == "relu2" ? relu * relu
                                                     : gate[i] / (1 + std::exp(-gate[i])));
        }
        add_to(x[t], product(prefix + "ffn_down.weight", gate));
      }
    }
    const std::string head = weights.count("output.weight") != 0 ? "output.weight" : "token_embd.weight";
    return product(head, norm(x[position], "output_norm.weight"));
  }

  void add(const std::string& name, uint32_t columns, uint32_t rows, TensorType type, float size = 0.06f,
           float shift = 0) {
    const TensorTypeInfo info = tensor_type_info(type);
    const uint64_t count = static_cast<uint64_t>(rows) * columns;
    std::vector<uint8_t> bytes = random_tensor(type, count, weights.size() + 1, size);
    std::vector<float>& values = weights[name];
    values.resize(count);
    for (size_t b = 0; b < count / info.block_elements; ++b) {
      float* block = &values[b * info.block_elements];
      dequantize_block(type, &bytes[b * info.block_bytes], block);
      if (shift != 0) std::memcpy(&bytes[b * info.block_bytes], &(*block += shift), sizeof(float));
    }
    writer.add_tensor(name, rows == 1 ? std::vector<uint64_t>{columns} : std::vector<uint64_t>{columns, rows}, type,
                      bytes);
  }
  void add_norm(const std::string& name) { add(name, kHidden, 1, TensorType::kF32, 0.5f, 1.0f); }

  std::vector<double> row(const std::string& name, size_t index, size_t columns) const {
    const std::vector<float>& w = weights.at(name);
    return {w.begin() + static_cast<ptrdiff_t>(index * columns),
            w.begin() + static_cast<ptrdiff_t>((index + 1) * columns)};
  }
  std::vector<double> product(const std::string& name, const std::vector<double>& x) const {
    const std::vector<float>& w = weights.at(name);
    std::vector<double> y(w.size() / x.size());
    for (size_t r = 0; r < y.size(); ++r) {
      for (size_t c = 0; c < x.size(); ++c) y[r] += static_cast<double>(w[r * x.size() + c]) * x[c];
    }
    return y;
  }
  std::vector<double> norm(std::vector<double> x, const std::string& name) const {
    double squares = 0;
    for (const double value : x) squares += value * value;
    const double factor = 1 / std::sqrt(squares / static_cast<double>(x.size()) + static_cast<double>(kEpsilon));
    for (size_t i = 0; i < x.size(); ++i) x[i] *= factor * static_cast<double>(weights.at(name)[i]);
    return x;
  }
  std::vector<double> rotated(std::vector<double> x, size_t position) const {
    const auto factors = weights.find("rope_freqs.weight");
    for (size_t at = 0; at < x.size(); at += kWidth) {
      for (uint32_t i = 0; i < kWidth; i += 2) {
        double angle =
            static_cast<double>(position) * std::pow(static_cast<double>(kBase), -static_cast<double>(i) / kWidth);
        if (factors != weights.end()) angle /= static_cast<double>(factors->second[i / 2]);
        const double a = x[at + i], b = x[at + i + 1];
        x[at + i] = a * std::cos(angle) - b * std::sin(angle);
        x[at + i + 1] = a * std::sin(angle) + b * std::cos(angle);
      }
    }
    return x;
  }
  static void add_to(std::vector<double>& x, const std::vector<double>& y) {
    for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  }
};

// The file of a model with matrices of Q8_0, made once for each context.
template <uint32_t context = 256>
const std::vector<uint8_t>& llama_file() {
  static const std::vector<uint8_t> file = TinyLlama(TensorType::kQ8_0, true, false, context).writer.file();
  return file;
}

}  // namespace camelgpt
