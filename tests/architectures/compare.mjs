// Compares the log-probabilities of our engine on a small model with those of llama.cpp.
import assert from "node:assert/strict";
import { availableParallelism } from "node:os";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { start, textTokens } from "./make-models.mjs";

const length = 48; // longer than the sliding windows
export const maxTokens = 16;

/**
 * The maximum difference of a log-probability from llama.cpp with the same weights as floats, relative to the largest
 * log-probability. Most of it comes from our 16-bit cache and llama.cpp's 16-bit table of gelu; with Q4_0 we also round
 * some activations to 8 bits.
 */
export const bounds = { F32: 1e-3, F16: 1e-3, Q8_0: 1e-3, Q4_0: 0.05, IQ4_XS: 1e-3, IQ3_S: 1e-3, MXFP4: 1e-3 };

/** The tokens every model is evaluated on: the start token, then random text tokens. */
export const tokens = [start, ...randomTokens(length - 1)];

/** The texts every tokenizer is tested on. */
export const texts = [
  "the hand of the king is on the other side",
  "  two  spaces, and a\nnew line\tand a tab ",
  "naïve café, été 2024 — 100 % of it ▁ 日本語 🦙",
  " andandand ingother thethe in inn </s> <s> <unk> <0x41>",
  "a",
  " ",
  "",
];

function randomTokens(count) {
  let state = 1;
  return Array.from({ length: count }, () => (state = (state * 48271) % 0x7fffffff) % textTokens);
}

/** Our engine's results for a row, or `{unsupported: reason}` for an unknown architecture. */
async function askOurs({ path, encoder }, threads = 1) {
  const model = await loadIfKnown(path, threads);
  if (model.unsupported) return model;
  try {
    if (encoder) return { embedding: Array.from(await model.embed(tokens, { normalize: false })) };
    const { logprobs } = await model.score(tokens, { logprobs: true });
    const greedy = await model.stream(tokens, { maxTokens, temperature: 0, ignoreEos: true });
    const options = { addSpecial: false, parseSpecial: false };
    const ids = await Promise.all(texts.map((text) => model.tokenize(text, options)));
    return { logprobs, greedy: { tokens: greedy.tokens }, ids };
  } finally {
    await model.dispose();
  }
}

async function loadIfKnown(path, threads) {
  try {
    return await CamelGPTInference.load(path, { epdp: "off", threads });
  } catch (error) {
    if (error.code !== "unsupported-architecture") throw error;
    return { unsupported: error.message };
  }
}

/**
 * A test body: the engine agrees with llama.cpp's reference for this row (see ask-llama-cpp.mjs). Returns the result of
 * compare(), or skips the test and returns nothing if the engine does not support the architecture.
 */
export async function expectReference(t, row, reference) {
  const ours = await askOurs(row);
  if (ours.unsupported) return t.skip(ours.unsupported);
  const result = compare(row, reference, ours, bounds[row.type]);
  const { error, scale, share } = result;
  const errors = `${error.toExponential(1)} of ${scale.toFixed(1)}, ${share.toExponential(1)}`;
  t.diagnostic(`${row.name}, ${row.type}: largest error ${errors}`);
  return result;
}

/** A test body: several threads produce the same bits as one. The engine starts at most one for each processor. */
export async function expectSameOnThreads(t, row) {
  const single = await askOurs(row);
  if (single.unsupported) return t.skip(single.unsupported);
  for (const threads of availableParallelism() > 2 ? [2, 3] : [2])
    assert.deepEqual(await askOurs(row, threads), single, `${threads} threads`);
}

/**
 * `{error, scale, share}`: the largest difference, the largest value of the reference, and their ratio, which must not
 * exceed `bound`.
 */
export function compare({ encoder }, reference, answer, bound) {
  const values = encoder ? "embedding" : "logprobs";
  assert.equal(answer[values].length, reference[values].length);
  const error = largest(reference[values].map((value, i) => value - answer[values][i]));
  const scale = largest(reference[values]);
  const share = error / scale;
  assert.ok(share <= bound, `the largest error is ${error} of ${scale}`);
  if (reference.ids) assert.deepEqual(answer.ids, reference.ids, "the tokens of the texts");
  if (!encoder) expectGreedy(reference.greedy, answer.greedy.tokens, error);
  return { error, scale, share };
}

const largest = (values) => Math.max(...values.map(Math.abs));

/**
 * Greedy answers may differ only where the reference's two best logits are nearly equal: each may be off by `error`.
 */
function expectGreedy({ tokens, gaps }, others, error) {
  const place = tokens.findIndex((token, step) => token !== others[step]);
  if (place >= 0) assert.ok(gaps[place] <= 2 * error, `token ${place}: ${others}, expected ${tokens}`);
}
