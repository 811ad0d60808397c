#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "gguf_writer.h"
#include "tokenize/chunks.h"
#include "vocabularies.h"

using namespace camelgpt;

namespace {

// Encodes with a chunk table; the chunks of `kept` survive a sweep.
Status encode_chunks(const Tokenizer& tokenizer, std::string_view text, ChunkTable* table, Buffer<int32_t>* tokens,
                     bool add_special = true, std::span<const int32_t> kept = {}) {
  return tokenizer_encode(tokenizer, text, {.add_special = add_special, .chunks = table, .kept = kept}, tokens);
}

std::vector<std::string> to_chunks(const Tokenizer& tokenizer, std::string_view text) {
  ChunkTable table;
  REQUIRE(chunks_reserve(kChunkCapacity, tokenizer.chunk_length, &table));
  Buffer<int32_t> tokens;
  REQUIRE(encode_chunks(tokenizer, text, &table, &tokens).ok());
  std::vector<std::string> all;
  for (const int32_t token : tokens) all.emplace_back(chunks_bytes(table, token));
  return all;
}

struct ChunkTokenizer {
  GgufReader reader;
  Tokenizer tokenizer;
  ChunkTable table;
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
    if (status.ok()) REQUIRE(chunks_reserve(kChunkCapacity, tokenizer.chunk_length, &table));
  }

  std::vector<std::string> chunks(std::string_view text) const { return to_chunks(tokenizer, text); }
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
  // "llama" is a token longer than a chunk.
  CHECK(to_chunks(tokenizer, "llama slam") == Texts{"llam", "a", " ", "s", "l", "am"});
  CHECK(to_chunks(tokenizer, "\xc3\xa4") == Texts{"\xc3", "\xa4"});  // no merge joins them
  CHECK(to_chunks(tokenizer, "<|endoftext|>") ==
        Texts{"<", "|", "e", "n", "d", "o", "f", "t", "e", "x", "t", "|", ">"});
  CHECK(tokenizer_find(tokenizer, "<|endoftext|>") == kNoToken);
  CHECK(tokenizer.vocabulary_size == 258);

  VocabularyWriter without_zero = chunk_writer(false);
  for (int byte = 1; byte < 256; ++byte) without_zero.add_token(std::string(1, static_cast<char>(byte)));
  check_error(without_zero.try_build(), ErrorCode::kBadMetadata);
}

TEST_CASE("characters stay whole in chunks that they fit") {
  CHECK(ChunkTokenizer("gpt-2", 4).chunks("n\xc3\xa4\xc3\xb6\xc3\xbc\xf0\x9f\xa6\x99") ==
        Texts{"n\xc3\xa4", "\xc3\xb6\xc3\xbc", "\xf0\x9f\xa6\x99"});
  CHECK(ChunkTokenizer("gpt-2", 2).chunks("\xf0\x9f\xa6\x99") == Texts{"\xf0\x9f", "\xa6\x99"});
}

TEST_CASE("texts begin with the end chunk if the file says so") {
  ChunkTokenizer made("gpt-2", 12, true);
  Buffer<int32_t> tokens;
  REQUIRE(encode_chunks(made.tokenizer, "a", &made.table, &tokens).ok());
  REQUIRE(encode_chunks(made.tokenizer, "", &made.table, &tokens).ok());
  REQUIRE(encode_chunks(made.tokenizer, "a", &made.table, &tokens, false).ok());
  CHECK(std::vector<int32_t>(tokens.begin(), tokens.end()) == std::vector<int32_t>{kEndChunk, 1, kEndChunk, 1});
}

TEST_CASE("equal chunks have one id, and the end has its own") {
  ChunkTokenizer made("gpt-2");
  Buffer<int32_t> tokens;
  REQUIRE(encode_chunks(made.tokenizer, " a b a", &made.table, &tokens).ok());
  CHECK(tokens[0] == tokens[2]);
  CHECK(tokens[0] != tokens[1]);
  CHECK(made.tokenizer.eos_token == kEndChunk);
  CHECK(chunks_has(made.table, kEndChunk));
  CHECK(chunks_bytes(made.table, kEndChunk).empty());
  // The tokenizer is read-only: another table starts with its own ids.
  ChunkTable other;
  REQUIRE(chunks_reserve(kChunkCapacity, made.tokenizer.chunk_length, &other));
  Buffer<int32_t> others;
  REQUIRE(encode_chunks(made.tokenizer, " b", &other, &others).ok());
  CHECK(others[0] == tokens[0]);
  CHECK(chunks_bytes(other, others[0]) == " b");
}

TEST_CASE("a full table is swept, except for the kept chunks") {
  ChunkTokenizer made("whitespace");
  Buffer<int32_t> first, tokens;
  REQUIRE(encode_chunks(made.tokenizer, " first words", &made.table, &first).ok());
  const auto words = [](int from, int end) {
    std::string text;
    for (int i = from; i < end; ++i) text += " " + std::to_string(i);
    return text;
  };
  for (int from = 0; from < 200000; from += 40000) {
    tokens.clear();
    REQUIRE(encode_chunks(made.tokenizer, words(from, from + 40000), &made.table, &tokens, true, first.span()).ok());
    CHECK(chunks_bytes(made.table, tokens.back()) == " " + std::to_string(from + 39999));
  }
  CHECK(chunks_bytes(made.table, first[0]) == " first");
  CHECK(chunks_bytes(made.table, first[1]) == " words");
  tokens.clear();
  const Status status = encode_chunks(made.tokenizer, words(0, 70000), &made.table, &tokens);
  CHECK(status.code == ErrorCode::kBadInput);
  CHECK(tokens.empty());
}

TEST_CASE("a chunk tokenizer with an unknown pre-tokenizer or an impossible chunk length is refused") {
  CHECK(ChunkTokenizer("bert").status.code == ErrorCode::kUnsupportedTokenizer);
  CHECK(ChunkTokenizer("gpt-2", 1).status.code == ErrorCode::kBadMetadata);
  CHECK(ChunkTokenizer("gpt-2", 16).status.code == ErrorCode::kBadMetadata);
}
