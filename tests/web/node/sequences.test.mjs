// Alternating conversations on one model.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { modelPath } from "../lib/model.mjs";

const questions = [
  ["What do bees make?", "How do they make it?", "Who eats it?"],
  ["Which ocean is the largest?", "How deep is it?", "Which rivers flow into it?"],
];

/** Runs the turns of all conversations alternately. Returns the tokens and the number of evaluated prompt tokens. */
async function takeTurns(model) {
  const talks = questions.map(() => []);
  const turns = [];
  for (let turn = 0; turn < 3; turn++) {
    for (const [i, messages] of talks.entries()) {
      messages.push({ role: "user", content: questions[i][turn] });
      const { text, tokens, usage } = await model.chat(messages, { maxTokens: 24, temperature: 0 });
      messages.push({ role: "assistant", content: text });
      turns.push({
        turn,
        tokens,
        evaluated: usage.promptTokens - (usage.cachedTokens ?? 0),
        promptTokens: usage.promptTokens,
      });
    }
  }
  return turns;
}

describe("sequences", () => {
  let one, two;
  before(async () => {
    one = await CamelGPTInference.load(modelPath, { contextLength: 512 });
    two = await CamelGPTInference.load(modelPath, { contextLength: 512, sequences: 2 });
  });
  after(async () => {
    await one.dispose();
    await two.dispose();
  });

  test("two conversations each evaluate only new tokens, with the answers of separate models", async (t) => {
    const expected = await takeTurns(one);
    const turns = await takeTurns(two);
    assert.deepEqual(
      turns.map(({ tokens }) => tokens),
      expected.map(({ tokens }) => tokens),
    );
    const sum = (list) => list.reduce((total, { evaluated }) => total + evaluated, 0);
    t.diagnostic(`${sum(turns)} tokens evaluated, without sequences ${sum(expected)}`);
    for (const { turn, evaluated, promptTokens } of turns.filter(({ turn }) => turn > 0)) {
      assert.ok(evaluated < 32, `${evaluated} of ${promptTokens} in turn ${turn}`);
    }
    for (const { evaluated } of expected.filter(({ turn }) => turn > 0)) assert.ok(evaluated > 32, String(evaluated));
    // The system prompt, common to both, is evaluated once.
    assert.ok(turns[1].evaluated < turns[0].evaluated - 10, `${turns[1].evaluated} of ${turns[1].promptTokens}`);
  });

  test("a saved state is that of the last conversation; a loaded one replaces the other", async () => {
    const [first, second] = ["The river rises in the mountains.", "Bees make honey from the nectar of flowers."];
    await two.generateText(first, 2);
    await two.generateText(second, 2);
    const state = await two.saveState();
    await two.generateText(first, 2);
    const { tokens } = await two.loadState(state);
    const cached = async (text) => (await two.stream(text, { maxTokens: 2 })).usage.cachedTokens;
    assert.equal(tokens, (await two.countTokens(second)) + 1);
    assert.equal(await cached(second), (await two.countTokens(second)) - 1);
    assert.equal(await cached(first), (await two.countTokens(first)) - 1);
  });
});
