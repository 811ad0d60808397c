// A saved state with some bytes changed, restored and gone on from: whatever the bytes, an error or an answer. The
// models are one with attention alone, one with 8 bits, one with convolutions, one of bytes and a masked one.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "session/state_checksum.h"
#include "tiny_lfm2.h"
#include "tiny_llama.h"
#include "tiny_stlm.h"

using namespace camelgpt;

namespace {

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "fuzz_state: %s\n", what);
  std::abort();
}

struct Saved {
  Session* session = session_create();
  std::vector<int32_t> prompt;
  std::vector<uint8_t> state;
  std::vector<size_t> parts;

  Saved(const std::vector<uint8_t>& file, KvType type) {
    const std::span<uint8_t> staging = session_staging(session);
    for (size_t at = 0; at < file.size();) {
      const size_t piece = std::min(staging.size(), file.size() - at);
      std::memcpy(staging.data(), file.data() + at, piece);
      at += piece;
      require(session_feed(session, piece).ok(), "the file is right");
      if (session_load_state(session) == LoadState::kPlanned)
        require(session_allocate(session, {48, type}).ok(), "memory");
    }
    GenerationOptions options;
    options.max_tokens = 3;
    require(session_configure(session, options).ok(), "the options are right");
    const char* const text = "Once upon a time there was a text of some words";
    std::memcpy(session_text_buffer(session, std::strlen(text)), text, std::strlen(text));
    require(session_tokenize(session, std::strlen(text), true, true).ok(), "the text is right");
    prompt.assign(session_tokens(session).begin(), session_tokens(session).end());
    prompt.resize(std::min<size_t>(prompt.size(), 40));
    go_on();
    uint64_t bytes = 0;
    require(session_save_begin(session, &bytes).ok(), "there is a text");
    while (const size_t count = session_save_continue(session))
      state.insert(state.end(), staging.begin(), staging.begin() + count);
    require(state.size() == bytes, "as many bytes as were announced");
    uint64_t text_bytes;
    std::memcpy(&text_bytes, &state[offsetof(StateHeader, text_bytes)], sizeof text_bytes);
    parts = state_parts(*session, text_bytes);
  }

  ~Saved() { session_destroy(session); }

  void go_on() {
    int32_t* buffer = session_token_buffer(session, prompt.size());
    std::copy(prompt.begin(), prompt.end(), buffer);
    uint32_t left = 1;
    StepResult result = StepResult::kContinue;
    if (!session_prompt(session, prompt.size()).ok()) return;  // chunks that a sweep has taken back
    while (left > 0) require(session_prefill(session, 64, &left).ok(), "the prompt is evaluated");
    while (result == StepResult::kContinue && session_step(session, &result).ok()) {
    }
  }
};

}  // namespace

// The input: a byte that chooses the model and whether the checksum is made right, then changes of four bytes: a
// position (24 bits) and the new value. Every other position is in the first 512 bytes. Three bytes that are left over
// cut or lengthen the state.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static std::unique_ptr<Saved> models[] = {
      std::make_unique<Saved>(TinyLlama(TensorType::kQ4_0).writer.file(), KvType::k16),
      std::make_unique<Saved>(TinyLlama(TensorType::kQ4_0).writer.file(), KvType::k8),
      std::make_unique<Saved>(TinyLfm2().writer.file(), KvType::k16),
      std::make_unique<Saved>(TinyStlm().writer.file(), KvType::k16),
      std::make_unique<Saved>(
          TinyLlama(TensorType::kQ4_0, true, false, 64, TinyLlama::kVocabulary, "relu", "camelgpt").writer.file(),
          KvType::k16)};
  if (size == 0) return 0;
  Saved& saved = *models[data[0] % 5];
  Session* session = saved.session;
  std::vector<uint8_t> state = saved.state;
  for (size_t i = 1; i + 4 <= size && i < 400; i += 4) {
    const size_t position = data[i] | data[i + 1] << 8 | data[i + 2] << 16;
    state[(i % 8 == 1 ? position % 512 : position) % state.size()] = data[i + 3];
  }
  if (data[0] >= 64) correct_checksum(&state, saved.parts);
  if (size % 4 == 0) state.resize((data[size - 3] | data[size - 2] << 8 | data[size - 1] << 16) % (2 * state.size()));
  Status status = session_restore_begin(session, state.size());
  const size_t piece = 1 + (data[0] % 64) * 997;
  for (size_t at = 0; at < state.size() && status.ok(); at += piece) {
    const size_t count = std::min(piece, state.size() - at);
    std::memcpy(session_staging(session).data(), state.data() + at, count);
    status = session_restore_continue(session, count);
  }
  require(status.ok() || (status.message[0] != 0 && session_restore_continue(session, 1).code == ErrorCode::kBadState),
          "an error ends it");
  if (status.ok()) saved.go_on();
  return 0;
}
