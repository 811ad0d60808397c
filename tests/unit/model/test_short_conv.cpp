// Models in which layers with a short convolution alternate with layers of attention.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "model/short_conv.h"
#include "session/loaded_session.h"
#include "tiny_lfm2.h"

using namespace camelgpt;

// Logits after these tokens in a new session.
static std::vector<float> fresh(const std::vector<uint8_t>& file, const std::vector<int32_t>& tokens,
                                uint32_t slice = 64) {
  TestSession session;
  REQUIRE(load(session, file).ok());
  configure(session);
  prefill(session, tokens, slice);
  return logits(session);
}

TEST_CASE("a short convolution gives the same bits for one token as for many") {
  const std::vector<uint8_t> file = TinyLfm2().writer.file();
  const std::vector<int32_t> tokens = some_tokens(150);
  const std::vector<float> together = fresh(file, tokens);
  for (const uint32_t slice : {1u, 7u, 32u}) CHECK(fresh(file, tokens, slice) == together);
}

TEST_CASE("a cache with convolutions can be cut at any length") {
  const std::vector<uint8_t> file = TinyLfm2().writer.file();
  const std::vector<int32_t> tokens = some_tokens(300);
  TestSession session;
  REQUIRE(load(session, file).ok());
  configure(session);
  for (const uint32_t kept : {299u, 298u, 290u, 257u, 256u, 200u, 130u, 33u, 32u, 31u, 2u, 1u, 0u}) {
    CAPTURE(kept);
    prefill(session, tokens);  // reuses what the last cut kept
    std::vector<int32_t> others(tokens.begin(), tokens.begin() + kept);
    for (uint32_t i = 0; i < 9; ++i) others.push_back(static_cast<int32_t>(i));
    prefill(session, others);
    // Cuts to a recent position or to the beginning of a page lose nothing.
    const uint32_t reused = session_reused_tokens(session);
    CHECK(reused <= kept + 1);
    CHECK(reused + kAttentionTile > kept);
    if (kept >= 200 || kept % kAttentionTile == 0) CHECK(reused >= kept);
    CHECK(logits(session) == fresh(file, others));
  }
}

TEST_CASE("layers with attention keep keys and values, layers with a convolution keep its inputs") {
  const std::vector<uint8_t> file = TinyLfm2().writer.file();
  TestSession session;
  std::memcpy(session_staging(session).data(), file.data(), 20000);
  REQUIRE(session_feed(session, 20000).ok());
  MemoryPlan plan;
  REQUIRE(session_plan(session, {}, &plan).ok());
  const uint64_t rows = 2 * TinyLfm2::kKvHeads * TinyLfm2::kContext;
  const uint64_t pages = TinyLfm2::kKvHeads * 16 * (2 * TinyLfm2::kWidth + sizeof(float));
  const uint64_t inputs =
      2 * (kRecentInputs + TinyLfm2::kContext / kAttentionTile * (TinyLfm2::kLength - 1)) * TinyLfm2::kHidden;
  CHECK(plan.cache_bytes ==
        rows * (TinyLfm2::kWidth * 2 + sizeof(float)) + pages + (inputs + kRecentInputs) * sizeof(float));
}

TEST_CASE("a model whose layers do not match their key/value heads is rejected") {
  const auto expect_rejected = [](const TinyLfm2& model, ErrorCode code, const char* text) {
    TestSession session;
    const Status status = load(session, model.writer.file());
    CAPTURE(status.message);
    CHECK(status.code == code);
    CHECK(std::string(status.message).find(text) != std::string::npos);
  };
  const auto number = static_cast<int32_t>(TinyLfm2::kKvHeads);
  expect_rejected(TinyLfm2({0, number, number}), ErrorCode::kBadMetadata, "number of layers with a short convolution");
  expect_rejected(TinyLfm2({0, 0, 0}), ErrorCode::kUnsupportedArchitecture, "differ from layer to layer");
  expect_rejected(TinyLfm2({0, number, 1}), ErrorCode::kUnsupportedArchitecture, "differ from layer to layer");
  expect_rejected(TinyLfm2({0, number}), ErrorCode::kUnsupportedArchitecture, "differ from layer to layer");
  expect_rejected(TinyLfm2({0, -1, 0}), ErrorCode::kUnsupportedArchitecture, "differ from layer to layer");
  TinyLfm2 shape;
  for (GgufWriter::Tensor& tensor : shape.writer.tensors) {
    if (tensor.name == "blk.2.shortconv.conv.weight") tensor.dimensions = {TinyLfm2::kHidden, TinyLfm2::kLength};
  }
  expect_rejected(shape, ErrorCode::kBadTensor, "blk.2.shortconv.conv.weight has the wrong shape");
}
