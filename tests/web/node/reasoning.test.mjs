// The reasoning of a chat's answers: apart from the text, with a budget, switched off, and in sessions. SmolLM2 does
// not reason, so a template makes it do so.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { modelPath, rejectsWith } from "../lib/model.mjs";
import { tinyModel, tokenType } from "../lib/tiny-model.mjs";

const chatTemplate = [
  "{%- for m in messages -%}{{ '<|im_start|>' + m.role + '\\n' }}",
  "{%- if m.role == 'assistant' and m.reasoning_content and loop.last %}",
  "{{- '<think>\\n' + m.reasoning_content + '\\n</think>\\n\\n' }}{% endif -%}",
  "{{ m.content + '<|im_end|>\\n' }}{%- endfor %}",
  "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}",
  "{%- if enable_thinking is defined and enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}",
  "{%- endif %}",
].join("\n");
const question = [{ role: "user", content: "What is the capital of France?" }];
const prompt = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n";

describe("reasoning", () => {
  let model;
  before(async () => {
    model = await CamelGPTInference.load(modelPath, { contextLength: 1024 });
  });
  after(() => model.dispose());

  const greedy = { chatTemplate, temperature: 0 };

  test("it has a budget, and the text follows it", async () => {
    const stream = model.chat(question, { ...greedy, reasoning: { budget: 4 }, maxTokens: 16 });
    const parts = [];
    for await (const part of stream.parts()) parts.push(part);
    const { text, reasoning, usage, tokens, finishReason } = await stream;
    const shown = (type) => parts.filter((part) => part.type === type).map((part) => part.text);
    assert.equal(shown("text").join(""), text);
    assert.equal(shown("reasoning").join(""), reasoning);
    assert.notEqual(reasoning, "");
    assert.equal(usage.reasoningTokens, 4);
    assert.equal(usage.completionTokens, tokens.length);
    assert.ok(tokens.length <= 16);
    assert.match(finishReason, /stop|length/);
    const forced = `${prompt}<think>\n${await model.detokenize(tokens.slice(0, 4))}\n</think>\n\n`;
    assert.equal(text, (await model.generateText(forced, tokens.length - 4)).trimStart());
    let iterated = "";
    for await (const piece of stream) iterated += piece;
    assert.equal(iterated, text);
  });

  test("it can be switched off, by the template or with a budget of 0", async () => {
    const expected = await model.generateText(`${prompt}<think>\n\n</think>\n\n`, 12);
    for (const reasoning of ["none", { budget: 0 }]) {
      const result = await model.chat(question, { ...greedy, reasoning, maxTokens: 12 });
      assert.equal(result.text, expected);
      assert.equal(result.reasoning, undefined);
      assert.equal(result.usage.reasoningTokens, undefined);
    }
  });

  test("a variable of the template switches it too", async () => {
    const templateOptions = { enable_thinking: false };
    const off = await model.chat(question, { ...greedy, templateOptions, maxTokens: 12 });
    assert.equal(off.text, await model.generateText(`${prompt}<think>\n\n</think>\n\n`, 12));
    const choice = { type: "choice", options: ["Paris", "Rome"] };
    const chosen = await model.chat(question, { ...greedy, templateOptions, responseFormat: choice });
    assert.deepEqual([chosen.object, chosen.reasoning], ["Paris", undefined]);
  });

  test("templates that cannot switch it off get an empty block", async () => {
    const opens = chatTemplate.replace(/\{%- if enable_thinking.*$/m, "{{- '<think>\\n' }}");
    const { text } = await model.chat(question, { ...greedy, chatTemplate: opens, reasoning: "none", maxTokens: 12 });
    assert.equal(text, await model.generateText(`${prompt}<think>\n\n</think>\n\n`, 12));
    const open = await model.chat(question, { ...greedy, chatTemplate: opens, maxTokens: 4 });
    assert.equal(open.text, "");
    assert.equal(open.reasoning, (await model.generateText(`${prompt}<think>\n`, 4)).trim());
    assert.equal(open.usage.reasoningTokens, 4);
  });

  test("a part of maxTokens is kept for the text", async () => {
    const { text, usage } = await model.chat(question, { ...greedy, reasoning: { budget: 500 }, maxTokens: 12 });
    assert.ok(usage.reasoningTokens <= 9);
    assert.notEqual(text, "");
  });

  test("stop strings end the text, not the reasoning", async () => {
    const options = { ...greedy, reasoning: { budget: 6 }, maxTokens: 40 };
    const { reasoning } = await model.chat(question, options);
    const stopped = await model.chat(question, { ...options, stop: "Paris" });
    assert.equal(stopped.reasoning, reasoning);
    assert.doesNotMatch(stopped.text, /Paris/);
  });

  test("an abort keeps what was shown", async () => {
    const stream = model.chat(question, { ...greedy, reasoning: { budget: 400 }, maxTokens: 800 });
    for await (const part of stream.parts()) if (part.type === "reasoning") break;
    const { finishReason, text, reasoning } = await stream;
    assert.equal(finishReason, "abort");
    assert.equal(text, "");
    assert.notEqual(reasoning, undefined);
  });

  test("models that do not reason ignore the option", async () => {
    const plain = await model.chat(question, { temperature: 0, maxTokens: 8 });
    for (const reasoning of ["none", "low", "high", { budget: 3 }]) {
      const { text, tokens } = await model.chat(question, { temperature: 0, maxTokens: 8, reasoning });
      assert.deepEqual([text, tokens], [plain.text, plain.tokens]);
    }
  });

  test("a session keeps the reasoning, and the template decides whether the model sees it again", async () => {
    const chat = model.createChat({ ...greedy, reasoning: { budget: 4 }, maxTokens: 16 });
    const first = await chat.send("What is the capital of France?");
    assert.equal(chat.messages[1].reasoning_content, first.reasoning);
    assert.equal(chat.messages[1].content, first.text);
    const second = await chat.send("And of Italy?");
    const earlier = chat.messages.slice(0, 3).map(({ role, content }) => `<|im_start|>${role}\n${content}<|im_end|>\n`);
    assert.equal(
      second.usage.promptTokens,
      await model.countTokens(`${earlier.join("")}<|im_start|>assistant\n<think>\n`),
    );
    const saved = await chat.save();
    const next = await chat.send("Thanks.");
    const restored = await model.restoreChat(saved, { ...greedy, reasoning: { budget: 4 }, maxTokens: 16 });
    assert.equal((await restored.send("Thanks.")).text, next.text);
    assert.deepEqual(restored.messages, chat.messages);
  });

  test("an answer can be continued", async () => {
    const begun = [...question, { role: "assistant", content: "The capital is" }];
    const { text } = await model.chat(begun, { ...greedy, continueFinalMessage: true, maxTokens: 6 });
    assert.equal(text, await model.generateText(`${prompt}The capital is`, 6));
    const error = await rejectsWith("bad-input", model.chat(question, { continueFinalMessage: true }));
    assert.match(error.message, /continueFinalMessage/);
  });

  test("in a session a continued answer is one message", async () => {
    const chat = model.createChat({ temperature: 0, history: question });
    const begun = { role: "assistant", content: "The capital is" };
    const { text } = await chat.send(begun, { continueFinalMessage: true, maxTokens: 3 });
    assert.deepEqual(chat.messages.slice(1), [{ role: "assistant", content: `The capital is${text}` }]);
    const more = await chat.regenerate({ continueFinalMessage: true, maxTokens: 3 });
    assert.equal(chat.messages.at(-1).content, `The capital is${text}${more.text}`);
    assert.equal(chat.messages.length, 2);
    await chat.send("Thanks.", { maxTokens: 3 });
    assert.equal(chat.messages.length, 4);
  });

  test("bad options are errors", async () => {
    for (const reasoning of ["some", 5, { budget: -1 }, { budget: 1.5 }, { tokens: 3 }, null]) {
      await rejectsWith("bad-option", model.chat(question, { reasoning }));
    }
    await rejectsWith("bad-option", model.chat(question, { templateOptions: { messages: [] } }));
    await rejectsWith("bad-option", model.chat(question, { templateOptions: { f: () => 1 } }));
    await rejectsWith("bad-option", model.chat(question, { documents: ["text"] }));
  });
});

describe("reasoning between control tokens", () => {
  const chatTemplate = "{{ messages[0].content }}{% if enable_thinking is false %}<think></think>{% endif %}";
  const hi = [{ role: "user", content: "hi" }];
  let model;
  before(async () => {
    const extra = ["<s>", "</s>", "<think>", "</think>"].map((text) => [text, tokenType.control]);
    const metadata = { "tokenizer.ggml.bos_token_id": 256, "tokenizer.ggml.eos_token_id": 257 };
    model = await CamelGPTInference.load(tinyModel(extra, metadata, { contextLength: 512 }), { threads: 1 });
  });
  after(() => model.dispose());

  test("it is found although the text does not show them", async () => {
    const responseFormat = { type: "grammar", grammar: 'root ::= <think> "ab" </think> "cd"' };
    const options = { chatTemplate, temperature: 0, reasoning: "none", responseFormat };
    const { text, reasoning, usage } = await model.chat(hi, options);
    assert.deepEqual([text, reasoning, usage.reasoningTokens], ["cd", "ab", 4]);
  });

  test("a format applies to the text after it", async () => {
    for (let seed = 0; seed < 5; seed++) {
      const options = { chatTemplate, temperature: 1, seed, maxTokens: 60 };
      const json = await model.chat(hi, { ...options, responseFormat: { type: "json" }, reasoning: { budget: 5 } });
      if (json.finishReason === "stop") assert.deepEqual(JSON.parse(json.text), json.object);
      assert.match(json.text, /^\{/);
      assert.ok(json.usage.reasoningTokens <= 5);
      const choice = await model.chat(hi, { ...options, responseFormat: { type: "choice", options: ["yes", "no"] } });
      assert.match(choice.object, /^(?:yes|no)$/);
      assert.ok(choice.usage.reasoningTokens > 0);
    }
  });
});
