// The token masks of a grammar, one call each. Compiled as a separate module with the engine's grammars and tokenizer,
// but without the engine; measure.mjs measures the time.
#include <cstdint>
#include <new>
#include <string_view>

#include "base/buffer.h"
#include "gguf/gguf.h"
#include "grammar/grammar.h"
#include "tokenize/tokenizer.h"

#define CAMELGPT_EXPORT(name) extern "C" __attribute__((export_name(name)))

namespace {

using namespace camelgpt;

struct Probe {
  Tokenizer tokenizer;
  TokenTrie trie;
  Grammar grammar;
  GrammarState state;
  Buffer<char> input;
  Buffer<int32_t> tokens;
  std::span<const uint64_t> mask;
};

constinit Probe* probe = nullptr;

std::string_view input_of(uint32_t size) { return {probe->input.data(), size}; }

// As in session/constraint.cpp.
bool is_text(const void* context, int32_t token) {
  const Tokenizer& tokenizer = *static_cast<const Tokenizer*>(context);
  if (tokenizer_ends_answer(tokenizer, token)) return false;
  const uint8_t type = tokenizer.token_type[static_cast<size_t>(token)];
  return type == kTokenNormal || type == kTokenUserDefined || type == kTokenByte;
}

}  // namespace

// The address of a buffer for the input of the next call; null without memory.
CAMELGPT_EXPORT("input") char* probe_input(uint32_t size) {
  if (probe == nullptr) probe = new (std::nothrow) Probe();
  return probe != nullptr && probe->input.resize(size) ? probe->input.data() : nullptr;
}

// Reads the tokenizer of a file that begins with the input, which contains the file's header.
CAMELGPT_EXPORT("load") bool probe_load(uint32_t size) {
  GgufReader reader;
  size_t consumed = 0;
  const std::string_view bytes = input_of(size);
  const Status status = reader.append({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, &consumed);
  return status.ok() && reader.complete && tokenizer_build(reader.header, &probe->tokenizer).ok();
}

// Builds the trie of the vocabulary.
CAMELGPT_EXPORT("build_trie") bool probe_build_trie() {
  TokenSource source;
  source.context = &probe->tokenizer;
  source.tokens = probe->tokenizer.vocabulary_size;
  source.piece = [](const void* context, int32_t token) {
    return tokenizer_piece(*static_cast<const Tokenizer*>(context), token);
  };
  source.is_text = is_text;
  probe->trie = {};
  return token_trie_build(source, &probe->trie).ok();
}

CAMELGPT_EXPORT("vocabulary") uint32_t probe_vocabulary() { return probe->tokenizer.vocabulary_size; }
CAMELGPT_EXPORT("trie_bytes") uint32_t probe_trie_bytes() {
  return static_cast<uint32_t>(token_trie_memory(probe->trie));
}

// Tokenizes the input as the text to walk. Returns the number of tokens; 0 after a failure.
CAMELGPT_EXPORT("encode") uint32_t probe_encode(uint32_t size) {
  probe->tokens.clear();
  EncodeOptions options;
  options.add_special = options.parse_special = false;
  options.is_rendered = true;
  if (!tokenizer_encode(probe->tokenizer, input_of(size), options, &probe->tokens).ok()) return 0;
  return static_cast<uint32_t>(probe->tokens.size());
}

// Compiles the input as the grammar.
CAMELGPT_EXPORT("compile") bool probe_compile(uint32_t size) {
  return grammar_compile(input_of(size), &probe->trie, &probe->grammar).ok();
}

CAMELGPT_EXPORT("begin") bool probe_begin() { return grammar_begin(&probe->grammar, &probe->state).ok(); }

CAMELGPT_EXPORT("sweep") bool probe_sweep() {
  GrammarState* const state = &probe->state;
  return grammar_sweep(&probe->grammar, {&state, 1}).ok();
}

CAMELGPT_EXPORT("mask") bool probe_mask() { return grammar_mask(&probe->grammar, probe->state, &probe->mask).ok(); }

// Moves past a token of the text. Returns whether grammar and mask allow it.
CAMELGPT_EXPORT("accept") bool probe_accept(uint32_t index) {
  const int32_t token = probe->tokens[index];
  bool accepted = false;
  const Status status = grammar_accept_token(&probe->grammar, token, &probe->state, &accepted);
  const size_t i = static_cast<size_t>(token);
  return status.ok() && accepted && (probe->mask[i / 64] >> (i % 64) & 1) != 0;
}

CAMELGPT_EXPORT("may_end") bool probe_may_end() { return grammar_may_end(probe->grammar, probe->state); }
