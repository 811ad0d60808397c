// Runs of several sequences in one forward pass, compared bit for bit with the same runs in passes of their own.
#pragma once

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "model/loaded_model.h"
#include "nn/linear.h"
#include "random_weights.h"

namespace camelgpt {

struct PlannedRun {
  uint32_t sequence, tokens, outputs = 0, kv_tokens = 0;
};
using PlannedPass = std::vector<PlannedRun>;

inline constexpr uint32_t kComparedSequences = 6;
// Positions that the passes fill at most.
inline constexpr uint32_t kComparedContext = 160;

// Prefill of runs of different lengths, decoding, and both together. The third sequence outgrows 64 kv_tokens.
inline std::vector<PlannedPass> compared_passes(bool causal) {
  if (!causal) return {{{0, 5}, {1, 20}, {2, 30}}, {{0, 3}, {1, 40}, {2, 50}}, {{2, 1}, {0, 1}, {1, 1}}};
  const PlannedPass step = {{2, 1, 1, 64}, {0, 1, 1}, {1, 1, 1, 64}};
  return {{{0, 5, 1}, {1, 20}, {2, 30, 3}},
          {{2, 44}, {1, 20, 20}},
          {{2, 64, 1}},
          {{3, 1, 1}, {4, 2, 2}, {5, 3, 1}},
          step,
          step,
          {{0, 1, 1}, {1, 1, 1}, {2, 1, 1, 64}, {3, 1, 1}, {4, 1, 1}, {5, 1, 1}},
          {{0, 30, 2}, {1, 1, 1, 64}, {2, 1, 1, 64}},
          {{2, 1, 1, 64}, {0, 1}, {3, 7, 7}},
          {{5, 9, 9}, {4, 1, 1, 64}},
          {{0, 1}, {1, 3}, {2, 1, 0, 64}},
          step};
}

struct ComparedRuns {
  LoadedModel& loaded;
  ChunkTable chunks;  // of models that read bytes

  explicit ComparedRuns(LoadedModel& loaded) : loaded(loaded) {
    const uint32_t length = loaded.model.config.bytes.length;
    if (length != 0 && chunks_reserve(256, length, &chunks)) loaded.model.chunks = &chunks;
  }

  // Where a bit differs first; empty if none does.
  std::string difference(KvType type = KvType::k16) {
    Caches together(loaded.model.config, type), alone(loaded.model.config, type);
    if (!together.reserved || !alone.reserved) return "no memory for the caches";
    const std::vector<PlannedPass> passes = compared_passes(loaded.model.config.causal);
    for (size_t i = 0; i < passes.size(); ++i) {
      std::vector<float> expected;
      for (const PlannedRun& run : passes[i]) {
        const std::vector<float> values = evaluate({run}, &alone);
        expected.insert(expected.end(), values.begin(), values.end());
      }
      const std::vector<float> found = evaluate(passes[i], &together);
      if (found.size() != expected.size()) return "pass " + std::to_string(i) + ": another number of outputs";
      for (size_t at = 0; at < found.size(); ++at) {
        if (std::memcmp(&found[at], &expected[at], sizeof(float)) != 0)
          return "pass " + std::to_string(i) + ": value " + std::to_string(at) + " of " + std::to_string(found.size());
        if (!std::isfinite(found[at])) return "pass " + std::to_string(i) + ": a value that is not finite";
      }
    }
    return "";
  }

 private:
  // One for each sequence.
  struct Caches {
    Arena arena;
    KvCache caches[kComparedSequences];
    bool reserved = true;

    Caches(const ModelConfig& config, KvType type) {
      Arena measuring;
      reserve(config, type, &measuring);
      reserved = reserved && arena.allocate(measuring.used());
      if (reserved) reserve(config, type, &arena);
    }
    void reserve(const ModelConfig& config, KvType type, Arena* from) {
      for (KvCache& cache : caches)
        reserved = cache_reserve(config, kComparedContext, type, from, &cache).ok() && reserved;
    }
  };

  int32_t token_at(uint32_t sequence, uint32_t position) {
    TestRandom random(1000 * sequence + position);
    if (loaded.model.chunks == nullptr) return static_cast<int32_t>(random.next() % loaded.model.config.vocabulary);
    std::string bytes(1 + random.next() % chunks.length, 0);
    for (char& byte : bytes) byte = static_cast<char>(random.next());
    return chunks_intern(bytes, &chunks);
  }

  // Hidden states and logits of all outputs.
  std::vector<float> evaluate(const PlannedPass& pass, Caches* caches) {
    const Model& model = loaded.model;
    const ModelConfig& c = model.config;
    std::vector<std::vector<int32_t>> tokens(pass.size());
    std::vector<TokenRun> runs;
    uint32_t outputs = 0;
    for (size_t i = 0; i < pass.size(); ++i) {
      const PlannedRun& run = pass[i];
      KvCache* cache = &caches->caches[run.sequence];
      for (uint32_t t = 0; t < run.tokens; ++t) tokens[i].push_back(token_at(run.sequence, cache->length + t));
      runs.push_back({cache, tokens[i], run.outputs, run.kv_tokens});
      outputs += c.causal ? run.outputs : run.tokens;
    }
    model_forward(model, runs, &loaded.workspace);
    const std::span<const float> x = loaded.workspace.x.first(outputs * padded_rows(c.hidden));
    std::vector<float> values;
    for (uint32_t output = 0; output < outputs; ++output) {
      const auto row = x.subspan(output * padded_rows(c.hidden), c.hidden);
      values.insert(values.end(), row.begin(), row.end());
      if (!c.has_head) continue;
      model_logits(model, output, &loaded.workspace);
      const auto logits = loaded.workspace.logits.first(logit_count(c));
      values.insert(values.end(), logits.begin(), logits.end());
    }
    return values;
  }
};

}  // namespace camelgpt
