// Restores a saved state in which some bytes are changed, removes some of its tokens, and continues it: the result is
// an error or an answer. The models: attention only, 8-bit keys and values, convolutions, byte-level, masked.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "load_model.h"
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
  std::vector<size_t> sections;

  // The text is most of the context.
  SavedModel(const std::vector<uint8_t>& file, KvType type, uint32_t context = 48) {
    load_model(session, file, {context, type});
    Buffer<int32_t> tokens;
    const char* text =
        "Once upon a time there was a text of some words, which are more than a page of the cache holds. ";
    require(session_tokenize(session, text, {}, &tokens).ok(), "a text");
    prompt.assign(tokens.begin(), tokens.end());
    prompt.resize(std::min<size_t>(prompt.size(), context - 8));
    generate();
    require(session_begin(session, SaveRequest{}).ok(), "the cache holds a text");
    const uint64_t bytes = session_remaining(session);
    const std::span<uint8_t> staging = session_staging(session);
    ActivityProgress progress{ActivityState::kMore};
    while (progress.state == ActivityState::kMore) {
      require(session_continue(session, UINT32_MAX, &progress).ok(), "saving");
      state.insert(state.end(), staging.begin(), staging.begin() + static_cast<ptrdiff_t>(progress.processed));
    }
    require(state.size() == bytes, "as many bytes as were announced");
    uint64_t text_bytes;
    std::memcpy(&text_bytes, &state[offsetof(StateHeader, text_bytes)], sizeof text_bytes);
    sections = state_sections(*session, text_bytes);
  }

  ~SavedModel() { session_destroy(session); }

  void generate() {
    GenerationOptions options;
    options.max_tokens = 3;
    // After a sweep of the chunk table the prompt's ids may be unknown.
    if (!session_begin(session, GenerateRequest{prompt, options}).ok()) return;
    ActivityProgress progress{ActivityState::kMore};
    while (session_remaining(session) > 0) {
      require(session_continue(session, 64, &progress).ok(), "the prompt is evaluated");
    }
    while (progress.state == ActivityState::kMore && session_continue(session, 64, &progress).ok()) {
    }
  }
};

// Gives a state the size and the checksum that fit its header.
void fit_to_header(const SavedModel& saved, std::vector<uint8_t>* state) {
  StateHeader header;
  std::memcpy(&header, state->data(), sizeof header);
  const KvCache& cache = latest_sequence(saved.session)->cache;
  if (header.length > cache.context || header.text_bytes > 10000) return;
  std::vector<size_t> sections = {static_cast<size_t>(header.text_bytes)};
  size_t total = sizeof header + sections[0];
  for (uint32_t part = 0;; ++part) {
    const size_t bytes = cache_part(config_of(*saved.session), header.length, part, cache).size();
    if (bytes == 0) break;
    sections.push_back(bytes);
    total += bytes;
  }
  state->resize(total);
  correct_checksum(state, sections);
}

}  // namespace

// The input: a byte that chooses the model and whether the checksum (from 64 on), or the checksum and the size (from
// 128 on), are corrected, then changes of four bytes: a position (24 bits) and the new value. Every other position is
// in the first 512 bytes. Three remaining bytes truncate or lengthen the state.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static std::unique_ptr<SavedModel> models[] = {
      std::make_unique<SavedModel>(TinyLlama(TensorType::kQ4_0).writer.file(), KvType::k16),
      std::make_unique<SavedModel>(TinyLlama(TensorType::kQ4_0, true, false, 128).writer.file(), KvType::k8, 96),
      std::make_unique<SavedModel>(TinyLfm2().writer.file(), KvType::k16, 96),
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
  if (data[0] >= 128) {
    fit_to_header(saved, &state);
  } else if (data[0] >= 64) {
    correct_checksum(&state, saved.sections);
  }
  if (size % 4 == 0) state.resize((data[size - 3] | data[size - 2] << 8 | data[size - 1] << 16) % (2 * state.size()));
  Status status = session_begin(session, RestoreRequest{state.size()});
  ActivityProgress progress;
  const size_t piece = 1 + (data[0] % 64) * 997;
  for (size_t at = 0; at < state.size() && status.ok(); at += piece) {
    const size_t count = std::min(piece, state.size() - at);
    std::memcpy(session_staging(session).data(), state.data() + at, count);
    status = session_continue(session, static_cast<uint32_t>(count), &progress);
  }
  if (status.ok()) {
    require(progress.state == ActivityState::kDone, "all bytes are taken");
    const uint32_t from = data[0] % 8, to = from + 1 + static_cast<uint32_t>(size % 32);
    const Status removed = session_remove_tokens(session, saved.prompt, from, to);
    require(removed.ok() || removed.message[0] != 0, "an error has a message");
    saved.generate();
  } else {
    require(status.message[0] != 0, "an error has a message");
    require(session_continue(session, 1, &progress).code == ErrorCode::kBadState, "an error ends the activity");
  }
  return 0;
}
