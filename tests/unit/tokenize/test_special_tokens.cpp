#include "tokenize/special_tokens.h"
#include "vocabularies.h"

namespace camelgpt {
namespace {

TEST_CASE("the first special token in a text is found, and the longest at its position") {
  VocabularyWriter writer;
  for (const char* special : {"<a>", "<a><b>", "<a><b><c>", "<b>", "<b><c>x", "\xe2\x9f\xa8"}) {
    writer.add_written(special, kTokenControl);
  }
  const Tokenizer tokenizer = writer.build();
  CHECK(encode_to_pieces(tokenizer, "<a>") == "<a>");
  CHECK(encode_to_pieces(tokenizer, "<a><b>") == "<a><b>");
  CHECK(encode_to_pieces(tokenizer, "<a><b><c>x") == "<a><b><c>|x");
  CHECK(encode_to_pieces(tokenizer, "<a><b><cx") == "<a><b>|<|c|x");
  CHECK(encode_to_pieces(tokenizer, "<a><a><b") == "<a>|<a>|<|b");
  CHECK(encode_to_pieces(tokenizer, "x<b><c>xy<b>") == "x|<b><c>x|y|<b>");
  CHECK(encode_to_pieces(tokenizer, "<<a>>") == "<|<a>|>");
  CHECK(encode_to_pieces(tokenizer, "<a") == "<|a");
  CHECK(encode_to_pieces(tokenizer, "x\xe2\x9f\xa8y\xe2\x9f\xa9") == "x|\xe2\x9f\xa8|y|\xe2|\x9f|\xa9");
  CHECK(encode_to_pieces(tokenizer, "<a>", {.parse_special = false}) == "<|a|>");
}

TEST_CASE("only control, user-defined and unknown tokens are special") {
  const int32_t types[] = {kTokenNormal, kTokenUnknown, kTokenControl, kTokenUserDefined, kTokenUnused, kTokenByte};
  for (const int32_t type : types) {
    VocabularyWriter writer;
    writer.add_written("<x>", type);
    const bool is_special = type == kTokenUnknown || type == kTokenControl || type == kTokenUserDefined;
    CHECK(encode_to_pieces(writer.build(), "a<x>b") == (is_special ? "a|<x>|b" : "a|<|x|>|b"));
  }
}

TEST_CASE("special tokens end the text before them and start a new one") {
  VocabularyWriter writer("llama-bpe");
  writer.add_written("<x>", kTokenControl);
  for (const char* token : {"  ", "   ", "'s"}) writer.add_token(token);
  const Tokenizer tokenizer = writer.build();
  CHECK(encode_to_pieces(tokenizer, "   <x>") == "   |<x>");  // before a word the last space is split off
  CHECK(encode_to_pieces(tokenizer, "   !") == "  | |!");
  CHECK(encode_to_pieces(tokenizer, "<x>'s") == "<x>|'s");
}

TEST_CASE("special tokens never split a character") {
  VocabularyWriter writer;
  writer.add_written("\xb8", kTokenControl);  // in the middle of U+4E2D
  writer.add_written("\xb8\xad\xe4", kTokenControl);
  writer.add_written("\xe4\xb8", kTokenControl);
  writer.add_written("", kTokenControl);
  CHECK(encode(writer.build(), "\xe4\xb8\xad\xe4\xb8\xad") == std::vector<int32_t>{0xe4, 0xb8, 0xad, 0xe4, 0xb8, 0xad});
}

TEST_CASE("of special tokens with the same text the first is used") {
  VocabularyWriter writer;
  const int32_t first = writer.add_written("<x>", kTokenControl);
  writer.add_written("<x>", kTokenUserDefined);
  CHECK(encode(writer.build(), "<x>") == std::vector{first});
}

TEST_CASE("special tokens are found among hundreds of similar ones") {
  VocabularyWriter writer;
  std::vector<int32_t> expected;
  std::string text;
  for (int i = 0; i < 500; ++i) {
    const std::string special = "<|reserved_" + std::to_string(i) + "|>";
    expected.push_back(writer.add_written(special, kTokenControl));
    text += special;
  }
  const Tokenizer tokenizer = writer.build();
  CHECK(encode(tokenizer, text) == expected);
  const auto find = [&](std::string_view searched, size_t start) {
    SpecialMatch match{};
    SpecialSearch search{&tokenizer, searched, true, {}};
    CHECK(search.next(start, &match).ok());
    return match;
  };
  const SpecialMatch match = find("a <|reserved_|> <|reserved_499|>", 1);
  CHECK(match.position == 16);
  CHECK(match.length == 16);
  CHECK(match.token == expected.back());
  CHECK(find("a <|reserved_", 0).token == kNoToken);
  CHECK(find("", 0).position == 0);
}

TEST_CASE("without parse_special only control tokens become text") {
  VocabularyWriter writer;
  const int32_t end = writer.add_written("<|end|>", kTokenControl);
  const int32_t lines = writer.add_written("\n\n", kTokenUserDefined);
  const Tokenizer tokenizer = writer.build();
  CHECK(encode(tokenizer, "a\n\n<|end|>") == std::vector<int32_t>{'a', lines, end});
  const std::vector<int32_t> plain = encode(tokenizer, "a\n\n<|end|>", {.parse_special = false});
  CHECK(plain == std::vector<int32_t>{'a', lines, '<', '|', 'e', 'n', 'd', '|', '>'});
}

TEST_CASE("control tokens do not match where they touch a literal range") {
  VocabularyWriter writer;
  const int32_t end = writer.add_written("<|end|>", kTokenControl);
  const int32_t lines = writer.add_written("\n\n", kTokenUserDefined);
  const Tokenizer tokenizer = writer.build();
  const std::string text = "<|end|><|end|>\n\n<|end|>";
  const auto ids = [&](std::vector<TextRange> literal) {
    int ends = 0;
    for (const int32_t token : encode(tokenizer, text, {.literal = literal})) ends += token == end ? 1 : 0;
    return ends;
  };
  CHECK(ids({}) == 3);
  CHECK(ids({{7, 14}}) == 2);
  CHECK(ids({{7, 8}}) == 2);    // its first byte
  CHECK(ids({{13, 14}}) == 2);  // its last byte
  CHECK(ids({{0, 1}, {13, 17}}) == 0);
  CHECK(ids({{0, 23}}) == 0);
  CHECK(encode(tokenizer, "\n\n", {.literal = std::vector<TextRange>{{0, 2}}}) == std::vector<int32_t>{lines});
}

TEST_CASE("a rendered chat gets one BOS and no EOS, whatever the type of BOS") {
  for (const int32_t type : {kTokenControl, kTokenUserDefined, kTokenNormal}) {
    VocabularyWriter writer;
    const int32_t begin = writer.add_written("<s>", type);
    writer.extra.add("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(begin));
    writer.extra.add("tokenizer.ggml.eos_token_id", uint32_t{0});
    writer.extra.add("tokenizer.ggml.add_bos_token", true);
    writer.extra.add("tokenizer.ggml.add_eos_token", true);
    const Tokenizer tokenizer = writer.build();
    CHECK(encode(tokenizer, "a", {.is_rendered = true}) == std::vector<int32_t>{begin, 'a'});
    CHECK(encode(tokenizer, "<s>a", {.is_rendered = true}) == std::vector<int32_t>{begin, 'a'});
    CHECK(encode(tokenizer, "<s>", {.is_rendered = true}) == std::vector<int32_t>{begin});
    CHECK(encode(tokenizer, "", {.is_rendered = true}) == std::vector<int32_t>{begin});
    // A content that spells BOS is text.
    CHECK(encode(tokenizer, "<s>a", {.is_rendered = true, .literal = std::vector<TextRange>{{0, 3}}}) ==
          std::vector<int32_t>{begin, '<', 's', '>', 'a'});
  }
}

TEST_CASE("a BOS that is a part of a character is not found in a rendered chat") {
  VocabularyWriter writer;
  writer.extra.add("tokenizer.ggml.bos_token_id", uint32_t{0xc3});
  writer.extra.add("tokenizer.ggml.add_bos_token", true);
  const Tokenizer tokenizer = writer.build();
  CHECK(encode(tokenizer, "\xc3\xa4", {.is_rendered = true}) == std::vector<int32_t>{0xc3, 0xc3, 0xa4});
}

TEST_CASE("whether a text spells a control token") {
  VocabularyWriter writer;
  writer.add_written("<a>", kTokenControl);
  writer.add_written("<b>", kTokenUserDefined);
  const Tokenizer tokenizer = writer.build();
  const auto has_control = [&](std::string_view text) {
    bool found = false;
    CHECK(specials_have_control(tokenizer, text, &found).ok());
    return found;
  };
  CHECK(has_control("<a>"));
  CHECK(has_control("\n<b><a>x"));
  CHECK(!has_control("<b><a"));
  CHECK(!has_control(""));
}

TEST_CASE("a mask token swallows the white space before it") {
  VocabularyWriter writer("jina-v2-de");
  const int32_t mask = writer.add_written("<mask>", kTokenControl), pad = writer.add_written("<pad>", kTokenControl);
  const Tokenizer tokenizer = writer.build();
  CHECK(encode(tokenizer, "a \n<mask> b") == std::vector<int32_t>{'a', mask, ' ', 'b'});
  CHECK(encode(tokenizer, " <mask><pad> <mask>") == std::vector<int32_t>{mask, pad, mask});
  CHECK(encode(tokenizer, "a <pad>") == std::vector<int32_t>{'a', ' ', pad});
}

}  // namespace
}  // namespace camelgpt
