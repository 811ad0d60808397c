// A model file with some bytes changed, through load, prompt and a few steps: any bytes give an error or an answer. The
// files are three made here, one of them a split model, and those of the folder CAMELGPT_FUZZ_MODELS (scripts/fuzz.mjs
// puts one of each architecture there).
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "camelgpt.h"
#include "split_writer.h"
#include "tiny_llama.h"
#include "tiny_stlm.h"

using namespace camelgpt;

// The bytes of a split model in the order in which they are fed: all headers, then the data of each file.
static std::vector<uint8_t> split_stream() {
  std::vector<uint8_t> headers, data;
  for (const GgufWriter& writer : split_model(TinyLlama(TensorType::kQ8_0).writer, 3)) {
    const std::vector<uint8_t> header = writer.header(), file = writer.file();
    headers.insert(headers.end(), header.begin(), header.end());
    if (writer.tensors.empty()) continue;
    data.insert(data.end(), file.begin() + static_cast<ptrdiff_t>(header.size()), file.end());
  }
  headers.insert(headers.end(), data.begin(), data.end());
  return headers;
}

static std::vector<std::vector<uint8_t>> read_models() {
  std::vector<std::vector<uint8_t>> models = {TinyLlama(TensorType::kQ4_0).writer.file(), TinyStlm().writer.file(),
                                              split_stream()};
  const char* folder = std::getenv("CAMELGPT_FUZZ_MODELS");
  if (folder == nullptr) return models;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    std::vector<uint8_t> bytes(std::filesystem::file_size(path));
    std::ifstream(path, std::ios::binary)
        .read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    models.push_back(std::move(bytes));
  }
  return models;
}

static std::vector<std::vector<uint8_t>> models;

// Before the first input, whose time is limited.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  models = read_models();
  return 0;
}

// A prompt and three tokens.
static void generate(Session* session) {
  Buffer<int32_t> tokens;
  if (!session_tokenize(session, "Hello", {}, &tokens).ok()) return;
  if (!session_begin(session, GenerateRequest{tokens.span(), {}}).ok()) return;
  ActivityProgress progress{ActivityState::kMore};
  for (int chosen = 0; chosen < 3 && progress.state == ActivityState::kMore;) {
    if (!session_continue(session, 2, &progress).ok()) return;
    chosen += session_generation_step(session).token != -1 ? 1 : 0;
  }
}

// The input is a byte that chooses the file, then a list of changes of four bytes: a position (24 bits) and the new
// value. In every other change the position is in the first 16 KB, which is mostly the header.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::vector<uint8_t> file = models[data[0] % models.size()];
  for (size_t i = 1; i + 4 <= size && i < 400; i += 4) {
    const size_t position = data[i] | data[i + 1] << 8 | data[i + 2] << 16;
    file[(i % 8 == 1 ? position % 16384 : position) % file.size()] = data[i + 3];
  }
  Session* session = session_create();
  Status status;
  for (size_t at = 0; at < file.size() && status.ok();) {
    const size_t piece = std::min(session_staging(session).size(), file.size() - at);
    std::memcpy(session_staging(session).data(), file.data() + at, piece);
    status = session_feed(session, piece);
    at += piece - session_split(session).remaining;
    if (status.ok() && session_load_state(session) == LoadState::kPlanned) status = session_allocate(session, {});
  }
  if (status.ok() && session_end_of_file(session).ok()) generate(session);
  session_destroy(session);
  return 0;
}
