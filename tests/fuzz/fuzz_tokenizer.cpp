// With a good vocabulary, the tokens of any text join to the text, any tokens become valid UTF-8, and text that is not
// UTF-8 is refused; likewise with chunks of bytes. Any other vocabulary is refused with a typed error, or encodes any
// text.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "gguf_writer.h"
#include "require.h"
#include "tokenize/chunks.h"
#include "tokenize/tokenizer.h"

using namespace camelgpt;

namespace {

void require_error(const Status& status) {
  require(status.message[0] != 0 && status.expected[0] != 0 && status.found[0] != 0 && status.hint[0] != 0,
          "an error has all four texts");
}

// A byte in GPT-2's alphabet.
std::string in_alphabet(uint32_t byte) {
  uint32_t character = byte;
  if (byte <= 0x20) character = 0x100 + byte;
  if (byte >= 0x7f && byte <= 0xa0) character = 0x121 + byte - 0x7f;
  if (byte == 0xad) character = 0x143;
  if (character < 0x80) return {static_cast<char>(character)};
  return {static_cast<char>(0xc0 | character >> 6), static_cast<char>(0x80 | (character & 0x3f))};
}

GgufReader read(const GgufWriter& writer) {
  const std::vector<uint8_t> bytes = writer.header();
  GgufReader reader;
  size_t consumed = 0;
  require(reader.append(bytes, &consumed).ok() && reader.complete, "the header is sound");
  return reader;
}

constexpr const char* kPreTokenizers[] = {
    "gpt-2",    "smollm",   "llama-bpe", "qwen2",  "qwen35",       "gpt-4o",         "tekken",
    "default",  "falcon",   "bloom",     "viking", "deepseek-llm", "deepseek-coder", "deepseek-v3",
    "superbpe", "tiny_aya", "youtu",     "laguna", "seed-coder",   "ufakzeka",       "minicpm5"};
constexpr size_t kPreTokenizerCount = std::size(kPreTokenizers);

constexpr uint32_t kChunkLength = 3;

// With the model "bytes" texts become chunks.
Tokenizer valid_tokenizer(const char* pre, const char* model = "gpt2") {
  std::vector<std::string> tokens, merges;
  std::vector<int32_t> types;
  for (uint32_t byte = 0; byte < 256; ++byte) tokens.push_back(in_alphabet(byte));
  const auto merge = [&](const std::string& left, const std::string& right) {
    merges.push_back(left + " " + right);
    tokens.push_back(left + right);
  };
  const std::string space = in_alphabet(' '), line_end = in_alphabet('\n');
  merge("a", "a");
  merge("aa", "aa");
  merge("t", "h");
  merge("th", "e");
  merge(space, "the");
  merge(space, space);
  merge(line_end, line_end);
  merge("'", "s");
  merge("1", "2");
  merge(in_alphabet(0xc3), in_alphabet(0xa4));
  merge(in_alphabet(0xb8), in_alphabet(0xad));  // the end of a character
  types.assign(tokens.size(), kTokenNormal);
  for (const char* special : {"<|end|>", "<|endof|>", "<|", "\xe4\xb8\xad"}) {
    tokens.push_back(special);
    types.push_back(types.size() % 2 == 0 ? kTokenControl : kTokenUserDefined);
  }
  GgufWriter writer;
  writer.add_string("tokenizer.ggml.model", model);
  writer.add("tokenizer.ggml.chunk_length", kChunkLength);
  writer.add_string("tokenizer.ggml.pre", pre);
  writer.add_strings("tokenizer.ggml.tokens", tokens);
  writer.add_numbers("tokenizer.ggml.token_type", types);
  writer.add_strings("tokenizer.ggml.merges", merges);
  Tokenizer tokenizer;
  require(tokenizer_build(read(writer).header, &tokenizer).ok(), "the vocabulary is sound");
  return tokenizer;
}

std::string join(const Tokenizer& tokenizer, std::span<const int32_t> tokens) {
  std::string joined;
  for (const int32_t token : tokens) {
    require(token >= 0 && static_cast<uint32_t>(token) < tokenizer.vocabulary_size, "tokens are in the vocabulary");
    joined += tokenizer_piece(tokenizer, token);
  }
  return joined;
}

std::string detokenize(const Tokenizer& tokenizer, std::span<const int32_t> tokens) {
  Detokenizer detokenizer;
  Buffer<char> text;
  for (const int32_t token : tokens) {
    require(detokenizer.put(tokenizer_piece(tokenizer, token), &text).ok(), "tokens can be detokenized");
    require(utf8_validate({text.data(), text.size()}) == text.size(), "the text is UTF-8 after each token");
  }
  require(detokenizer.finish(&text).ok(), "the detokenizer can finish");
  return {text.data(), text.size()};
}

void check_valid_vocabulary(FuzzedDataProvider& data) {
  static const std::vector<Tokenizer> tokenizers = [] {
    std::vector<Tokenizer> all;
    for (const char* pre : kPreTokenizers) all.push_back(valid_tokenizer(pre));
    return all;
  }();
  const Tokenizer& tokenizer = tokenizers[data.ConsumeIntegralInRange<size_t>(0, kPreTokenizerCount - 1)];
  const EncodeOptions options = {.parse_special = data.ConsumeBool()};

  // Any tokens.
  Buffer<int32_t> tokens;
  for (size_t count = data.ConsumeIntegralInRange<size_t>(0, 20); count > 0; --count) {
    require(tokens.push_back(data.ConsumeIntegralInRange<int32_t>(0, 0x1ff)), "memory");
  }
  const std::string any = detokenize(tokenizer, tokens.span());
  require(utf8_validate(any) == any.size(), "the text is UTF-8");

  // Any text.
  tokens.clear();
  const std::string text = data.ConsumeRemainingBytesAsString();
  const Status status = tokenizer_encode(tokenizer, text, options, &tokens);
  if (utf8_validate(text) < text.size()) {
    require(status.code == ErrorCode::kBadInput && tokens.empty(), "text that is not UTF-8 is rejected");
    require_error(status);
    return;
  }
  require(status.ok(), "UTF-8 is accepted");
  require(join(tokenizer, tokens.span()) == text, "the pieces are the text");
  require(detokenize(tokenizer, tokens.span()) == text, "detokenizing restores the text");
}

void check_chunks(FuzzedDataProvider& data) {
  static const Tokenizer tokenizer = valid_tokenizer("gpt-2", "bytes");
  static ChunkTable table = [] {
    ChunkTable chunks;
    require(chunks_reserve(kChunkCapacity, kChunkLength, &chunks), "memory");
    return chunks;
  }();
  Buffer<int32_t> tokens;
  const std::string text = data.ConsumeRemainingBytesAsString();
  const Status status = tokenizer_encode(tokenizer, text, {.chunks = &table}, &tokens);
  require(status.ok() == (utf8_validate(text) == text.size()), "text is accepted if it is UTF-8");
  if (!status.ok()) return require_error(status);
  std::string joined;
  for (const int32_t token : tokens) {
    const std::string_view chunk = chunks_bytes(table, token);
    require(!chunk.empty() && chunk.size() <= kChunkLength, "the length of a chunk");
    joined += chunk;
  }
  require(joined == text, "the chunks add up to the text");
}

void check_any_vocabulary(FuzzedDataProvider& data) {
  GgufWriter writer;
  writer.add_string("tokenizer.ggml.model", data.PickValueInArray({"gpt2", "llama", "t5", "bert", "gemma4", "rwkv"}));
  const size_t pre = data.ConsumeIntegralInRange<size_t>(0, kPreTokenizerCount + 1);
  if (pre < kPreTokenizerCount) writer.add_string("tokenizer.ggml.pre", kPreTokenizers[pre]);
  if (pre == kPreTokenizerCount) writer.add_string("tokenizer.ggml.pre", data.ConsumeRandomLengthString(20));
  for (const char* key : {"bos", "eos", "eot", "padding", "unknown", "mask", "cls", "seperator"}) {
    if (!data.ConsumeBool()) continue;
    writer.add("tokenizer.ggml." + std::string(key) + "_token_id", data.ConsumeIntegralInRange<int32_t>(-1, 40));
  }
  for (const char* key : {"add_bos_token", "add_eos_token", "add_space_prefix", "remove_extra_whitespaces",
                          "normalizer.lowercase", "normalizer.strip_accents"}) {
    if (data.ConsumeBool()) writer.add("tokenizer.ggml." + std::string(key), data.ConsumeBool());
  }
  if (data.ConsumeBool()) {  // rules for characters: a double array of some units, then the replacements
    std::vector<uint8_t> rules = data.ConsumeBytes<uint8_t>(data.ConsumeIntegralInRange<size_t>(0, 600));
    if (rules.size() >= 8 && data.ConsumeBool()) {
      const uint32_t bytes = static_cast<uint32_t>(rules.size() / 8 * 4);
      std::memcpy(rules.data(), &bytes, sizeof bytes);
    }
    writer.add_numbers("tokenizer.ggml.precompiled_charsmap", rules);
  }

  std::vector<std::string> tokens, merges;
  std::vector<int32_t> types;
  for (size_t count = data.ConsumeIntegralInRange<size_t>(0, 40); count > 0; --count) {
    tokens.push_back(data.ConsumeRandomLengthString(300));
    types.push_back(data.ConsumeIntegralInRange<int32_t>(0, 7));
  }
  for (size_t count = data.ConsumeIntegralInRange<size_t>(0, 40); count > 0; --count) {
    const auto merge_side = [&] {
      const bool known = !tokens.empty() && data.ConsumeBool();
      return known ? tokens[data.ConsumeIntegralInRange<size_t>(0, tokens.size() - 1)]
                   : data.ConsumeRandomLengthString(10);
    };
    const std::string left = merge_side();
    merges.push_back(left + " " + merge_side());
  }
  if (data.ConsumeBool()) types.resize(data.ConsumeIntegralInRange<size_t>(0, 40), kTokenNormal);
  writer.add_strings("tokenizer.ggml.tokens", tokens);
  if (data.ConsumeBool()) writer.add_numbers("tokenizer.ggml.token_type", types);
  if (data.ConsumeIntegral<uint8_t>() != 0) writer.add_strings("tokenizer.ggml.merges", merges);
  if (data.ConsumeIntegral<uint8_t>() != 0) {
    std::vector<float> scores;
    for (size_t i = 0; i < tokens.size(); ++i)
      scores.push_back(-static_cast<float>(data.ConsumeIntegral<uint8_t>()) / 8);
    writer.add_numbers("tokenizer.ggml.scores", scores);
  }

  Tokenizer tokenizer;
  const Status built = tokenizer_build(read(writer).header, &tokenizer);
  if (!built.ok()) return require_error(built);
  require(tokenizer.vocabulary_size == tokens.size(), "no token is lost");

  const EncodeOptions options = {.add_special = data.ConsumeBool(), .parse_special = data.ConsumeBool()};
  const std::string text = data.ConsumeRemainingBytesAsString();
  Buffer<int32_t> encoded;
  const Status status = tokenizer_encode(tokenizer, text, options, &encoded);
  require(status.ok() == (utf8_validate(text) == text.size()), "text is accepted if it is UTF-8");
  if (!status.ok()) return require_error(status);
  join(tokenizer, encoded.span());
  const std::string decoded = detokenize(tokenizer, encoded.span());
  require(utf8_validate(decoded) == decoded.size(), "the text is UTF-8");
  for (int32_t token = 0; token < static_cast<int32_t>(tokenizer.vocabulary_size); ++token) {
    // Byte tokens of SentencePiece have no text.
    const bool is_byte = (tokenizer.kind != TokenizerKind::kBytePairs || tokenizer.merges_characters) &&
                         tokenizer.token_type[static_cast<size_t>(token)] == kTokenByte;
    const std::string_view piece = is_byte ? std::string_view() : tokenizer_piece(tokenizer, token);
    const int32_t found = tokenizer_find(tokenizer, piece);
    require(piece.empty() || (found != kNoToken && tokenizer_piece(tokenizer, found) == piece),
            "every piece can be looked up");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  FuzzedDataProvider data(bytes, size);
  constexpr void (*kChecks[])(FuzzedDataProvider&) = {check_valid_vocabulary, check_any_vocabulary, check_chunks};
  data.PickValueInArray(kChecks)(data);
  return 0;
}
