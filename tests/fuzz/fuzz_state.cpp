// A saved state with some bytes changed is restored and continued: the result is an error or tokens. The models cover
// plain attention, an 8-bit cache, short convolutions, byte-level chunks and masked decoding.
#include <cstring>
#include <memory>

#include "require.h"
#include "session/state_checksum.h"
#include "tiny_lfm2.h"
#include "tiny_llama.h"
#include "tiny_stlm.h"

using namespace camelgpt;

namespace {

// A model with a saved state and the prompt that led to it.
struct SavedModel {
  Session* session = session_create();
  std::vector<int32_t> prompt;
  std::vector<uint8_t> state;
  std::vector<size_t> sections;  // of the state, for correct_checksum

  SavedModel(const std::vector<uint8_t>& file, KvType type) {
    const std::span<uint8_t> staging = session_staging(session);
    for (size_t at = 0; at < file.size();) {
      const size_t count = std::min(staging.size(), file.size() - at);
      std::memcpy(staging.data(), file.data() + at, count);
      at += count;
      require(session_feed(session, count).ok(), "the file is valid");
      if (session_load_state(session) == LoadState::kPlanned)
        require(session_allocate(session, {48, type}).ok(), "memory suffices");
    }
    GenerationOptions options;
    options.max_tokens = 3;
    require(session_configure(session, options).ok(), "the options are valid");
    const char* const text = "Once upon a time there was a text of some words";
    std::memcpy(session_text_buffer(session, std::strlen(text)), text, std::strlen(text));
    require(session_tokenize(session, std::strlen(text), true, true).ok(), "the text is valid");
    prompt.assign(session_tokens(session).begin(), session_tokens(session).end());
    prompt.resize(std::min<size_t>(prompt.size(), 40));
    generate();
    uint64_t bytes = 0;
    require(session_save_begin(session, &bytes).ok(), "the state can be saved");
    while (const size_t count = session_save_continue(session))
      state.insert(state.end(), staging.begin(), staging.begin() + count);
    require(state.size() == bytes, "the state has the announced size");
    uint64_t text_bytes;
    std::memcpy(&text_bytes, &state[offsetof(StateHeader, text_bytes)], sizeof text_bytes);
    sections = state_parts(*session, text_bytes);
  }

  ~SavedModel() { session_destroy(session); }

  void generate() {
    int32_t* buffer = session_token_buffer(session, prompt.size());
    std::copy(prompt.begin(), prompt.end(), buffer);
    uint32_t remaining = 1;
    StepResult result = StepResult::kContinue;
    if (!session_prompt(session, prompt.size()).ok()) return;  // a sweep freed some of its chunks
    while (remaining > 0) require(session_prefill(session, 64, &remaining).ok(), "the prompt can be evaluated");
    while (result == StepResult::kContinue && session_step(session, &result).ok()) {
    }
  }
};

}  // namespace

// Input: a byte that chooses the model, the fragment size and whether to correct the checksum, then changes of four
// bytes each, a position (24 bits) and the new value. Every other position is limited to the first 512 bytes. Three
// remaining bytes are the new size of the state.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static std::unique_ptr<SavedModel> models[] = {
      std::make_unique<SavedModel>(TinyLlama(TensorType::kQ4_0).writer.file(), KvType::k16),
      std::make_unique<SavedModel>(TinyLlama(TensorType::kQ4_0).writer.file(), KvType::k8),
      std::make_unique<SavedModel>(TinyLfm2().writer.file(), KvType::k16),
      std::make_unique<SavedModel>(TinyStlm().writer.file(), KvType::k16),
      std::make_unique<SavedModel>(
          TinyLlama(TensorType::kQ4_0, true, false, 64, TinyLlama::kVocabulary, "relu", "camelgpt").writer.file(),
          KvType::k16)};
  if (size == 0) return 0;
  SavedModel& saved = *models[data[0] % 5];
  Session* session = saved.session;
  std::vector<uint8_t> state = saved.state;
  for (size_t i = 1; i + 4 <= size && i < 400; i += 4) {
    const size_t position = data[i] | data[i + 1] << 8 | data[i + 2] << 16;
    state[(i % 8 == 1 ? position % 512 : position) % state.size()] = data[i + 3];
  }
  if (data[0] >= 64) correct_checksum(&state, saved.sections);
  if (size % 4 == 0) state.resize((data[size - 3] | data[size - 2] << 8 | data[size - 1] << 16) % (2 * state.size()));
  Status status = session_restore_begin(session, state.size());
  const size_t fragment = 1 + (data[0] % 64) * 997;
  for (size_t at = 0; at < state.size() && status.ok(); at += fragment) {
    const size_t count = std::min(fragment, state.size() - at);
    std::memcpy(session_staging(session).data(), state.data() + at, count);
    status = session_restore_continue(session, count);
  }
  require(status.ok() || (status.message[0] != 0 && session_restore_continue(session, 1).code == ErrorCode::kBadState),
          "an error has a message and ends the restore");
  if (status.ok()) saved.generate();
  return 0;
}
