// Models that are split into several files, and files that do not belong together.
#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "session/loaded_session.h"
#include "split_writer.h"
#include "tiny_llama.h"

using namespace camelgpt;

namespace {

Status feed_all(Session* session, std::span<const uint8_t> bytes, size_t piece) {
  for (size_t at = 0; at < bytes.size(); at += piece) {
    const size_t size = std::min(piece, bytes.size() - at);
    std::memcpy(session_staging(session).data(), bytes.data() + at, size);
    CAMELGPT_TRY(session_feed(session, size));
  }
  return {};
}

// Feeds the header of a file. *end is its end in the file, *data the number of wanted bytes that follow.
Status feed_header(Session* session, const std::vector<uint8_t>& file, size_t piece, size_t* end, uint64_t* data) {
  const uint32_t headers = session_split(session).headers;
  for (size_t at = 0; at < file.size(); at += piece) {
    const size_t size = std::min(piece, file.size() - at);
    CAMELGPT_TRY(feed_all(session, std::span(file).subspan(at, size), size));
    if (session_split(session).headers == headers) continue;
    *end = at + size - session_split(session).remaining;
    *data = session_split(session).data_bytes;
    return {};
  }
  return session_end_of_file(session);
}

Status load_split(Session* session, const GgufFiles& writers, size_t piece = 4096) {
  std::vector<std::vector<uint8_t>> files;
  for (const GgufWriter& writer : writers) files.push_back(writer.file());
  std::vector<size_t> ends(files.size());
  std::vector<uint64_t> data(files.size());
  for (size_t f = 0; f < files.size(); ++f) CAMELGPT_TRY(feed_header(session, files[f], piece, &ends[f], &data[f]));
  if (session_load_state(session) != LoadState::kPlanned) return session_end_of_file(session);
  CAMELGPT_TRY(session_allocate(session, {}));
  for (size_t f = 0; f < files.size(); ++f) {
    CAMELGPT_TRY(feed_all(session, std::span(files[f]).subspan(ends[f], static_cast<size_t>(data[f])), piece));
  }
  return session_end_of_file(session);
}

struct Refusal {
  std::string message, expected, found, hint;
};

Refusal refused(const GgufFiles& files, ErrorCode code) {
  TestSession session;
  const Status status = load_split(session, files);
  REQUIRE(status.code == code);
  return {status.message, status.expected, status.found, status.hint};
}

}  // namespace

TEST_CASE("a split model equals the model in one file, from pieces of any size") {
  const GgufWriter writer = TinyLlama(TensorType::kQ4_K).writer;
  TestSession one;
  REQUIRE(load(one, writer.file()).ok());
  configure(one);
  prefill(one, some_tokens(5));
  for (const uint16_t files : {2, 3, 7}) {
    for (const size_t piece : {size_t{1} << 20, size_t{4096}, size_t{333}, size_t{7}}) {
      CAPTURE(files);
      CAPTURE(piece);
      TestSession session;
      REQUIRE(load_split(session, split_model(writer, files), piece).ok());
      configure(session);
      prefill(session, some_tokens(5));
      CHECK(logits(session) == logits(one));
    }
  }
}

TEST_CASE("the first file may have tensors, alignments may differ, and the sizes of all files add up") {
  const GgufWriter whole = TinyLlama(TensorType::kF16).writer;
  GgufFiles files = split_model(whole, 3);
  std::swap(files[0].tensors, files[1].tensors);
  files[2] = GgufWriter();
  files[2].set_alignment(512);
  add_split_keys(&files[2], 2, 3, static_cast<int32_t>(whole.tensors.size()));
  for (size_t t = files[0].tensors.size(); t < whole.tensors.size(); ++t) {
    files[2].add_tensor(whole.tensors[t].name, whole.tensors[t].dimensions,
                        static_cast<TensorType>(whole.tensors[t].type), whole.tensors[t].data);
  }
  TestSession one, session;
  REQUIRE(load(one, whole.file()).ok());
  REQUIRE(load_split(session, files).ok());
  for (TestSession* each : {&one, &session}) {
    configure(*each);
    prefill(*each, some_tokens(5));
  }
  CHECK(logits(session) == logits(one));
  CHECK(session_file_bytes(session) ==
        files[0].file().size() + files[1].header().size() + files[2].file().size() -
            (files[2].aligned(files[2].tensors.back().data.size()) - files[2].tensors.back().data.size()));
}

TEST_CASE("a file that is not the first of its model is refused with the name to use") {
  const GgufFiles files = split_model(TinyLlama(TensorType::kQ4_0).writer, 3);
  const Refusal refusal = refused({files[1], files[0], files[2]}, ErrorCode::kBadInput);
  CHECK(refusal.expected == "file 1 of 3");
  CHECK(refusal.found == "file 2 of 3");
  CHECK(refusal.hint.find("-00001-of-00003.gguf") != std::string::npos);
}

TEST_CASE("files in another order, repeated, missing, or of differently split models are refused") {
  const GgufWriter writer = TinyLlama(TensorType::kQ4_0).writer;
  const GgufFiles files = split_model(writer, 3), four = split_model(writer, 4);
  CHECK(refused({files[0], files[2], files[1]}, ErrorCode::kBadInput).found == "file 3 of 3");
  refused({files[0], files[1], files[1]}, ErrorCode::kBadInput);
  refused({files[0], files[1], four[2]}, ErrorCode::kBadInput);
  CHECK(refused({files[0], writer, files[2]}, ErrorCode::kBadInput).found == "a model in one file");
  refused({files[0], files[1]}, ErrorCode::kTruncated);
  CHECK(refused({files[0], files[1], split_model(TinyLlama(TensorType::kQ4_0, false).writer, 3)[2]},
                ErrorCode::kBadFormat)
            .expected == "20 tensors in all");
}

TEST_CASE("two tensors of one name, and other numbers of tensors than promised, are refused") {
  GgufFiles files = split_model(TinyLlama(TensorType::kQ4_0).writer, 3);
  GgufFiles twice = files;
  twice[2].tensors[0].name = twice[1].tensors[0].name;
  CHECK(refused(twice, ErrorCode::kBadFormat).message.find("token_embd.weight") != std::string::npos);
  GgufFiles fewer = files;
  fewer[2].tensors.pop_back();
  CHECK(refused(fewer, ErrorCode::kBadFormat).found == "19");
  GgufFiles more = files;
  more[1].add_tensor("more", {32}, TensorType::kF32);
  more[1].add_tensor("most", {32}, TensorType::kF32);
  refused(more, ErrorCode::kBadFormat);
  GgufFiles first = files;
  for (int i = 0; i < 21; ++i) first[0].add_tensor("t" + std::to_string(i), {32}, TensorType::kF32);
  refused(first, ErrorCode::kBadFormat);
}

TEST_CASE("sizes whose sum overflows, and missing or impossible keys, are refused") {
  GgufFiles files = split_model(TinyLlama(TensorType::kQ4_0).writer, 3);
  GgufFiles large = files;
  for (GgufWriter* writer : {&large[1], &large[2]}) {
    writer->tensors.back().dimensions = {uint64_t{1} << 30, uint64_t{1} << 30};
    writer->tensors.back().type = static_cast<uint32_t>(TensorType::kF32);
  }
  CHECK(refused(large, ErrorCode::kBadFormat).message.find("larger than any file") != std::string::npos);
  GgufWriter lacking;
  lacking.add("split.count", uint16_t{2});
  refused({lacking}, ErrorCode::kMissingMetadata);
  lacking.add("split.no", uint16_t{0});
  refused({lacking}, ErrorCode::kMissingMetadata);
  GgufWriter beyond;
  add_split_keys(&beyond, 3, 3, 1);
  refused({beyond}, ErrorCode::kBadMetadata);
  GgufWriter many;
  many.add("split.count", uint32_t{65536});
  refused({many}, ErrorCode::kBadMetadata);
  GgufWriter none;
  add_split_keys(&none, 0, 3, -1);
  refused({none}, ErrorCode::kBadMetadata);
}

TEST_CASE("a model that is split into a single file is not split") {
  GgufWriter writer = TinyLlama(TensorType::kQ4_0).writer;
  add_split_keys(&writer, 0, 1, static_cast<int32_t>(writer.tensors.size()));
  TestSession session;
  CHECK(load(session, writer.file()).ok());
  CHECK(session_split(session).files == 1);
}

TEST_CASE("each file of a split model is compared with its size") {
  const GgufFiles writers = split_model(TinyLlama(TensorType::kQ8_0).writer, 2);
  for (size_t short_one = 0; short_one <= writers.size(); ++short_one) {
    TestSession session;
    Status status;
    for (size_t f = 0; f < writers.size() && status.ok(); ++f) {
      const std::vector<uint8_t> file = writers[f].file();
      session_set_file_size(session, file.size() - (f == short_one ? 64 : 0));
      size_t end = 0;
      uint64_t data = 0;
      status = feed_header(session, file, 4096, &end, &data);
      CHECK(status.ok() == (f != short_one));
    }
    CHECK(status.ok() == (short_one == writers.size()));
    if (!status.ok()) CHECK(status.code == ErrorCode::kTruncated);
  }
}

TEST_CASE("a split model that is cut off anywhere is called truncated") {
  const GgufFiles files = split_model(TinyLlama(TensorType::kQ4_0).writer, 3);
  const std::vector<uint8_t> last = files[2].file();
  std::vector<size_t> sizes;
  for (size_t size = 0; size < files[2].header().size(); size += 7) sizes.push_back(size);
  for (const size_t size : sizes) {
    CAPTURE(size);
    TestSession session;
    size_t end;
    uint64_t data;
    REQUIRE(feed_header(session, files[0].file(), 1 << 16, &end, &data).ok());
    REQUIRE(feed_header(session, files[1].file(), 1 << 16, &end, &data).ok());
    CHECK(feed_header(session, {last.begin(), last.begin() + static_cast<ptrdiff_t>(size)}, 64, &end, &data).code ==
          ErrorCode::kTruncated);
    CHECK(session_end_of_file(session).code == ErrorCode::kTruncated);
  }
}
