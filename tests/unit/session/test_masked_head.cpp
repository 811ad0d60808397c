// An encoder like BERT with a masked-language-model head, compared with a plain evaluation in doubles.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "camelgpt.h"
#include "prune/head.h"
#include "session/loaded_session.h"
#include "tiny_llama.h"

using namespace camelgpt;

namespace {

using Vector = std::vector<double>;

struct TinyBert {
  static constexpr uint32_t kLayers = 2, kHidden = 32, kHeads = 2, kWidth = 16, kFfn = 64, kContext = 96,
                            kVocabulary = 258;
  GgufWriter writer;
  std::map<std::string, std::vector<float>> tensors;
  TestRandom random{7};

  explicit TinyBert(bool has_head) {
    writer.add_string("general.architecture", "bert");
    writer.add("bert.block_count", kLayers);
    writer.add("bert.context_length", kContext);
    writer.add("bert.embedding_length", kHidden);
    writer.add("bert.feed_forward_length", kFfn);
    writer.add("bert.attention.head_count", kHeads);
    writer.add("bert.attention.layer_norm_epsilon", 1e-5f);
    writer.add("tokenizer.ggml.mask_token_id", TinyLlama::kStart);
    add_byte_vocabulary(&writer);
    add("token_embd.weight", kVocabulary, kHidden, 0.5f);
    add("position_embd.weight", kContext, kHidden, 0.5f);
    add("token_types.weight", 2, kHidden, 0.5f);
    add_norm("token_embd_norm");
    for (uint32_t l = 0; l < kLayers; ++l) {
      const std::string block = "blk." + std::to_string(l) + ".";
      for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"}) add_linear(block + name, kHidden, kHidden);
      add_norm(block + "attn_output_norm");
      add_linear(block + "ffn_up", kFfn, kHidden);
      add_linear(block + "ffn_down", kHidden, kFfn);
      add_norm(block + "layer_output_norm");
    }
    if (!has_head) return;
    add_linear("mlm_dense", kHidden, kHidden);
    add_norm("mlm_norm");
    add("mlm_output.bias", 1, kVocabulary, 0.5f);
  }

  void add(const std::string& name, uint32_t rows, uint32_t columns, float size, float shift = 0) {
    std::vector<float>& values = tensors[name];
    for (uint32_t i = 0; i < rows * columns; ++i) values.push_back(shift + size * random.real());
    writer.add_tensor(name, rows == 1 ? std::vector<uint64_t>{columns} : std::vector<uint64_t>{columns, rows}, values);
  }
  void add_linear(const std::string& name, uint32_t rows, uint32_t columns) {
    add(name + ".weight", rows, columns, 0.4f);
    add(name + ".bias", 1, rows, 0.3f);
  }
  void add_norm(const std::string& name) {
    add(name + ".weight", 1, kHidden, 0.3f, 1);
    add(name + ".bias", 1, kHidden, 0.3f);
  }

  Vector row(const std::string& name, size_t index) const {
    const float* values = &tensors.at(name)[index * kHidden];
    return Vector(values, values + kHidden);
  }
  Vector linear(const std::string& name, const Vector& x) const {
    const std::vector<float>& bias = tensors.at(name + ".bias");
    Vector y(bias.begin(), bias.end());
    for (size_t r = 0; r < y.size(); ++r) y[r] += dot(name + ".weight", r, x);
    return y;
  }
  double dot(const std::string& name, size_t index, const Vector& x) const {
    double sum = 0;
    for (size_t c = 0; c < x.size(); ++c) sum += static_cast<double>(tensors.at(name)[index * x.size() + c]) * x[c];
    return sum;
  }
  Vector norm(const std::string& name, const Vector& x) const {
    double mean = 0, variance = 0;
    for (const double value : x) mean += value / kHidden;
    for (const double value : x) variance += (value - mean) * (value - mean) / kHidden;
    Vector y(x.size());
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] = (x[i] - mean) / std::sqrt(variance + 1e-5) * static_cast<double>(tensors.at(name + ".weight")[i]) +
             static_cast<double>(tensors.at(name + ".bias")[i]);
    }
    return y;
  }
  static Vector gelu(Vector x) {
    for (double& value : x)
      value *= 0.5 * (1 + std::tanh(std::sqrt(2 / 3.14159265358979) * (value + 0.044715 * value * value * value)));
    return x;
  }
  static Vector sum(const Vector& a, const Vector& b) {
    Vector y(a);
    for (size_t i = 0; i < y.size(); ++i) y[i] += b[i];
    return y;
  }

  std::vector<Vector> states(const std::vector<int32_t>& tokens) const {
    const size_t count = tokens.size();
    std::vector<Vector> x(count), q(count), k(count), v(count);
    for (size_t t = 0; t < count; ++t) {
      const Vector embedded =
          sum(row("token_embd.weight", static_cast<size_t>(tokens[t])), row("position_embd.weight", t));
      x[t] = norm("token_embd_norm", sum(embedded, row("token_types.weight", 0)));
    }
    for (uint32_t l = 0; l < kLayers; ++l) {
      const std::string block = "blk." + std::to_string(l) + ".";
      for (size_t t = 0; t < count; ++t) {
        q[t] = linear(block + "attn_q", x[t]);
        k[t] = linear(block + "attn_k", x[t]);
        v[t] = linear(block + "attn_v", x[t]);
      }
      for (size_t t = 0; t < count; ++t) {
        Vector attended(kHidden);
        for (size_t at = 0; at < kHidden; at += kWidth) {
          Vector weights(count);
          double total = 0;
          for (size_t p = 0; p < count; ++p) {
            double score = 0;
            for (size_t i = at; i < at + kWidth; ++i) score += q[t][i] * k[p][i];
            total += weights[p] = std::exp(score / std::sqrt(kWidth));
          }
          for (size_t p = 0; p < count; ++p) {
            for (size_t i = at; i < at + kWidth; ++i) attended[i] += weights[p] / total * v[p][i];
          }
        }
        x[t] = norm(block + "attn_output_norm", sum(x[t], linear(block + "attn_output", attended)));
        x[t] = norm(block + "layer_output_norm",
                    sum(x[t], linear(block + "ffn_down", gelu(linear(block + "ffn_up", x[t])))));
      }
    }
    return x;
  }
  Vector logits(const Vector& state) const {
    const Vector n = norm("mlm_norm", gelu(linear("mlm_dense", state)));
    Vector y(kVocabulary);
    for (size_t r = 0; r < kVocabulary; ++r)
      y[r] = dot("token_embd.weight", r, n) + static_cast<double>(tensors.at("mlm_output.bias")[r]);
    return y;
  }
};

}  // namespace

TEST_CASE("the head of a masked model is a transformation, the embedding and a bias") {
  const TinyBert bert(true);
  TestSession session;
  REQUIRE(load(session, bert.writer.file()).ok());
  ModelInfo info;
  REQUIRE(session_model_info(session, &info).ok());
  CHECK(info.kind == ModelKind::kMasked);
  std::vector<int32_t> tokens = some_tokens(80);
  tokens[5] = tokens[70] = TinyLlama::kStart;
  REQUIRE(run(session, PredictRequest{tokens}).ok());
  const std::vector<Vector> states = bert.states(tokens);
  for (const uint32_t position : {5u, 70u}) {
    float logprob;
    REQUIRE(session_predict(session, position, 0, 3, &logprob).ok());
    const Vector expected = bert.logits(states[position]);
    const std::span<const float> found = session_logits(session);
    for (size_t i = 0; i < expected.size(); ++i) {
      CHECK(static_cast<double>(found[i]) == doctest::Approx(expected[i]).epsilon(0.005));
    }
  }
}

TEST_CASE("only output heads that score the steps of a decoder are pruned") {
  ModelConfig config;
  config.layers = 6;
  config.hidden = 384;
  config.heads = config.kv_heads = 12;
  config.head_width = 32;
  config.ffn = 1536;
  config.vocabulary = 30522;
  CHECK(pruned_head_rank(config) != 0);
  for (auto change : {+[](ModelConfig* c) { c->causal = false; }, +[](ModelConfig* c) { c->has_head = false; },
                      +[](ModelConfig* c) { c->bytes.length = 12; }}) {
    ModelConfig changed = config;
    change(&changed);
    CHECK(pruned_head_rank(changed) == 0);
  }
}

TEST_CASE("an encoder without an output head can only embed") {
  const TinyBert bert(false);
  TestSession session;
  REQUIRE(load(session, bert.writer.file()).ok());
  ModelInfo info;
  REQUIRE(session_model_info(session, &info).ok());
  CHECK(info.kind == ModelKind::kEncoder);
  const std::vector<int32_t> tokens = some_tokens(70);
  CHECK(prompt(session, tokens).code == ErrorCode::kUnsupportedTask);
  CHECK(session_begin(session, ScoreRequest{tokens}).code == ErrorCode::kUnsupportedTask);
  CHECK(session_begin(session, PredictRequest{tokens}).code == ErrorCode::kUnsupportedTask);
  CHECK(session_begin(session, FillRequest{tokens, {}}).code == ErrorCode::kUnsupportedTask);
  CHECK(session_begin(session, SaveRequest{}).code == ErrorCode::kUnsupportedTask);
  CHECK(session_begin(session, RestoreRequest{100}).code == ErrorCode::kUnsupportedTask);
  REQUIRE(session_begin(session, EmbedRequest{tokens, Pooling::kFirst, false}).ok());
  ActivityProgress progress;
  REQUIRE(session_continue(session, 64, &progress).ok());  // all tokens in one call
  CHECK(progress.state == ActivityState::kDone);
  const Vector expected = bert.states(tokens)[0];
  for (size_t i = 0; i < expected.size(); ++i) {
    CHECK(static_cast<double>(session_embedding(session)[i]) == doctest::Approx(expected[i]).epsilon(0.002));
  }
}
