// Tokens that are removed from the middle of a cached text.
#include <cmath>

#include "session/loaded_session.h"
#include "session/session.h"
#include "tiny_lfm2.h"
#include "tiny_llama.h"
#include "tiny_stlm.h"

using namespace camelgpt;

namespace {

struct Removal {
  uint32_t length, from, to;
};
constexpr Removal kRemovals[] = {{60, 10, 30}, {60, 0, 1}, {60, 3, 35}, {60, 8, 40}, {50, 20, 49}, {33, 1, 32}};

// All tokens are the same, so that keys and values depend only on the position: what the other tokens of such a text
// are does not matter, as all values are equal.
std::vector<int32_t> monotone(uint32_t length) { return std::vector<int32_t>(length, 7); }

void evaluate(TestSession& session, const std::vector<int32_t>& tokens) {
  configure(session);
  prefill(session, tokens);
}

// The largest difference of keys, of values, and of page summaries between two caches, relative to the largest number.
float difference(const Session& a, const Session& b) {
  const ModelConfig& c = config_of(a);
  const KvCache &x = latest_sequence(&a)->cache, &y = latest_sequence(&b)->cache;
  REQUIRE(x.length == y.length);
  float largest = 0, most = 0;
  const auto compare = [&](float p, float q) {
    largest = std::max({largest, std::abs(p), std::abs(q)});
    most = std::max(most, std::abs(p - q));
  };
  std::vector<float> p(c.head_width), q(c.head_width);
  for (uint32_t head = 0; head < c.all_kv_heads; ++head) {
    for (uint32_t position = 0; position < x.length; ++position) {
      cache_load_key(c, head, position, x, p.data());
      cache_load_key(c, head, position, y, q.data());
      for (uint32_t i = 0; i < c.head_width; ++i) compare(p[i], q[i]);
      CHECK(x.values.scales[head * x.room + position] ==
            doctest::Approx(y.values.scales[head * y.room + position]).epsilon(1e-3));
    }
    for (uint32_t page = 0; page < x.length / kAttentionTile; ++page) {
      CHECK(x.page_scales[head * x.page_room + page] ==
            doctest::Approx(y.page_scales[head * y.page_room + page]).epsilon(0.02));
    }
  }
  return most / largest;
}

TinyLlama llama() { return TinyLlama(TensorType::kQ8_0); }

std::vector<std::vector<uint8_t>> ropes() {
  std::vector<std::vector<uint8_t>> files = {llama().writer.file(),
                                             TinyLlama(TensorType::kQ8_0, true, true).writer.file()};
  TinyLlama linear = llama();
  linear.writer.add_string("llama.rope.scaling.type", "linear");
  linear.writer.add("llama.rope.scaling.factor", 4.0f);
  TinyLlama yarn = llama();
  yarn.writer.add_string("llama.rope.scaling.type", "yarn");
  yarn.writer.add("llama.rope.scaling.factor", 4.0f);
  yarn.writer.add("llama.rope.scaling.original_context_length", uint32_t{16});
  files.push_back(linear.writer.file());
  files.push_back(yarn.writer.file());
  return files;
}

}  // namespace

TEST_CASE("the keys of later tokens are rotated to the positions to which they move") {
  for (const std::vector<uint8_t>& file : ropes()) {
    for (const KvType type : {KvType::k16, KvType::k8}) {
      TestSession session, other;
      for (TestSession* each : {&session, &other}) REQUIRE(load(*each, file, 1 << 16, 0, type).ok());
      for (const auto& [length, from, to] : kRemovals) {
        CAPTURE(from);
        CAPTURE(to);
        evaluate(session, monotone(length));
        std::vector<int32_t> text = monotone(length);
        text.push_back(8);
        REQUIRE(session_remove_tokens(session, text, from, to).ok());
        CHECK(session_cached_tokens(session) == length - (to - from));
        evaluate(other, monotone(length - (to - from)));
        CHECK(difference(*session.session, *other.session) < (type == KvType::k16 ? 2e-4f : 0.02f));
      }
    }
  }
}

TEST_CASE("after a removal only new tokens are evaluated") {
  TestSession session;
  REQUIRE(load(session, llama().writer.file()).ok());
  std::vector<int32_t> text = some_tokens(50);
  evaluate(session, text);
  text.push_back(9);
  REQUIRE(session_remove_tokens(session, text, 5, 20).ok());
  text.erase(text.begin() + 5, text.begin() + 20);
  text.push_back(10);
  evaluate(session, text);
  CHECK(session_reused_tokens(session) == 35);
  CHECK(answer(session, 3).tokens.size() == 3);
}

TEST_CASE("a removal keeps the other cached texts") {
  TestSession session;
  REQUIRE(load(session, llama().writer.file(), 1 << 16, MemoryOptions{.sequences = 2}).ok());
  const std::vector<int32_t> first = some_tokens(50), second = some_tokens(41);
  evaluate(session, first);
  evaluate(session, second);
  REQUIRE(session_remove_tokens(session, first, 5, 20).ok());
  std::vector<int32_t> text = second;
  text.push_back(1);
  evaluate(session, text);
  CHECK(session_reused_tokens(session) == 41);
  text = first;
  text.erase(text.begin() + 5, text.begin() + 20);
  evaluate(session, text);
  CHECK(session_reused_tokens(session) == 34);
}

TEST_CASE("nothing is removed from a text that is not cached beyond the range") {
  TestSession session;
  REQUIRE(load(session, llama().writer.file()).ok());
  const std::vector<int32_t> text = some_tokens(50);
  evaluate(session, {text.begin(), text.begin() + 20});
  REQUIRE(session_remove_tokens(session, text, 5, 20).ok());
  CHECK(session_cached_tokens(session) == 20);
  evaluate(session, {text.begin(), text.begin() + 21});
  CHECK(session_reused_tokens(session) == 20);
}

TEST_CASE("a removal refuses bad ranges, unknown tokens and models that cannot shift") {
  TestSession session;
  CHECK(session_remove_tokens(session, some_tokens(9), 1, 2).code == ErrorCode::kBadState);
  REQUIRE(load(session, llama().writer.file()).ok());
  std::vector<int32_t> text = some_tokens(50);
  evaluate(session, text);
  for (const auto& [from, to] : {std::pair{2u, 2u}, {3u, 2u}, {1u, 50u}, {60u, 70u}}) {
    CHECK(session_remove_tokens(session, text, from, to).code == ErrorCode::kBadInput);
  }
  CHECK(session_remove_tokens(session, {}, 0, 1).code == ErrorCode::kBadInput);
  CHECK(session_cached_tokens(session) == 50);
  text[3] = 99999;
  CHECK(session_remove_tokens(session, text, 1, 2).code == ErrorCode::kBadInput);
  for (const std::vector<uint8_t>& file : {TinyLfm2().writer.file(), TinyStlm().writer.file()}) {
    TestSession other;
    REQUIRE(load(other, file).ok());
    CHECK(session_remove_tokens(other, some_tokens(9), 1, 2).code == ErrorCode::kUnsupportedTask);
  }
}
