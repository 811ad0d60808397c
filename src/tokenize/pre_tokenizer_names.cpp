#include "tokenize/pre_tokenizer_names.h"

#include <algorithm>
#include <iterator>

namespace camelgpt {
namespace {

// As in llama.cpp, which also has rules for kimi-k2, afmoe, spark2_5, exaone-moe, chameleon and jais-2.
constexpr PreTokenizerName kNames[] = {
    {"gpt-2", PreTokenizer::kGpt2},
    {"gpt2", PreTokenizer::kGpt2},
    {"phi-2", PreTokenizer::kGpt2},
    {"jais", PreTokenizer::kGpt2},
    {"trillion", PreTokenizer::kGpt2},
    {"exaone4", PreTokenizer::kGpt2},
    {"granite-docling", PreTokenizer::kGpt2},
    {"gigachat", PreTokenizer::kGpt2},
    {"a.x-4.0", PreTokenizer::kGpt2},
    {"mellum", PreTokenizer::kGpt2},
    {"modern-bert", PreTokenizer::kGpt2},
    {"jina-es", PreTokenizer::kGpt2},
    {"jina-de", PreTokenizer::kGpt2},
    {"jina-v1-en", PreTokenizer::kGpt2},
    {"jina-v2-es", PreTokenizer::kGpt2},
    {"jina-v2-de", PreTokenizer::kGpt2},
    {"jina-v2-code", PreTokenizer::kGpt2},
    {"roberta-bpe", PreTokenizer::kGpt2},
    {"olmo", PreTokenizer::kGpt2, false, false, true},
    {"mpt", PreTokenizer::kGpt2, false, false, true},
    {"smollm", PreTokenizer::kSmolLm},
    {"starcoder", PreTokenizer::kSmolLm},
    {"refact", PreTokenizer::kSmolLm},  // Granite 3
    {"codeshell", PreTokenizer::kSmolLm},
    {"minerva-7b", PreTokenizer::kSmolLm},
    {"mellum2", PreTokenizer::kSmolLm},
    {"command-r", PreTokenizer::kSmolLm, false, false, true},
    {"exaone", PreTokenizer::kSmolLm, false, false, true},
    {"llama-bpe", PreTokenizer::kLlamaBpe, true, true},
    {"llama3", PreTokenizer::kLlamaBpe, true, true},
    {"llama-v3", PreTokenizer::kLlamaBpe, true, true},
    {"lfm2", PreTokenizer::kLlamaBpe, true, true},
    {"falcon3", PreTokenizer::kLlamaBpe, true, true},
    {"falcon-h1", PreTokenizer::kLlamaBpe, true, true},
    {"pixtral", PreTokenizer::kLlamaBpe, true, true},
    {"midm-2.0", PreTokenizer::kLlamaBpe, true, true},
    {"jina-v5-nano", PreTokenizer::kLlamaBpe, true, true},
    {"dbrx", PreTokenizer::kLlamaBpe},  // OLMo 2, Phi 4
    {"smaug-bpe", PreTokenizer::kLlamaBpe},
    {"chatglm-bpe", PreTokenizer::kLlamaBpe},
    {"glm4", PreTokenizer::kLlamaBpe, true},
    {"glm5", PreTokenizer::kLlamaBpe, true},
    {"minicpm5", PreTokenizer::kMiniCpm5, true},
    {"qwen2", PreTokenizer::kQwen2, false, false, true},
    {"deepseek-r1-qwen", PreTokenizer::kQwen2, false, false, true},
    {"stablelm2", PreTokenizer::kQwen2, false, false, true},
    {"f2llmv2", PreTokenizer::kQwen2, false, false, true},  // the tokenizer of Qwen 3
    {"hunyuan", PreTokenizer::kQwen2},
    {"megrez", PreTokenizer::kQwen2},
    {"kormo", PreTokenizer::kQwen2},
    {"solar-open", PreTokenizer::kQwen2},
    {"grok-2", PreTokenizer::kQwen2},
    {"bailingmoe", PreTokenizer::kQwen2},
    {"bailingmoe2", PreTokenizer::kQwen2},
    {"llada-moe", PreTokenizer::kQwen2},
    {"qwen35", PreTokenizer::kQwen35, false, false, true},
    {"seed-coder", PreTokenizer::kSeedCoder},
    {"ufakzeka", PreTokenizer::kUfakzeka},
    {"laguna", PreTokenizer::kLaguna},
    {"gpt-4o", PreTokenizer::kGpt4o},  // Phi 4 mini
    {"llama4", PreTokenizer::kGpt4o},
    {"kanana2", PreTokenizer::kGpt4o},
    {"talkie", PreTokenizer::kGpt4o},
    {"minimax-m2", PreTokenizer::kGpt4o},
    {"granite-embed-multi-97m", PreTokenizer::kGpt4o, true},
    {"tiny_aya", PreTokenizer::kTinyAya},
    {"cohere2moe", PreTokenizer::kTinyAya},
    {"youtu", PreTokenizer::kYoutu, true},
    {"tekken", PreTokenizer::kTekken, true, true},  // Mistral Nemo
    {"default", PreTokenizer::kDefault},
    {"falcon", PreTokenizer::kFalcon},
    {"deepseek-llm", PreTokenizer::kDeepSeekLlm},
    {"deepseek-coder", PreTokenizer::kDeepSeekCoder},
    {"deepseek-v3", PreTokenizer::kDeepSeekV3},
    {"hunyuan-dense", PreTokenizer::kDeepSeekV3},
    {"joyai-llm", PreTokenizer::kDeepSeekV3},
    {"hy_v4", PreTokenizer::kDeepSeekV3},
    {"bloom", PreTokenizer::kBloom},
    {"poro-chat", PreTokenizer::kBloom},
    {"gpt3-finnish", PreTokenizer::kBloom},
    {"viking", PreTokenizer::kViking},
    {"superbpe", PreTokenizer::kSuperBpe},
    {"gemma4", PreTokenizer::kLines, false, true},
    {"granite-embed-multi-311m", PreTokenizer::kLines, false, true},
};

}  // namespace

const PreTokenizerName* pre_tokenizer_find(std::string_view name) {
  const auto has_name = [name](const PreTokenizerName& entry) { return entry.name == name; };
  const PreTokenizerName* found = std::find_if(std::begin(kNames), std::end(kNames), has_name);
  return found == std::end(kNames) ? nullptr : found;
}

}  // namespace camelgpt
