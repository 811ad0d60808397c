// Texts that an encoder evaluates in shared passes.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "../../../npm/dist/node.js";
import { makeModel } from "../../architectures/make-models.mjs";
import { rows } from "../../architectures/rows.mjs";
import { rejectsWith } from "../lib/model.mjs";

const words = ["the", "rain", "a", "car", "in", "her", "tin", "it", "was", "near"];
const textOf = (seed, count) =>
  Array.from({ length: count }, (_, i) => words[(seed * 7 + i * (seed + 3)) % 10]).join(" ");

describe("an encoder embeds lists of texts", () => {
  let model;
  before(async () => {
    const bytes = makeModel(rows.find(({ name }) => name === "bert"));
    model = await CamelGPTInference.load(new Uint8Array(bytes));
  });
  after(() => model.dispose());

  test("of mixed lengths, as each text by itself", async () => {
    const texts = Array.from({ length: 40 }, (_, i) => textOf(i, 1 + (i % 8)));
    const vectors = await model.embed(texts);
    assert.equal(vectors.length, texts.length);
    for (const [i, text] of texts.entries()) assert.deepEqual(vectors[i], await model.embed(text), text);
    assert.deepEqual(await model.embed(texts.slice(3, 4)), [vectors[3]]);
  });

  test("of no text and of a thousand", async () => {
    assert.deepEqual(await model.embed([]), []);
    const texts = Array.from({ length: 1000 }, (_, i) => textOf(i % 10, 1 + (i % 5)));
    const seen = [];
    const vectors = await model.embed(texts, { onProgress: (progress) => seen.push(progress) });
    assert.equal(vectors.length, 1000);
    assert.deepEqual(vectors[990], vectors[0]);
    assert.deepEqual(seen.at(-1), { done: 1000, total: 1000 });
    assert.ok(seen.every(({ done }, i) => i === 0 || done >= seen[i - 1].done));
  });

  test("until an abort, after which it embeds others", async () => {
    const expected = await model.embed("the rain");
    const texts = Array.from({ length: 1000 }, (_, i) => textOf(i % 10, 8));
    const controller = new AbortController();
    let last = 0;
    const onProgress = ({ done }) => {
      last = done;
      if (done > 100) controller.abort();
    };
    await rejectsWith("aborted", model.embed(texts, { signal: controller.signal, onProgress }));
    assert.ok(last > 100 && last < texts.length, `${last} texts`);
    assert.deepEqual(await model.embed("the rain"), expected);
  });

  test("and names the text that does not fit", async () => {
    const error = await rejectsWith("context-overflow", model.embed(["a", "the rain", textOf(1, 2000), "a"]));
    assert.match(error.message, /^Text 2 of 4 is longer than the context/);
  });
});
