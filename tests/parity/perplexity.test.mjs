// Compares our log-probabilities with a float32 evaluation of the dequantised weights, on 4,096 tokens of the
// WikiText-2 test set in windows of 1,024. One configuration is compared; every other flavour, number of threads and
// set of processor features must give the same bits.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { modelPath } from "../web/lib/model.mjs";
import {
  agreement,
  configurations,
  evaluationData,
  flaggedConfigurations,
  measureWith,
  percent,
  perplexityOf,
  runReference,
} from "./lib.mjs";

const count = 4096;
const window = 1024;
const perplexityTolerance = 0.005;
const minTop1 = 0.985;

const { path, skip } = evaluationData("wikitext2-test.txt");

async function tokensOfText() {
  const model = await CamelGPTInference.load(modelPath, { contextLength: 64 });
  const tokens = (await model.tokenize(readFileSync(path, "utf8").slice(0, 8 * count))).slice(0, count);
  await model.dispose();
  assert.equal(tokens.length, count);
  return tokens;
}

describe(`perplexity of ${count} tokens`, { skip }, () => {
  const [first, ...others] = [...configurations, ...flaggedConfigurations];
  /** Number of tokens that a configuration evaluates. */
  const lengthFor = ({ flavour, command, threads }) =>
    command || (flavour === "simd" && threads > 1) ? window : count;
  const measured = {};
  let reference;

  before(async () => {
    const tokens = await tokensOfText();
    reference = await runReference("reference.py", modelPath, {
      inputs: { tokens },
      args: ["--window", String(window)],
    });
    for (const configuration of [first, ...others]) {
      const part = tokens.slice(0, lengthFor(configuration));
      measured[configuration.name] = await measureWith(configuration, { tokens: part, contextLength: window });
    }
  });

  test(`${first.name} agrees with the reference`, (t) => {
    const {
      score: { tokens, perplexity, logprobs, best },
      kernels,
    } = measured[first.name];
    assert.equal(tokens, count - count / window);
    assert.equal(logprobs.length, tokens);
    assert.ok(
      Math.abs(perplexity / perplexityOf(logprobs) - 1) < 1e-6,
      `${perplexity} is not the perplexity of the log-probabilities`,
    );
    const change = perplexity / perplexityOf(reference.logprobs) - 1;
    const top1 = agreement(best, reference.best);
    t.diagnostic(
      `${kernels}: perplexity ${perplexity.toFixed(4)} (${percent(change, 3)}), ` +
        `top-1 agreement ${percent(top1)} of ${tokens}`,
    );
    assert.ok(Math.abs(change) <= perplexityTolerance, percent(change, 3));
    assert.ok(top1 >= minTop1, percent(top1));
  });

  for (const configuration of others) {
    const tokens = lengthFor(configuration);
    test(`${configuration.name} gives the same bits for ${tokens} tokens`, (t) => {
      const {
        score: { logprobs, best },
        kernels,
      } = measured[configuration.name];
      const expected = measured[first.name].score;
      t.diagnostic(kernels);
      assert.equal(logprobs.length, tokens - tokens / window);
      assert.deepEqual(logprobs, expected.logprobs.slice(0, logprobs.length));
      assert.deepEqual(best, expected.best.slice(0, best.length));
    });
  }
});
