// The provider for the AI SDK, through the functions of the package `ai`.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
import { camelgpt } from "@gpt-research/camelgpt-inference/ai-sdk";

import { makeModel } from "../../architectures/make-models.mjs";
import { rows } from "../../architectures/rows.mjs";
import { z } from "zod";

import { modelPath } from "../lib/model.mjs";
import { startClock } from "../lib/processor-time.mjs";

const skip = Number(process.versions.node.split(".")[0]) < 22 && "the package ai needs Node 22";

describe("the provider for the AI SDK", { skip }, () => {
  let ai;
  let model;
  let provider;
  before(async () => {
    ai = await import("ai");
    globalThis.AI_SDK_LOG_WARNINGS = false;
    model = await CamelGPTInference.load(modelPath, { contextLength: 1024 });
    provider = camelgpt(model, { modelId: "smollm2" });
  });
  after(() => model?.dispose());

  const prompt = "What is the capital of France?";
  const paris = "The capital of France is Paris.";
  /** SmolLM2's form of messages, with reasoning that `enable_thinking` turns off. */
  const thinkTemplate =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}" +
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n" +
    "{% if enable_thinking is defined and not enable_thinking %}\n</think>\n\n{% endif %}{% endif %}";
  const exact = { temperature: 0, maxOutputTokens: 20 };

  test("generates a text, with usage", async () => {
    const { text, finishReason, usage, response, warnings, providerMetadata } = await ai.generateText({
      model: provider,
      prompt,
      ...exact,
    });
    assert.equal(text, paris);
    assert.equal(finishReason, "stop");
    assert.deepEqual(
      [usage.inputTokens, usage.outputTokens, usage.totalTokens, usage.outputTokenDetails.reasoningTokens],
      [37, 8, 45, 0],
    );
    assert.equal(response.modelId, "smollm2");
    assert.deepEqual(warnings ?? [], []);
    assert.equal(typeof providerMetadata.camelgpt.seed, "number");
    const again = await ai.generateText({ model: provider.languageModel("other"), prompt, ...exact });
    assert.equal(again.response.modelId, "other");
    assert.equal(again.usage.inputTokenDetails.cacheReadTokens, 36);
    assert.equal(again.usage.inputTokenDetails.noCacheTokens, 1);
  });

  test("streams a text in parts", async () => {
    const result = ai.streamText({ model: provider, prompt, ...exact, include: { rawChunks: true } });
    const types = [];
    for await (const { type } of result.fullStream) if (types.at(-1) !== type) types.push(type);
    assert.equal(await result.text, paris);
    assert.equal(await result.finishReason, "stop");
    assert.equal((await result.usage).outputTokens, 8);
    const order = ["start", "start-step", "text-start", "text-delta", "text-end", "finish-step", "finish"];
    assert.deepEqual(
      types.filter((type, i) => type !== "raw" && types.indexOf(type) === i),
      order,
    );
  });

  test("takes the settings of a call, its own, and those for this provider", async () => {
    const stopped = await ai.generateText({ model: provider, prompt, ...exact, stopSequences: ["Paris"] });
    assert.equal(stopped.text, "The capital of France is ");
    const cut = await ai.generateText({ model: provider, prompt, ...exact, maxOutputTokens: 3 });
    assert.equal(cut.finishReason, "length");
    const seeded = () => ai.generateText({ model: provider, prompt: "Tell a story.", seed: 3, maxOutputTokens: 12 });
    assert.equal((await seeded()).text, (await seeded()).text);
    const [token] = await model.tokenize(" Paris");
    const biased = camelgpt(model, { chat: { logitBias: { [token]: -Infinity } } });
    assert.doesNotMatch((await ai.generateText({ model: biased, prompt, ...exact })).text, / Paris/);
    const providerOptions = { camelgpt: { stop: " France" } };
    assert.equal((await ai.generateText({ model: biased, prompt, ...exact, providerOptions })).text, "The capital of");
    await assert.rejects(
      ai.generateText({ model: provider, prompt, providerOptions: { camelgpt: { minp: 1 } } }),
      /There is no chat option "minp"/,
    );
  });

  test("answers a conversation with texts, files of text, and a system text", async () => {
    const { text } = await ai.generateText({
      model: provider,
      system: "You are a helpful assistant.",
      messages: [
        { role: "user", content: "Hello." },
        { role: "assistant", content: [{ type: "text", text: "Hello! How can I help?" }] },
        {
          role: "user",
          content: [
            { type: "text", text: "What is the capital of " },
            { type: "file", mediaType: "text/plain", data: new TextEncoder().encode("France?") },
          ],
        },
      ],
      ...exact,
    });
    assert.match(text, /Paris/);
    const image = { type: "file", mediaType: "image/png", data: new Uint8Array([137, 80, 78, 71]) };
    await assert.rejects(
      ai.generateText({ model: provider, messages: [{ role: "user", content: [image] }] }),
      (error) => ai.UnsupportedFunctionalityError.isInstance(error),
    );
  });

  test("keeps reasoning apart from the text", async () => {
    const thinking = camelgpt(model, { chat: { chatTemplate: thinkTemplate, reasoning: { budget: 8 } } });
    const { text, reasoningText, usage } = await ai.generateText({
      model: thinking,
      prompt,
      ...exact,
      maxOutputTokens: 24,
    });
    assert.ok(text.length > 0 && reasoningText.length > 0);
    assert.ok(usage.outputTokenDetails.reasoningTokens >= 8);
    const streamed = ai.streamText({ model: thinking, prompt, ...exact, maxOutputTokens: 24 });
    const types = [];
    for await (const { type } of streamed.fullStream) if (types.at(-1) !== type) types.push(type);
    const kinds = types.filter((type) => /^(reasoning|text)-/.test(type));
    const order = ["reasoning-start", "reasoning-delta", "reasoning-end", "text-start", "text-delta", "text-end"];
    assert.deepEqual(kinds, order);
    assert.deepEqual([await streamed.text, await streamed.reasoningText], [text, reasoningText]);
    const none = await ai.generateText({ model: thinking, prompt, ...exact, reasoning: "none" });
    assert.equal(none.reasoningText, undefined);
  });

  test("answers with an object", async () => {
    const schema = z.object({ country: z.string().max(20), capital: z.string().max(20), isLarge: z.boolean() });
    const request = { model: provider, prompt, output: ai.Output.object({ schema }), ...exact, maxOutputTokens: 80 };
    const { output, finishReason } = await ai.generateText(request);
    assert.deepEqual(schema.parse(output), output);
    assert.equal(finishReason, "stop");
    const partial = [];
    const streamed = ai.streamText(request);
    for await (const value of streamed.partialOutputStream) partial.push(value);
    assert.deepEqual(partial.at(-1), output);
    assert.ok(partial.length > 2);
    const choice = ai.Output.choice({ options: ["Paris", "Rome"] });
    assert.match((await ai.generateText({ ...request, output: choice })).output, /^(Paris|Rome)$/);
    const { warnings } = await provider.doGenerate({
      prompt: [{ role: "user", content: [{ type: "text", text: prompt }] }],
      responseFormat: { type: "json", schema: { type: "array", items: { type: "integer" }, uniqueItems: true } },
      maxOutputTokens: 2,
    });
    assert.match(warnings[0].message, /uniqueItems/);
  });

  test("calls tools in steps", async () => {
    const cities = [];
    const weather = ai.tool({
      description: "The weather of a city.",
      inputSchema: z.object({ city: z.enum(["Paris", "Rome"]) }),
      execute: async ({ city }) => {
        cities.push(city);
        return { city, sky: "sunny" };
      },
    });
    const request = {
      model: provider,
      prompt: "What is the weather in Paris?",
      tools: { weather },
      stopWhen: ai.stepCountIs(2),
      prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? "required" : "none" }),
      ...exact,
      maxOutputTokens: 60,
    };
    const { steps, text } = await ai.generateText(request);
    assert.equal(steps.length, 2);
    assert.equal(steps[0].finishReason, "tool-calls");
    assert.equal(steps[0].toolCalls[0].toolName, "weather");
    assert.deepEqual(steps[0].toolResults[0].output, { city: cities[0], sky: "sunny" });
    assert.ok(text.length > 0);
    const streamed = ai.streamText(request);
    const types = [];
    for await (const { type } of streamed.fullStream) if (types.at(-1) !== type) types.push(type);
    const order = ["tool-input-start", "tool-input-delta", "tool-input-end", "tool-call", "tool-result"];
    assert.deepEqual(
      types.filter((type) => type.startsWith("tool-")),
      order,
    );
    assert.equal(cities.length, 2);
    const { warnings } = await provider.doGenerate({
      prompt: [{ role: "user", content: [{ type: "text", text: "Hi" }] }],
      tools: [{ type: "provider", id: "other.search", name: "search", args: {} }],
      maxOutputTokens: 1,
    });
    assert.deepEqual(warnings, [{ type: "unsupported", feature: "provider-defined tool other.search" }]);
  });

  test("ends for a signal", async () => {
    const abortSignal = AbortSignal.timeout(100);
    const long = {
      model: provider,
      prompt: "Tell me a very long story.",
      providerOptions: { camelgpt: { ignoreEos: true } },
    };
    await assert.rejects(ai.generateText({ ...long, abortSignal }), { name: "TimeoutError" });
    const abort = new AbortController();
    const result = ai.streamText({ ...long, abortSignal: abort.signal });
    const types = [];
    for await (const { type } of result.fullStream) {
      types.push(type);
      if (type === "text-delta") abort.abort();
    }
    assert.equal(types.at(-1), "abort");
    const clock = startClock();
    await model.generateText("a", 1);
    clock.expectBelow(300, "an aborted generation");
  });

  test("embeds texts", async () => {
    const values = ["A dog runs.", "A cat sleeps.", "It rains."];
    const { embeddings, usage } = await ai.embedMany({ model: provider.embeddingModel(), values });
    assert.deepEqual(
      embeddings,
      (await model.embed(values)).map((vector) => [...vector]),
    );
    assert.ok(usage.tokens >= 12, String(usage.tokens));
    const short = await provider.embeddingModel().doEmbed({ values, dimensions: 8 });
    assert.equal(short.embeddings[0].length, 8);
    await assert.rejects(ai.rerank({ model: provider.rerankingModel(), query: "animals", documents: values }), {
      code: "unsupported-task",
    });
  });

  test("ranks documents with an encoder", async () => {
    const bytes = makeModel(rows.find(({ name }) => name === "bert"));
    const encoder = await CamelGPTInference.load(new Uint8Array(bytes));
    const documents = ["the rain", "a car in the rain", "her tin"];
    const { ranking } = await ai.rerank({
      model: camelgpt(encoder).rerankingModel(),
      query: "the rain",
      documents,
      topN: 2,
    });
    assert.equal(ranking.length, 2);
    assert.equal(ranking[0].originalIndex, 0);
    assert.ok(Math.abs(ranking[0].score - 1) < 1e-5, "a document that is the query");
    const [query, other] = await encoder.embed([documents[0], documents[ranking[1].originalIndex]]);
    const cosine = query.reduce((sum, value, i) => sum + value * other[i], 0);
    assert.ok(Math.abs(ranking[1].score - cosine) < 1e-5);
    await encoder.dispose();
  });

  test("is found in a registry", async () => {
    const registry = ai.createProviderRegistry({ local: provider });
    const { text } = await ai.generateText({ model: registry.languageModel("local:smollm2"), prompt, ...exact });
    assert.equal(text, paris);
    assert.throws(
      () => registry.imageModel("local:any"),
      (error) => ai.NoSuchModelError.isInstance(error),
    );
  });
});
