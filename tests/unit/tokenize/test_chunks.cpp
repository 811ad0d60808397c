#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "gguf_writer.h"
#include "tokenize/chunks.h"
#include "vocabularies.h"

using namespace camelgpt;

namespace {

struct ChunkTokenizer {
  GgufReader reader;
  Tokenizer tokenizer;
  Status status;

  explicit ChunkTokenizer(const char* pre, uint32_t length = 12, bool add_bos = false) {
    GgufWriter writer;
    writer.add_string("tokenizer.ggml.model", "bytes");
    if (pre != nullptr) writer.add_string("tokenizer.ggml.pre", pre);
    writer.add("tokenizer.ggml.chunk_length", length);
    if (add_bos) writer.add("tokenizer.ggml.add_bos_token", true);
    const std::vector<uint8_t> file = writer.file();
    size_t used = 0;
    REQUIRE(reader.append(file, &used).ok());
    status = tokenizer_build(reader.header, &tokenizer);
  }

  std::vector<std::string> chunks(std::string_view text) const {
    Buffer<int32_t> tokens;
    REQUIRE(tokenizer_encode(tokenizer, text, {}, &tokens).ok());
    std::vector<std::string> all;
    for (const int32_t token : tokens) all.emplace_back(tokenizer_piece(tokenizer, token));
    return all;
  }
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("text is split into words, and long words into chunks") {
  const ChunkTokenizer gpt2("gpt-2");
  REQUIRE(gpt2.status.ok());
  CHECK(gpt2.chunks("Once upon a time, there's") == Texts{"Once", " upon", " a", " time", ",", " there", "'s"});
  CHECK(gpt2.chunks(" internationalisation") == Texts{" internation", "alisation"});
  CHECK(gpt2.chunks("!!!!!!!!!!!!'s") == Texts{"!!!!!!!!!!!!", "'", "s"});  // words are split first
  CHECK(gpt2.chunks("").empty());
  const ChunkTokenizer spaces("whitespace");
  CHECK(spaces.chunks("Once  upon a time,\nthere's ") == Texts{"Once", "  upon", " a", " time,", "\nthere's", " "});
  CHECK(ChunkTokenizer(nullptr).chunks("a b") == Texts{"a", " b"});
}

TEST_CASE("words are split at token boundaries if the file has merges") {
  const auto chunk_writer = [](bool all_bytes) {
    VocabularyWriter writer("gpt-2", all_bytes);
    writer.model = "bytes";
    writer.extra.add("tokenizer.ggml.chunk_length", uint32_t{4});
    return writer;
  };
  VocabularyWriter writer = chunk_writer(true);
  writer.add_merge("l", "l");
  writer.add_merge("a", "m");
  writer.add_merge("ll", "am");
  writer.add_merge("llam", "a");
  writer.add_written("<|endoftext|>", kTokenControl);
  const Tokenizer tokenizer = writer.build();
  CHECK(encode_to_pieces(tokenizer, "llama slam") == "llam|a| |s|l|am");  // "llama" is a token longer than a chunk
  CHECK(encode_to_pieces(tokenizer, "\xc3\xa4") == "\xc3|\xa4");          // no merge joins them
  CHECK(encode_to_pieces(tokenizer, "<|endoftext|>") == "<|||e|n|d|o|f|t|e|x|t|||>");
  CHECK(tokenizer_find(tokenizer, "<|endoftext|>") == kNoToken);
  CHECK(tokenizer.vocabulary_size == 258);

  VocabularyWriter without_zero = chunk_writer(false);
  for (int byte = 1; byte < 256; ++byte) without_zero.add_token(std::string(1, static_cast<char>(byte)));
  check_error(without_zero.try_build(), ErrorCode::kBadMetadata);
}

TEST_CASE("chunks are cut between characters if a character fits") {
  CHECK(ChunkTokenizer("gpt-2", 4).chunks("n\xc3\xa4\xc3\xb6\xc3\xbc\xf0\x9f\xa6\x99") ==
        Texts{"n\xc3\xa4", "\xc3\xb6\xc3\xbc", "\xf0\x9f\xa6\x99"});
  CHECK(ChunkTokenizer("gpt-2", 2).chunks("\xf0\x9f\xa6\x99") == Texts{"\xf0\x9f", "\xa6\x99"});
}

TEST_CASE("texts begin with the end chunk if the file sets add_bos_token") {
  const ChunkTokenizer chunks("gpt-2", 12, true);
  Buffer<int32_t> tokens;
  REQUIRE(tokenizer_encode(chunks.tokenizer, "a", {}, &tokens).ok());
  REQUIRE(tokenizer_encode(chunks.tokenizer, "", {}, &tokens).ok());
  REQUIRE(tokenizer_encode(chunks.tokenizer, "a", {.add_special = false}, &tokens).ok());
  CHECK(std::vector<int32_t>(tokens.begin(), tokens.end()) == std::vector<int32_t>{kEndChunk, 1, kEndChunk, 1});
}

TEST_CASE("equal chunks share an id, and the end chunk has its own") {
  const ChunkTokenizer chunks("gpt-2");
  Buffer<int32_t> tokens;
  REQUIRE(tokenizer_encode(chunks.tokenizer, " a b a", {}, &tokens).ok());
  CHECK(tokens[0] == tokens[2]);
  CHECK(tokens[0] != tokens[1]);
  CHECK(chunks.tokenizer.eos_token == kEndChunk);
  CHECK(tokenizer_is_control(chunks.tokenizer, kEndChunk));
  CHECK_FALSE(tokenizer_is_control(chunks.tokenizer, tokens[0]));
  CHECK(tokenizer_piece(chunks.tokenizer, kEndChunk).empty());
  CHECK(tokenizer_memory(chunks.tokenizer) > (1u << 20));
}

TEST_CASE("a full chunk table is swept, except for the chunks to keep") {
  const ChunkTokenizer chunks("whitespace");
  const Tokenizer& tokenizer = chunks.tokenizer;
  Buffer<int32_t> first, tokens;
  REQUIRE(tokenizer_encode(tokenizer, " first words", {}, &first).ok());
  const auto words = [](int from, int end) {
    std::string text;
    for (int i = from; i < end; ++i) text += " " + std::to_string(i);
    return text;
  };
  for (int from = 0; from < 200000; from += 40000) {
    tokens.clear();
    REQUIRE(tokenizer_encode(tokenizer, words(from, from + 40000), {.kept = first.span()}, &tokens).ok());
    CHECK(tokenizer_piece(tokenizer, tokens.back()) == " " + std::to_string(from + 39999));
  }
  CHECK(tokenizer_piece(tokenizer, first[0]) == " first");
  CHECK(tokenizer_piece(tokenizer, first[1]) == " words");
  tokens.clear();
  const Status status = tokenizer_encode(tokenizer, words(0, 70000), {}, &tokens);
  CHECK(status.code == ErrorCode::kBadInput);
  CHECK(tokens.empty());
}

TEST_CASE("an unknown pre-tokenizer and an impossible chunk length are rejected") {
  CHECK(ChunkTokenizer("bert").status.code == ErrorCode::kUnsupportedTokenizer);
  CHECK(ChunkTokenizer("gpt-2", 1).status.code == ErrorCode::kBadMetadata);
  CHECK(ChunkTokenizer("gpt-2", 16).status.code == ErrorCode::kBadMetadata);
}
