#include <doctest/doctest.h>

#include <string>

#include "base/file_range.h"
#include "session/loaded_session.h"
#include "tiny_llama.h"

using namespace camelgpt;

namespace {

constexpr uint32_t kRows = 8200;

const MemoryOptions kPrunes{.prune = {.mode = PruneMode::kBalanced}, .has_sidecar = true};

PruneOptions rows_of_head(uint32_t rows, float margin = 0) {
  PruneOptions options;
  options.head_rows = rows;
  options.margin = margin;
  return options;
}

// A model file and the sidecar of a calibration.
struct Release {
  std::vector<uint8_t> file;
  std::string sidecar;

  explicit Release(bool tied, TensorType type = TensorType::kQ8_0)
      : file(TinyLlama(type, tied, false, 256, kRows).writer.file()) {
    TestSession session;
    REQUIRE(load(session, file, 1 << 16, kPrunes).ok());
    TestRandom random(1);
    std::vector<int32_t> text;
    for (int i = 0; i < 400; ++i) text.push_back(static_cast<int32_t>(random.next() % kRows));
    REQUIRE(run(session, CalibrateRequest{text}).ok());
    sidecar = sidecar_of(session);
  }
};

// Feeds the wanted bytes in pieces until `enough` says so. Counts the bytes.
template <typename Enough>
Status feed_wanted(Session* session, const std::vector<uint8_t>& file, size_t piece, uint64_t* bytes, Enough enough) {
  while (!enough()) {
    const FileRange range = session_wanted(session);
    REQUIRE(range.from < range.to);
    const size_t size = static_cast<size_t>(std::min<uint64_t>(piece, range.to - range.from));
    std::memcpy(session_staging(session).data(), file.data() + range.from, size);
    CAMELGPT_TRY(session_feed(session, size));
    *bytes += size;
  }
  return {};
}

// Loads until the model is ready. `header_piece`: bytes of each piece until the header is complete.
uint64_t load_first(Session* session, const std::vector<uint8_t>& file, size_t header_piece, size_t piece) {
  uint64_t bytes = 0;
  while (session_load_state(session) == LoadState::kHeader) {
    const size_t size = std::min(header_piece, file.size() - static_cast<size_t>(bytes));
    std::memcpy(session_staging(session).data(), file.data() + bytes, size);
    REQUIRE(session_feed(session, size).ok());
    bytes += size;
  }
  REQUIRE(session_allocate(session, kPrunes).ok());
  REQUIRE(session_load_eagerly(session).ok());
  REQUIRE(
      feed_wanted(session, file, piece, &bytes, [&] { return session_load_state(session) == LoadState::kReady; }).ok());
  return bytes;
}

uint64_t feed_rows(Session* session, const std::vector<uint8_t>& file, const std::vector<FileRange>& ranges) {
  uint64_t bytes = 0;
  for (const FileRange& range : ranges) {
    for (uint64_t at = range.from; at < range.to;) {
      const size_t size = static_cast<size_t>(std::min<uint64_t>(range.to - at, session_staging(session).size()));
      std::memcpy(session_staging(session).data(), file.data() + at, size);
      size_t used = 0;
      REQUIRE(session_feed_rows(session, at, size, &used).ok());
      REQUIRE((used > 0 && used <= size));
      at += used;
      bytes += used;
    }
  }
  return bytes;
}

uint64_t feed_wanted_rows(Session* session, const std::vector<uint8_t>& file) {
  uint64_t bytes = 0;
  REQUIRE(feed_wanted(session, file, 1 << 16, &bytes, [&] { return session_is_complete(session); }).ok());
  return bytes;
}

// Feeds the rows that the last call was missing, or all remaining weights if it lists none. Returns the bytes.
uint64_t feed_missing(Session* session, const std::vector<uint8_t>& file) {
  const std::vector<FileRange> ranges(session_missing(session).begin(), session_missing(session).end());
  return ranges.empty() ? feed_wanted_rows(session, file) : feed_rows(session, file, ranges);
}

struct EagerAnswer {
  std::vector<int32_t> tokens;
  uint64_t bytes = 0;  // that were fed because steps were missing them
};

EagerAnswer answer(TestSession& session, const std::vector<uint8_t>& file, uint32_t count,
                   const std::string& grammar = "") {
  EagerAnswer answer;
  configure(session, count);
  session.grammar = grammar;
  REQUIRE(prompt(session, {257, 4, 8000, 77, 4, 500}).ok());
  for (ActivityProgress progress{ActivityState::kMore}; progress.state != ActivityState::kDone;) {
    const uint64_t before = session_remaining(session);
    REQUIRE(session_continue(session, 4, &progress).ok());
    CHECK(progress.remaining == session_remaining(session));
    const GenerationStep step = session_generation_step(session);
    if (progress.state == ActivityState::kNeedsWeights) {
      CHECK(step.token == -1);
      CHECK(progress.remaining + progress.processed == before);
      answer.bytes += feed_missing(session, file);
    } else if (step.token != -1) {
      answer.tokens.push_back(step.token);
    }
  }
  CHECK(session_generation_step(session).finish == FinishReason::kLength);
  return answer;
}

}  // namespace

TEST_CASE("a model answers before its embedding and output head have arrived, with the tokens of a complete one") {
  for (const TensorType type : {TensorType::kQ8_0, TensorType::kQ6_K}) {
    for (const bool tied : {true, false}) {
      CAPTURE(tied);
      CAPTURE(static_cast<int>(type));
      const Release release(tied, type);
      TestSession complete;
      REQUIRE(load(complete, release.file, 1 << 16, kPrunes).ok());
      REQUIRE(use_sidecar(complete, release.sidecar).ok());
      REQUIRE(session_set_pruning(complete, rows_of_head(200)).ok());
      const EagerAnswer expected = answer(complete, release.file, 12);
      CHECK(expected.bytes == 0);
      // Pieces that end in the header, in the embedding, and within rows and blocks.
      for (const size_t header_piece : {size_t{1000}, size_t{70001}, size_t{1} << 20}) {
        CAPTURE(header_piece);
        TestSession session;
        const uint64_t first = load_first(session, release.file, header_piece, 9999);
        CHECK(!session_is_complete(session));
        REQUIRE(use_sidecar(session, release.sidecar).ok());
        REQUIRE(session_set_pruning(session, rows_of_head(200)).ok());
        const EagerAnswer early = answer(session, release.file, 12);
        CHECK(!session_is_complete(session));
        CHECK(early.tokens == expected.tokens);
        CHECK(first + early.bytes < release.file.size());
        uint64_t rest = 0;
        REQUIRE(feed_wanted(session, release.file, 777, &rest, [&] { return session_is_complete(session); }).ok());
        CHECK(first + rest <= release.file.size() + 1000);  // a row that was cut is fed again
        CHECK(session_wanted(session).from == session_wanted(session).to);
        CHECK(answer(session, release.file, 12).tokens == expected.tokens);
        REQUIRE(session_set_pruning(session, {.mode = PruneMode::kOff}).ok());
        REQUIRE(session_set_pruning(complete, {.mode = PruneMode::kOff}).ok());
        CHECK(answer(session, release.file, 12).tokens == answer(complete, release.file, 12).tokens);
        CHECK(logits(session) == logits(complete));
        REQUIRE(session_set_pruning(complete, rows_of_head(200)).ok());
      }
    }
  }
}

TEST_CASE("a step whose margin is thin waits for the whole output head") {
  const Release release(true);
  TestSession complete, session;
  REQUIRE(load(complete, release.file, 1 << 16, kPrunes).ok());
  REQUIRE(use_sidecar(complete, release.sidecar).ok());
  load_first(session, release.file, 1000, 1 << 16);
  REQUIRE(use_sidecar(session, release.sidecar).ok());
  for (Session* each : {complete.session, session.session}) {
    REQUIRE(session_set_pruning(each, rows_of_head(200, 100)).ok());
  }
  CHECK(answer(session, release.file, 5).tokens == answer(complete, release.file, 5).tokens);
  CHECK(session_is_complete(session));
  // The complete model may score more rows instead of all.
  CHECK(session_prune_report(session).macs_per_token >= session_prune_report(complete).macs_per_token);
}

TEST_CASE("without a sidecar the first step waits for the whole output head") {
  const Release release(true);
  TestSession session;
  load_first(session, release.file, 1000, 1 << 16);
  const EagerAnswer dense = answer(session, release.file, 3);
  CHECK(session_is_complete(session));
  TestSession complete;
  REQUIRE(load(complete, release.file, 1 << 16, kPrunes).ok());
  CHECK(dense.tokens == answer(complete, release.file, 3).tokens);
}

TEST_CASE("an incomplete model can only generate") {
  const Release release(false);
  TestSession session;
  load_first(session, release.file, 1000, 1 << 16);
  const std::vector<int32_t> tokens(300, 5);
  CHECK(session_begin(session, ScoreRequest{std::span(tokens).first(3)}).code == ErrorCode::kBadState);
  CHECK(session_begin(session, EmbedRequest{std::span(tokens).first(3)}).code == ErrorCode::kBadState);
  CHECK(session_begin(session, CalibrateRequest{tokens}).code == ErrorCode::kBadState);
  Buffer<char> sidecar;
  CHECK(session_sidecar(session, &sidecar).code == ErrorCode::kBadState);
  // Bytes that are not whole rows.
  const FileRange rest = session_wanted(session);
  size_t used = 0;
  CHECK(session_feed_rows(session, 0, 272, &used).code == ErrorCode::kBadState);
  CHECK(session_feed_rows(session, rest.from + 1, 272, &used).code == ErrorCode::kBadInput);
  CHECK(session_feed_rows(session, rest.from, 271, &used).code == ErrorCode::kBadInput);
  CHECK(session_feed_rows(session, rest.to - 272, 544, &used).code == ErrorCode::kBadInput);
  CHECK(session_feed_rows(session, UINT64_MAX, 272, &used).code == ErrorCode::kBadInput);
  CHECK(used == 0);
  CHECK(session_feed_rows(session, rest.to - 272, 272, &used).ok());
  CHECK(session_feed_rows(session, rest.from, 543, &used).ok());
  CHECK(used == 272);
}

TEST_CASE("rows are requested together with those in between, by a limited number of requests") {
  const Release release(true);
  for (const uint64_t request_bytes : {uint64_t{0}, uint64_t{2000}, uint64_t{20000}, uint64_t{1} << 40}) {
    CAPTURE(request_bytes);
    TestSession session;
    load_first(session, release.file, 1000, 1 << 16);
    REQUIRE(use_sidecar(session, release.sidecar).ok());
    REQUIRE(session_set_pruning(session, rows_of_head(200)).ok());
    configure(session, 12);
    REQUIRE(prompt(session, {257, 4, 8000, 77, 4, 500}).ok());
    size_t requests = 0;
    bool waits = false;
    for (ActivityProgress progress{ActivityState::kMore}; progress.state != ActivityState::kDone;) {
      REQUIRE(session_continue(session, 4, &progress).ok());
      if (progress.state != ActivityState::kNeedsWeights) continue;
      const std::vector<FileRange> missing(session_missing(session).begin(), session_missing(session).end());
      const std::span<const FileRange> ranges = session_request_rows(session, request_bytes);
      const std::vector<FileRange> requested(ranges.begin(), ranges.end());
      if (requested.empty()) {
        waits = true;
        feed_wanted_rows(session, release.file);
        continue;
      }
      requests += requested.size();
      for (const FileRange& row : missing) {
        CHECK(std::any_of(requested.begin(), requested.end(),
                          [&](const FileRange& range) { return range.from <= row.from && row.to <= range.to; }));
      }
      for (size_t i = 1; i < requested.size(); ++i) {
        CHECK(requested[i].from - requested[i - 1].to >= std::max<uint64_t>(272, request_bytes));
      }
      feed_rows(session, release.file, requested);
    }
    CHECK(requests <= 54);
    CHECK(waits == (requests == 0 || session_is_complete(session)));
    if (request_bytes > release.file.size()) CHECK(requests == 0);
    if (request_bytes == 0) CHECK(requests > 10);
  }
}

TEST_CASE("the remaining weights are wanted without the long runs of rows that have arrived") {
  const Release release(true);
  TestSession complete, session;
  REQUIRE(load(complete, release.file, 1 << 16, kPrunes).ok());
  load_first(session, release.file, 1000, 1 << 16);
  const FileRange rest = session_wanted(session);
  const auto rows = [&](uint64_t from, uint64_t to) { return FileRange{rest.from + from * 272, rest.from + to * 272}; };
  const uint64_t last = (rest.to - rest.from) / 272;
  feed_rows(session, release.file, {rows(100, 200), rows(1000, 2000), rows(3000, 3600), rows(2000, 2500)});
  CHECK(session_wanted(session).to == rows(1000, 0).from);
  feed_rows(session, release.file, {rows(0, 100)});  // too short to be left out
  CHECK(session_wanted(session).from == rest.from);
  feed_rows(session, release.file, {rows(last - 700, last), rows(0, 700)});
  CHECK(session_wanted(session).from == rows(700, 0).from);
  uint64_t bytes = 0;
  REQUIRE(feed_wanted(session, release.file, 777, &bytes, [&] { return session_is_complete(session); }).ok());
  CHECK(bytes == (last - 700 - 1500 - 600 - 699) * 272);
  REQUIRE(use_sidecar(session, release.sidecar).ok());
  CHECK(answer(session, release.file, 4).tokens == answer(complete, release.file, 4).tokens);
  CHECK(logits(session) == logits(complete));
}

TEST_CASE("a sidecar of another output head is refused when the head is complete") {
  const Release release(true);
  TestSession session;
  load_first(session, release.file, 1000, 1 << 16);
  REQUIRE(use_sidecar(session, release.sidecar).ok());
  std::vector<uint8_t> file = release.file;
  const FileRange head = session_wanted(session);
  for (uint64_t at = head.from; at < head.to; at += 34) {
    file[static_cast<size_t>(at) + 3] ^= 1;  // a weight of each block of Q8_0
  }
  uint64_t bytes = 0;
  CHECK(feed_wanted(session, file, 1 << 16, &bytes, [&] { return session_is_complete(session); }).code ==
        ErrorCode::kBadInput);
}

TEST_CASE("models without a pruned output head load in the order of the file") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ8_0).writer.file();
  TestSession session;
  const uint64_t bytes = load_first(session, file, 1000, 1 << 16);
  CHECK(session_is_complete(session));
  CHECK(bytes >= file.size() - 32);
}

TEST_CASE("a grammar asks for the rows of the tokens that it allows, or for all") {
  const Release release(false);
  TestSession complete;
  REQUIRE(load(complete, release.file, 1 << 16, kPrunes).ok());
  REQUIRE(use_sidecar(complete, release.sidecar).ok());
  REQUIRE(session_set_pruning(complete, rows_of_head(200)).ok());
  for (const char* grammar : {"root ::= \"ab\" [c-f]{2} \"ghijk\" [l-p]*", "root ::= [^z]*"}) {
    TestSession session;
    load_first(session, release.file, 1000, 1 << 16);
    REQUIRE(use_sidecar(session, release.sidecar).ok());
    REQUIRE(session_set_pruning(session, rows_of_head(200)).ok());
    const EagerAnswer found = answer(session, release.file, 12, grammar);
    CHECK(found.tokens == answer(complete, release.file, 12, grammar).tokens);
    CHECK(found.bytes > 0);
  }
}
