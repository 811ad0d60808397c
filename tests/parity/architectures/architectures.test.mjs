// Small models of random weights, one or more of each architecture: our log-probabilities and greedy tokens, and llama.cpp's.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { ensurePeers } from "../../../scripts/lib/peers.mjs";
import { ensurePython } from "../../../scripts/lib/python.mjs";
import { run } from "../../../scripts/lib/run.mjs";
import { askProcess } from "../lib.mjs";

const length = 48; // longer than the sliding windows
const maxTokens = 16;

// The largest difference of a log-probability, as a share of the largest log-probability. For F32 most of it is our 16-bit cache
// and llama.cpp's 16-bit table of gelu; for other types it rounds the activations of each product to 16 or 8 bits.
const bounds = { F32: 1e-3, F16: 5e-3, Q8_0: 0.05, Q4_0: 0.1 };

/** The beginning, then random tokens with a text: ids of make_models.py. */
function randomTokens() {
  const start = 261;
  let state = 1;
  const next = () => (state = (state * 48271) % 0x7fffffff) % 260;
  return [start, ...Array.from({ length: length - 1 }, next)];
}

async function makeModels(folder) {
  await run(await ensurePython(), [join(import.meta.dirname, "make_models.py"), folder]);
  const rows = JSON.parse(readFileSync(join(folder, "models.json"), "utf8"));
  return rows.map((row) => ({ ...row, path: join(folder, `${row.name}.gguf`) }));
}

async function askLlamaCpp(rows, tokens) {
  const { modules } = await ensurePeers();
  const models = rows.map(({ path, encoder }) => ({ path, encoder, tokens, maxTokens }));
  return askProcess("architectures/ask-llama-cpp.mjs", { models }, { args: [modules] });
}

async function askOurs(path, tokens) {
  const model = await CamelGPTInference.load(path, { epdp: "off", threads: 1 });
  try {
    const { logprobs } = await model.score(tokens, { logprobs: true });
    const greedy = await model.stream(tokens, { maxTokens, temperature: 0, ignoreEos: true });
    return { logprobs, greedy: greedy.tokens };
  } finally {
    await model.dispose();
  }
}

/** What the engine computes, or {unsupported: why} where it does not know the architecture. */
async function askOursIfKnown(path, tokens) {
  try {
    return await askOurs(path, tokens);
  } catch (error) {
    if (error.code !== "unsupported-architecture") throw error;
    return { unsupported: error.message };
  }
}

const largest = (values) => Math.max(...values.map(Math.abs));

test("each architecture gives what llama.cpp gives", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "camelgpt-architectures-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const tokens = randomTokens();
  const rows = await makeModels(folder);
  const references = await askLlamaCpp(rows, tokens);

  for (const [i, { name, type, path }] of rows.entries()) {
    await t.test(name, async (t) => {
      const reference = references[i];
      assert.equal(reference.error, undefined, "llama.cpp loads it");
      const ours = await askOursIfKnown(path, tokens);
      if (ours.unsupported) return t.skip(ours.unsupported);

      const error = largest(reference.logprobs.map((logprob, token) => logprob - ours.logprobs[token]));
      const scale = largest(reference.logprobs);
      const share = error / scale;
      t.diagnostic(`${name}, ${type}: largest error ${error.toExponential(1)} of ${scale.toFixed(1)} nats, ${share.toExponential(1)}`);
      assert.ok(share <= bounds[type], `${error} nats of ${scale}`);

      // From where they part both continue something else. Two logits may each be off by the error.
      const { greedy } = reference;
      const place = greedy.tokens.findIndex((token, step) => token !== ours.greedy[step]);
      if (place >= 0) assert.ok(greedy.gaps[place] <= 2 * error, `token ${place}: ${ours.greedy} instead of ${greedy.tokens}`);
    });
  }
});
