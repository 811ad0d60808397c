#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "quant/neuron_panel.h"
#include "session/loaded_session.h"
#include "session/session.h"
#include "tiny_llama.h"

using namespace camelgpt;

static constexpr uint32_t kFfn = TinyLlama::kFfn;

static std::vector<int32_t> text(size_t count, uint64_t seed = 1) {
  TestRandom random(seed);
  std::vector<int32_t> tokens;
  for (size_t i = 0; i < count; ++i) tokens.push_back(static_cast<int32_t>(random.next() % 256));
  return tokens;
}

static void set_ffn(Session* session, float ffn, float max_kl = 0) {
  PruneOptions options;
  options.ffn = ffn;
  options.max_kl = max_kl;
  REQUIRE(session_set_pruning(session, options).ok());
}

static std::vector<float> logits_of_step(Session* session) {
  step(session);
  return logits(session);
}

static double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double square = 0, size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    square += std::pow(static_cast<double>(a[i] - b[i]), 2);
    size += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(square / size);
}

// Sets the columns of down to zero, except for these neurons.
static void silence(const Panel& down, const std::vector<bool>& stays) {
  const PanelLayout layout = panel_layout(down.kind);
  for (uint32_t c = 0; c < down.columns; ++c) {
    if (stays[c]) continue;
    for (uint32_t r = 0; r < down.rows; ++r) {
      uint8_t* group = down.data + r / kPanelRows * down.group_bytes;
      if (down.order == PanelOrder::kColumns) {
        std::memset(down.data + c * neuron_run_bytes(down.kind, neuron_width(down)), 0,
                    neuron_run_bytes(down.kind, neuron_width(down)));
      } else if (layout.float_bytes != 0) {
        std::memset(group + (c * kPanelRows + r % kPanelRows) * layout.float_bytes, 0, layout.float_bytes);
      } else {
        group[c / 32 * layout.unit_bytes + c % 32 / 4 * 32 + r % kPanelRows * 4 + c % 4] = layout.offset;
      }
    }
  }
}

TEST_CASE("a step on the selected neurons is a step on the model whose other neurons are silent") {
  struct Case {
    TensorType type;
    const char* activation;
    double error;
  };
  for (const Case& c : {Case{TensorType::kF32, "silu", 1e-5}, Case{TensorType::kF16, "relu", 1e-5},
                        Case{TensorType::kF16, "silu", 1e-5}, Case{TensorType::kBF16, "relu2", 1e-5},
                        Case{TensorType::kQ8_0, "silu", 0.01}, Case{TensorType::kQ8_0, "relu", 0.01}}) {
    const std::vector<uint8_t> file =
        TinyLlama(c.type, true, false, TinyLlama::kContext, TinyLlama::kVocabulary, c.activation).writer.file();
    TestSession light, dense;
    REQUIRE(load(light, file, 1 << 16, 0, KvType::k16, false, 0.5f).ok());
    REQUIRE(load(dense, file).ok());
    set_ffn(light, 0.5f);
    configure(light);
    configure(dense);
    prefill(light, text(20), 7);
    prefill(dense, text(20), 7);
    CHECK(logits(light) == logits(dense));  // the prompt is evaluated in full
    step(light);
    step(dense);
    const std::vector<float> pruned = logits_of_step(light);
    const PromptNeurons& neurons = light.session->memory.pruning.neurons;
    REQUIRE(neurons.packed);
    CHECK(neurons.kept == kFfn / 2);
    CHECK(neurons.seen == 20);
    for (size_t l = 0; l < TinyLlama::kLayers; ++l) {
      std::vector<bool> stays(kFfn);
      for (const uint32_t n : neurons.chosen.subspan(l * neurons.kept, neurons.kept)) stays[n] = true;
      CHECK(std::count(stays.begin(), stays.end(), true) == neurons.kept);
      silence(dense.session->memory.model.layers[l].down.weight, stays);
    }
    const std::vector<float> expected = logits_of_step(dense);
    CHECK(distance(pruned, expected) < c.error);
    TestSession full;
    REQUIRE(load(full, file).ok());
    configure(full);
    prefill(full, text(20), 7);
    step(full);
    CHECK(distance(pruned, logits_of_step(full)) > 5 * c.error);  // the skipped neurons matter
    const PruneReport report = session_prune_report(light);
    CHECK(report.ffn_kept < 1);
    CHECK(report.macs_per_token < report.macs_per_token_dense);
  }
}

TEST_CASE("the neurons that contribute most are selected") {
  TinyLlama model(TensorType::kF32);
  TestSession session;
  REQUIRE(load(session, model.writer.file(), 1 << 16, 0, KvType::k16, false, 0.25f).ok());
  std::vector<bool> stays(kFfn);
  for (uint32_t n = 3; n < kFfn; n += 4) stays[n] = true;
  for (const DecoderLayer& layer : session.session->memory.model.layers) silence(layer.down.weight, stays);
  configure(session);
  prefill(session, text(12));
  step(session);
  const std::vector<float> dense = logits_of_step(session);
  set_ffn(session, 0.25f);
  prefill(session, text(12, 9));  // so that nothing is reused
  prefill(session, text(12));
  step(session);
  CHECK(distance(logits_of_step(session), dense) < 1e-5);
  const PromptNeurons& neurons = session.session->memory.pruning.neurons;
  for (size_t i = 0; i < neurons.chosen.size(); ++i) CHECK(neurons.chosen[i] % 4 == 3);
}

TEST_CASE("a selection lasts while a text continues, and drift ends it") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kF32, false).writer.file(), 1 << 16, 0, KvType::k16, false, 0.5f).ok());
  set_ffn(session, 0.5f);
  configure(session, 40);
  std::vector<int32_t> tokens = text(30);
  prefill(session, tokens);
  for (int i = 0; i < 3; ++i) step(session);
  const PromptNeurons& neurons = session.session->memory.pruning.neurons;
  CHECK(neurons.packed_seen == 30);
  tokens.push_back(7);  // the same text and a little more
  prefill(session, tokens);
  CHECK(session_reused_tokens(session) == 30);
  CHECK(neurons.packed);
  CHECK(neurons.seen == 31);
  const std::vector<int32_t> more = text(20, 3);
  tokens.insert(tokens.end(), more.begin(), more.end());  // much more
  prefill(session, tokens);
  CHECK(!neurons.packed);
  CHECK(neurons.seen >= 50);
  prefill(session, text(10, 5));  // another text
  CHECK(neurons.seen == 10);
  for (int i = 0; i < 12; ++i) step(session);
  PruneReport report = session_prune_report(session);
  CHECK(report.drift_checks == 1);
  CHECK(report.drift_events == 0);
  CHECK(report.mean_kl > 0);  // measured even without a budget
  CHECK(report.ffn_kept < 1);

  set_ffn(session, 0.5f, report.mean_kl / 10);
  prefill(session, text(10, 6));
  for (int i = 0; i < 32; ++i) step(session);
  report = session_prune_report(session);
  CHECK(report.drift_events > 0);
  CHECK(report.ffn_kept > 0.55f);  // all neurons are computed since the drift
}

TEST_CASE("neurons whose importance is not a number do no harm") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kF32).writer.file(), 1 << 16, 0, KvType::k16, false, 0.25f).ok());
  set_ffn(session, 0.25f);
  configure(session);
  prefill(session, text(12));
  PromptNeurons& neurons = session.session->memory.pruning.neurons;
  std::fill(neurons.importance.begin(), neurons.importance.begin() + kFfn / 2, 0.0f);
  // Norms of very large columns: zero importance times infinity is not a number.
  std::fill(neurons.norms.begin(), neurons.norms.end(), INFINITY);
  neurons.knows_norms = true;
  step(session);
  step(session);
  REQUIRE(neurons.packed);
  for (size_t i = 1; i < neurons.kept; ++i) CHECK(neurons.chosen[i - 1] < neurons.chosen[i]);
  CHECK(neurons.chosen[neurons.kept - 1] < kFfn);
}

TEST_CASE("selections that no memory was reserved for are errors") {
  TestSession plain, session;
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ4_0).writer.file();
  REQUIRE(load(plain, file).ok());
  REQUIRE(load(session, file, 1 << 16, 0, KvType::k16, false, 0.5f).ok());
  PruneOptions options;
  for (const float ffn : {-0.1f, 1.1f, static_cast<float>(NAN)}) {
    options.ffn = ffn;
    CHECK(session_set_pruning(session, options).code == ErrorCode::kBadOption);
  }
  options.ffn = 0.5f;
  CHECK(session_set_pruning(plain, options).code == ErrorCode::kBadState);
  CHECK(session_set_pruning(session, options).ok());
  options.ffn = 0.75f;
  CHECK(session_set_pruning(session, options).code == ErrorCode::kBadState);
  options.ffn = 1;
  CHECK(session_set_pruning(plain, options).ok());
}

TEST_CASE("a text is scored with the neurons that its first quarter selects") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kQ8_0, false).writer.file(), 1 << 16, 0, KvType::k16, false, 0.5f).ok());
  set_ffn(session, 0.5f);
  const std::vector<TokenScore> scores = score(session, text(40), 7, true);
  for (size_t i = 0; i < scores.size(); ++i) CHECK((scores[i].kl != 0) == (i >= 10));
  CHECK(std::fabs(session_prune_report(session).ffn_kept - 0.63f) < 0.02f);  // 29 of 39 steps use half of the neurons
}
