// The release in the package: its answers, and their agreement with the PyTorch model it was converted from.
import assert from "node:assert/strict";
import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { rejectsWith, repository } from "../lib/model.mjs";

const release = join(repository, "models/camelgpt-mini");
const golden = JSON.parse(readFileSync(join(repository, "tests/camelgpt-mini/golden.json"), "utf8"));
const end = 3;

/** All neurons, or the neurons selected by the prompt: the golden has both. */
const settings = [
  ["all", "off"],
  ["half", "balanced"],
];
/** Allowed effect of rounded activations on a log-probability. */
const tolerance = 0.03;

describe("CamelGPT-mini", () => {
  const models = {};
  before(async () => {
    for (const [name, epdp] of settings) models[name] = await CamelGPTInference.load(release, { epdp });
  });
  after(() => Promise.all(Object.values(models).map((model) => model.dispose())));

  test("has exactly 56,000 parameters", async () => {
    const { parameters, kind, memoryPlan } = await models.all.info();
    assert.equal(parameters, 56_000);
    assert.equal(kind, "masked");
    assert.ok(memoryPlan.totalBytes < 4e6, `${memoryPlan.totalBytes} bytes`);
  });

  test("tokenizes texts like its reference tokenizer", async () => {
    for (const { text, ids } of golden.tokenizer) assert.deepEqual(await models.all.tokenize(text), ids, text);
  });

  for (const [name] of settings) {
    test(`answers like PyTorch, with ${name} of its neurons`, async () => {
      for (const { prompt, masks, [name]: expected } of golden.responses) {
        const first = await models[name].stream(prompt, { maxTokens: masks, steps: 1, logprobs: 1 });
        for (const [i, { token, logprob }] of first.logprobs.entries()) {
          const at = expected.first_step.ids[i].indexOf(token);
          assert.ok(at >= 0, `${prompt}: token ${token} in place ${i}`);
          assert.ok(
            Math.abs(logprob - expected.first_step.log_probabilities[i][at]) < tolerance,
            `${prompt}: ${logprob} in place ${i}`,
          );
        }
        if (expected.close) continue; // rounding may swap two nearly equal candidates
        const { tokens } = await models[name].stream(prompt, { maxTokens: masks, steps: 3 });
        const stop = expected.ids_after_3_steps.indexOf(end);
        assert.deepEqual(tokens, expected.ids_after_3_steps.slice(0, stop < 0 ? masks : stop + 1), prompt);
      }
    });

    test(`classifies like PyTorch, with ${name} of its neurons`, async () => {
      for (const { text, labels, [name]: expected } of golden.labels) {
        const { label, candidates } = await models[name].classify(text, { labels });
        for (const [i, each] of labels.entries()) {
          const { probability } = candidates.find((candidate) => candidate.text === each);
          assert.ok(
            Math.abs(probability - expected[i]) < tolerance,
            `${text}: ${each} ${probability}, not ${expected[i]}`,
          );
        }
        assert.equal(label, candidates[0].text);
      }
    });
  }

  test("fills masks like PyTorch", async () => {
    for (const { text, ids, log_probabilities: logprobs } of golden.masked) {
      const { masks, candidates, text: filled } = await models.all.fillMask(text, { topK: 8 });
      assert.equal(masks.length, ids.length);
      assert.deepEqual(candidates, masks[0]);
      for (const [i, expected] of ids.entries()) {
        const found = new Map(masks[i].map(({ token, probability }) => [token, Math.log(probability)]));
        // The last of them may differ from another one of the same probability.
        for (const [k, token] of expected.slice(0, 5).entries()) {
          const difference = Math.abs((found.get(token) ?? -Infinity) - logprobs[i][k]);
          assert.ok(difference < tolerance, `${text}: token ${token} at mask ${i} is off by ${difference}`);
        }
      }
      assert.ok(!filled.includes("[MASK]"), filled);
    }
  });

  test("classifies a film review and a news article", async () => {
    const model = models.half;
    const review = await model.classify("A warm and funny story with a wonderful cast.", {
      labels: ["negative", "positive"],
    });
    assert.equal(review.label, "positive");
    assert.ok(Math.abs(review.candidates[0].probability + review.candidates[1].probability - 1) < 1e-6);
    const labels = ["world", "sports", "business", "technology"];
    assert.equal(
      (await model.classify("The striker scored twice in the final minutes of the cup match.", { labels })).label,
      "sports",
    );
    await model.generateText(golden.responses[3].prompt, 16);
    const { ffnKept, macsPerToken, macsPerTokenDense } = await model.report();
    assert.equal(ffnKept, 0.5);
    assert.ok(macsPerToken < macsPerTokenDense);
  });

  test("answers if no model is named, by its name, and from a URL", async () => {
    const server = createServer((request, response) => {
      const path = join(release, new URL(request.url, "http://localhost").pathname);
      if (!existsSync(path)) return response.writeHead(404).end();
      response.writeHead(200, { "content-length": statSync(path).size });
      return createReadStream(path).pipe(response);
    });
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    const url = `http://127.0.0.1:${server.address().port}/`;
    const prompt = golden.responses[3].prompt;
    const expected = await models.half.generateText(prompt, 16);
    try {
      for (const source of [undefined, "camelgpt-mini", url, `${url}camelgpt.json`]) {
        const model = new CamelGPTInference(source);
        assert.equal(await model.generateText(prompt, 16), expected, String(source));
        assert.equal((await model.report()).mode, "balanced", "its sidecar is used");
        await model.dispose();
      }
      await rejectsWith("not-found", CamelGPTInference.load(`${url}missing/`));
    } finally {
      server.close();
    }
  });

  test("a folder that is not a release, and a manifest that points outside it, are refused", async () => {
    await rejectsWith("not-found", CamelGPTInference.load(join(repository, "tests/web")));
    const at = (manifest) => `data:application/json,${encodeURIComponent(JSON.stringify(manifest))}`;
    const fetch = async (url) =>
      globalThis.fetch(
        at({ format: 1, files: [{ role: "weights", path: url.includes("up") ? "../secret.gguf" : "/etc/passwd" }] }),
      );
    for (const name of ["up", "root"]) {
      assert.match(
        (await rejectsWith("bad-format", CamelGPTInference.load(`http://127.0.0.1:1/${name}/`, { fetch }))).found,
        /the path/,
      );
    }
    await rejectsWith(
      "bad-format",
      CamelGPTInference.load("http://127.0.0.1:1/empty/", { fetch: async () => globalThis.fetch(at({ format: 1 })) }),
    );
  });

  test("unsupported tasks fail and name the call to use", async () => {
    const chat = await rejectsWith("unsupported-task", models.all.chat([{ role: "user", content: "Hello" }]));
    assert.match(chat.hint, /fillMask/);
    const score = await rejectsWith("unsupported-task", models.all.score("some text to be scored"));
    assert.match(score.hint, /classify/);
    await rejectsWith("bad-input", models.all.fillMask("nothing is missing here"));
    await rejectsWith("bad-option", models.all.classify("text", { labels: ["one"] }));
    await rejectsWith("bad-option", models.all.classify("text", {}));
    await rejectsWith("bad-option", models.all.classify("text", { labels: ["a", "b"], template: "no place" }));
    await rejectsWith("context-overflow", models.all.embed("word ".repeat(600)));
    assert.equal((await models.all.embed("word ".repeat(600), { truncate: true })).length, 32);
  });

  test("embeds texts, with similar vectors for similar texts", async () => {
    const texts = ["a dog runs through the water", "a dog is running in the water", "shares of the company fell"];
    const [one, two, other] = await models.all.embed(texts);
    const cosine = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
    assert.ok(Math.abs(cosine(one, one) - 1) < 1e-5);
    assert.ok(cosine(one, two) > cosine(one, other));
    assert.deepEqual(await models.all.embed(texts[0]), one);
  });

  test("the same seed produces the same text, also with a temperature", async () => {
    const options = { maxTokens: 16, temperature: 1, topK: 0, topP: 1, minP: 0, seed: 7, ignoreEos: true };
    const [one, two, other] = await Promise.all(
      [options, options, { ...options, seed: 8 }].map((each) => models.all.generateText("a dog runs german :", each)),
    );
    assert.equal(one, two);
    assert.notEqual(one, other);
  });
});
