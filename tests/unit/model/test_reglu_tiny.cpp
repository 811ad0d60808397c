// The trained model whose gates are almost always closed (models/reglu-tiny): skipping their neurons does not change
// its answers.
#include <doctest/doctest.h>

#include <cstdio>
#include <vector>

#include "loaded_model.h"
#include "model/sparse_ffn.h"
#include "tokenize/tokenizer.h"

using namespace camelgpt;

static std::vector<uint8_t> read_file(const char* path) {
  std::vector<uint8_t> bytes;
  std::FILE* file = std::fopen(path, "rb");
  REQUIRE(file != nullptr);
  uint8_t piece[1 << 16];
  for (size_t size; (size = std::fread(piece, 1, sizeof piece, file)) > 0;)
    bytes.insert(bytes.end(), piece, piece + size);
  std::fclose(file);
  return bytes;
}

TEST_CASE("a trained model with ReLU gates answers like the dense network, with 85 % zeros or more") {
  LoadedModel loaded(read_file("models/reglu-tiny/reglu-tiny.gguf"));
  REQUIRE(loaded.status.ok());
  REQUIRE(skips_neurons(loaded.model.layers[0], 1));
  Tokenizer tokenizer;
  REQUIRE(tokenizer_build(loaded.reader.header, &tokenizer).ok());
  for (const char* prompt :
       {"The town was built in", "In the first half of the season, he", "The song received", " = History = \n"}) {
    CAPTURE(prompt);
    Buffer<int32_t> encoded;
    REQUIRE(tokenizer_encode(tokenizer, prompt, {}, &encoded).ok());
    std::vector<int32_t> tokens(encoded.begin(), encoded.end());
    const size_t prompt_size = tokens.size();
    std::vector<float> logits = loaded.logits(tokens, 1);  // token by token, skipping neurons
    for (;;) {
      tokens.push_back(static_cast<int32_t>(kernels().argmax(logits.data(), static_cast<uint32_t>(logits.size()))));
      if (tokens.size() == kMaxBatch) break;
      loaded.forward(std::span(tokens).last(1), 1);
      model_logits(loaded.model, 0, &loaded.workspace);
      logits.assign(loaded.workspace.logits.begin(), loaded.workspace.logits.begin() + loaded.model.config.vocabulary);
    }

    loaded.cache.length = 0;  // in one dense pass
    const std::span<const int32_t> seen = std::span(tokens).first(kMaxBatch - 1);
    loaded.forward(seen, kMaxBatch - 1);
    std::vector<float> logprobs(seen.size());
    std::vector<int32_t> best(seen.size());
    model_score(loaded.model, std::span(tokens).last(kMaxBatch - 1), &loaded.workspace, logprobs.data(), best.data());
    for (size_t i = prompt_size; i < kMaxBatch; ++i) CHECK(best[i - 1] == tokens[i]);
    CHECK(loaded.logits({seen.begin(), seen.end()}, kMaxBatch) == logits);
  }
  const NeuronCount neurons = loaded.workspace.neurons;
  const double zeros = 1 - static_cast<double>(neurons.fired) / static_cast<double>(neurons.total);
  MESSAGE("zeros: " << zeros);
  CHECK(zeros >= 0.85);
}
