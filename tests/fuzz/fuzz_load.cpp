// A model file with some bytes changed is loaded, prompted and stepped a few times: the result is an error or tokens.
// Three files are made here, one of them a split model; the others come from the folder CAMELGPT_FUZZ_MODELS, where
// scripts/fuzz.mjs puts one of each architecture.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "camelgpt.h"
#include "split_writer.h"
#include "tiny_llama.h"
#include "tiny_stlm.h"

using namespace camelgpt;

// A split model in the order in which it is fed: all headers, then what follows each header.
static std::vector<uint8_t> split_stream() {
  std::vector<uint8_t> headers, data;
  for (const GgufWriter& writer : split_model(TinyLlama(TensorType::kQ8_0).writer, 3)) {
    const std::vector<uint8_t> header = writer.header(), file = writer.file();
    headers.insert(headers.end(), header.begin(), header.end());
    if (!writer.tensors.empty())
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
    std::ifstream file(path, std::ios::binary);
    models.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return models;
}

// Input: a byte that chooses the file, then changes of four bytes each, a position (24 bits) and the new value. Every
// other position is limited to the first 16 KB: the header, where most errors are possible.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<std::vector<uint8_t>> models = read_models();
  if (size == 0) return 0;
  std::vector<uint8_t> file = models[data[0] % models.size()];
  for (size_t i = 1; i + 4 <= size && i < 400; i += 4) {
    const size_t position = data[i] | data[i + 1] << 8 | data[i + 2] << 16;
    file[(i % 8 == 1 ? position % 16384 : position) % file.size()] = data[i + 3];
  }
  Session* session = session_create();
  Status status;
  for (size_t at = 0; at < file.size() && status.ok();) {
    const size_t count = std::min(session_staging(session).size(), file.size() - at);
    std::memcpy(session_staging(session).data(), file.data() + at, count);
    status = session_feed(session, count);
    at += count - session_split(session).left;
    if (status.ok() && session_load_state(session) == LoadState::kPlanned) status = session_allocate(session, {});
  }
  if (status.ok() && session_end_of_file(session).ok() && session_configure(session, {}).ok()) {
    std::memcpy(session_text_buffer(session, 5), "Hello", 5);
    uint32_t remaining = 1;
    StepResult result = StepResult::kContinue;
    if (session_tokenize(session, 5, true, true).ok() && session_prompt(session, session_tokens(session).size()).ok()) {
      while (remaining > 0 && session_prefill(session, 2, &remaining).ok()) {
      }
      for (int i = 0; i < 3 && result == StepResult::kContinue && session_step(session, &result).ok(); ++i) {
      }
    }
  }
  session_destroy(session);
  return 0;
}
