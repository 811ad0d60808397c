#include "tokenize/chunks.h"

#include <cstdint>

#include "tokenize/bpe.h"
#include "tokenize/vocabulary.h"

namespace camelgpt {
namespace {

constexpr uint32_t kSymbols = 258;  // bytes, pad, end

// Returns at most `length` bytes from the start of a word. Cuts between characters if the first one fits.
std::string_view first_chunk(std::string_view word, uint32_t length) {
  if (word.size() <= length) return word;
  size_t end = length;
  while (end > 0 && (static_cast<uint8_t>(word[end]) & 0xc0) == 0x80) --end;  // continuation byte
  return word.substr(0, end == 0 ? length : end);
}

// Appends the chunks of some bytes. Sets *full and stops when the chunk table has no free id.
Status append_chunks(std::string_view bytes, ChunkTable* chunks, Buffer<int32_t>* tokens, bool* full) {
  while (!bytes.empty()) {
    const std::string_view chunk = first_chunk(bytes, chunks->length);
    const int32_t token = chunks_intern(chunk, chunks);
    *full = token < 0;
    if (*full) return {};
    if (!tokens->push_back(token)) return out_of_memory("tokens", tokens->size());
    bytes.remove_prefix(chunk.size());
  }
  return {};
}

}  // namespace

bool is_chunk_tokenizer(const GgufHeader& header) {
  std::string_view model;
  return gguf_get_string(header, "tokenizer.ggml.model", &model).ok() && model == "bytes";
}

Status chunk_tokenizer_build(const GgufHeader& header, Tokenizer* tokenizer) {
  std::string_view pre = "gpt-2";
  if (gguf_find(header, "tokenizer.ggml.pre") != nullptr)
    CAMELGPT_TRY(gguf_get_string(header, "tokenizer.ggml.pre", &pre));
  if (pre != "gpt-2" && pre != "whitespace") {
    Status status =
        make_error(ErrorCode::kUnsupportedTokenizer, "This pre-tokenizer is not supported for models that read bytes.");
    return with_expected(status, "tokenizer.ggml.pre gpt-2 or whitespace");
  }
  uint64_t length = 0;
  CAMELGPT_TRY(gguf_get_u64(header, "tokenizer.ggml.chunk_length", 2, kMaxChunkLength, &length));
  tokenizer->pre = pre == "gpt-2" ? PreTokenizer::kGpt2 : PreTokenizer::kWhitespace;
  tokenizer->vocabulary_size = kSymbols;
  tokenizer->bos_token = tokenizer->eos_token = kEndChunk;
  constexpr std::string_view kAddBos = "tokenizer.ggml.add_bos_token";
  if (gguf_find(header, kAddBos) != nullptr) CAMELGPT_TRY(gguf_get_bool(header, kAddBos, &tokenizer->add_bos));
  tokenizer->chunk_length = static_cast<uint32_t>(length);
  tokenizer->end_tokens.clear();  // those of the vocabulary that splits words
  const bool added = tokenizer->end_tokens.push_back(kEndChunk);
  return added ? Status{} : out_of_memory("the list of end tokens", sizeof kEndChunk);
}

Status chunks_append_word(const Tokenizer& tokenizer, std::string_view word, ChunkTable* chunks,
                          BpeWorkspace* workspace, Buffer<int32_t>* word_tokens, Buffer<int32_t>* tokens, bool* full) {
  *full = false;
  if (tokenizer.merge_slots.empty()) return append_chunks(word, chunks, tokens, full);
  word_tokens->clear();
  CAMELGPT_TRY(bpe_encode(tokenizer, word, workspace, word_tokens));
  for (size_t i = 0; i < word_tokens->size() && !*full; ++i) {
    const std::string_view bytes = stored_piece(tokenizer, static_cast<uint32_t>((*word_tokens)[i]));
    CAMELGPT_TRY(append_chunks(bytes, chunks, tokens, full));
  }
  return {};
}

Status chunks_exhausted(const ChunkTable& chunks, size_t kept) {
  Status status = make_error(ErrorCode::kBadInput, "The text has too many different words.");
  status = with_expected(status, "at most about %zu", chunks.chunks.size() - kept);
  return with_hint(status, "Split the text into shorter ones.");
}

}  // namespace camelgpt
