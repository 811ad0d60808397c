// Limits: what a file, a server, a text or a request of a stranger can cost, and the options that set it.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { isFull, rejectsWith } from "../lib/model.mjs";
import { startClock } from "../lib/processor-time.mjs";
import { tinyModel, tokenType } from "../lib/tiny-model.mjs";

const inline = { worker: false, threads: 1 };

/** Runs `work` and returns the largest size of any memory that an engine created meanwhile, in bytes. */
async function memoryOf(work) {
  const Memory = WebAssembly.Memory;
  const memories = [];
  WebAssembly.Memory = new Proxy(Memory, {
    construct(target, args) {
      memories.push(new target(...args));
      return memories.at(-1);
    },
  });
  try {
    await work();
  } finally {
    WebAssembly.Memory = Memory;
  }
  return Math.max(0, ...memories.map(({ buffer }) => buffer.byteLength));
}

/** Random numbers that are the same in each run. */
function numbers(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe("limits of a load", () => {
  let url;
  let answer;
  const server = createServer((request, response) => answer(request, response));
  before(async () => {
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${server.address().port}/model.gguf`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  test("a header above maxHeaderBytes is refused, and the message names the option", async () => {
    const file = tinyModel();
    const error = await rejectsWith("bad-format", CamelGPTInference.load(file, { ...inline, maxHeaderBytes: 2000 }));
    assert.match(`${error.message} ${error.expected}`, /larger|2000/);
    await rejectsWith("bad-format", CamelGPTInference.inspect(file, { ...inline, maxHeaderBytes: 2000 }));
    const model = await CamelGPTInference.load(file, { ...inline, maxHeaderBytes: 20_000 });
    await model.dispose();
    for (const maxHeaderBytes of [0, -1, 1.5, 2 ** 30, "1"]) {
      await rejectsWith("bad-option", () => new CamelGPTInference(file, { maxHeaderBytes }));
    }
  });

  test("an answer that unpacks to far more than it announces is refused early", async () => {
    // A header whose first value is a text of 60 MB.
    const size = 60 << 20;
    const head = Buffer.alloc(24 + 8 + 3 + 4 + 8);
    head.write("GGUF");
    head.writeUInt32LE(3, 4);
    head.writeBigUInt64LE(1n, 8);
    head.writeBigUInt64LE(1n, 16);
    head.writeBigUInt64LE(3n, 24);
    head.write("key", 32);
    head.writeUInt32LE(8, 35);
    head.writeBigUInt64LE(BigInt(size), 39);
    const bomb = gzipSync(Buffer.concat([head, Buffer.alloc(size)]), { level: 1 });
    for (const announced of [true, false]) {
      answer = (_, response) => {
        const length = announced ? { "content-length": bomb.length } : {};
        response.writeHead(200, { "content-encoding": "gzip", ...length });
        response.end(bomb);
      };
      const memory = await memoryOf(async () => {
        const error = await rejectsWith("http-error", CamelGPTInference.load(url, inline));
        assert.match(error.hint, /compression/);
      });
      assert.ok(memory < (announced ? 32 << 20 : 64 << 20), `${memory} bytes`);
    }
  });

  test("a file that is smaller than its header says is refused before memory is taken for its weights", async () => {
    // A wide vocabulary of which the file has nothing.
    const file = tinyModel(Array.from({ length: 4000 }, (_, i) => [`<${i}>`, tokenType.control]));
    const cut = file.subarray(0, file.length - 900_000);
    answer = (_, response) => {
      response.writeHead(200, { "content-length": cut.length });
      response.end(cut);
    };
    for (const source of [cut, new Blob([cut]), url]) {
      const memory = await memoryOf(async () => {
        const error = await rejectsWith("truncated", CamelGPTInference.load(source, inline));
        assert.match(error.found, new RegExp(`a file of ${cut.length} bytes`));
      });
      assert.ok(memory <= 5 << 20, `${memory} bytes`);
    }
  });

  test("maxMemory holds for the engine's memory, and a model that needs more is refused", async () => {
    const random = numbers(1);
    let loaded = 0;
    let refused = 0;
    const files = [
      tinyModel([], {}, { contextLength: 4096 }),
      tinyModel(Array.from({ length: 3000 }, (_, i) => [`<|token ${i}|>`, tokenType.control])),
    ];
    for (let i = 0; i < (isFull ? 1000 : 20); i++) {
      const maxMemory = 1 + random(20 << 20);
      const options = { ...inline, contextLength: 1 + random(1024), sequences: 1 + random(16), maxMemory };
      const memory = await memoryOf(async () => {
        try {
          const model = await CamelGPTInference.load(files[random(2)], {
            ...options,
            kvCache: random(2) ? "q8" : "q16",
          });
          await model.generateText("a", { maxTokens: 2 }).catch(({ code }) => assert.equal(code, "context-overflow"));
          await model.dispose();
          loaded++;
        } catch (error) {
          assert.equal(error.code, "out-of-memory", error.stack);
          assert.match(error.hint, /contextLength/);
          refused++;
        }
      });
      // The engine starts with 4 MiB.
      assert.ok(memory <= Math.max(maxMemory, 4 << 20), `${memory} bytes of ${maxMemory}`);
    }
    assert.ok(loaded > 3 && refused > 3, `${loaded} loaded, ${refused} refused`);
  });

  test("the error says how much memory a model needs, with which it then loads", async () => {
    const file = tinyModel();
    const error = await rejectsWith("out-of-memory", CamelGPTInference.load(file, { ...inline, maxMemory: 1 }));
    const needed = Number(/maxMemory of at least (\d+)/.exec(error.expected)?.[1]);
    await rejectsWith("out-of-memory", CamelGPTInference.load(file, { ...inline, maxMemory: needed - 1 }));
    const model = await CamelGPTInference.load(file, { ...inline, maxMemory: needed });
    assert.equal(typeof (await model.generateText("a", 2)), "string");
    await model.dispose();
  });
});

describe("limits of a call", () => {
  let model;
  before(async () => {
    const template = "{% for m in messages %}{{ m.content }}{% endfor %}";
    model = await CamelGPTInference.load(tinyModel([], { "tokenizer.chat_template": template }), {
      ...inline,
      limits: {
        stop: 2,
        stopLength: 5,
        logitBias: 3,
        formatLength: 20,
        labels: 3,
        texts: 2,
        textLength: 40_000_000,
        messages: 2,
        queue: 3,
      },
    });
  });
  after(() => model.dispose());

  test("a text that cannot fit is refused before it is tokenized, by every call", async () => {
    const long = "a ".repeat(15 << 20);
    const calls = {
      generateText: () => model.generateText(long),
      stream: () => model.stream(long),
      chat: () => model.chat([{ role: "user", content: long }]),
      parts: () => model.chat([{ role: "user", content: [{ type: "text", text: long }] }]),
      contextShift: () => model.generateText(long, { contextShift: true }),
      classify: () => model.classify(long, { labels: ["a", "b"] }),
      label: () => model.classify("a", { labels: ["a", long] }),
      embed: () => model.embed(long),
      texts: () => model.embed(["a", long]),
      tokens: () => model.generateText(Array(1 << 17).fill(1)),
    };
    for (const [name, call] of Object.entries(calls)) {
      const clock = startClock();
      await rejectsWith("context-overflow", call);
      clock.expectBelow(150, name);
    }
  });

  test("a text that fits is not refused, and one that is a token too long is", async () => {
    const { memoryPlan } = await model.info();
    await model.generateText("a".repeat(memoryPlan.contextLength - 1), 1);
    await rejectsWith("context-overflow", model.generateText("a".repeat(memoryPlan.contextLength), 1));
    await rejectsWith("context-overflow", model.generateText("a".repeat(70_000), 1));
  });

  test("embed truncates a text of any length to the tokens of its beginning", async () => {
    const { memoryPlan } = await model.info();
    const long = "a😀b ".repeat(1 << 18);
    const beginning = await model.embed(long.slice(0, 5 * memoryPlan.contextLength), { truncate: true });
    assert.deepEqual(await model.embed(long, { truncate: true }), beginning);
  });

  test("tokenizing can be aborted, and the model then answers", async () => {
    const long = "ab c<".repeat(4 << 20);
    for (const call of [(options) => model.tokenize(long, options), (options) => model.score(long, options)]) {
      const abort = new AbortController();
      const pending = call({ signal: abort.signal });
      await new Promise((resolve) => setTimeout(resolve, 50));
      const clock = startClock();
      abort.abort();
      await rejectsWith("aborted", pending);
      clock.expectBelow(300);
    }
    assert.deepEqual(await model.tokenize("ab"), [97, 98]);
  });

  test("a word of a megabyte is tokenized in linear time, and can be aborted", async () => {
    const word = "a".repeat(1 << 20);
    assert.equal(await model.countTokens(word), 1 << 20);
    await rejectsWith("aborted", model.tokenize(word, { signal: AbortSignal.timeout(5) }));
  });

  test("each limit refuses one more than it permits, and the hint names it", async () => {
    const message = { role: "user", content: "a" };
    const once = { maxTokens: 1 };
    const longFormat = { type: "json", schema: { type: "string", maxLength: 3 } };
    const calls = {
      stop: ["bad-option", () => model.generateText("a", { ...once, stop: ["a", "b", "c"] })],
      stopLength: ["bad-option", () => model.generateText("a", { ...once, stop: "abcdef" })],
      logitBias: ["bad-option", () => model.generateText("a", { ...once, logitBias: { 1: 1, 2: 1, 3: 1, 4: 1 } })],
      formatLength: ["bad-option", () => model.generateText("a", { ...once, responseFormat: longFormat })],
      labels: ["bad-option", () => model.classify("a", { labels: ["a", "b", "c", "d"] })],
      texts: ["bad-input", () => model.embed(["a", "b", "c"])],
      textLength: ["bad-input", () => model.tokenize("a".repeat(40_000_001))],
      messages: ["bad-input", () => model.chat([message, message, message], once)],
    };
    for (const [name, [code, call]] of Object.entries(calls)) {
      assert.match((await rejectsWith(code, call)).hint, new RegExp(`limits\\.${name} `));
    }
    await model.generateText("a", { ...once, stop: ["a", "bcdef"], logitBias: { 1: 1, 2: 1, 3: 1 } });
    await model.classify("a", { labels: ["a", "b", "c"] });
    await model.embed(["a", "b"]);
    await model.chat([message, message], once);
  });

  test("calls beyond the queue are refused, and later ones are not", async () => {
    const calls = Array.from({ length: 5 }, () => model.generateText("a", 2));
    const results = await Promise.allSettled(calls);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["fulfilled", "fulfilled", "fulfilled", "rejected", "rejected"],
    );
    assert.equal(results[4].reason.code, "queue-full");
    await model.generateText("a", 2);
  });

  test("limits outside their range are refused by name", async () => {
    for (const limits of [
      5,
      { stop: 65 },
      { stopLength: 0 },
      { labels: 1 },
      { queue: 0 },
      { texts: 1.5 },
      { other: 1 },
    ]) {
      await rejectsWith("bad-option", () => new CamelGPTInference("model.gguf", { limits }));
    }
    const error = await rejectsWith("bad-option", () => new CamelGPTInference("model.gguf", { limits: { stopp: 1 } }));
    assert.match(error.hint, /stop/);
  });

  test("the defaults permit 64 stop strings and labels", async () => {
    const free = await CamelGPTInference.load(tinyModel(), inline);
    const many = Array.from({ length: 64 }, (_, i) => `<${i}>`);
    await free.generateText("a", { maxTokens: 1, stop: many });
    await rejectsWith("bad-option", free.generateText("a", { maxTokens: 1, stop: [...many, "b"] }));
    await rejectsWith("bad-option", free.classify("a", { labels: [...many, "b"] }));
    await free.dispose();
  });
});
