// A model from a file in memory, with the memory to evaluate it, for tests of the internals.
#pragma once

#include <vector>

#include "model/model.h"
#include "model/weight_stream.h"

namespace camelgpt {

struct LoadedModel {
  GgufReader reader;
  Arena arena;
  Model model;
  KvCache cache;
  Workspace workspace;
  Status status;  // of loading

  explicit LoadedModel(const std::vector<uint8_t>& file) { status = load(file); }

  void forward(std::span<const int32_t> tokens, uint32_t outputs) {
    const TokenRun run{&cache, tokens, outputs};
    model_forward(model, {&run, 1}, &workspace);
  }

  // Logits after the last token. Evaluates the tokens `batch` at a time, with an empty cache at first.
  std::vector<float> logits(const std::vector<int32_t>& tokens, size_t batch) {
    cache.length = 0;
    for (size_t at = 0; at < tokens.size(); at += batch) {
      const std::span<const int32_t> some = std::span(tokens).subspan(at, std::min(batch, tokens.size() - at));
      forward(some, 1);
    }
    model_logits(model, 0, &workspace);
    return {workspace.logits.begin(), workspace.logits.begin() + model.config.vocabulary};
  }

 private:
  Status load(const std::vector<uint8_t>& file) {
    size_t used = 0;
    CAMELGPT_TRY(reader.append(file, &used));
    CAMELGPT_TRY(reader.finish());
    CAMELGPT_TRY(model_open(reader.header, &model));
    Arena measuring;
    WeightBinder plan{};
    CAMELGPT_TRY(reserve(&measuring, &plan));
    if (!arena.allocate(measuring.used())) return out_of_memory("a test", measuring.used().value);
    WeightBinder binder{};
    CAMELGPT_TRY(reserve(&arena, &binder));
    WeightStream stream;
    weight_stream_begin(&binder, &stream);
    const auto data = std::span(file).subspan(static_cast<size_t>(reader.header.data_position));
    CAMELGPT_TRY(weight_stream_feed(&stream, reader.header, data, &used));
    return weight_stream_done(stream) ? Status{} : make_error(ErrorCode::kTruncated, "The file ends too early.");
  }

  Status reserve(Arena* from, WeightBinder* binder) {
    binder->header = &reader.header;
    binder->arena = from;
    CAMELGPT_TRY(model_bind(binder, &model));
    model_set_context(model.config.context_length, &model);
    CAMELGPT_TRY(cache_reserve(model.config, model.config.context_length, KvType::k16, from, &cache));
    workspace_reserve(model, model.config.context_length, from, &workspace);
    return {};
  }
};

}  // namespace camelgpt
