// A page written against Chrome's `LanguageModel`, in a Chromium without a model of its own.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { openBrowser, startSite, strictPolicy } from "../lib/browser.mjs";

describe("the Prompt API in Chromium", () => {
  let site;
  let browser;
  let page;
  before(async () => {
    site = await startSite({ policy: strictPolicy });
    browser = await openBrowser();
    page = await browser.newPage();
    await page.goto(`${site.url}/tests/web/lib/blank.html`);
    // The only lines that know this package. Imported by path: an import map would be an inline script.
    await page.evaluate(async () => {
      const { CamelGPTInference } = await import("/npm/dist/browser.js");
      const { createLanguageModel, installLanguageModel } = await import("/npm/dist/prompt-api.js");
      const url = new URL("/models/smollm2-135m.gguf", location.href).href;
      const load = (onProgress) => CamelGPTInference.load(url, { onProgress, contextLength: 256, cache: false });
      window.installed = await installLanguageModel({ model: load, chat: { maxTokens: 24 } });
      window.missing = createLanguageModel(() => CamelGPTInference.load("/models/none.gguf"));
      // The errors of calls as texts, since exceptions cannot leave a page.
      window.nameOf = (work) =>
        Promise.resolve()
          .then(work)
          .then(
            () => "none",
            (error) => error.name,
          );
    });
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  test("a session is created with progress of the download", async () => {
    const { before, during, after, loaded, params, session, wrong } = await page.evaluate(async () => {
      const before = await LanguageModel.availability();
      const loaded = [];
      const creation = LanguageModel.create({
        temperature: 0,
        topK: 3,
        monitor(monitor) {
          monitor.addEventListener("downloadprogress", (event) => loaded.push(event.loaded));
        },
      });
      const during = await LanguageModel.availability();
      window.session = await creation;
      const { contextUsage, contextWindow, inputUsage, inputQuota, topK, temperature } = window.session;
      const is = window.session instanceof LanguageModel && window.session instanceof EventTarget;
      const image = { expectedInputs: [{ type: "image" }] };
      return {
        before,
        during,
        after: await LanguageModel.availability(),
        loaded,
        params: await LanguageModel.params(),
        session: { contextUsage, contextWindow, inputUsage, inputQuota, topK, temperature, is },
        wrong: [
          await LanguageModel.availability(image),
          await window.nameOf(() => LanguageModel.create(image)),
          await window.nameOf(() => LanguageModel.create({ temperature: -1 })),
          await window.nameOf(() => LanguageModel.create({ topK: 0 })),
          await window.nameOf(() => LanguageModel.create({ signal: AbortSignal.abort() })),
          await window.nameOf(() => LanguageModel.create({ samplingMode: "creative", temperature: 1 })),
          await window.nameOf(() => window.missing.create()),
        ],
      };
    });
    assert.deepEqual([before, during, after], ["downloadable", "downloading", "available"]);
    assert.ok(loaded.length > 2, String(loaded));
    assert.deepEqual([loaded[0], loaded.at(-1)], [0, 1]);
    assert.deepEqual(
      loaded,
      [...loaded].sort((a, b) => a - b),
    );
    const numbers = { contextUsage: 0, contextWindow: 256, inputUsage: 0, inputQuota: 256, topK: 3, temperature: 0 };
    assert.deepEqual(session, { ...numbers, is: true });
    assert.deepEqual([params.maxTopK, params.maxTemperature], [128, 2]);
    assert.deepEqual(wrong, [
      "unavailable",
      "NotSupportedError",
      "RangeError",
      "RangeError",
      "AbortError",
      "TypeError",
      "NetworkError",
    ]);
  });

  test("prompts are answered whole and in pieces, in one conversation", async () => {
    const { answer, pieces, usage, measured } = await page.evaluate(async () => {
      const { session } = window;
      const question = "What is the capital of France?";
      const measured = [await session.measureContextUsage(question), await session.measureInputUsage(question)];
      const usage = [session.contextUsage];
      const answer = await session.prompt(question);
      usage.push(session.contextUsage);
      const pieces = [];
      for await (const piece of session.promptStreaming([{ role: "user", content: "And of Italy?" }]))
        pieces.push(piece);
      usage.push(session.contextUsage);
      return { answer, pieces, usage, measured };
    });
    assert.match(answer, /Paris/);
    assert.ok(pieces.length > 2);
    assert.deepEqual(measured, [37, 37]);
    assert.equal(usage[0], 0);
    assert.ok(usage[1] > 40 && usage[2] > usage[1], String(usage));
  });

  test("messages are appended, sessions are cloned and destroyed, answers continue a prefix", async () => {
    const { continued, usages, destroyed, aborted, system } = await page.evaluate(async () => {
      const session = await LanguageModel.create({
        temperature: 0,
        initialPrompts: [{ role: "system", content: "You are a helpful AI assistant named SmolLM." }],
      });
      const usages = [session.contextUsage];
      await session.append([{ role: "user", content: [{ type: "text", value: "My name is Ada." }] }]);
      usages.push(session.contextUsage);
      const copy = await session.clone();
      const continued = await copy.prompt([
        { role: "user", content: "What is the capital of France?" },
        { role: "assistant", content: "The capital of France is Par", prefix: true },
      ]);
      usages.push(session.contextUsage, copy.contextUsage);
      const system = [
        await window.nameOf(() => copy.prompt([{ role: "system", content: "Be brief." }])),
        await window.nameOf(() => copy.prompt([{ role: "user", content: "Hi", prefix: true }])),
        await window.nameOf(() => copy.prompt([{ role: "user", content: [{ type: "image", value: new Blob() }] }])),
      ];
      const pending = window.nameOf(() => session.prompt("Tell a story."));
      session.destroy();
      const destroyed = [await pending, await window.nameOf(() => session.prompt("Hello?"))];
      const abort = new AbortController();
      const before = copy.contextUsage;
      const aborted = await window.nameOf(async () => {
        for await (const piece of copy.promptStreaming("Tell a story.", { signal: abort.signal }))
          if (piece) abort.abort();
      });
      return { continued, usages, destroyed, system, aborted: [aborted, copy.contextUsage === before] };
    });
    assert.match(continued, /^is\b/);
    assert.equal(usages[0] > 10 && usages[1] > usages[0] && usages[2] === usages[1] && usages[3] > usages[2], true);
    assert.deepEqual(system, ["TypeError", "SyntaxError", "NotSupportedError"]);
    assert.deepEqual(destroyed, ["AbortError", "AbortError"]);
    assert.deepEqual(aborted, ["AbortError", true]);
  });

  test("answers match a schema or a regular expression, and tools are run", async () => {
    const { json, digits, unsupported, wrong, sky, cities } = await page.evaluate(async () => {
      const session = await LanguageModel.create({ temperature: 0 });
      const schema = {
        type: "object",
        properties: { city: { enum: ["Paris", "Rome"] }, isLarge: { type: "boolean" } },
        required: ["city", "isLarge"],
        additionalProperties: false,
      };
      const constraint = (responseConstraint) => ({ responseConstraint });
      const json = JSON.parse(await session.prompt("Describe Paris.", constraint(schema)));
      const omits = { responseConstraint: /[0-9]{4}/, omitResponseConstraintInput: true };
      const digits = await session.prompt("A year?", omits);
      const unsupported = { type: "array", items: { type: "integer" }, uniqueItems: true };
      const cities = [];
      const { CamelGPTInference } = await import("/npm/dist/browser.js");
      const { createLanguageModel } = await import("/npm/dist/prompt-api.js");
      const model = new CamelGPTInference(new URL("/models/smollm2-135m.gguf", location.href), { contextLength: 512 });
      const Forced = createLanguageModel(model, { chat: { maxTokens: 40, toolChoice: "required" } });
      const weather = {
        name: "weather",
        description: "The weather of a city.",
        inputSchema: { type: "object", properties: { city: { enum: ["Paris", "Rome"] } }, required: ["city"] },
        async execute({ city }) {
          cities.push(city);
          return "It is sunny.";
        },
      };
      const forced = await Forced.create({ temperature: 0, tools: [weather] });
      const sky = await forced.prompt("What is the weather in Paris?");
      await model.dispose();
      return {
        json,
        digits,
        unsupported: await window.nameOf(() => session.prompt("a", constraint(unsupported))),
        wrong: [
          await window.nameOf(() => session.prompt("a", constraint("schema"))),
          await window.nameOf(() => session.prompt("a", { omitResponseConstraintInput: true })),
        ],
        sky,
        cities,
      };
    });
    assert.match(json.city, /^(Paris|Rome)$/);
    assert.equal(typeof json.isLarge, "boolean");
    assert.match(digits, /^\d{4}$/);
    assert.equal(unsupported, "NotSupportedError");
    assert.deepEqual(wrong, ["TypeError", "TypeError"]);
    assert.ok(cities.length >= 1, String(cities));
    assert.ok(sky.length > 0);
  });

  test("a full context drops the oldest messages with an event, and a prompt that is too long rejects", async () => {
    const { events, count, error } = await page.evaluate(async () => {
      const session = await LanguageModel.create({ temperature: 0 });
      const events = [];
      session.oncontextoverflow = ({ type }) => events.push(type);
      session.addEventListener("quotaoverflow", ({ type }) => events.push(type));
      let count = 0;
      while (events.length === 0 && count < 20) {
        await session.prompt(`Message number ${++count}. ${"Keep this in mind. ".repeat(8)}`);
      }
      const long = "word ".repeat(2000);
      const error = await session.prompt(long).catch(({ name, requested, quota }) => ({ name, requested, quota }));
      return { events, count, error };
    });
    assert.deepEqual(events, ["contextoverflow", "quotaoverflow"]);
    assert.ok(count > 1, String(count));
    assert.equal(error.name, "QuotaExceededError");
    assert.ok(error.requested > 2000, String(error.requested));
    assert.equal(error.quota, 256);
  });

  test("a built-in model is used if the device can run it", async () => {
    const results = await page.evaluate(async () => {
      const { installLanguageModel } = await import("/npm/dist/prompt-api.js");
      const install = async (builtIn, options) => {
        window.LanguageModel = builtIn;
        const result = await installLanguageModel({ model: () => Promise.reject(new Error("not loaded")), ...options });
        return [result === builtIn, window.LanguageModel === builtIn];
      };
      const builtIn = (availability) => ({ availability: async () => availability });
      return [
        await install(builtIn("downloadable"), {}),
        await install(builtIn("unavailable"), {}),
        await install(builtIn("available"), { useBuiltIn: false }),
      ];
    });
    assert.deepEqual(results, [
      [true, true],
      [false, false],
      [false, false],
    ]);
  });
});
