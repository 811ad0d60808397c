// Shared by the tests of src/tokenize: vocabularies built in memory, and helpers to encode with them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "doctest/doctest.h"
#include "gguf_writer.h"
#include "tokenize/tokenizer.h"

namespace camelgpt {

// Encodes bytes in GPT-2's byte alphabet.
inline std::string in_alphabet(std::string_view bytes) {
  static const std::vector<uint32_t> characters = [] {
    std::vector<uint32_t> of(256);
    uint32_t other = 0x100;
    for (uint32_t b = 0; b < 256; ++b) {
      const bool shown = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
      of[b] = shown ? b : other++;
    }
    return of;
  }();
  std::string written;
  for (const char byte : bytes) {
    const uint32_t c = characters[static_cast<uint8_t>(byte)];
    if (c < 0x80) {
      written += static_cast<char>(c);
    } else {
      written += static_cast<char>(0xc0 | c >> 6);
      written += static_cast<char>(0x80 | (c & 0x3f));
    }
  }
  return written;
}

// Tokens 0 to 255 are the single bytes; further tokens are added.
struct VocabularyWriter {
  std::string model = "gpt2";
  std::string pre;                  // empty: the key is absent
  std::vector<std::string> tokens;  // as the file writes them
  std::vector<int32_t> types;
  std::vector<std::string> merges;
  GgufWriter extra;  // further metadata

  explicit VocabularyWriter(std::string_view pre_tokenizer = "gpt-2", bool all_bytes = true) : pre(pre_tokenizer) {
    for (int b = 0; all_bytes && b < 256; ++b) add_token(std::string(1, static_cast<char>(b)));
  }

  int32_t add_written(std::string_view written, int32_t type) {
    tokens.emplace_back(written);
    types.push_back(type);
    return static_cast<int32_t>(tokens.size()) - 1;
  }
  int32_t add_token(std::string_view bytes) { return add_written(in_alphabet(bytes), kTokenNormal); }

  // Adds a merge and the token that it produces.
  int32_t add_merge(std::string_view left, std::string_view right) {
    merges.push_back(in_alphabet(left) + " " + in_alphabet(right));
    return add_token(std::string(left) + std::string(right));
  }

  GgufReader read() const {
    GgufWriter writer = extra;
    if (!model.empty()) writer.add_string("tokenizer.ggml.model", model);
    if (!pre.empty()) writer.add_string("tokenizer.ggml.pre", pre);
    writer.add_strings("tokenizer.ggml.tokens", tokens);
    if (!types.empty()) writer.add_numbers("tokenizer.ggml.token_type", types);
    writer.add_strings("tokenizer.ggml.merges", merges);
    const std::vector<uint8_t> bytes = writer.header();
    GgufReader reader;
    size_t consumed = 0;
    REQUIRE(reader.append(bytes, &consumed).ok());
    REQUIRE(reader.complete);
    return reader;
  }

  // Builds a tokenizer that must be valid.
  Tokenizer build() const {
    Tokenizer tokenizer;
    const Status status = tokenizer_build(read().header, &tokenizer);
    if (!status.ok()) FAIL(status.message);
    return tokenizer;
  }

  Status try_build() const {
    Tokenizer tokenizer;
    return tokenizer_build(read().header, &tokenizer);
  }
};

inline std::vector<int32_t> encode(const Tokenizer& tokenizer, std::string_view text, EncodeOptions options = {}) {
  Buffer<int32_t> tokens;
  const Status status = tokenizer_encode(tokenizer, text, options, &tokens);
  if (!status.ok()) FAIL(status.message);
  return {tokens.begin(), tokens.end()};
}

// Joins the tokens' pieces with '|'.
inline std::string pieces(const Tokenizer& tokenizer, const std::vector<int32_t>& tokens) {
  std::string joined;
  for (const int32_t token : tokens) {
    if (!joined.empty()) joined += '|';
    joined += tokenizer_piece(tokenizer, token);
  }
  return joined;
}

inline std::string encode_to_pieces(const Tokenizer& tokenizer, std::string_view text, EncodeOptions options = {}) {
  return pieces(tokenizer, encode(tokenizer, text, options));
}

// Checks the code, and that the error has all four texts.
inline void check_error(const Status& status, ErrorCode code) {
  CAPTURE(status.message);
  CHECK(status.code == code);
  if (status.ok()) return;
  CHECK(status.message[0] != '\0');
  CHECK(status.expected[0] != '\0');
  CHECK(status.found[0] != '\0');
  CHECK(status.hint[0] != '\0');
}

}  // namespace camelgpt
