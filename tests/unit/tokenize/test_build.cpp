#include "vocabularies.h"

namespace camelgpt {
namespace {

TEST_CASE("tokenizer reads a vocabulary and its special ids") {
  VocabularyWriter writer("smollm");
  const int32_t the = writer.add_merge("t", "he");
  const int32_t begin = writer.add_written("<|begin|>", kTokenControl);
  const int32_t end = writer.add_written("<|end|>", kTokenControl);
  const int32_t unknown = writer.add_written("<unk>", kTokenUnknown);
  const int32_t mine = writer.add_written("<mine> \xc3\xa4", kTokenUserDefined);
  writer.extra.add("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(begin));
  writer.extra.add("tokenizer.ggml.eos_token_id", static_cast<int32_t>(end));
  writer.extra.add("tokenizer.ggml.eot_token_id", static_cast<uint64_t>(end));
  writer.extra.add("tokenizer.ggml.padding_token_id", static_cast<uint16_t>(end));
  writer.extra.add("tokenizer.ggml.unknown_token_id", static_cast<uint32_t>(unknown));
  writer.extra.add("tokenizer.ggml.add_bos_token", true);
  writer.extra.add("tokenizer.ggml.add_eos_token", false);
  const Tokenizer tokenizer = writer.build();

  CHECK(tokenizer.pre == PreTokenizer::kSmolLm);
  CHECK(tokenizer.vocabulary_size == 261);
  CHECK(tokenizer.bos_token == begin);
  CHECK(tokenizer.eos_token == end);
  CHECK(tokenizer.eot_token == end);
  CHECK(tokenizer.pad_token == end);
  CHECK(tokenizer.unknown_token == unknown);
  CHECK(tokenizer.add_bos);
  CHECK(!tokenizer.add_eos);
  CHECK(!tokenizer.ignore_merges);
  CHECK(tokenizer_memory(tokenizer) > 261 * 5);

  CHECK(tokenizer_piece(tokenizer, the) == "the");
  CHECK(tokenizer_piece(tokenizer, 0) == std::string_view("\0", 1));
  CHECK(tokenizer_piece(tokenizer, 0xff) == "\xff");
  CHECK(tokenizer_piece(tokenizer, begin) == "<|begin|>");
  CHECK(tokenizer_piece(tokenizer, mine) == "<mine> \xc3\xa4");
  CHECK(tokenizer_piece(tokenizer, -1) == "");
  CHECK(tokenizer_piece(tokenizer, 261) == "");
  CHECK(tokenizer_is_control(tokenizer, begin));
  CHECK(tokenizer_is_control(tokenizer, unknown));
  CHECK(!tokenizer_is_control(tokenizer, mine));
  CHECK(!tokenizer_is_control(tokenizer, the));
  CHECK(!tokenizer_is_control(tokenizer, -1));
  CHECK(!tokenizer_is_control(tokenizer, 261));
}

TEST_CASE("tokenizer_find returns the token of every written form") {
  VocabularyWriter writer;
  const int32_t he = writer.add_merge("h", "e");
  const int32_t end = writer.add_written("<|end|>", kTokenControl);
  const int32_t both = writer.add_written("he", kTokenUserDefined);          // same bytes as a merged token
  const int32_t outside = writer.add_written("\xe4\xb8\xad", kTokenNormal);  // not in the byte alphabet: plain text
  writer.add_written("", kTokenUnused);
  const Tokenizer tokenizer = writer.build();
  CHECK(tokenizer_find(tokenizer, "<|end|>") == end);
  CHECK(tokenizer_find(tokenizer, "he") == both);
  CHECK(encode(tokenizer, "he", {.parse_special = false}) == std::vector{both});
  CHECK(he != both);
  CHECK(tokenizer_find(tokenizer, "\xe4\xb8\xad") == outside);
  CHECK(tokenizer_piece(tokenizer, outside) == "\xe4\xb8\xad");
  CHECK(tokenizer_find(tokenizer, "A") == 'A');
  CHECK(tokenizer_find(tokenizer, " ") == ' ');
  CHECK(tokenizer_find(tokenizer, "") == kNoToken);
  CHECK(tokenizer_find(tokenizer, "hex") == kNoToken);
  CHECK(tokenizer_find(Tokenizer(), "a") == kNoToken);
}

TEST_CASE("tokenizer takes written forms outside the byte alphabet as plain text") {
  const std::string_view forms[] = {
      " a",       "a\x7f",        "\xc2\xa0",  // printed as themselves in no alphabet: space, delete, U+00A0
      "\xc2\xad", "\xc5\x84",     "\xdf\xbf",  // U+00AD, the character after the alphabet, U+07FF
      "a\xc4",    "\xc4z",        "\xa9",      // cut, without its second byte, without its first byte
      "\xc1\xa1", "\xe0\x84\xa0",              // 'a' and U+0120 in more bytes than they need
  };
  VocabularyWriter writer;
  const int32_t first = writer.add_written(forms[0], kTokenNormal);
  for (size_t i = 1; i < std::size(forms); ++i) writer.add_written(forms[i], kTokenNormal);
  const int32_t last = writer.add_token(" \xff\x7f");
  const Tokenizer tokenizer = writer.build();
  for (size_t i = 0; i < std::size(forms); ++i)
    CHECK(tokenizer_piece(tokenizer, first + static_cast<int32_t>(i)) == forms[i]);
  CHECK(tokenizer_piece(tokenizer, last) == " \xff\x7f");
}

TEST_CASE("tokenizer keeps the first of equal tokens and of equal merges") {
  VocabularyWriter writer;
  const int32_t first = writer.add_merge("a", "b");
  writer.add_merge("a", "b");
  const Tokenizer tokenizer = writer.build();
  CHECK(tokenizer_find(tokenizer, "ab") == first);
  CHECK(encode(tokenizer, "ab") == std::vector{first});
  CHECK(tokenizer_piece(tokenizer, first + 1) == "ab");
}

TEST_CASE("tokenizer skips merges of tokens that are not in the vocabulary") {
  VocabularyWriter writer;
  writer.merges = {"a b", "c xyz", "xyz c", "\xe4\xb8\xad a"};  // "ab" is no token either
  const int32_t cd = writer.add_merge("c", "d");
  CHECK(encode(writer.build(), "abcd") == std::vector<int32_t>{'a', 'b', cd});
}

TEST_CASE("tokenizer recognises the names of pre-tokenizers and rejects unknown ones") {
  const auto pre_of = [](std::string_view name) { return VocabularyWriter(name).build().pre; };
  for (const char* name : {"gpt-2", "gpt2", "phi-2"}) CHECK(pre_of(name) == PreTokenizer::kGpt2);
  for (const char* name : {"", "default"}) CHECK(pre_of(name) == PreTokenizer::kDefault);
  for (const char* name : {"smollm", "refact", "command-r"}) CHECK(pre_of(name) == PreTokenizer::kSmolLm);
  for (const char* name : {"llama-bpe", "llama3", "lfm2", "dbrx", "chatglm-bpe"})
    CHECK(pre_of(name) == PreTokenizer::kLlamaBpe);
  for (const char* name : {"qwen2", "deepseek-r1-qwen", "stablelm2"}) CHECK(pre_of(name) == PreTokenizer::kQwen2);
  CHECK(pre_of("gpt-4o") == PreTokenizer::kGpt4o);
  CHECK(pre_of("tekken") == PreTokenizer::kTekken);
  CHECK(pre_of("falcon") == PreTokenizer::kFalcon);
  CHECK(pre_of("hunyuan-dense") == PreTokenizer::kDeepSeekV3);
  // Not all tokenizers with Llama 3's pattern also ignore merges.
  CHECK(VocabularyWriter("lfm2").build().ignore_merges);
  CHECK(!VocabularyWriter("dbrx").build().ignore_merges);
  CHECK(!VocabularyWriter("chatglm-bpe").build().ignore_merges);
  CHECK(VocabularyWriter("glm4").build().ignore_merges);
  for (const char* name : {"tekken2", "LLAMA3", "qwen2\n"}) {
    check_error(VocabularyWriter(name).try_build(), ErrorCode::kUnsupportedTokenizer);
  }
  VocabularyWriter other;
  other.model = "rwkv";
  check_error(other.try_build(), ErrorCode::kUnsupportedTokenizer);
  other.model = "";
  CHECK(other.try_build().code == ErrorCode::kMissingMetadata);
}

TEST_CASE("tokenizer adds BOS for llama-bpe unless the file says otherwise") {
  VocabularyWriter writer("llama-bpe");
  CHECK(!writer.build().add_bos);  // the vocabulary has no BOS
  writer.extra.add("tokenizer.ggml.bos_token_id", uint32_t{7});
  CHECK(writer.build().add_bos);
  CHECK(writer.build().ignore_merges);
  CHECK(encode(writer.build(), "a") == std::vector<int32_t>{7, 'a'});
  CHECK(encode(writer.build(), "a", {.add_special = false}) == std::vector<int32_t>{'a'});
  writer.extra.add("tokenizer.ggml.add_bos_token", false);
  CHECK(!writer.build().add_bos);
  VocabularyWriter glm("glm4");  // ignores merges, but needs no BOS
  glm.extra.add("tokenizer.ggml.bos_token_id", uint32_t{7});
  CHECK(!glm.build().add_bos);
}

namespace {

// Whether the tokenizer can be built, and says something about `key`.
bool has_note(VocabularyWriter& writer, std::string_view key) {
  const Tokenizer tokenizer = writer.build();
  return std::string_view(tokenizer.notes.data(), tokenizer.notes.size()).find(key) != std::string_view::npos;
}

}  // namespace

TEST_CASE("tokenizer rejects impossible metadata, and ignores ids that the vocabulary lacks") {
  {
    VocabularyWriter writer("gpt-2", false);
    check_error(writer.try_build(), ErrorCode::kBadMetadata);  // no tokens
  }
  for (const char* key : {"bos", "eos", "eot", "padding", "unknown"}) {
    VocabularyWriter writer;
    writer.extra.add("tokenizer.ggml." + std::string(key) + "_token_id", uint32_t{256});
    CHECK(has_note(writer, key));
    writer = VocabularyWriter();
    writer.extra.add("tokenizer.ggml." + std::string(key) + "_token_id", int32_t{-1});
    CHECK(has_note(writer, key));
    writer = VocabularyWriter();
    writer.extra.add_string("tokenizer.ggml." + std::string(key) + "_token_id", "7");
    check_error(writer.try_build(), ErrorCode::kBadMetadata);
  }
  for (const char* key : {"bos", "eos"}) {
    VocabularyWriter writer;
    writer.extra.add("tokenizer.ggml.add_" + std::string(key) + "_token", true);
    CHECK(has_note(writer, key));  // without an id
    CHECK(encode(writer.build(), "a") == std::vector<int32_t>{'a'});
  }
  for (const int32_t type : {-1, 7, INT32_MIN, INT32_MAX}) {
    VocabularyWriter writer;
    writer.types[100] = type;
    check_error(writer.try_build(), ErrorCode::kBadMetadata);
  }
  {
    VocabularyWriter writer;
    writer.types.pop_back();
    check_error(writer.try_build(), ErrorCode::kBadMetadata);
  }
  for (const char* merge : {"", " ", "ab", "a ", " a", "a b c", "a  b"}) {
    VocabularyWriter writer;
    const int32_t ab = writer.add_merge("a", "b");
    writer.merges.insert(writer.merges.begin(), merge);  // skipped
    CHECK(encode(writer.build(), "ab") == std::vector{ab});
  }
  for (const int32_t type : {kTokenControl, kTokenUserDefined, kTokenUnknown}) {
    VocabularyWriter writer;
    writer.add_written(std::string(256, 'x'), type);
    CHECK(writer.try_build().ok());
    writer.add_written(std::string(257, 'x'), type);
    check_error(writer.try_build(), ErrorCode::kBadMetadata);
  }
}

TEST_CASE("a failed build leaves the tokenizer unchanged") {
  VocabularyWriter writer;
  Tokenizer tokenizer = writer.build();
  writer.types.pop_back();
  CHECK(!tokenizer_build(writer.read().header, &tokenizer).ok());
  CHECK(encode(tokenizer, "ok") == std::vector<int32_t>{'o', 'k'});
}

TEST_CASE("tokenizer accepts unsigned, missing and undefined token types") {
  VocabularyWriter writer;
  const int32_t ab = writer.add_merge("a", "b");
  writer.types[static_cast<size_t>(ab)] = 0;
  CHECK(encode(writer.build(), "ab") == std::vector{ab});
  writer.types.clear();
  CHECK(encode(writer.build(), "ab") == std::vector{ab});
  writer.extra.add_numbers("tokenizer.ggml.token_type", std::vector<uint32_t>(257, 1));
  CHECK(encode(writer.build(), "ab") == std::vector{ab});
  VocabularyWriter wrong;
  wrong.types.clear();
  wrong.extra.add_numbers("tokenizer.ggml.token_type", std::vector<float>(256, 1));
  CHECK(wrong.try_build().code == ErrorCode::kBadMetadata);
}

}  // namespace
}  // namespace camelgpt
