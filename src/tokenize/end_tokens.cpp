#include "tokenize/end_tokens.h"

#include <algorithm>

namespace camelgpt {
namespace {

// End tokens of chat formats, as files write them. The metadata often names only one of several. The list is that of
// llama.cpp's llama-vocab.cpp.
constexpr std::string_view kEndTexts[] = {
    "<|im_end|>",          // ChatML
    "<|eot_id|>",          // Llama 3
    "<|eom_id|>",          // Llama 3
    "<|end|>",             // Phi, gpt-oss
    "<|return|>",          // gpt-oss
    "<|call|>",            // gpt-oss
    "<|calls|>",           // Solar Open
    "<|flush|>",           // Solar Open
    "<end_of_turn>",       // Gemma
    "<turn|>",             // Gemma 4
    "<|tool_response>",    // Gemma 4
    "<end_of_utterance>",  // SmolVLM
    "[EOT]",               // Kimi K2
    "[EOS]",               // Kimi K2
    "[e~[",                // MiniMax M2
    "\xe2\x96\x81<EOT>",   // Code Llama
    "<\xef\xbd\x9c"        // DeepSeek
    "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<eos>",
    "<EOT>",
    "_<EOT>",
};

// Also end tokens, but only of type control: elsewhere </s> is a tag of HTML.
constexpr std::string_view kControlEndTexts[] = {"</s>", "<|user|>"};

// Code models write these after the missing part of a file (fill in the middle), before padding or another file.
constexpr std::string_view kFillEndTexts[] = {
    "<|fim_pad|>",   "<fim-pad>",  "<fim_pad>", "<PAD>",      "[PAD]",        "<|fim_repo|>",
    "<|repo_name|>", "<fim-repo>", "<REPO>",    "<reponame>", "<|file_sep|>",
};

template <size_t count>
bool has(const std::string_view (&texts)[count], std::string_view text) {
  return std::find(texts, texts + count, text) != texts + count;
}

Status add(int32_t token, Tokenizer* tokenizer) {
  if (tokenizer_ends_answer(*tokenizer, token) || tokenizer->end_tokens.push_back(token)) return {};
  return out_of_memory("the list of end tokens", tokenizer->end_tokens.size() * sizeof token);
}

// Returns the end token with this text, or null.
int32_t* find_end(Tokenizer* tokenizer, std::string_view text) {
  const auto is_text = [&](int32_t token) { return tokenizer_piece(*tokenizer, token) == text; };
  int32_t* const found = std::find_if(tokenizer->end_tokens.begin(), tokenizer->end_tokens.end(), is_text);
  return found == tokenizer->end_tokens.end() ? nullptr : found;
}

void remove_end(Tokenizer* tokenizer, int32_t* token) {
  std::copy(token + 1, tokenizer->end_tokens.end(), token);
  tokenizer->end_tokens.shrink(tokenizer->end_tokens.size() - 1);
}

}  // namespace

Status end_tokens_find(const GgufHeader& header, const GgufEntry& tokens, Tokenizer* tokenizer) {
  constexpr std::string_view kFirstBytes = "<[_\xe2";  // of all texts; most tokens begin with another byte
  GgufStringCursor cursor(header, tokens);
  std::string_view written;
  for (uint32_t token = 0; cursor.next(&written); ++token) {
    if (written.empty() || kFirstBytes.find(written.front()) == std::string_view::npos) continue;
    uint8_t& type = tokenizer->token_type[token];
    const bool fills = tokenizer->kind == TokenizerKind::kBytePairs && has(kFillEndTexts, written);
    if (!fills && !has(kEndTexts, written) && !(type == kTokenControl && has(kControlEndTexts, written))) continue;
    type = kTokenControl;
    CAMELGPT_TRY(add(static_cast<int32_t>(token), tokenizer));
  }
  return {};
}

void make_control(int32_t token, Tokenizer* tokenizer) {
  if (token == kNoToken) return;
  uint8_t& type = tokenizer->token_type[static_cast<size_t>(token)];
  if (type == kTokenUserDefined) type = kTokenControl;
}

Status end_tokens_add(int32_t token, Tokenizer* tokenizer) {
  if (token == kNoToken) return {};
  make_control(token, tokenizer);
  return add(token, tokenizer);
}

void end_tokens_apply_exceptions(Tokenizer* tokenizer) {
  const auto has_end = [tokenizer](std::string_view text) { return find_end(tokenizer, text) != nullptr; };
  // In these formats (gpt-oss, Solar Open) an answer has several messages, each ended by <|end|>.
  const bool calls = has_end("<|call|>") || has_end("<|calls|>");
  int32_t* const end = find_end(tokenizer, "<|end|>");
  if (end != nullptr && calls && (has_end("<|return|>") || has_end("<|flush|>"))) remove_end(tokenizer, end);
  // Gemma 4 and PLaMo use </s> as ordinary text.
  int32_t* const tag = find_end(tokenizer, "</s>");
  if (tag != nullptr && (has_end("<|tool_response>") || has_end("<|plamo:eos|>"))) remove_end(tokenizer, tag);
}

}  // namespace camelgpt
