#include "tokenize/chunks.h"

#include <cstdint>

namespace camelgpt {
namespace {

constexpr uint32_t kCapacity = 1u << 16;  // chunks that have ids at a time: 1.5 MiB with the hash table
constexpr uint32_t kSymbols = 258;        // bytes, pad, end

}  // namespace

bool has_chunks(const GgufHeader& header) {
  std::string_view model;
  return gguf_get_string(header, "tokenizer.ggml.model", &model).ok() && model == "bytes";
}

Status chunk_tokenizer_build(const GgufHeader& header, Tokenizer* tokenizer) {
  std::string_view pre = "gpt-2";
  if (gguf_find(header, "tokenizer.ggml.pre") != nullptr) CAMELGPT_TRY(gguf_get_string(header, "tokenizer.ggml.pre", &pre));
  if (pre != "gpt-2" && pre != "whitespace") {
    Status status = make_error(ErrorCode::kUnsupportedTokenizer, "This way to cut text into chunks of bytes is not supported.");
    status = with_expected(status, "tokenizer.ggml.pre gpt-2 or whitespace");
    return with_hint(status, "Convert the model again.");
  }
  uint64_t length = 0;
  CAMELGPT_TRY(gguf_get_u64(header, "tokenizer.ggml.chunk_length", 2, kMaxChunkLength, &length));
  tokenizer->pre = pre == "gpt-2" ? PreTokenizer::kGpt2 : PreTokenizer::kWhitespace;
  tokenizer->vocabulary_size = kSymbols;
  tokenizer->eos_token = kEndChunk;
  const bool reserved = chunks_reserve(kCapacity, static_cast<uint32_t>(length), &tokenizer->chunks);
  return reserved ? Status{} : out_of_memory("chunks", kCapacity * sizeof(ChunkTable::Chunk));
}

std::string_view first_chunk(std::string_view word, uint32_t length) {
  if (word.size() <= length) return word;
  size_t end = length;
  while (end > 0 && (static_cast<uint8_t>(word[end]) & 0xc0) == 0x80) --end;  // a byte within a character
  return word.substr(0, end == 0 ? length : end);
}

}  // namespace camelgpt
