// Saved states are restored, and any other bytes are refused.
#include <cmath>
#include <functional>
#include <string>

#include "kernels/kv_layout.h"
#include "session/saved_state.h"
#include "session/state_checksum.h"
#include "tiny_lfm2.h"
#include "tiny_llama.h"
#include "tiny_stlm.h"

using namespace camelgpt;

namespace {

constexpr uint32_t kContext = 192;

const std::vector<uint8_t>& llama_file() {
  static const std::vector<uint8_t> file = TinyLlama(TensorType::kQ8_0, true, false, kContext).writer.file();
  return file;
}

std::vector<int32_t> steps(Session* session, uint32_t count) {
  const Answer found = answer(session, count);
  REQUIRE(found.tokens.size() == count);
  return found.tokens;
}

std::vector<int32_t> operator+(std::vector<int32_t> tokens, const std::vector<int32_t>& more) {
  tokens.insert(tokens.end(), more.begin(), more.end());
  return tokens;
}

// Saves after a prompt and some steps, restores into a session of another context, and compares how the two continue.
void check_continuation(const std::vector<uint8_t>& file, const std::vector<int32_t>& prompt, KvType type,
                        uint32_t context, size_t piece = 1 << 20) {
  TestSession one, other;
  REQUIRE(load(one, file, 1 << 16, 0, type).ok());
  REQUIRE(load(other, file, 1 << 16, context, type).ok());
  for (TestSession* session : {&one, &other}) configure(*session, 40);
  prefill(one, prompt);
  const std::vector<int32_t> text = prompt + steps(one, 5);
  const std::vector<uint8_t> state = save(one);
  CHECK(save(one, 4097) == state);
  REQUIRE(restore(other, state, piece).ok());
  CHECK(session_cached_tokens(other) == text.size() - 1);  // the last token is not evaluated
  CHECK(save(other) == state);
  const std::vector<int32_t> next = text + some_tokens(9);
  for (TestSession* session : {&one, &other}) {
    prefill(*session, next);
    CHECK(session_reused_tokens(*session) == text.size() - 1);
  }
  CHECK(logits(one) == logits(other));
  CHECK(steps(one, 12) == steps(other, 12));
}

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
      REQUIRE(load(*each, llama_file(), 1 << 16, 128, type).ok());
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

TEST_CASE("a session continues a text that another one saved, with the same bits") {
  for (const KvType type : {KvType::k16, KvType::k8}) {
    for (const uint32_t context : {0u, 100u, 150u}) {
      for (const uint32_t count : {3u, 27u, 64u, 70u}) {
        CAPTURE(context);
        CAPTURE(count);
        check_continuation(llama_file(), some_tokens(count), type, context);
      }
    }
  }
  for (const size_t piece : {size_t{1}, size_t{39}, size_t{40}, size_t{4097}}) {
    check_continuation(llama_file(), some_tokens(33), KvType::k16, 0, piece);
  }
}

TEST_CASE("inputs of convolutions are saved too, and the restored cache can be cut") {
  const std::vector<uint8_t> file = TinyLfm2().writer.file();
  for (const uint32_t count : {1u, 31u, 32u, 90u, 200u}) check_continuation(file, some_tokens(count), KvType::k16, 0);
  TestSession one, other;
  for (TestSession* session : {&one, &other}) {
    REQUIRE(load(*session, file).ok());
    configure(*session);
  }
  const std::vector<int32_t> tokens = some_tokens(300);
  prefill(one, tokens);
  prefill(one, std::vector<int32_t>(tokens.begin(), tokens.begin() + 250) + std::vector<int32_t>{1, 2, 3});
  const std::vector<uint8_t> state = save(one);
  for (const uint32_t kept : {252u, 250u, 200u, 128u, 70u, 1u}) {
    REQUIRE(restore(one, state).ok());
    REQUIRE(restore(other, state).ok());
    const std::vector<int32_t> next =
        std::vector<int32_t>(tokens.begin(), tokens.begin() + kept) + std::vector<int32_t>{7, 8, 9};
    prefill(one, next);
    prefill(other, next);
    CHECK(session_reused_tokens(one) + kAttentionTile > std::min(kept, 250u));
    CHECK(session_reused_tokens(other) == session_reused_tokens(one));
    CHECK(logits(one) == logits(other));
    TestSession third;
    REQUIRE(load(third, file).ok());
    configure(third);
    prefill(third, next);
    CHECK(logits(third) == logits(one));
  }
}

TEST_CASE("chunks are saved as bytes, because their ids differ from session to session") {
  const std::vector<uint8_t> file = TinyStlm().writer.file();
  TestSession one, other;
  for (TestSession* session : {&one, &other}) {
    REQUIRE(load(*session, file).ok());
    configure(*session);
  }
  const std::string text = "Once upon a time, na\xc3\xafve";
  const std::vector<int32_t> prompt = tokenize(one, text);
  prefill(one, prompt);
  const std::vector<int32_t> answer = steps(one, 4);
  detokenize(one, prompt + answer);
  const std::vector<uint8_t> state = save(one);
  tokenize(other, "Some other words come first.");
  REQUIRE(restore(other, state).ok());
  CHECK(session_cached_tokens(other) == prompt.size() + 3);
  const std::vector<int32_t> again = tokenize(other, text);
  CHECK(again != prompt);
  prefill(other, again);
  CHECK(session_reused_tokens(other) == prompt.size() - 1);
  const auto texts = [](Session* session, const std::vector<int32_t>& tokens) {
    std::string joined;
    for (const int32_t token : tokens) joined += piece(session, token);
    return joined;
  };
  CHECK(texts(other, steps(other, 4)) == texts(one, answer));

  const size_t at = sizeof(StateHeader);
  for (const uint8_t length : {uint8_t{TinyStlm::kLength + 1}, uint8_t{255}, uint8_t{0}}) {
    std::vector<uint8_t> wrong = state;
    wrong[at] = length;  // 0: the end chunk, and everything after it is shifted
    CHECK(restore(other, wrong).code == ErrorCode::kBadFormat);
    CHECK(session_cached_tokens(other) == 0);
  }
}

TEST_CASE("a text of chunks is restored although the chunk table is full") {
  const std::vector<uint8_t> file = TinyStlm().writer.file();
  TestSession one, other;
  for (TestSession* session : {&one, &other}) {
    REQUIRE(load(*session, file).ok());
    configure(*session);
  }
  prefill(one, tokenize(one, "Once upon a time"));
  const std::vector<uint8_t> state = save(one);
  std::string words;
  for (uint32_t i = 0; i < 65535; ++i) words += " " + std::to_string(10000 + i);
  REQUIRE(tokenize(other, words).size() == 65535);
  REQUIRE(restore(other, state).ok());
  prefill(other, tokenize(other, "Once upon a time"));
  CHECK(session_reused_tokens(other) == session_cached_tokens(one) - 1);
  CHECK(logits(one) == logits(other));
}

TEST_CASE("a masked model saves the prompt without the answer") {
  const TinyLlama tiny(TensorType::kF32, true, false, 160, TinyLlama::kVocabulary, "relu", "camelgpt");
  TestSession one, other;
  for (TestSession* session : {&one, &other}) {
    REQUIRE(load(*session, tiny.writer.file()).ok());
    configure(*session, 40);
  }
  const std::vector<int32_t> prompt = some_tokens(70);
  prefill(one, prompt);
  const std::vector<int32_t> answer = steps(one, 36);
  const std::vector<uint8_t> state = save(one);
  REQUIRE(restore(other, state).ok());
  CHECK(session_cached_tokens(other) == prompt.size());
  prefill(other, prompt);
  CHECK(session_reused_tokens(other) == prompt.size());
  CHECK(steps(other, 36) == answer);
  prefill(one, prompt);
  CHECK(session_reused_tokens(one) == prompt.size());
  CHECK(steps(one, 36) == answer);
  REQUIRE(restore(other, state).ok());
  prefill(other, some_tokens(69));  // all or nothing
  CHECK(session_reused_tokens(other) == 0);
}

TEST_CASE("page summaries for pruned attention are rebuilt by restoring") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ8_0, true, false, 512).writer.file();
  TestSession one, other;
  PruneOptions options;
  options.kv_tokens = 128;
  for (TestSession* session : {&one, &other}) {
    REQUIRE(load(*session, file, 1 << 16, 0, KvType::k16, true).ok());
    REQUIRE(session_set_pruning(*session, options).ok());
    configure(*session, 40);
  }
  std::vector<int32_t> text = some_tokens(300);
  prefill(one, text);
  REQUIRE(restore(other, save(one)).ok());
  text.push_back(5);
  prefill(one, text);
  prefill(other, text);
  CHECK(steps(one, 30) == steps(other, 30));
  CHECK(logits(one) == logits(other));
}

TEST_CASE("if neurons are selected per prompt, a restored text is evaluated again") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ8_0).writer.file();
  TestSession one, other;
  PruneOptions options;
  options.ffn = 0.5f;
  for (TestSession* session : {&one, &other}) {
    REQUIRE(load(*session, file, 1 << 16, 0, KvType::k16, false, 0.5f).ok());
    REQUIRE(session_set_pruning(*session, options).ok());
    configure(*session, 20);
  }
  const std::vector<int32_t> prompt = some_tokens(30);
  prefill(one, prompt);
  const std::vector<int32_t> answer = steps(one, 8);
  prefill(other, some_tokens(12));
  REQUIRE(restore(other, save(one)).ok());
  prefill(other, prompt);
  CHECK(session_reused_tokens(other) == 0);
  CHECK(steps(other, 8) == answer);
  prefill(other, prompt + answer);
  CHECK(session_reused_tokens(other) > 0);
}

TEST_CASE("drafts are not saved") {
  TestSession session;
  REQUIRE(load(session, llama_file()).ok());
  use_drafts(session);
  configure(session, 64);
  std::vector<int32_t> tokens;
  for (int i = 0; i < 100; ++i) tokens.push_back(i % 5);
  prefill(session, tokens);
  tokens = tokens + steps(session, 40);
  CHECK(session_draft_counts(session).batches > 0);
  const std::vector<uint8_t> state = save(session);
  CHECK(session_cached_tokens(session) >= tokens.size() - 1);
  CHECK(session_cached_tokens(session) <= tokens.size());
  TestSession other;
  REQUIRE(load(other, llama_file()).ok());
  configure(other);
  tokens.resize(session_cached_tokens(session));
  prefill(other, tokens);
  CHECK(save(other) == state);
}

TEST_CASE("without a text there is nothing to save, and saving ends a generation") {
  TestSession session;
  ActivityProgress progress;
  CHECK(session_begin(session, SaveRequest{}).code == ErrorCode::kBadState);
  CHECK(session_begin(session, RestoreRequest{100}).code == ErrorCode::kBadState);
  REQUIRE(load(session, llama_file()).ok());
  CHECK(session_begin(session, SaveRequest{}).code == ErrorCode::kBadState);
  CHECK(session_continue(session, 1, &progress).code == ErrorCode::kBadState);
  configure(session);
  prefill(session, some_tokens(5));
  save(session);
  CHECK(session_continue(session, 1, &progress).code == ErrorCode::kBadState);
  CHECK(session_generation_step(session).token == -1);
}

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
