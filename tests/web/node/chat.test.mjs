// Conversations: the model's template, the caller's template, and malicious templates.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { modelPath, rejectsWith } from "../lib/model.mjs";
import { startClock } from "../lib/processor-time.mjs";

const question = [{ role: "user", content: "What is the capital of France?" }];

describe("chat", () => {
  let model;
  before(async () => {
    model = await CamelGPTInference.load(modelPath);
  });
  after(() => model.dispose());

  test("answers a question and stops at the end token", async () => {
    const stream = model.chat(question, { temperature: 0 });
    let shown = "";
    for await (const piece of stream) shown += piece;
    const { text, finishReason } = await stream;
    assert.match(text, /Paris/);
    assert.equal(shown, text);
    assert.equal(finishReason, "stop");
    assert.doesNotMatch(text, /<\|im_end\|>/);
  });

  test("the prompt is the messages in the model's template", async () => {
    const prompt =
      "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n" +
      "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n";
    const answer = await model.chat(question, { maxTokens: 12, temperature: 0 });
    assert.equal(answer.usage.promptTokens, await model.countTokens(prompt));
    assert.equal(answer.text, await model.generateText(prompt, 12));
  });

  test("earlier turns and a system message matter", async () => {
    const messages = [
      { role: "system", content: "You are a poet." },
      { role: "user", content: "My name is Ada." },
      { role: "assistant", content: "Hello, Ada!" },
      { role: "user", content: "What is my name?" },
    ];
    const prompt = messages.map(({ role, content }) => `<|im_start|>${role}\n${content}<|im_end|>\n`).join("");
    const answer = await model.chat(messages, { maxTokens: 12, temperature: 0 });
    assert.equal(answer.usage.promptTokens, await model.countTokens(`${prompt}<|im_start|>assistant\n`));
    assert.equal(answer.text, await model.generateText(`${prompt}<|im_start|>assistant\n`, 12));
  });

  test("the caller's template replaces the model's", async () => {
    const chatTemplate =
      "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{{ bos_token }}{{ eos_token }}|";
    const { usage } = await model.chat(question, { chatTemplate, maxTokens: 1 });
    assert.equal(
      usage.promptTokens,
      await model.countTokens("user: What is the capital of France?\n<|im_start|><|im_end|>|"),
    );
  });

  test("an exception of the template is reported as bad input", async () => {
    const chatTemplate = "{{ raise_exception('roles must alternate') }}";
    const error = await rejectsWith("bad-input", model.chat(question, { chatTemplate }));
    assert.match(error.message, /roles must alternate/);
  });

  test("templates that fail or do not terminate are errors, without delay", async () => {
    const templates = {
      syntax: "{% for x in messages %}",
      forever: "{% for a in range(9000) %}{% for b in range(9000) %}{{ b }}{% endfor %}{% endfor %}",
      range: "{{ range(1000000000) | length }}",
      doubling:
        "{% set ns = namespace(x='ab') %}{% for i in range(64) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}",
      recursion: "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
      length: "x".repeat(300_000),
      host: "{{ messages.constructor.constructor('return process')().exit() }}",
    };
    for (const [name, chatTemplate] of Object.entries(templates)) {
      const clock = startClock();
      await rejectsWith("bad-template", model.chat(question, { chatTemplate }));
      clock.expectBelow(1000, name);
    }
  });

  test("a template does not block the caller's thread, and an abort rejects while it runs", async () => {
    const chatTemplate =
      "{% for a in range(9999) %}{% for b in range(9999) %}{% set c = [a, b] %}{% endfor %}{% endfor %}";
    const controller = new AbortController();
    const answer = model.chat(question, { chatTemplate, signal: controller.signal });
    await new Promise((resolve) => setTimeout(resolve, 5)); // not before the template ends if it ran here
    controller.abort();
    await rejectsWith("aborted", answer); // "bad-template" if the template ended first
    assert.match((await model.chat(question, { temperature: 0 })).text, /Paris/);
  });

  test("on the caller's thread the limits of templates hold too", async () => {
    const inline = await CamelGPTInference.load(modelPath, { worker: false, contextLength: 128 });
    const chatTemplate =
      "{% for a in range(9999) %}{% for b in range(9999) %}{{ b|string|upper }}{% endfor %}{% endfor %}";
    await rejectsWith("bad-template", inline.chat(question, { chatTemplate }));
    assert.match((await inline.chat(question, { temperature: 0 })).text, /Paris/);
    await inline.dispose();
  });

  test("messages may be proxies, and contain what JSON can contain", async () => {
    const proxy = (data) =>
      new Proxy(data, { get: (of, key) => (of[key] && typeof of[key] === "object" ? proxy(of[key]) : of[key]) });
    const chatTemplate = "{{ messages[0].content }}{{ messages[0].calls | tojson }}";
    const messages = proxy([{ role: "user", content: "a", calls: [{ b: null, c: 1.5, d: undefined }] }]);
    const { usage } = await model.chat(messages, { chatTemplate, maxTokens: 1 });
    assert.equal(usage.promptTokens, await model.countTokens('a[{"b": null, "c": 1.5}]'));
    const cyclic = { role: "user", content: "a" };
    cyclic.self = cyclic;
    for (const message of [cyclic, { ...question[0], f: () => {} }, { ...question[0], big: 1n }]) {
      await rejectsWith("bad-input", model.chat([message]));
    }
  });

  test("a template can use the date", async () => {
    const chatTemplate = "{{ strftime_now('%d %b %Y') }}";
    const { usage } = await model.chat(question, { chatTemplate, maxTokens: 1 });
    assert.ok(usage.promptTokens >= 3);
  });

  test("invalid messages are errors", async () => {
    for (const messages of [
      undefined,
      null,
      [],
      "hello",
      [{}],
      [{ content: "no role" }],
      [{ role: "user", content: [{ type: "image_url", image_url: {} }] }],
      [{ role: "user", content: 3 }],
      [{ role: "user", content: 3n }],
      [null],
    ]) {
      await rejectsWith("bad-input", model.chat(messages));
    }
    const error = await rejectsWith("bad-input", model.chat([{ role: "user", content: "cut \ud83d" }]));
    assert.match(error.found, /position 4/);
  });

  test("leaving the loop cancels", async () => {
    const stream = model.chat([{ role: "user", content: "Tell me a very long story." }], { maxTokens: 2000 });
    for await (const _ of stream) break;
    assert.equal((await stream).finishReason, "abort");
  });
});
