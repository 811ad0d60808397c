// The adapters against the declarations of the packages whose shapes they have. Compiled by types.test.mjs, never run.
import type { EmbeddingModelV4, LanguageModelV4, ProviderV4, RerankingModelV4 } from "@ai-sdk/provider";
import type { CamelGPTInference } from "@gpt-research/camelgpt-inference";
import { camelgpt } from "@gpt-research/camelgpt-inference/ai-sdk";
import { createOpenAI } from "@gpt-research/camelgpt-inference/openai";
import { generateText, type LanguageModel } from "ai";
import OpenAI from "openai";

declare const model: CamelGPTInference;

export async function openai(
  chat: OpenAI.ChatCompletionCreateParamsNonStreaming,
  streamed: OpenAI.ChatCompletionCreateParamsStreaming,
  text: OpenAI.CompletionCreateParamsNonStreaming,
  input: OpenAI.EmbeddingCreateParams,
) {
  const local = createOpenAI(model, { name: "local" });
  const client = new OpenAI({ apiKey: "none", fetch: local.fetch });
  const answer: OpenAI.ChatCompletion = await local.chat.completions.create(chat);
  const chunks: AsyncIterable<OpenAI.ChatCompletionChunk> = await local.chat.completions.create(streamed);
  const completion: OpenAI.Completion = await local.completions.create(text);
  const more: AsyncIterable<OpenAI.Completion> = await local.completions.create({ ...text, stream: true });
  const vectors: OpenAI.CreateEmbeddingResponse = await local.embeddings.create({ ...input, encoding_format: "float" });
  const { data }: { data: OpenAI.Model[] } = await local.models.list();
  return { client, answer, chunks, completion, more, vectors, data };
}

export async function aiSdk() {
  const provider: ProviderV4 = camelgpt(model, { chat: { minP: 0.1 } });
  const language: LanguageModelV4 = camelgpt(model);
  const embedding: EmbeddingModelV4 = camelgpt(model).embeddingModel();
  const reranking: RerankingModelV4 = camelgpt(model).rerankingModel();
  const any: LanguageModel = language;
  const { text } = await generateText({ model: camelgpt(model), prompt: "Hello" });
  return { provider, embedding, reranking, any, text };
}
