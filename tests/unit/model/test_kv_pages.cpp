#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "lent_threads.h"
#include "model/model.h"
#include "session/loaded_session.h"
#include "session/session.h"
#include "tiny_llama.h"

using namespace camelgpt;

// Runs make(arena) on a measuring arena, then on one with the memory that it needs.
template <typename Make>
static void take_from(Arena* arena, Make make) {
  Arena measure;
  make(&measure);
  REQUIRE(arena->allocate(measure.used()));
  make(arena);
}

// The pages chosen from complete pages with these shares and, if `unfinished`, one incomplete page.
static std::vector<uint32_t> chosen(const std::vector<float>& shares, uint32_t kept, bool unfinished = true) {
  const uint32_t pages = static_cast<uint32_t>(shares.size()) + (unfinished ? 1 : 0);
  Arena arena;
  PageScratch scratch;
  take_from(&arena, [&](Arena* from) { scratch = page_scratch_reserve(pages * kAttentionTile, from); });
  const std::span<const uint32_t> tiles = choose_pages(shares, pages, kept, scratch);
  return {tiles.begin(), tiles.end()};
}

TEST_CASE("the first page and the recent ones are chosen regardless of their shares") {
  CHECK(chosen({0, .1f, .2f, .3f, .4f, 0}, 3) == std::vector<uint32_t>{0, 5, 6});
  CHECK(chosen({0, .1f, .2f, .3f, .4f, 0}, 0) == std::vector<uint32_t>{0, 5, 6});
  CHECK(chosen({0, .1f, .2f, .3f, .4f, 0}, 5) == std::vector<uint32_t>{0, 3, 4, 5, 6});
  CHECK(chosen({0, .1f, .4f, .2f, .3f, 0}, 5) == std::vector<uint32_t>{0, 2, 4, 5, 6});
  CHECK(chosen({0, .1f, .4f, .2f, .3f, 0}, 4, false) == std::vector<uint32_t>{0, 2, 4, 5});
}

TEST_CASE("of pages with equal shares the earlier ones are chosen, and NaN counts as no share") {
  CHECK(chosen({0, .5f, .5f, .5f, .5f, 0}, 5) == std::vector<uint32_t>{0, 1, 2, 5, 6});
  CHECK(chosen({0, .5f, .7f, .5f, .5f, 0}, 5) == std::vector<uint32_t>{0, 1, 2, 5, 6});
  const float nan = std::nanf("");
  CHECK(chosen({0, nan, .1f, nan, -HUGE_VALF, 0}, 4) == std::vector<uint32_t>{0, 2, 5, 6});
  CHECK(chosen({nan, nan, nan, nan, nan, nan}, 4) == std::vector<uint32_t>{0, 1, 5, 6});
}

TEST_CASE("the number of chosen pages is the number kept, or that of all pages if it is smaller") {
  TestRandom random(1);
  for (uint32_t complete = 0; complete < 20; ++complete) {
    std::vector<float> shares(complete);
    for (float& share : shares) share = static_cast<float>(random.next() % 4);
    for (uint32_t kept = 0; kept < 25; ++kept) {
      const std::vector<uint32_t> tiles = chosen(shares, kept);
      CHECK(tiles.size() == std::min(std::max(kept, 1 + kRecentPages), complete + 1));
      CHECK(std::is_sorted(tiles.begin(), tiles.end()));
      CHECK(std::adjacent_find(tiles.begin(), tiles.end()) == tiles.end());
      CHECK(tiles.back() == complete);
    }
  }
}

// A tiny model with room for many pages.
struct PagedModel {
  static constexpr uint32_t kContext = 512;
  TestSession loaded;
  Session* session = loaded.session;
  KvCache& cache = session->sequences[0].cache;
  Workspace& workspace = session->memory.workspace;

  explicit PagedModel(KvType type = KvType::k16) {
    REQUIRE(
        load(session, TinyLlama(TensorType::kQ8_0, true, false, kContext).writer.file(), 1 << 16, kContext, type).ok());
  }
  PagedModel(const PagedModel&) = delete;
  PagedModel& operator=(const PagedModel&) = delete;

  // Evaluates tokens until the cache holds `length`. Text and position determine a token.
  void fill(uint32_t length, uint32_t batch = kMaxBatch, uint32_t text = 0) {
    while (cache.length < length) {
      std::vector<int32_t> tokens(std::min(batch, length - cache.length));
      for (uint32_t i = 0; i < tokens.size(); ++i) {
        tokens[i] = static_cast<int32_t>(TestRandom(1000 * text + cache.length + i).next() % 256);
      }
      forward(tokens, 0);
    }
  }

  void forward(std::span<const int32_t> tokens, uint32_t outputs, uint32_t kv_tokens = 0) {
    const TokenRun run{&cache, tokens, outputs, kv_tokens};
    model_forward(session->memory.model, {&run, 1}, &workspace);
  }

  std::vector<float> step(uint32_t kv_tokens = 0) {
    const int32_t token = static_cast<int32_t>(TestRandom(cache.length).next() % 256);
    forward({&token, 1}, 1, kv_tokens);
    model_logits(session->memory.model, 0, &workspace);
    return {workspace.logits.begin(), workspace.logits.begin() + TinyLlama::kVocabulary};
  }

  // Summaries of the complete pages of all heads and layers: numbers, then the scale.
  std::vector<float> summaries() const {
    std::vector<float> all;
    for (uint32_t head = 0; head < TinyLlama::kLayers * TinyLlama::kKvHeads; ++head) {
      for (uint32_t page = 0; page < cache.length / kAttentionTile; ++page) {
        const size_t row = head * cache.page_room;
        for (uint32_t i = 0; i < 2 * TinyLlama::kWidth; ++i) {
          all.push_back(cache.pages[row * 2 * TinyLlama::kWidth + key_index(2 * TinyLlama::kWidth, page, i)]);
        }
        all.push_back(cache.page_scales[row + page]);
      }
    }
    return all;
  }
};

TEST_CASE("the summary of a page is mean and spread of its keys") {
  for (const KvType type : {KvType::k16, KvType::k8}) {
    PagedModel model(type);
    model.fill(200, 23);
    const std::vector<float> summaries = model.summaries();
    const KvCache& cache = model.cache;
    size_t at = 0;
    for (uint32_t head = 0; head < TinyLlama::kLayers * TinyLlama::kKvHeads; ++head) {
      for (uint32_t page = 0; page < 200 / kAttentionTile; ++page) {
        const float scale = summaries[at + 2 * TinyLlama::kWidth];
        for (uint32_t i = 0; i < TinyLlama::kWidth; ++i, at += 2) {
          const auto key = [&](uint32_t p) {
            const uint32_t position = page * kAttentionTile + p;
            const size_t index = head * cache.room * TinyLlama::kWidth + key_index(TinyLlama::kWidth, position, i);
            const double scale_of = static_cast<double>(cache.keys.scales[head * cache.room + position]);
            const uint8_t* stored = cache.keys.stored.data();
            return scale_of * (type == KvType::k16 ? reinterpret_cast<const int16_t*>(stored)[index]
                                                   : reinterpret_cast<const int8_t*>(stored)[index]);
          };
          double mean = 0, squares = 0;
          for (uint32_t p = 0; p < kAttentionTile; ++p) mean += key(p) / kAttentionTile;
          for (uint32_t p = 0; p < kAttentionTile; ++p) squares += std::pow(key(p) - mean, 2) / kAttentionTile;
          const double half_a_step = 0.501 * static_cast<double>(scale);
          CHECK(std::fabs(static_cast<double>(scale * summaries[at]) - mean) < half_a_step);
          const double spread = static_cast<double>(kPageSpread) * std::sqrt(squares);
          CHECK(std::fabs(static_cast<double>(scale * summaries[at + 1]) - spread) < half_a_step);
        }
        ++at;
      }
    }
    CHECK(at == summaries.size());
  }
}

TEST_CASE("summaries do not depend on batches, on threads, or on what was in the cache before") {
  std::vector<float> expected;
  for (const uint32_t count : {1u, 3u}) {
    const LentThreads threads(count);
    for (const uint32_t batch : {64u, 7u}) {
      CAPTURE(count);
      CAPTURE(batch);
      PagedModel model;
      model.fill(160, batch, 1);
      if (batch == 7) {  // other texts, after cuts inside a page, at its boundary and to the start
        for (const uint32_t cut : {140u, 96u, 40u, 0u}) {
          model.cache.length = cut;
          if (cut > 0) model.fill(100, batch, 2);
        }
      } else {
        model.cache.length = 0;
      }
      model.fill(150, batch);
      const std::vector<float> found = model.summaries();
      if (expected.empty()) expected = found;
      CHECK(found == expected);
    }
  }
}

TEST_CASE("a limit that the context does not reach changes no bit") {
  PagedModel dense, limited;
  for (PagedModel* model : {&dense, &limited}) model->fill(250);
  for (int i = 0; i < 40; ++i) {  // across a page boundary
    CHECK(dense.step() == limited.step(320));
  }
  CHECK(dense.step() != limited.step(160));
}

TEST_CASE("a limited step reads the selected pages, and the number of threads changes no bit") {
  std::vector<std::vector<float>> expected;
  for (const uint32_t count : {1u, 3u}) {
    CAPTURE(count);
    const LentThreads threads(count);
    PagedModel model;
    model.fill(420, 50);
    std::vector<std::vector<float>> found;
    for (int i = 0; i < 40; ++i) found.push_back(model.step(192));
    if (count == 1) expected = found;
    CHECK(found == expected);
  }
  // A query that is the mean of the keys of one page selects this page.
  PagedModel model;
  model.fill(400);
  const uint32_t width = TinyLlama::kWidth, group = TinyLlama::kHeads / TinyLlama::kKvHeads;
  const PageScratch& scratch = model.workspace.threads[0].pages;
  for (const uint32_t page : {1u, 5u, 9u}) {
    std::vector<float> q(group * width);
    for (uint32_t i = 0; i < width; ++i) {
      q[width + i] = 50.0f * static_cast<float>(model.cache.pages[key_index(2 * width, page, 2 * i)]);
    }
    const std::span<const uint32_t> tiles =
        select_pages(model.session->memory.model.config, 0, group, q.data(), 128, model.cache, scratch);
    CHECK(tiles.size() == 4);
    CHECK(std::count(tiles.begin(), tiles.end(), page) == 1);
  }
}

TEST_CASE("pages are selected at the scale of attention") {
  constexpr uint32_t kWidth = 8, kPages = 6;
  ModelConfig config;
  config.layers = config.kv_heads = config.all_kv_heads = 1;
  config.heads = 2;
  config.head_width = kWidth;
  KvCache cache;
  Arena arena;
  PageScratch scratch;
  take_from(&arena, [&](Arena* from) {
    REQUIRE(cache_reserve(config, kPages * kAttentionTile, KvType::k16, from, &cache).ok());
    scratch = page_scratch_reserve(kPages * kAttentionTile, from);
  });
  // One query looks for page 1, the other for page 2, and page 3 has something of both.
  const float keys[kPages][2] = {{0, 0}, {10, 0}, {0, 10}, {8, 8}, {0, 0}, {0, 0}};
  for (uint32_t p = 0; p < (kPages - 1) * kAttentionTile; ++p) {
    float key[kWidth] = {};
    std::copy_n(keys[p / kAttentionTile], 2, key);
    cache_store_key(config, 0, p, key, &cache);
  }
  cache.length = (kPages - 1) * kAttentionTile;
  float q[2 * kWidth] = {};
  q[0] = q[kWidth + 1] = 1;
  const auto selected = [&](float scale) {
    config.attention_scale = scale;
    const auto tiles = select_pages(config, 0, 2, q, 4 * kAttentionTile, cache, scratch);
    return std::vector<uint32_t>(tiles.begin(), tiles.end());
  };
  CHECK(selected(4) == std::vector<uint32_t>{0, 1, 4, 5});      // a sharp softmax prefers the best page of a query
  CHECK(selected(0.01f) == std::vector<uint32_t>{0, 3, 4, 5});  // a flat one what suits both
}

TEST_CASE("runs of several tokens are evaluated in full regardless of the limit") {
  PagedModel dense, limited;
  const std::vector<int32_t> tokens(3, 65);
  for (PagedModel* model : {&dense, &limited}) {
    model->fill(400);
    model->forward(tokens, 1, model == &limited ? 64 : 0);
    model_logits(model->session->memory.model, 0, &model->workspace);
  }
  CHECK(std::equal(dense.workspace.logits.begin(), dense.workspace.logits.begin() + TinyLlama::kVocabulary,
                   limited.workspace.logits.begin()));
}
