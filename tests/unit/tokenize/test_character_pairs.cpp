// BPE over characters in the order of a list of merges: Gemma 4.
#include "tokenize/vocabulary.h"
#include "vocabularies.h"

namespace camelgpt {
namespace {

const std::string kMark(kSpaceMark);

struct CharacterPairsWriter : VocabularyWriter {
  explicit CharacterPairsWriter() : VocabularyWriter("", false) {
    model = "gemma4";
    add_written("<bos>", kTokenControl);
    for (int byte = 0; byte < 256; ++byte) {
      char text[8];
      std::snprintf(text, sizeof text, "<0x%02X>", byte);
      add_written(text, kTokenByte);
    }
  }
  int32_t merge(const std::string& left, const std::string& right) {
    merges.push_back(left + " " + right);
    return add_written(left + right, kTokenNormal);
  }
};

TEST_CASE("merges over characters cross words but not line ends") {
  CharacterPairsWriter writer;
  const int32_t mark = writer.add_written(kMark, kTokenNormal), a = writer.add_written("a", kTokenNormal),
                b = writer.add_written("b", kTokenNormal), line = writer.add_written("\n", kTokenNormal);
  const int32_t marked = writer.merge(kMark, "b"), both = writer.merge("a", kMark + "b");
  const int32_t lines = writer.add_written("\n\n\n", kTokenNormal);  // not the result of merges
  const Tokenizer tokenizer = writer.build();
  CHECK(tokenizer.notes.empty());
  CHECK(encode(tokenizer, "a b") == std::vector{both});
  CHECK(encode(tokenizer, "a" + kMark + "b") == std::vector{both});
  CHECK(encode(tokenizer, " b a") == std::vector{marked, mark, a});
  CHECK(encode(tokenizer, "a\n b") == std::vector{a, line, marked});
  CHECK(encode(tokenizer, "a\n\n\nb") == std::vector{a, lines, b});
  CHECK(encode(tokenizer, "\n\n") == std::vector{line, line});
  CHECK(encode(tokenizer, "a\xc3\xa9") == std::vector{a, 1 + 0xc3, 1 + 0xa9});  // no token: bytes
  CHECK(tokenizer_piece(tokenizer, both) == "a b");
}

TEST_CASE("Gemma 4 gets BOS whatever the file says") {
  CharacterPairsWriter writer;
  const int32_t a = writer.add_written("a", kTokenNormal);
  writer.extra.add("tokenizer.ggml.bos_token_id", uint32_t{0});
  writer.extra.add("tokenizer.ggml.add_bos_token", false);
  CHECK(encode(writer.build(), "a") == std::vector{0, a});
}

}  // namespace
}  // namespace camelgpt
