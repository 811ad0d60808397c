// From the bytes of a file to a loaded model: plans, pieces, and files that are refused.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "session/loaded_session.h"
#include "tiny_llama.h"

using namespace camelgpt;

namespace {

// Page summaries of a tiny model's context: memory for eight pages in each key/value head of each layer.
constexpr uint64_t kPageBytes = TinyLlama::kLayers * TinyLlama::kKvHeads * 8 * (2 * TinyLlama::kWidth + sizeof(float));

void feed_header(Session* session, const std::vector<uint8_t>& file) {
  std::memcpy(session_staging(session).data(), file.data(), 20000);
  REQUIRE(session_feed(session, 20000).ok());
  REQUIRE(session_load_state(session) == LoadState::kPlanned);
}

}  // namespace

TEST_CASE("a model loads the same from pieces of any size") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ4_K).writer.file();
  std::vector<float> first;
  for (const size_t piece : {size_t{1} << 20, size_t{4096}, size_t{333}, size_t{7}}) {
    TestSession session;
    REQUIRE(load(session, file, piece).ok());
    configure(session);
    prefill(session, some_tokens(5));
    if (first.empty()) first = logits(session);
    CHECK(logits(session) == first);
  }
}

TEST_CASE("the plan adds up, and no memory is planned for a context longer than the model's") {
  TestSession session;
  feed_header(session, TinyLlama(TensorType::kQ4_0).writer.file());
  MemoryPlan plan;
  REQUIRE(session_plan(session, {}, &plan).ok());
  CHECK(plan.context_length == TinyLlama::kContext);
  const uint64_t rows = 2 * TinyLlama::kLayers * TinyLlama::kKvHeads * TinyLlama::kContext;
  CHECK(plan.cache_bytes == rows * (TinyLlama::kWidth * 2 + sizeof(float)) + kPageBytes);
  CHECK(plan.total_bytes ==
        plan.weight_bytes + plan.cache_bytes + plan.tokenizer_bytes + plan.workspace_bytes + plan.staging_bytes);
  CHECK(session_plan(session, {TinyLlama::kContext + 1}, &plan).code == ErrorCode::kBadOption);
  CHECK(session_plan(session, {UINT32_MAX}, &plan).code == ErrorCode::kBadOption);
  REQUIRE(session_plan(session, {16}, &plan).ok());
  CHECK(plan.context_length == 16);
}

TEST_CASE("8-bit keys and values take about half of the memory, and the logits stay close") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ4_0).writer.file();
  const std::vector<int32_t> tokens = some_tokens(20);
  std::vector<float> by_type[2];
  for (const KvType type : {KvType::k16, KvType::k8}) {
    TestSession session;
    REQUIRE(load(session, file, 1 << 16, 0, type).ok());
    configure(session);
    prefill(session, tokens);
    by_type[static_cast<int>(type)] = logits(session);
  }
  float largest = 0, difference = 0;
  for (size_t i = 0; i < by_type[0].size(); ++i) {
    largest = std::max(largest, std::fabs(by_type[0][i]));
    difference = std::max(difference, std::fabs(by_type[0][i] - by_type[1][i]));
  }
  CHECK(difference > 0);
  CHECK(difference < 0.05f * largest);

  TestSession session;
  feed_header(session, file);
  MemoryPlan words, bytes;
  REQUIRE(session_plan(session, {}, &words).ok());
  REQUIRE(session_plan(session, {0, KvType::k8}, &bytes).ok());
  const uint64_t rows = 2 * TinyLlama::kLayers * TinyLlama::kKvHeads * TinyLlama::kContext;
  CHECK(words.cache_bytes == rows * (TinyLlama::kWidth * 2 + sizeof(float)) + kPageBytes);
  CHECK(bytes.cache_bytes == rows * (TinyLlama::kWidth + sizeof(float)) + kPageBytes);
  CHECK(words.total_bytes - bytes.total_bytes == words.cache_bytes - bytes.cache_bytes);
}

TEST_CASE("the header's metadata is available as strings and JSON until the weights are complete") {
  TestSession session;
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ4_0).writer.file();
  Buffer<char> json;
  CHECK(session_metadata_json(session, &json).code == ErrorCode::kBadState);
  CHECK(session_tensors_json(session, false, &json).code == ErrorCode::kBadState);
  feed_header(session, file);
  REQUIRE(session_metadata_json(session, &json).ok());
  CHECK(std::string(json.begin(), json.end()).find("\"general.name\":\"Tiny\"") != std::string::npos);
  json.clear();
  REQUIRE(session_tensors_json(session, false, &json).ok());
  CHECK(std::string(json.begin(), json.end()).find("\"blk.1.ffn_down.weight\"") != std::string::npos);
  std::string_view value;
  REQUIRE(session_metadata_string(session, "general.name", &value).ok());
  CHECK(value == "Tiny");
  REQUIRE(session_metadata_string(session, "general.architecture", &value).ok());
  CHECK(value == "llama");
  REQUIRE(session_metadata_string(session, "tokenizer.chat_template", &value).ok());
  CHECK(value.empty());
  CHECK(session_metadata_string(session, "llama.block_count", &value).code == ErrorCode::kBadInput);
  TestSession loaded;
  REQUIRE(load(loaded, file).ok());
  CHECK(session_metadata_json(loaded, &json).code == ErrorCode::kBadState);
  REQUIRE(session_metadata_string(loaded, "general.name", &value).ok());
  CHECK(value == "Tiny");
}

TEST_CASE("a file that is cut off anywhere is called truncated") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ4_0).writer.file();
  for (size_t size = 0; size < file.size(); size += size < 300 ? 1 : 997) {
    CAPTURE(size);
    TestSession session;
    CHECK(load(session, {file.begin(), file.begin() + static_cast<ptrdiff_t>(size)}).code == ErrorCode::kTruncated);
  }
}

TEST_CASE("a file whose tensors do not fit the architecture is refused by the name of the tensor") {
  const auto refused = [](const GgufWriter& writer, ErrorCode code, const char* name) {
    TestSession session;
    const Status status = load(session, writer.file());
    CAPTURE(status.message);
    CHECK(status.code == code);
    CHECK(std::string(status.message).find(name) != std::string::npos);
  };
  GgufWriter writer = TinyLlama(TensorType::kF16).writer;
  GgufWriter missing = writer;
  missing.tensors[3].name = "blk.0.attn_query.weight";
  refused(missing, ErrorCode::kBadTensor, "blk.0.attn_q.weight");
  GgufWriter shape = writer;
  std::swap(shape.tensors.back().dimensions[0], shape.tensors.back().dimensions[1]);
  refused(shape, ErrorCode::kBadTensor, "ffn_down");
  GgufWriter infinite = writer;
  infinite.tensors.back().data[101] = 0x7c;
  refused(infinite, ErrorCode::kBadTensor, "ffn_down");
  GgufWriter nothing;
  refused(nothing, ErrorCode::kMissingMetadata, "general.architecture");
}

TEST_CASE("the error for an unknown architecture lists the known ones") {
  GgufWriter writer;
  writer.add_string("general.architecture", "mamba");
  TestSession session;
  const Status status = load(session, writer.file());
  CHECK(status.code == ErrorCode::kUnsupportedArchitecture);
  CHECK(std::string(status.found) == "mamba");
  const std::string expected = std::string(status.expected) + ",";
  for (const char* name : {"llama", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi3", "gpt2", "stablelm", "olmo2",
                           "granite", "chatglm", "smollm3", "qwen2moe", "qwen3moe", "olmoe", "lfm2", "minicpm"}) {
    CAPTURE(name);
    CHECK(expected.find(std::string(" ") + name + ",") != std::string::npos);
  }
  CHECK(expected.size() < sizeof status.expected - 16);  // otherwise the list may be cut off
}

TEST_CASE("a missing key is asked for by name, and an impossible value is refused") {
  const auto refused = [](const char* key, uint32_t value, ErrorCode code) {
    CAPTURE(key);
    GgufWriter writer = TinyLlama(TensorType::kQ8_0).writer;
    // With another last letter it is another key.
    const std::string text(key);
    const auto at = std::search(writer.entries.begin(), writer.entries.end(), text.begin(), text.end());
    REQUIRE(at != writer.entries.end());
    if (code == ErrorCode::kMissingMetadata) {
      *(at + static_cast<ptrdiff_t>(text.size()) - 1) = 'X';
    } else {
      std::memcpy(&*at + text.size() + 4, &value, 4);  // the type lies in between
    }
    TestSession session;
    const Status status = load(session, writer.file());
    CAPTURE(status.message);
    CHECK(status.code == code);
    return std::string(status.message) + status.expected;
  };
  for (const char* key :
       {"llama.block_count", "llama.context_length", "llama.embedding_length", "llama.feed_forward_length",
        "llama.attention.head_count", "llama.attention.layer_norm_rms_epsilon"}) {
    CHECK(refused(key, 0, ErrorCode::kMissingMetadata).find(key) != std::string::npos);
    if (std::string(key).find("epsilon") == std::string::npos) {
      CHECK(refused(key, 0, ErrorCode::kBadMetadata).find(key) != std::string::npos);
    }
  }
  refused("llama.attention.head_count_kv", 3, ErrorCode::kBadMetadata);           // does not divide the heads
  refused("llama.attention.head_count", 6, ErrorCode::kUnsupportedArchitecture);  // heads of 256 / 6
  refused("llama.embedding_length", 128, ErrorCode::kBadTensor);                  // contradicts the tensors
}

TEST_CASE("a file that is too short for its tensors is refused when its header is complete") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ8_0).writer.file();
  for (const auto& [size, ok] : {std::pair{file.size(), true}, std::pair{file.size() - 32, false}}) {
    TestSession session;
    session_set_file_size(session, size);
    constexpr size_t kPiece = 1 << 14;  // more than the header
    std::copy_n(file.begin(), kPiece, session_staging(session).begin());
    const Status status = session_feed(session, kPiece);
    CHECK(status.ok() == ok);
    CHECK(session_load_state(session) == (ok ? LoadState::kPlanned : LoadState::kFailed));
    if (!ok) CHECK(status.code == ErrorCode::kTruncated);
  }
  GgufWriter huge = TinyLlama(TensorType::kQ8_0).writer;
  huge.add_tensor("unused", {1}, TensorType::kF32, std::vector<uint8_t>(32));
  huge.tensors.back().dimensions = {uint64_t{1} << 40, 64};
  const std::vector<uint8_t> header = huge.header();
  TestSession session;
  session_set_file_size(session, header.size());
  std::copy(header.begin(), header.end(), session_staging(session).begin());
  CHECK(session_feed(session, header.size()).code == ErrorCode::kTruncated);
}

TEST_CASE("a vocabulary that does not match the embedding is refused") {
  TestSession session;
  const Status status =
      load(session,
           TinyLlama(TensorType::kQ8_0, true, false, TinyLlama::kContext, TinyLlama::kVocabulary - 1).writer.file());
  CHECK(status.code == ErrorCode::kBadMetadata);
  CHECK(std::string(status.message) == "The tokenizer has more tokens than the embedding has rows.");
  CHECK(std::string(status.expected) == "at most 257 tokens");
  CHECK(std::string(status.found) == "258");
  GgufWriter head = TinyLlama(TensorType::kQ8_0, false).writer;
  for (GgufWriter::Tensor& tensor : head.tensors) {
    if (tensor.name == "output.weight") tensor.dimensions = {TinyLlama::kHidden / 2, 2 * TinyLlama::kVocabulary};
  }
  TestSession other;
  const Status head_status = load(other, head.file());
  CHECK(head_status.code == ErrorCode::kBadTensor);
  CHECK(std::string(head_status.message).find("output.weight has the wrong shape") != std::string::npos);
}
