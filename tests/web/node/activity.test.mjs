// The work of each step that an answer reports, and pruning that changes while the model answers.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { modelPath, rejectsWith, repository } from "../lib/model.mjs";
import { ensureSidecar } from "../lib/sidecar.mjs";

const prompt = "The capital of France is";
const sum = (values) => values.reduce((total, value) => total + value, 0);

for (const worker of [true, false]) {
  describe(`activity, ${worker ? "in a worker" : "on the caller's thread"}`, () => {
    let model;
    before(async () => {
      model = await CamelGPTInference.load(modelPath, {
        worker,
        contextLength: 256,
        epdp: "balanced",
        sidecar: await ensureSidecar(),
      });
    });
    after(() => model.dispose());

    test("each token comes with the rows that it needed, and changes no token", async () => {
      const steps = [];
      const { tokens } = await model.stream(prompt, { maxTokens: 8, onActivity: (step) => steps.push(step) });
      const { vocabulary } = await model.info();
      assert.deepEqual(
        steps.map(({ token }) => token),
        tokens,
      );
      for (const { headRows, headMap, expectedKl, openNeurons } of steps) {
        assert.equal(openNeurons.length, 0);
        if (headRows >= vocabulary) continue;
        assert.equal(headMap.length, vocabulary / 64);
        assert.ok(sum(headMap) > 0 && sum(headMap) <= headRows);
        assert.ok(expectedKl > 0 && expectedKl < 0.1);
      }
      assert.ok(steps.some(({ headRows }) => headRows < vocabulary / 2));
      assert.deepEqual((await model.stream(prompt, { maxTokens: 8 })).tokens, tokens);
    });

    test("chats and sessions report it too", async () => {
      const steps = [];
      const options = { maxTokens: 4, temperature: 0, onActivity: (step) => steps.push(step) };
      const { tokens } = await model.chat([{ role: "user", content: "Hello" }], options);
      assert.equal(steps.length, tokens.length);
      const result = await model.createChat().send("Hello", options);
      assert.equal(steps.length, tokens.length + result.tokens.length);
    });

    test("a format that allows few tokens leaves the map empty", async () => {
      const steps = [];
      const schema = { type: "object", properties: { city: { type: "string", maxLength: 12 } }, required: ["city"] };
      await model.stream("A city:", {
        maxTokens: 24,
        responseFormat: { type: "json", schema },
        onActivity: (step) => steps.push(step),
      });
      for (const { headRows, headMap } of steps) assert.ok(sum(headMap) <= headRows, `${sum(headMap)} of ${headRows}`);
      assert.ok(steps.some(({ headRows, headMap }) => headRows > 0 && headMap.length === 0));
    });

    test("pruning changes during an answer, which continues with the tokens of the new setting", async () => {
      const { vocabulary } = await model.info();
      const dense = await model.setEpdp("off").then(() => model.stream(prompt, { maxTokens: 16, ignoreEos: true }));
      await model.setEpdp("balanced");
      const rows = [];
      let changed;
      const answer = await model.stream(prompt, {
        maxTokens: 64,
        ignoreEos: true,
        onActivity: ({ headRows }) => {
          rows.push(headRows);
          changed ??= model.setEpdp("off");
        },
      });
      await changed;
      assert.ok(rows[0] < vocabulary);
      assert.equal(rows.at(-1), vocabulary);
      assert.equal((await model.report()).mode, "off");
      assert.equal(answer.tokens.length, 64);
      assert.deepEqual(answer.tokens.slice(0, 4), dense.tokens.slice(0, 4));
      await model.setEpdp("balanced");
    });

    test("other calls are not disturbed by a change: it waits for them", async () => {
      const score = model.score(prompt.repeat(20));
      const changed = model.setEpdp("exact");
      assert.equal((await score).tokens, (await model.score(prompt.repeat(20))).tokens);
      await changed;
      assert.equal((await model.report()).mode, "exact");
    });

    test("wrong settings are errors", async () => {
      await rejectsWith("bad-option", model.setEpdp("fast"));
      await rejectsWith("bad-option", model.setEpdp({ headRows: -1 }));
      await rejectsWith("bad-option", model.stream(prompt, { onActivity: true }));
    });
  });
}

test("a model that was loaded without pruning has no memory for it", async () => {
  const model = await CamelGPTInference.load(modelPath, { contextLength: 64, epdp: "off" });
  await rejectsWith("bad-state", model.setEpdp("balanced"));
  assert.equal((await model.report()).mode, "off");
  await model.dispose();
});

test("a model with ReLU gates tells how many neurons of each layer were open", async () => {
  const model = await CamelGPTInference.load(join(repository, "models/reglu-tiny/reglu-tiny.gguf"));
  const { layers, ffn } = await model.info();
  const steps = [];
  await model.stream("The city was", { maxTokens: 4, onActivity: (step) => steps.push(step) });
  assert.ok(steps.length > 0);
  for (const { openNeurons } of steps) {
    assert.equal(openNeurons.length, layers);
    assert.ok(sum(openNeurons) > 0 && sum(openNeurons) < 0.6 * layers * ffn);
  }
  await model.dispose();
});

test("the catalogue lists models with their licences", async () => {
  const models = await CamelGPTInference.listCatalogue();
  assert.ok(models.some(({ name, licence }) => name === "smollm2-135m" && licence === "Apache-2.0"));
});
