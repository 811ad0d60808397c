// Bytes that are no saved state of this model are refused, and do no harm.
#include <cmath>
#include <functional>
#include <string>

#include "kernels/kv_layout.h"
#include "session/saved_state.h"
#include "session/state_checksum.h"
#include "tiny_lfm2.h"
#include "tiny_llama.h"

using namespace camelgpt;

namespace {

constexpr uint32_t kContext = 192;

template <class T>
std::function<void(std::vector<uint8_t>&)> put(size_t at, T value) {
  return [=](std::vector<uint8_t>& state) { std::memcpy(&state[at], &value, sizeof value); };
}

// A session that holds a text, and the state of another one.
struct Refusing {
  const std::vector<int32_t> own = some_tokens(50), prompt = some_tokens(40) + some_tokens(37);
  TestSession session;
  std::vector<uint8_t> state;
  std::vector<size_t> sections;
  std::vector<float> expected;

  explicit Refusing(KvType type = KvType::k16) {
    TestSession saved;
    for (TestSession* each : {&session, &saved}) {
      REQUIRE(load(*each, llama_file<kContext>(), 1 << 16, 128, type).ok());
      configure(*each);
    }
    prefill(saved, prompt);
    state = save(saved);
    sections = state_sections(*saved.session, 4 * prompt.size());
    prefill(session, own);
    expected = logits(session);
  }

  // The state with a change and a correct checksum.
  std::vector<uint8_t> changed(const std::function<void(std::vector<uint8_t>&)>& change) const {
    std::vector<uint8_t> bytes = state;
    change(bytes);
    correct_checksum(&bytes, sections);
    return bytes;
  }

  // Afterwards the cache holds its own text or none, and that text gives the same logits as before.
  void refuses(const std::vector<uint8_t>& bytes, ErrorCode code, const char* found, bool keeps) {
    const Status status = restore(session, bytes, 4096);
    CAPTURE(std::string(status.message));
    CAPTURE(std::string(status.found));
    CHECK(status.code == code);
    CHECK(std::string(status.found).find(found) != std::string::npos);
    CHECK(session_cached_tokens(session) == (keeps ? own.size() : 0));
    prefill(session, own);
    CHECK(session_reused_tokens(session) == (keeps ? own.size() - 1 : 0));
    CHECK(logits(session) == expected);
  }
};

}  // namespace

TEST_CASE("states of other models are refused, and the cache is unchanged") {
  Refusing it;
  const std::vector<uint8_t>& state = it.state;
  const auto refuses = [&](const std::vector<uint8_t>& bytes, ErrorCode code, const char* found) {
    it.refuses(bytes, code, found, true);
  };
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{39}, size_t{40}, size_t{41}, state.size() / 2, state.size() - 1}) {
    refuses({state.begin(), state.begin() + static_cast<ptrdiff_t>(size)}, ErrorCode::kTruncated,
            std::to_string(size).c_str());
  }
  std::vector<uint8_t> longer = state;
  longer.push_back(0);
  refuses(longer, ErrorCode::kBadFormat, std::to_string(longer.size()).c_str());
  refuses(it.changed(put(0, 'X')), ErrorCode::kBadFormat, "another kind");
  refuses(it.changed(put(4, 2u)), ErrorCode::kUnsupportedVersion, "version 2");
  refuses(it.changed(put(16, uint64_t{1})), ErrorCode::kBadInput, "0000000000000001");
  refuses(it.changed(put(24, 8u)), ErrorCode::kBadInput, "8 bits");
  Refusing other(KvType::k8);
  refuses(other.state, ErrorCode::kBadInput, "8 bits");
  const auto length = [&](uint32_t tokens) {
    std::vector<uint8_t> bytes = state;
    put(28, tokens)(bytes);
    return bytes;
  };
  refuses(length(0), ErrorCode::kBadFormat, "no text");
  for (const uint32_t tokens : {129u, 0x7fffffffu, 0xffffffffu}) {
    refuses(length(tokens), ErrorCode::kContextOverflow, std::to_string(tokens).c_str());
  }
  refuses(length(76), ErrorCode::kBadFormat, "another length");
  for (const uint64_t size : {uint64_t{0}, uint64_t{1} << 32, UINT64_MAX, UINT64_MAX - 40}) {
    std::vector<uint8_t> bytes = state;
    put(32, size)(bytes);
    refuses(bytes, ErrorCode::kBadFormat, "another length");
  }
  CHECK(session_begin(it.session, RestoreRequest{UINT64_MAX}).ok());
  CHECK(session_remaining(it.session) == UINT64_MAX);
  std::memcpy(session_staging(it.session).data(), state.data(), 40);
  ActivityProgress progress;
  CHECK(session_continue(it.session, 40, &progress).code == ErrorCode::kBadFormat);
  CHECK(session_cached_tokens(it.session) == it.own.size());
}

TEST_CASE("states that are damaged after the header leave an empty cache") {
  Refusing it;
  const std::vector<uint8_t>& state = it.state;
  const auto refuses = [&](const std::vector<uint8_t>& bytes, ErrorCode code, const char* found) {
    it.refuses(bytes, code, found, false);
  };
  for (const size_t at : {size_t{8}, size_t{40}, size_t{400}, state.size() - 1}) {
    std::vector<uint8_t> bytes = state;
    bytes[at] ^= 1;
    refuses(bytes, ErrorCode::kBadFormat, "another checksum");
  }
  const int32_t vocabulary = TinyLlama::kVocabulary;
  for (const int32_t token : {-1, vocabulary})
    refuses(it.changed(put(40, token)), ErrorCode::kBadInput, std::to_string(token).c_str());
  const size_t keys = 40 + 4 * it.prompt.size(), scales = keys + 96 * TinyLlama::kWidth * 2, values = scales + 96 * 4;
  const char* const kFound = "impossible";
  for (const float scale : {HUGE_VALF, NAN, -1.0f})
    refuses(it.changed(put(scales + 4, scale)), ErrorCode::kBadFormat, kFound);
  refuses(it.changed(put(values + 96 * TinyLlama::kWidth * 2 + 4, NAN)), ErrorCode::kBadFormat, kFound);
  refuses(it.changed(put(keys + 6, int16_t{-32768})), ErrorCode::kBadFormat, kFound);
  refuses(it.changed(put(values + 6, int16_t{16384})), ErrorCode::kBadFormat, kFound);
  refuses(it.changed([&](std::vector<uint8_t>& bytes) {  // each column alone is small enough
    for (uint32_t i = 0; i < 3; ++i) put(keys + 2 * key_index(TinyLlama::kWidth, 9, 7 * i), int16_t{30000})(bytes);
  }),
          ErrorCode::kBadFormat, kFound);
  Refusing bytes(KvType::k8);
  bytes.refuses(bytes.changed(put(keys, int8_t{-128})), ErrorCode::kBadFormat, kFound, false);
}

TEST_CASE("inputs of convolutions that are not finite are refused") {
  const std::vector<uint8_t> file = TinyLfm2().writer.file();
  TestSession session;
  REQUIRE(load(session, file).ok());
  configure(session);
  prefill(session, some_tokens(20));
  const float wrong = NAN;
  Session* s = session;
  std::memcpy(latest_sequence(s)->cache.conv.data() + 3, &wrong, sizeof wrong);
  const std::vector<uint8_t> state = save(session);  // the checksum is correct
  CHECK(restore(session, state).code == ErrorCode::kBadFormat);
  CHECK(session_cached_tokens(session) == 0);
}

TEST_CASE("a restore that another activity interrupts leaves an empty cache") {
  Refusing it;
  ActivityProgress progress;
  const auto begin = [&] {
    REQUIRE(session_begin(it.session, RestoreRequest{it.state.size()}).ok());
    std::memcpy(session_staging(it.session).data(), it.state.data(), 5000);
    REQUIRE(session_continue(it.session, 5000, &progress).ok());
    CHECK(progress.state == ActivityState::kMore);
    CHECK(progress.remaining == it.state.size() - 5000);
  };
  begin();
  CHECK(session_cached_tokens(it.session) == 0);
  prefill(it.session, it.own);
  CHECK(session_reused_tokens(it.session) == 0);
  CHECK(session_cached_tokens(it.session) == it.own.size());
  CHECK(logits(it.session) == it.expected);
  step(it.session);  // continues the generation, not the restore
  begin();
  const auto all = static_cast<uint32_t>(it.state.size());
  CHECK(session_continue(it.session, all, &progress).code == ErrorCode::kBadState);  // more than was announced
  CHECK(session_continue(it.session, 1, &progress).code == ErrorCode::kBadState);
  CHECK(session_cached_tokens(it.session) == 0);
  begin();
  REQUIRE(restore(it.session, it.state).ok());  // from its beginning
  CHECK(session_cached_tokens(it.session) == it.prompt.size());
}
