// Which tokens end an answer.
#include <algorithm>

#include "vocabularies.h"

namespace camelgpt {
namespace {

std::vector<int32_t> ends_of(const Tokenizer& tokenizer) {
  std::vector<int32_t> ends(tokenizer.end_tokens.begin(), tokenizer.end_tokens.end());
  std::sort(ends.begin(), ends.end());
  return ends;
}

TEST_CASE("tokens of chat formats end an answer whatever their type, and become control tokens") {
  for (const char* text : {"<|im_end|>", "<|eot_id|>", "<|end|>", "<|return|>", "<end_of_turn>", "<turn|>", "<eos>",
                           "[EOS]", "[EOT]", "<EOT>", "_<EOT>", "<|tool_response>", "<end_of_utterance>", "[e~[",
                           "<\xef\xbd\x9c"
                           "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>"}) {
    CAPTURE(text);
    for (const int32_t type : {kTokenControl, kTokenUserDefined, kTokenNormal, kTokenUnused}) {
      VocabularyWriter writer;
      const int32_t token = writer.add_written(text, type);
      const Tokenizer tokenizer = writer.build();
      CHECK(ends_of(tokenizer) == std::vector{token});
      CHECK(tokenizer_is_control(tokenizer, token));
      CHECK(encode(tokenizer, text) == std::vector{token});
      CHECK(encode(tokenizer, text, {.parse_special = false}).size() > 1);
    }
  }
}

TEST_CASE("tags that ordinary text has end an answer only as control tokens") {
  for (const char* text : {"</s>", "<|user|>"}) {
    VocabularyWriter writer;
    const int32_t token = writer.add_written(text, kTokenControl);
    CHECK(ends_of(writer.build()) == std::vector{token});
    for (const int32_t type : {kTokenUserDefined, kTokenNormal}) {
      writer.types.back() = type;
      CHECK(ends_of(writer.build()).empty());
    }
  }
  VocabularyWriter writer;
  writer.add_written("<|tool|>", kTokenControl);
  CHECK(ends_of(writer.build()).empty());
}

TEST_CASE("tokens that the metadata names end an answer") {
  for (const char* key : {"eos", "eot", "eom", "fim_pad", "fim_rep", "fim_sep"}) {
    for (const int32_t type : {kTokenControl, kTokenUserDefined, kTokenNormal}) {
      VocabularyWriter writer;
      const int32_t token = writer.add_written("<over>", type);
      writer.extra.add("tokenizer.ggml." + std::string(key) + "_token_id", token);
      const Tokenizer tokenizer = writer.build();
      CHECK(ends_of(tokenizer) == std::vector{token});
      CHECK(tokenizer_is_control(tokenizer, token) == (type != kTokenNormal));
    }
  }
}

TEST_CASE("where an answer has several messages, the end of one does not end it") {
  const auto ends_with = [](std::initializer_list<const char*> texts) {
    VocabularyWriter writer;
    for (const char* text : texts) writer.add_written(text, kTokenControl);
    return ends_of(writer.build());
  };
  CHECK(ends_with({"<|end|>", "<|return|>", "<|call|>"}) == std::vector{257, 258});
  CHECK(ends_with({"<|end|>", "<|flush|>", "<|calls|>"}) == std::vector{257, 258});
  CHECK(ends_with({"<|end|>", "<|return|>"}) == std::vector{256, 257});
  CHECK(ends_with({"<|end|>", "<|call|>"}) == std::vector{256, 257});
  CHECK(ends_with({"</s>", "<|tool_response>"}) == std::vector{257});
}

TEST_CASE("the ends of fill in the middle are those of byte-level vocabularies") {
  VocabularyWriter writer;
  const int32_t separator = writer.add_written("<|file_sep|>", kTokenUserDefined);
  const int32_t padding = writer.add_written("[PAD]", kTokenControl);
  CHECK(ends_of(writer.build()) == std::vector{separator, padding});
}

}  // namespace
}  // namespace camelgpt
