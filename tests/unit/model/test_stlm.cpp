// Models that read and write bytes, compared with the definition of their graph and, if CAMELGPT_STLM_GOLDEN is set,
// with the reference implementation: $CAMELGPT_STLM_GOLDEN.gguf is a model and $CAMELGPT_STLM_GOLDEN.npz its results
// (tests/parity/stlm.test.mjs makes them).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "lent_threads.h"
#include "model/byte_level.h"
#include "model/loaded_model.h"
#include "model/stlm_goldens.h"
#include "nn/linear.h"
#include "tiny_llama.h"
#include "tiny_stlm.h"

using namespace camelgpt;

namespace {

struct Results {
  std::vector<float> embedded, hidden, logits;
};

// A model and the chunks that it reads.
struct StlmUnderTest {
  ChunkTable chunks;
  LoadedModel loaded;
  std::vector<int32_t> tokens;

  explicit StlmUnderTest(const std::vector<uint8_t>& file) : loaded(file) {
    REQUIRE_MESSAGE(loaded.status.ok(), loaded.status.message);
    REQUIRE(chunks_reserve(64, loaded.model.config.bytes.length, &chunks));
    loaded.model.chunks = &chunks;
  }
  void add(std::string_view bytes) { tokens.push_back(chunks_intern(bytes, &chunks)); }

  std::vector<float> rows(size_t count) const {
    std::vector<float> all;
    const size_t hidden = loaded.model.config.hidden;
    for (size_t t = 0; t < count; ++t) {
      const float* row = loaded.workspace.x.data() + t * padded_rows(static_cast<uint32_t>(hidden));
      all.insert(all.end(), row, row + hidden);
    }
    return all;
  }
  // `batch` tokens at a time.
  Results evaluate(size_t batch) {
    Results results;
    loaded.cache.length = 0;
    for (size_t at = 0; at < tokens.size(); at += batch) {
      const std::span<const int32_t> some = std::span(tokens).subspan(at, std::min(batch, tokens.size() - at));
      const auto append = [](std::vector<float>* all, const std::vector<float>& more) {
        all->insert(all->end(), more.begin(), more.end());
      };
      const TokenRun run{&loaded.cache, some};
      embed_chunks(loaded.model, token_rows(loaded.model, {&run, 1}, &loaded.workspace), &loaded.workspace);
      append(&results.embedded, rows(some.size()));
      loaded.forward(some, static_cast<uint32_t>(some.size()));
      append(&results.hidden, rows(some.size()));
      for (uint32_t t = 0; t < some.size(); ++t) {
        model_logits(loaded.model, t, &loaded.workspace);
        const std::span<const float> logits = loaded.workspace.logits.first(logit_count(loaded.model.config));
        results.logits.insert(results.logits.end(), logits.begin(), logits.end());
      }
    }
    return results;
  }
};

struct Difference {
  double largest, scale;
};
Difference difference(std::span<const float> values, std::span<const float> expected) {
  REQUIRE(values.size() == expected.size());
  Difference d{0, 0};
  for (size_t i = 0; i < values.size(); ++i) {
    d.largest = std::max(d.largest, std::fabs(static_cast<double>(values[i]) - static_cast<double>(expected[i])));
    d.scale = std::max(d.scale, std::fabs(static_cast<double>(expected[i])));
  }
  return d;
}
void check_close(const std::string& what, std::span<const float> values, std::span<const float> expected) {
  const Difference d = difference(values, expected);
  CAPTURE(what);
  CAPTURE(d.largest);
  CAPTURE(d.scale);
  CHECK(d.largest <= 1e-4 * d.scale);
}

StlmUnderTest& with_words(StlmUnderTest& model) {
  for (const char* text : {"Once", " upon", " a", " caf\xc3\xa9"}) model.add(text);
  return model;
}

uint64_t weight_bytes(const std::vector<uint8_t>& file) {
  GgufReader reader;
  size_t used = 0;
  Model model;
  Arena measuring;
  WeightBinder binder{};
  REQUIRE(reader.append(file, &used).ok());
  REQUIRE(model_open(reader.header, &model).ok());
  binder.header = &reader.header;
  binder.arena = &measuring;
  REQUIRE(model_bind(&binder, &model).ok());
  return measuring.used().value;
}

}  // namespace

TEST_CASE("stlm gives what the definition of its graph gives") {
  StlmUnderTest model(TinyStlm().writer.file());
  const Results results = with_words(model).evaluate(64);
  check_close("embedded", results.embedded, kStlmEmbedded);
  check_close("hidden", results.hidden, kStlmHidden);
  const float* last = results.logits.data() + 3 * logit_count(model.loaded.model.config);
  check_close("logits of the first byte", {last, kByteVocabulary}, std::span(kStlmLogits).first(kByteVocabulary));
  check_close("logits of the last byte", {last + 5 * kByteVocabulary, kByteVocabulary},
              std::span(kStlmLogits).last(kByteVocabulary));
}

TEST_CASE("stlm gives the same bits in batches of any size and on any number of threads") {
  StlmUnderTest alone(TinyStlm().writer.file());
  TestRandom random(7);
  const auto fill = [&random](StlmUnderTest* model) {
    random.state = 7;
    for (int i = 0; i < 23; ++i) {  // several groups of chunks
      std::string bytes(1 + random.next() % TinyStlm::kLength, 0);
      for (char& byte : bytes) byte = static_cast<char>(random.next());
      model->add(bytes);
    }
  };
  fill(&alone);
  const Results expected = alone.evaluate(64);
  for (const size_t batch : {1, 5, 17}) CHECK(alone.evaluate(batch).logits == expected.logits);
  for (const uint32_t threads : {2u, 3u}) {
    const LentThreads lent(threads);
    StlmUnderTest model(TinyStlm().writer.file());
    fill(&model);
    const Results results = model.evaluate(17);
    CHECK(results.embedded == expected.embedded);
    CHECK(results.logits == expected.logits);
  }
}

TEST_CASE("stlm scores a chunk by its bytes and the pad after them") {
  StlmUnderTest model(TinyStlm().writer.file());
  with_words(model).add("enough");  // a full chunk has no pad
  model.tokens.push_back(kEndChunk);
  const Results results = model.evaluate(64);
  const std::vector<int32_t> targets(model.tokens.begin() + 1, model.tokens.end());
  const uint32_t count = static_cast<uint32_t>(targets.size());
  model.loaded.cache.length = 0;
  model.loaded.forward(std::span(model.tokens).first(count), count);
  std::vector<float> logprobs(count);
  std::vector<int32_t> best(count);
  model_score(model.loaded.model, targets, &model.loaded.workspace, logprobs.data(), best.data());
  for (uint32_t i = 0; i < count; ++i) {
    std::vector<uint32_t> symbols;
    for (const char byte : chunks_bytes(model.chunks, targets[i])) symbols.push_back(static_cast<uint8_t>(byte));
    if (symbols.size() < TinyStlm::kLength) symbols.push_back(symbols.empty() ? kEndByte : kPadByte);
    double expected = 0;
    for (size_t at = 0; at < symbols.size(); ++at) {
      const float* logits = results.logits.data() + (i * TinyStlm::kLength + at) * kByteVocabulary;
      double total = 0;
      for (uint32_t s = 0; s < kByteVocabulary; ++s) total += std::exp(static_cast<double>(logits[s]));
      expected += static_cast<double>(logits[symbols[at]]) - std::log(total);
    }
    CHECK(static_cast<double>(logprobs[i]) == doctest::Approx(expected).epsilon(1e-5));
    CHECK((best[i] == targets[i] || best[i] == -1));
  }
}

TEST_CASE("weights that layers share are stored once") {
  const uint64_t ffn = 3 * TinyStlm::kFfn * TinyStlm::kHidden * sizeof(float);
  const uint64_t row = sizeof(DecoderLayer);  // every layer has one
  const uint64_t apart = weight_bytes(TinyStlm(4, 1, false).writer.file());
  CHECK(apart - weight_bytes(TinyStlm(4, 1, true).writer.file()) == 3 * ffn);
  const uint64_t two = weight_bytes(TinyStlm(2, 1, false).writer.file()),
                 repeated = weight_bytes(TinyStlm(2, 2, false).writer.file());
  CHECK(repeated - two <= 2 * row + kArenaAlignment);
  CHECK(apart - repeated >= 2 * ffn);
}

TEST_CASE("repeated blocks are the same as copies of them") {
  TinyLlama repeated(TensorType::kF16), copied(TensorType::kF16);
  repeated.writer.add("llama.block_repeat", uint32_t{2});
  const std::string key = "llama.block_count";
  const auto at = std::search(copied.writer.entries.begin(), copied.writer.entries.end(), key.begin(), key.end());
  *(at + static_cast<std::ptrdiff_t>(key.size()) + 4) = 2 * TinyLlama::kLayers;  // after the type
  GgufWriter writer = copied.writer;
  writer.tensors.clear();
  for (const GgufWriter::Tensor& tensor : copied.writer.tensors) {
    const bool of_block = tensor.name.rfind("blk.", 0) == 0;
    for (int i = 0; i < (of_block ? 2 : 1); ++i) {
      std::string name = tensor.name;
      if (of_block) name[4] = static_cast<char>('0' + 2 * (name[4] - '0') + i);
      writer.add_tensor(name, tensor.dimensions, static_cast<TensorType>(tensor.type), tensor.data);
    }
  }
  LoadedModel once(repeated.writer.file()), twice(writer.file());
  REQUIRE_MESSAGE(once.status.ok(), once.status.message);
  REQUIRE_MESSAGE(twice.status.ok(), twice.status.message);
  CHECK(once.model.config.layers == 2 * TinyLlama::kLayers);
  const std::vector<int32_t> tokens = some_tokens(20);
  CHECK(once.logits(tokens, 7) == twice.logits(tokens, 7));
  CHECK(weight_bytes(repeated.writer.file()) < weight_bytes(writer.file()) * 2 / 3);
}

TEST_CASE("an inconsistent stlm file is rejected") {
  const auto status_with = [](auto change) {
    TinyStlm model;
    change(&model.writer);
    return LoadedModel(model.writer.file()).status;
  };
  const auto set = [](GgufWriter* writer, const std::string& key, uint8_t value) {
    const auto at = std::search(writer->entries.begin(), writer->entries.end(), key.begin(), key.end());
    *(at + static_cast<std::ptrdiff_t>(key.size()) + 4) = value;
  };
  CHECK(status_with([&](GgufWriter* w) { set(w, "stlm.chunk_length", 0); }).code == ErrorCode::kBadMetadata);
  CHECK(status_with([&](GgufWriter* w) { set(w, "stlm.chunk_length", 16); }).code == ErrorCode::kBadMetadata);
  CHECK(status_with([&](GgufWriter* w) { set(w, "stlm.chunk_length", 1); }).code ==
        ErrorCode::kUnsupportedArchitecture);
  CHECK(status_with([&](GgufWriter* w) { set(w, "stlm.chunk_length", 5); }).code == ErrorCode::kBadTensor);
  CHECK(status_with([&](GgufWriter* w) { set(w, "stlm.byte.head_count", 3); }).code ==
        ErrorCode::kUnsupportedArchitecture);
  CHECK(status_with([&](GgufWriter* w) { set(w, "stlm.byte.embedder_block_count", 3); }).code == ErrorCode::kBadTensor);
  CHECK(status_with([&](GgufWriter* w) { set(w, "stlm.byte.embedder_block_count", 1); }).code == ErrorCode::kBadTensor);
  CHECK(status_with([&](GgufWriter* w) { set(w, "stlm.block_repeat", 0); }).code == ErrorCode::kBadMetadata);
  CHECK(status_with([&](GgufWriter* w) { w->tensors.back().name = "else"; }).code == ErrorCode::kBadTensor);
}

// ---------------------------------------------------------------------------------------------- reference results

namespace {

template <typename T>
T number_at(const std::vector<char>& bytes, size_t at) {
  T value;
  REQUIRE(at + sizeof value <= bytes.size());
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// The numbers of an array in a .npz whose members are not compressed.
template <typename T>
std::vector<T> read_array(const std::vector<char>& npz, const std::string& name) {
  const std::string file = name + ".npy";
  const std::string magic = "\x93NUMPY";
  const auto found = std::search(npz.begin(), npz.end(), file.begin(), file.end());
  REQUIRE(found != npz.end());
  const auto start = std::search(found, npz.end(), magic.begin(), magic.end());
  REQUIRE(start != npz.end());
  const size_t header = static_cast<size_t>(start - npz.begin());
  const size_t data = header + 10 + number_at<uint16_t>(npz, header + 8);
  const std::string text(npz.begin() + static_cast<std::ptrdiff_t>(header),
                         npz.begin() + static_cast<std::ptrdiff_t>(data));
  size_t count = 1;
  for (size_t at = text.find("'shape': (") + 10; at < text.size() && text[at] != ')';) {
    if (text[at] < '0' || text[at] > '9') {
      ++at;
      continue;
    }
    size_t dimension = 0;
    for (; text[at] >= '0' && text[at] <= '9'; ++at) dimension = dimension * 10 + static_cast<size_t>(text[at] - '0');
    count *= dimension;
  }
  REQUIRE(data + count * sizeof(T) <= npz.size());
  std::vector<T> values(count);
  std::memcpy(values.data(), npz.data() + data, count * sizeof(T));
  return values;
}

template <typename T>
std::vector<T> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

TEST_CASE("stlm gives the results of the reference implementation") {
  const char* path = std::getenv("CAMELGPT_STLM_GOLDEN");
  if (path == nullptr) return;
  const std::string name = path;
  StlmUnderTest model(read_file<uint8_t>(name + ".gguf"));
  const uint32_t length = model.loaded.model.config.bytes.length;
  const std::vector<char> npz = read_file<char>(name + ".npz");
  const std::vector<int32_t> symbols = read_array<int32_t>(npz, "chunks");
  for (size_t at = 0; at < symbols.size(); at += length) {
    std::string bytes;
    for (uint32_t i = 0; i < length && symbols[at + i] < 256; ++i) bytes.push_back(static_cast<char>(symbols[at + i]));
    model.add(bytes);
  }
  const Results results = model.evaluate(64);
  const auto compare = [&](const std::string& what, const std::vector<float>& values) {
    const std::vector<float> expected = read_array<float>(npz, what);
    const Difference d = difference(values, expected);
    MESSAGE(what << " off by " << d.largest << " at most, of " << d.scale);
    check_close(what, values, expected);
  };
  compare("embedded", results.embedded);
  compare("hidden", results.hidden);
  compare("logits", results.logits);
}
