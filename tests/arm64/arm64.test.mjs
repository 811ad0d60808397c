// 64-bit ARM, emulated on other machines. There V8 treats the second operand of the relaxed int8 dot product as signed,
// with or without a dot-product instruction. The unit tests must pass, and the model must give this machine's results.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { repositoryRoot } from "../../scripts/lib/run.mjs";
import { ensureArm64 } from "../../scripts/setup.mjs";
import { flavours, measureWith } from "../parity/lib.mjs";
import { modelPath } from "../web/lib/model.mjs";

const text =
  "The dromedary is a large camel with one hump on its back. It was probably domesticated in the Arabian Peninsula " +
  "about four thousand years ago, and today it lives almost only as a domestic animal, in the deserts of North " +
  "Africa and the Middle East. It can go without water for more than a week.";
const promptTokens = 16; // the first tokens of the text
const maxTokens = 8;
const largestChange = 0.01; // of a log-probability

const machines = await ensureArm64();
const kernelsOf = { simd: /^simd$/, relaxed: /^relaxed .*\bsigned$/ };
// All tests run once, except for two that compare whole texts with a slow plain evaluation and would take half of the
// time; kernel tests run on every machine and flavour.
const slowTests = "tokens of a masked model see*,an answer is decided in steps*";
const allTests = [`--test-case-exclude=${slowTests}`];
const kernelTests = ["--source-file=*/kernels/*,*/quant/*"];

function runUnitTests(command, flavour, filter) {
  const program = join(repositoryRoot, `build/wasm/cmake/unit_tests_${flavour}.cjs`);
  assert.ok(existsSync(program), `${program} is missing: run npm test -- "unit tests in WebAssembly"`);
  const [first, ...others] = command;
  const { status, stdout, stderr } = spawnSync(first, [...others, program, "--no-colors", ...filter], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stdout + stderr);
  return stdout;
}

describe("64-bit ARM", () => {
  let request;
  let here;

  before(async () => {
    const model = await CamelGPTInference.load(modelPath, { contextLength: 64 });
    const tokens = await model.tokenize(text);
    await model.dispose();
    request = { contextLength: 128, tokens, prompts: [tokens.slice(0, promptTokens)], maxTokens };
    here = await measureWith({ flavour: "relaxed", threads: 1 }, request);
  });

  test("the names of the excluded unit tests are current", () => {
    const output = runUnitTests([process.execPath], "simd", [`--test-case=${slowTests}`, "--count"]);
    assert.match(output, /current filters: 2$/m);
  });

  for (const [i, { name, command }] of machines.entries()) {
    for (const flavour of flavours) {
      test(`${name}, ${flavour}: the unit tests pass, on the expected kernels`, (t) => {
        const output = runUnitTests(command, flavour, i === 0 && flavour === "relaxed" ? allTests : kernelTests);
        t.diagnostic(`${name}, ${flavour}: ${/test cases:.*/.exec(output)[0]}`);
        assert.match(/in use: (.*)/.exec(output)[1], kernelsOf[flavour]);
      });
    }

    test(`${name}, relaxed: the model gives this machine's results`, async (t) => {
      const there = await measureWith({ flavour: "relaxed", threads: 1, command }, request);
      assert.match(there.kernels, kernelsOf.relaxed);
      const changes = there.score.logprobs.map((logprob, k) => Math.abs(logprob - here.score.logprobs[k]));
      const perplexities = [there, here].map(({ score }) => score.perplexity.toFixed(4)).join(" and ");
      t.diagnostic(
        `${name} (${there.kernels}) and this machine (${here.kernels}): ${changes.length} log-probabilities differ ` +
          `by ${Math.max(...changes)} at most; perplexity ${perplexities}`,
      );
      assert.equal(changes.length, request.tokens.length - 1);
      assert.ok(Math.max(...changes) <= largestChange);
      assert.deepEqual(there.score.best, here.score.best);
      assert.equal(there.answers[0].length, maxTokens);
      assert.deepEqual(there.answers, here.answers);
    });
  }
});
