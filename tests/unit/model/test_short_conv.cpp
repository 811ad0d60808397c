// Models that alternate layers with a short convolution and layers with attention.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "model/short_conv.h"
#include "session/loaded_session.h"
#include "tiny_lfm2.h"

using namespace camelgpt;

// Logits after these tokens in a new session.
static std::vector<float> undisturbed_logits(const std::vector<uint8_t>& file, const std::vector<int32_t>& tokens,
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
  const std::vector<float> together = undisturbed_logits(file, tokens);
  for (const uint32_t slice : {1u, 7u, 32u}) CHECK(undisturbed_logits(file, tokens, slice) == together);
}

TEST_CASE("a cache with convolutions can be cut at any length") {
  const std::vector<uint8_t> file = TinyLfm2().writer.file();
  const std::vector<int32_t> tokens = some_tokens(300);
  TestSession session;
  REQUIRE(load(session, file).ok());
  configure(session);
  for (const uint32_t kept : {299u, 298u, 290u, 257u, 256u, 200u, 130u, 33u, 32u, 31u, 2u, 1u, 0u}) {
    CAPTURE(kept);
    prefill(session, tokens);  // again, starting from the cut cache
    std::vector<int32_t> others(tokens.begin(), tokens.begin() + kept);
    for (uint32_t i = 0; i < 9; ++i) others.push_back(static_cast<int32_t>(i));
    prefill(session, others);
    // The cache can be cut exactly near its end and at page boundaries.
    const uint32_t reused = session_reused_tokens(session);
    CHECK(reused <= kept + 1);
    CHECK(reused + kAttentionTile > kept);
    if (kept >= 200 || kept % kAttentionTile == 0) CHECK(reused >= kept);
    CHECK(logits(session) == undisturbed_logits(file, others));
  }
}

TEST_CASE("only attention layers have keys and values, only the others inputs of convolutions") {
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

TEST_CASE("layers that contradict the number of key/value heads are refused") {
  const auto refused = [](const TinyLfm2& model, ErrorCode code, const char* text) {
    TestSession session;
    const Status status = load(session, model.writer.file());
    CAPTURE(status.message);
    CHECK(status.code == code);
    CHECK(std::string(status.message).find(text) != std::string::npos);
  };
  const auto number = static_cast<int32_t>(TinyLfm2::kKvHeads);
  refused(TinyLfm2({0, number, number}), ErrorCode::kBadMetadata, "short convolution is not that");
  refused(TinyLfm2({0, 0, 0}), ErrorCode::kUnsupportedArchitecture, "No layer of the model has attention");
  refused(TinyLfm2({0, number}), ErrorCode::kBadMetadata, "does not fit the number of layers");
  refused(TinyLfm2({0, -1, 0}), ErrorCode::kBadMetadata, "for layer 1 is impossible");
  TinyLfm2 shape;
  for (GgufWriter::Tensor& tensor : shape.writer.tensors) {
    if (tensor.name == "blk.2.shortconv.conv.weight") tensor.dimensions = {TinyLfm2::kHidden, TinyLfm2::kLength};
  }
  refused(shape, ErrorCode::kBadTensor, "blk.2.shortconv.conv.weight has the wrong shape");
}
