#include <doctest/doctest.h>

#include "prune/head.h"

using namespace camelgpt;

static ModelConfig shape(uint32_t vocabulary, uint32_t hidden, uint32_t layers, uint32_t heads, uint32_t kv_heads,
                         uint32_t head_width, uint32_t ffn) {
  ModelConfig config{};
  config.vocabulary = vocabulary;
  config.hidden = hidden;
  config.layers = layers;
  config.heads = heads;
  config.kv_heads = kv_heads;
  config.head_width = head_width;
  config.ffn = ffn;
  return config;
}

TEST_CASE("the rank of the coarse head is bounded by a fraction of the model's size") {
  CHECK(pruned_head_rank(shape(49152, 576, 30, 9, 3, 64, 1536)) == 256);  // SmolLM2-135M
  CHECK(pruned_head_rank(shape(262144, 640, 18, 4, 1, 256, 2048)) ==
        128);  // Gemma-3-270M: most parameters are in the head
  CHECK(pruned_head_rank(shape(151936, 1024, 28, 16, 8, 128, 3072)) == 256);  // Qwen3-0.6B
  CHECK(pruned_head_rank(shape(8200, 256, 2, 4, 2, 64, 512)) == 64);          // the minimum
  CHECK(pruned_head_rank(shape(8000, 576, 30, 9, 3, 64, 1536)) == 0);         // too small to pay
  CHECK(pruned_head_rank(shape(49152, 192, 30, 9, 3, 64, 1536)) == 0);
}
