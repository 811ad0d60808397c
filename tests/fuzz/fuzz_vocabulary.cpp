// A vocabulary of the input that is mostly sound, so that most inputs reach the tokenizer: the texts, types, scores and
// merges of its tokens, special ids, and names of pre-tokenizers. Special tokens are compared with a plain search, and
// the tokens of a complete byte-level vocabulary join to the text.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "gguf_writer.h"
#include "require.h"
#include "tokenize/tokenizer.h"

using namespace camelgpt;

namespace {

constexpr const char* kModels[] = {"gpt2", "llama", "t5", "bert", "gemma4"};
constexpr const char* kPreTokenizers[] = {
    "gpt-2",    "smollm",   "llama-bpe", "qwen2",  "qwen35",       "gpt-4o",         "tekken",
    "default",  "falcon",   "bloom",     "viking", "deepseek-llm", "deepseek-coder", "deepseek-v3",
    "superbpe", "tiny_aya", "youtu",     "laguna", "seed-coder",   "ufakzeka",       "minicpm5",
    "gemma4",   "phi-2",    "jina-v2",   "",       "unknown"};
constexpr const char* kParts[] = {"a",
                                  "b",
                                  "t",
                                  "h",
                                  "e",
                                  " ",
                                  "\n",
                                  "1",
                                  ".",
                                  "'",
                                  "<",
                                  "|",
                                  ">",
                                  "<|",
                                  "|>",
                                  "end",
                                  "\xc3\xa4",
                                  "\xe4\xb8\xad",
                                  "\xf0\x9f\x90\xaa",
                                  "\xe2\x96\x81",
                                  "##",
                                  "\xc4\xa0",
                                  "<|end|>",
                                  "<|end",
                                  "<0x41>",
                                  "\xcc\x88",
                                  "\xe2\x80\x8d",
                                  "[MASK]",
                                  "\r",
                                  "\t"};

std::string some_text(FuzzedDataProvider& data, size_t max_parts) {
  std::string text;
  for (size_t count = data.ConsumeIntegralInRange<size_t>(0, max_parts); count > 0; --count) {
    text += data.PickValueInArray(kParts);
  }
  return text;
}

struct Vocabulary {
  std::string model;
  std::vector<std::string> tokens, merges;
  std::vector<int32_t> types;
  std::vector<float> scores;
  bool has_all_bytes = false;
  bool is_sound = true;  // nothing in it is arbitrary

  void add(const std::string& token, int32_t type, float score) {
    tokens.push_back(token);
    types.push_back(type);
    scores.push_back(score);
  }
};

Vocabulary make_vocabulary(FuzzedDataProvider& data) {
  Vocabulary v;
  v.model = data.PickValueInArray(kModels);
  const bool is_gpt2 = v.model == "gpt2";
  if (!is_gpt2) v.add("<unk>", kTokenUnknown, 0);
  const uint8_t bytes = data.ConsumeIntegral<uint8_t>();
  v.has_all_bytes = is_gpt2 && bytes % 8 != 0;
  if (is_gpt2) {
    static const std::vector<std::string> alphabet = [] {
      std::vector<std::string> all;
      uint32_t next = 0x100;
      for (uint32_t byte = 0; byte < 256; ++byte) {
        const bool itself = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
        const uint32_t c = itself ? byte : next++;
        all.push_back(c < 0x80 ? std::string(1, static_cast<char>(c))
                               : std::string{static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 63))});
      }
      return all;
    }();
    for (size_t i = 0; i < alphabet.size(); ++i) {
      if (v.has_all_bytes || (i * 7 + bytes) % 5 != 0) v.add(alphabet[i], kTokenNormal, 0);
    }
  } else if (bytes % 4 != 0 && (v.model == "llama" || v.model == "gemma4")) {
    for (int byte = 0; byte < 256; ++byte) {
      char name[8];
      std::snprintf(name, sizeof name, "<0x%02X>", byte);
      v.add(name, kTokenByte, 0);
    }
  }
  for (size_t count = data.ConsumeIntegralInRange<size_t>(0, 60); count > 0; --count) {
    const uint8_t kind = data.ConsumeIntegral<uint8_t>();
    std::string token = some_text(data, 4);
    if (kind >= 250) token = data.ConsumeRandomLengthString(300);
    const int32_t type = kind % 4 == 0 ? data.ConsumeIntegralInRange<int32_t>(0, 8) : kTokenNormal;
    v.is_sound = v.is_sound && kind < 250 && !token.empty() &&
                 std::find(v.tokens.begin(), v.tokens.end(), token) == v.tokens.end();
    v.add(token, type, -static_cast<float>(kind) / 8);
  }
  if (data.ConsumeBool()) {
    for (size_t count = data.ConsumeIntegralInRange<size_t>(0, 40); count > 0; --count) {
      const std::string left = v.tokens[data.ConsumeIntegralInRange<size_t>(0, v.tokens.size() - 1)];
      const std::string right = v.tokens[data.ConsumeIntegralInRange<size_t>(0, v.tokens.size() - 1)];
      v.merges.push_back(left + " " + right);
      const bool is_known = std::find(v.tokens.begin(), v.tokens.end(), left + right) != v.tokens.end();
      if (!is_known && data.ConsumeIntegral<uint8_t>() % 8 != 0) v.add(left + right, kTokenNormal, -1);
    }
  }
  if (data.ConsumeIntegral<uint8_t>() == 0 && !v.scores.empty()) {  // numbers that are none
    const float odd[] = {NAN, INFINITY, -INFINITY, 1e38f, -1e38f, 1e-40f};
    v.scores[data.ConsumeIntegralInRange<size_t>(0, v.scores.size() - 1)] = data.PickValueInArray(odd);
  }
  return v;
}

GgufReader write_and_read(FuzzedDataProvider& data, const Vocabulary& v) {
  GgufWriter writer;
  writer.add_string("tokenizer.ggml.model", v.model);
  if (v.model == "gpt2" || data.ConsumeBool()) {
    writer.add_string("tokenizer.ggml.pre", data.PickValueInArray(kPreTokenizers));
  }
  const int32_t last = static_cast<int32_t>(v.tokens.size()) - 1;
  for (const char* key : {"bos", "eos", "eot", "eom", "padding", "unknown", "mask", "cls", "seperator"}) {
    if (data.ConsumeIntegral<uint8_t>() % 4 != 0) continue;
    writer.add("tokenizer.ggml." + std::string(key) + "_token_id",
               data.ConsumeIntegralInRange<int32_t>(std::max(-1, last - 60), last + 1));
  }
  for (const char* key : {"add_bos_token", "add_eos_token", "add_space_prefix", "remove_extra_whitespaces",
                          "normalizer.lowercase", "normalizer.strip_accents"}) {
    const uint8_t flag = data.ConsumeIntegral<uint8_t>();
    if (flag % 4 < 2) writer.add("tokenizer.ggml." + std::string(key), flag % 4 == 0);
  }
  writer.add_strings("tokenizer.ggml.tokens", v.tokens);
  writer.add_numbers("tokenizer.ggml.token_type", v.types);
  writer.add_strings("tokenizer.ggml.merges", v.merges);
  writer.add_numbers("tokenizer.ggml.scores", v.scores);
  const std::vector<uint8_t> bytes = writer.header();
  GgufReader reader;
  size_t consumed = 0;
  require(reader.append(bytes, &consumed).ok() && reader.complete, "the header is sound");
  return reader;
}

// The special tokens of a text: the longest at each position, where control tokens must not touch a literal range.
std::vector<int32_t> search(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options) {
  std::vector<int32_t> found;
  for (size_t at = 0; at < text.size();) {
    size_t longest = 0;
    int32_t best = kNoToken;
    for (int32_t token = 0; token < static_cast<int32_t>(tokenizer.vocabulary_size); ++token) {
      const std::string_view piece = tokenizer_piece(tokenizer, token);
      if (!tokenizer_is_special(tokenizer, token) || piece.size() <= longest || !text.substr(at).starts_with(piece) ||
          utf8_validate(piece) < piece.size()) {
        continue;
      }
      // The first of several tokens with the same text counts, whether it is a control token or not.
      const bool is_control = tokenizer.token_type[static_cast<size_t>(token)] != kTokenUserDefined;
      const bool touches = std::any_of(options.literal.begin(), options.literal.end(), [&](const TextRange& range) {
        return range.begin < at + piece.size() && at < range.end;
      });
      bool is_first = true;
      for (int32_t other = 0; other < token; ++other) {
        is_first = is_first && !(tokenizer_is_special(tokenizer, other) && tokenizer_piece(tokenizer, other) == piece);
      }
      if (!is_first || (is_control && (!options.parse_special || touches))) continue;
      longest = piece.size();
      best = token;
    }
    if (best != kNoToken) found.push_back(best);
    at += std::max<size_t>(longest, 1);
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  FuzzedDataProvider data(bytes, size);
  const Vocabulary vocabulary = make_vocabulary(data);
  Tokenizer tokenizer;
  const Status built = tokenizer_build(write_and_read(data, vocabulary).header, &tokenizer);
  if (!built.ok()) {
    require(built.message[0] != 0 && built.expected[0] != 0 && built.found[0] != 0, "an error has texts");
    return 0;
  }
  require(tokenizer.vocabulary_size == vocabulary.tokens.size(), "no token is lost");
  require(tokenizer_memory(tokenizer) > 0, "tables have a size");
  for (int round = 0; round < 4; ++round) {
    EncodeOptions options = {
        .add_special = data.ConsumeBool(), .parse_special = data.ConsumeBool(), .is_rendered = data.ConsumeBool()};
    std::string text = data.ConsumeIntegral<uint8_t>() == 0 ? data.ConsumeRandomLengthString(200) : some_text(data, 40);
    if (round == 3) text += data.ConsumeRemainingBytesAsString();
    const auto character_start = [&](size_t at) {
      while (at < text.size() && (static_cast<uint8_t>(text[at]) & 0xc0) == 0x80) ++at;
      return at;
    };
    std::vector<TextRange> literal;
    for (size_t at = 0; at < text.size() && data.ConsumeIntegral<uint8_t>() % 4 == 0;) {
      const size_t begin = character_start(at + data.ConsumeIntegralInRange<size_t>(0, 20));
      const size_t end = character_start(begin + data.ConsumeIntegralInRange<size_t>(1, 20));
      if (begin >= text.size()) break;
      literal.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(std::min(end, text.size()))});
      at = literal.back().end;
    }
    options.literal = literal;

    Buffer<int32_t> tokens;
    require(tokens.push_back(-7), "memory");
    const Status status = tokenizer_encode(tokenizer, text, options, &tokens);
    const bool is_text = utf8_validate(text) == text.size();
    require(status.ok() == is_text, "text is accepted if it is UTF-8");
    require(tokens[0] == -7 && (is_text || tokens.size() == 1), "tokens are appended");
    if (!is_text) continue;
    std::string joined;
    std::vector<int32_t> specials;
    Detokenizer detokenizer;
    Buffer<char> decoded;
    for (size_t i = 1; i < tokens.size(); ++i) {
      require(tokens[i] >= 0 && static_cast<uint32_t>(tokens[i]) < tokenizer.vocabulary_size, "a token is known");
      const std::string_view piece = tokenizer_piece(tokenizer, tokens[i]);
      joined += piece;
      if (tokenizer_is_special(tokenizer, tokens[i])) specials.push_back(tokens[i]);
      require(detokenizer.put(piece, &decoded).ok(), "memory");
    }
    require(detokenizer.finish(&decoded).ok(), "memory");
    require(utf8_validate({decoded.data(), decoded.size()}) == decoded.size(), "the decoded text is UTF-8");
    const bool is_plain = !tokenizer.merges_characters && !tokenizer.trims_specials &&
                          tokenizer.strip_before == kNoToken && !options.add_special;
    if (!vocabulary.has_all_bytes || !vocabulary.is_sound || !is_plain) continue;
    require(joined == text, "the tokens join to the text");
    require(specials == search(tokenizer, text, options), "special tokens are those of a plain search");
  }
  return 0;
}
