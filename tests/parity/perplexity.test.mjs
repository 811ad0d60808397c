// Our log-probabilities and those of a float32 evaluation of the dequantised weights, on 4,096 tokens of WikiText-2 test in
// windows of 1,024.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { modelPath } from "../web/lib/model.mjs";
import { evaluationData, flavours, percent, runReference } from "./lib.mjs";

const count = 4096;
const window = 1024;
const perplexityTolerance = 0.005;
const leastTop1 = 0.985;

const { path, skip } = evaluationData("wikitext2-test.txt");

/** The share of places where both find the same token the most probable. */
function agreement(a, b) {
  assert.equal(a.length, b.length);
  return a.filter((token, i) => token === b[i]).length / a.length;
}

describe(`perplexity of ${count} tokens`, { skip }, () => {
  const scores = {};
  let reference;

  before(async () => {
    const text = readFileSync(path, "utf8").slice(0, 8 * count);
    let tokens;
    for (const flavour of flavours) {
      const model = await CamelGPTInference.load(modelPath, { flavour, contextLength: window });
      tokens = (await model.tokenize(text)).slice(0, count);
      assert.equal(tokens.length, count);
      scores[flavour] = await model.score(tokens, { logprobs: true });
      await model.dispose();
    }
    const { logprobs, best } = await runReference("reference.py", modelPath, { inputs: { tokens }, args: ["--window", String(window)] });
    const nll = -logprobs.reduce((sum, logprob) => sum + logprob, 0) / logprobs.length;
    reference = { tokens: logprobs.length, perplexity: Math.exp(nll), best };
  });

  for (const flavour of flavours) {
    test(`${flavour} agrees with the reference`, (t) => {
      const { tokens, perplexity, best } = scores[flavour];
      assert.equal(tokens, reference.tokens);
      const change = perplexity / reference.perplexity - 1;
      const top1 = agreement(best, reference.best);
      t.diagnostic(`${flavour}: perplexity ${perplexity.toFixed(4)}, reference ${reference.perplexity.toFixed(4)} (${percent(change, 3)})`);
      t.diagnostic(`${flavour}: top-1 agreement ${percent(top1)} of ${tokens}`);
      assert.ok(Math.abs(change) <= perplexityTolerance, percent(change, 3));
      assert.ok(top1 >= leastTop1, percent(top1));
    });
  }

  test("simd and relaxed agree with each other", (t) => {
    const top1 = agreement(scores.simd.best, scores.relaxed.best);
    const change = scores.relaxed.perplexity / scores.simd.perplexity - 1;
    t.diagnostic(`relaxed against simd: top-1 agreement ${percent(top1)}, perplexity ${percent(change, 3)}`);
    assert.ok(top1 >= leastTop1, percent(top1));
    assert.ok(Math.abs(change) <= perplexityTolerance, percent(change, 3));
  });
});
