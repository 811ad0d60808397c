// A byte-level model: its tokens are chunks of bytes; usage and scores count bytes.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { makeStlm } from "../../architectures/stlm.mjs";
import { repository } from "../lib/model.mjs";

const text = "Once upon a time there lived a naïve camel, 🐪 and internationalisation.";
const load = (options) => CamelGPTInference.load(new Uint8Array(makeStlm()), options);

test("texts are encoded as chunks of at most twelve bytes and decoded again", async (t) => {
  const model = await load();
  t.after(() => model.dispose());
  const tokens = await model.tokenize(text);
  assert.equal(await model.detokenize(tokens), text);
  const pieces = await model.pieces(tokens);
  assert.ok(pieces.includes(" internation") && pieces.includes("alisation"));
  assert.equal(pieces.join(""), text);
  await assert.rejects(model.detokenize([60000]), { code: "bad-input" });
});

test("generation counts bytes, and the default pruning does not apply to byte-level models", async (t) => {
  const model = await load({ epdp: "balanced" });
  t.after(() => model.dispose());
  const { tokens, usage } = await model.stream(text, { maxTokens: 10, ignoreEos: true, logprobs: 2 });
  assert.equal(usage.completionTokens, 10);
  assert.ok(usage.bytes >= 10 && usage.bytes <= 120);
  assert.deepEqual((await model.stream(text, { maxTokens: 10, ignoreEos: true })).tokens, tokens);
  const drawn = await model.stream(text, { maxTokens: 10, ignoreEos: true, temperature: 1, seed: 3 });
  assert.notDeepEqual(drawn.tokens, tokens);
  assert.equal((await model.report()).driftChecks, 0);
});

test("scores count bytes, and are the same on threads", async (t) => {
  const model = await load();
  t.after(() => model.dispose());
  const { tokens, bytes, nll, perplexity, logprobs } = await model.score(text, { logprobs: true });
  assert.equal(tokens, logprobs.length);
  assert.equal(bytes, Buffer.byteLength(text) - "Once".length);
  const sum = -logprobs.reduce((total, logprob) => total + logprob, 0);
  assert.ok(Math.abs(nll - sum / bytes) < 1e-9);
  assert.ok(Math.abs(perplexity - Math.exp(nll)) < 1e-9);
  const threaded = await load({ threads: 2 });
  t.after(() => threaded.dispose());
  assert.deepEqual((await threaded.score(text, { logprobs: true })).logprobs, logprobs);
});

test("options that require a vocabulary are refused", async (t) => {
  const model = await load();
  t.after(() => model.dispose());
  for (const option of [{ repeatPenalty: 1.2 }, { presencePenalty: 1 }, { logitBias: { 5: 1 } }]) {
    await assert.rejects(model.generateText(text, { maxTokens: 2, ...option }), { code: "bad-option" });
  }
});

test("stlm-tiny predicts captions", async (t) => {
  const model = await CamelGPTInference.load(join(repository, "models/stlm-tiny"));
  t.after(() => model.dispose());
  const bits = async (caption) => (await model.score(caption)).nll / Math.LN2;
  const [right, shuffled] = [
    await bits("A man in a blue shirt is standing on a street."),
    await bits("street a blue on in A is a shirt man standing."),
  ];
  t.diagnostic(`${right.toFixed(2)} and ${shuffled.toFixed(2)} bits a byte`);
  assert.ok(right < 2.7 && shuffled > right + 1, `${right} ${shuffled}`);
  const { text, usage, finishReason } = await model.stream("A man in", { maxTokens: 40 });
  t.diagnostic(text);
  assert.match(text, /^ an? [a-z ]+/);
  assert.equal(finishReason, "stop");
  assert.equal(usage.bytes, text.length);
});
