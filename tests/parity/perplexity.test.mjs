// Our log-probabilities and those of a float32 evaluation of the dequantised weights, on 4,096 tokens of WikiText-2 test in
// windows of 1,024. Where this machine stands for others, on the first window or, since simd128 leaves nothing open, bit by bit
// on a part of it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { modelPath } from "../web/lib/model.mjs";
import { agreement, configurations, evaluationData, flaggedConfigurations, measureWith, percent, perplexityOf, runReference } from "./lib.mjs";

const count = 4096;
const window = 1024;
const flaggedCount = { simd: 256, relaxed: window };
const perplexityTolerance = 0.005;
const leastTop1 = 0.985;

const { path, skip } = evaluationData("wikitext2-test.txt");

async function tokensOfText() {
  const model = await CamelGPTInference.load(modelPath, { contextLength: 64 });
  const tokens = (await model.tokenize(readFileSync(path, "utf8").slice(0, 8 * count))).slice(0, count);
  await model.dispose();
  assert.equal(tokens.length, count);
  return tokens;
}

/** Checks scores against others of the same text, of which they may be the beginning. */
function checkScores(t, name, { logprobs, best }, other) {
  const change = perplexityOf(logprobs) / perplexityOf(other.logprobs.slice(0, logprobs.length)) - 1;
  const top1 = agreement(best, other.best.slice(0, best.length));
  t.diagnostic(`${name}: perplexity ${perplexityOf(logprobs).toFixed(4)} (${percent(change, 3)}), top-1 agreement ${percent(top1)} of ${best.length}`);
  assert.ok(Math.abs(change) <= perplexityTolerance, percent(change, 3));
  assert.ok(top1 >= leastTop1, percent(top1));
}

describe(`perplexity of ${count} tokens`, { skip }, () => {
  const scores = {};
  const kernels = {};
  let reference;

  before(async () => {
    const tokens = await tokensOfText();
    reference = await runReference("reference.py", modelPath, { inputs: { tokens }, args: ["--window", String(window)] });
    for (const configuration of [...configurations, ...flaggedConfigurations]) {
      const length = configuration.command ? flaggedCount[configuration.flavour] : count;
      const measured = await measureWith(configuration, { tokens: tokens.slice(0, length), contextLength: window });
      scores[configuration.name] = measured.score;
      kernels[configuration.name] = measured.kernels;
    }
  });

  for (const { name, flavour, command } of [...configurations, ...flaggedConfigurations]) {
    const places = command ? flaggedCount[flavour] - 1 : count - count / window;
    if (command && flavour === "simd") {
      test(`${name} gives the log-probabilities of simd without it, bit by bit, in ${places} places`, () => {
        assert.equal(scores[name].logprobs.length, places);
        assert.deepEqual(scores[name].logprobs, scores.simd.logprobs.slice(0, places));
      });
      continue;
    }
    test(`${name} agrees with the reference in ${places} places`, (t) => {
      const { tokens, perplexity, logprobs } = scores[name];
      assert.equal(tokens, places);
      assert.equal(logprobs.length, places);
      assert.ok(Math.abs(perplexity / perplexityOf(logprobs) - 1) < 1e-6, `${perplexity} is not that of the log-probabilities`);
      checkScores(t, `${name} (${kernels[name]})`, scores[name], reference);
    });
  }

  test("simd and relaxed agree with each other", (t) => checkScores(t, "relaxed against simd", scores.relaxed, scores.simd));
});
