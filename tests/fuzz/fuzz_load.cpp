// A whole model file with some bytes changed, through load, prompt and a few steps: whatever the bytes, an error or an answer.
#include <algorithm>
#include <cstring>

#include "camelgpt.h"
#include "tiny_llama.h"

using namespace camelgpt;

// The input is a list of changes of four bytes: a position (24 bits) and the new value.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<uint8_t> original = TinyLlama(TensorType::kQ4_0).writer.file();
  std::vector<uint8_t> file = original;
  for (size_t i = 0; i + 4 <= size && i < 400; i += 4) {
    file[(data[i] | data[i + 1] << 8 | data[i + 2] << 16) % file.size()] = data[i + 3];
  }
  Session* session = session_create();
  Status status;
  for (size_t at = 0; at < file.size() && status.ok();) {
    const size_t piece = std::min(session_staging(session).size(), file.size() - at);
    std::memcpy(session_staging(session).data(), file.data() + at, piece);
    at += piece;
    status = session_feed(session, piece);
    if (status.ok() && session_load_state(session) == LoadState::kPlanned) status = session_allocate(session, {});
  }
  if (status.ok() && session_end_of_file(session).ok() && session_configure(session, {}).ok()) {
    std::memcpy(session_text_buffer(session, 5), "Hello", 5);
    uint32_t left = 1;
    StepResult result = StepResult::kContinue;
    if (session_tokenize(session, 5, true, true).ok() && session_prompt(session, session_tokens(session).size()).ok()) {
      while (left > 0 && session_prefill(session, 2, &left).ok()) {
      }
      for (int i = 0; i < 3 && result == StepResult::kContinue && session_step(session, &result).ok(); ++i) {
      }
    }
  }
  session_destroy(session);
  return 0;
}
