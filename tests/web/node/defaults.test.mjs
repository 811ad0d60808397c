// Sampling of chats without options, calls that do not wait, progress, lists of texts, and answers as web streams.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "../../../npm/dist/node.js";
import { modelPath, rejectsWith } from "../lib/model.mjs";
import { tinyModel } from "../lib/tiny-model.mjs";

const chatTemplate = "{% for message in messages %}{{ message.content }}{% endfor %}:";
const question = [{ role: "user", content: "What is it?" }];
const load = (metadata = {}, options = {}) =>
  CamelGPTInference.load(tinyModel([], { "tokenizer.chat_template": chatTemplate, ...metadata }), options);
const recommended = {
  "general.sampling.temp": 0.6,
  "general.sampling.top_k": 20,
  "general.sampling.top_p": 0.9,
  "general.sampling.min_p": 0.01,
  "general.sampling.penalty_repeat": 1.1,
};

describe("the sampling of chats", () => {
  const options = { maxTokens: 30, ignoreEos: true, seed: 5 };

  test("is the file's recommendation", async () => {
    const model = await load(recommended);
    const { sampling } = await model.info();
    assert.deepEqual(sampling, { temperature: 0.6, topK: 20, topP: 0.9, minP: 0.01, repeatPenalty: 1.1 });
    const answer = await model.chat(question, options);
    assert.deepEqual(answer.tokens, (await model.stream("What is it?:", { ...options, ...sampling })).tokens);
    await model.dispose();
  });

  test("is temperature 0.7 and min-p 0.05 if the file recommends none", async () => {
    const model = await load();
    assert.deepEqual((await model.info()).sampling, { temperature: 0.7, minP: 0.05 });
    const answer = await model.chat(question, options);
    const drawn = { ...options, temperature: 0.7, minP: 0.05 };
    assert.deepEqual(answer.tokens, (await model.stream("What is it?:", drawn)).tokens);
    await model.dispose();
  });

  test("is exact at temperature 0, whatever the file recommends", async () => {
    const model = await load(recommended);
    const answer = await model.chat(question, { ...options, temperature: 0 });
    assert.deepEqual(answer.tokens, (await model.stream("What is it?:", options)).tokens);
    await model.dispose();
  });

  test("is the caller's where the caller gives options", async () => {
    const model = await load(recommended);
    const own = { temperature: 1.5, topP: 1 };
    const answer = await model.chat(question, { ...options, ...own });
    const drawn = { ...options, ...(await model.info()).sampling, ...own };
    assert.deepEqual(answer.tokens, (await model.stream("What is it?:", drawn)).tokens);
    await model.dispose();
  });

  test("differs from answer to answer, and the result's seed repeats one", async () => {
    const model = await load();
    const long = { maxTokens: 30, ignoreEos: true };
    const [one, two] = [await model.chat(question, long), await model.chat(question, long)];
    assert.notDeepEqual(one.tokens, two.tokens);
    assert.deepEqual((await model.chat(question, { ...long, seed: one.seed })).tokens, one.tokens);
    await model.dispose();
  });

  test("leaves out recommendations that are out of range, with a note", async () => {
    const model = await load({ "general.sampling.temp": Infinity, "general.sampling.top_p": 1.5 });
    const { sampling, engine } = await model.info();
    assert.deepEqual(sampling, { temperature: 0.7, minP: 0.05 });
    for (const key of ["temp", "top_p"]) {
      assert.ok(engine.notes.some((note) => note.startsWith(`general.sampling.${key} is ignored: `)));
    }
    await model.dispose();
  });

  test("is part of an inspection", async () => {
    const { sampling } = await CamelGPTInference.inspect(tinyModel([], recommended));
    assert.equal(sampling.topK, 20);
  });
});

describe("calls during a generation", () => {
  for (const worker of [true, false]) {
    const where = worker ? "in a worker" : "on the caller's thread";

    test(`that only read text do not wait, and leave its tokens alone, ${where}`, async () => {
      const model = await load({}, { worker });
      const options = { maxTokens: 900, ignoreEos: true, temperature: 1, seed: 3, logprobs: 2 };
      const prompt = "once upon a time ".repeat(5);
      const expected = await model.stream(prompt, options);
      let ended = false;
      const answer = model.stream(prompt, options).finally(() => {
        ended = true;
      });
      const [tokens] = await Promise.all([model.tokenize("ab"), model.countTokens("four"), model.report()]);
      const [text, pieces] = await Promise.all([model.detokenize(tokens), model.pieces(tokens), model.info()]);
      assert.equal(text, "ab");
      assert.deepEqual(pieces, ["a", "b"]);
      const long = model.countTokens("a long text ".repeat(20000));
      assert.ok(!ended, "all of these came before the end of the generation");
      const result = await answer;
      assert.deepEqual(result.tokens, expected.tokens);
      assert.deepEqual(result.logprobs, expected.logprobs);
      assert.equal(await long, 240000);
      await model.dispose();
    });
  }

  test("wait in a queue, whose length is in the report", async () => {
    const model = await load();
    const options = { maxTokens: 900, ignoreEos: true };
    const first = model.stream("a", options);
    const second = model.stream("b", options);
    const third = model.stream("c", options);
    await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal((await model.report()).queued, 2);
    third.cancel();
    await rejectsWith("aborted", third);
    assert.equal((await model.report()).queued, 1);
    await Promise.all([first, second]);
    assert.equal((await model.report()).queued, 0);
    await model.dispose();
  });
});

describe("the progress of a prompt", () => {
  let model;
  before(async () => {
    model = await load();
  });
  after(() => model.dispose());

  test("is reported from the cached tokens to the last one, before the text", async () => {
    const seen = [];
    const onProgress = (progress) => seen.push(progress);
    const stream = model.stream("x".repeat(300), { maxTokens: 3, ignoreEos: true, onProgress });
    for await (const piece of stream) seen.push(piece);
    const reports = seen.filter((each) => typeof each === "object");
    assert.deepEqual(
      reports,
      [0, 64, 128, 192, 256, 300].map((done) => ({ phase: "prefill", done, total: 300 })),
    );
    assert.deepEqual(seen.slice(0, reports.length), reports);
    const again = [];
    await model.generateText(`${"x".repeat(200)}y`, { maxTokens: 1, onProgress: ({ done }) => again.push(done) });
    assert.deepEqual(again, [200, 201]);
    const chat = [];
    await model.chat(question, { maxTokens: 1, onProgress: ({ done }) => chat.push(done) });
    assert.equal(chat.at(-1), "What is it?:".length);
  });

  test("an abort during the prompt ends the call", async () => {
    const slow = await CamelGPTInference.load(modelPath, { contextLength: 1024 });
    const controller = new AbortController();
    const stream = slow.stream("The river rises in the mountains. ".repeat(100), {
      signal: controller.signal,
      onProgress: ({ done }) => done >= 64 && controller.abort(),
    });
    const { finishReason, tokens } = await stream;
    await slow.dispose();
    assert.equal(finishReason, "abort");
    assert.deepEqual(tokens, []);
  });
});

describe("lists of texts", () => {
  let model;
  before(async () => {
    model = await load();
  });
  after(() => model.dispose());

  const texts = Array.from({ length: 90 }, (_, i) => "abcdefghij".repeat(1 + (i % 9)).slice(i % 7));

  test("are embedded as each text by itself, with progress", async () => {
    const seen = [];
    const vectors = await model.embed(texts, { onProgress: (progress) => seen.push(progress) });
    for (const [i, text] of texts.entries()) assert.deepEqual(vectors[i], await model.embed(text));
    assert.deepEqual(seen.at(-1), { done: 90, total: 90 });
    assert.ok(seen.length > 10 && seen.every(({ done }, i) => i === 0 || done >= seen[i - 1].done));
  });

  test("are classified as each text by itself, with progress", async () => {
    const labels = ["good", "bad", "fair"];
    const seen = [];
    const results = await model.classify(texts.slice(0, 9), { labels, onProgress: ({ done }) => seen.push(done) });
    assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const i of [0, 4, 8]) assert.deepEqual(results[i], await model.classify(texts[i], { labels }));
    assert.deepEqual(await model.classify([], { labels }), []);
  });

  test("end with an abort between texts", async () => {
    const slow = await CamelGPTInference.load(modelPath, { contextLength: 1024 });
    const texts = Array.from({ length: 60 }, (_, i) => `The river ${i} rises in the mountains. `.repeat(4));
    for (const [name, options] of Object.entries({ embed: {}, classify: { labels: ["a", "b"] } })) {
      const controller = new AbortController();
      let last = 0;
      const onProgress = ({ done }) => {
        last = done;
        if (done > 0) controller.abort();
      };
      await rejectsWith("aborted", slow[name](texts, { ...options, signal: controller.signal, onProgress }));
      assert.ok(last < texts.length);
    }
    await slow.dispose();
  });

  test("name the text that is at fault", async () => {
    assert.match((await rejectsWith("bad-input", model.embed(["a", "", "b"]))).message, /^Text 1 of 3 is empty/);
    await rejectsWith("bad-input", model.classify(["a", 5], { labels: ["a", "b"] }));
  });
});

describe("an answer as a ReadableStream", () => {
  let model;
  before(async () => {
    model = await load();
  });
  after(() => model.dispose());

  test("has all pieces", async () => {
    const stream = model.stream("a", { maxTokens: 20, ignoreEos: true });
    let text = "";
    for await (const piece of stream.toReadableStream()) text += piece;
    assert.equal(text, (await stream).text);
    const encoded = stream.toReadableStream().pipeThrough(new TextEncoderStream());
    assert.equal(await new Response(encoded).text(), text.toWellFormed());
  });

  test("cancels the generation when it is cancelled", async () => {
    const stream = model.stream("a", { maxTokens: 900, ignoreEos: true });
    const reader = stream.toReadableStream().getReader();
    await reader.read();
    await reader.cancel();
    assert.equal((await stream).finishReason, "abort");
  });

  test("fails with the error of the generation", async () => {
    const stream = model.stream("a".repeat(3000)).toReadableStream();
    await rejectsWith("context-overflow", stream.getReader().read());
  });
});
