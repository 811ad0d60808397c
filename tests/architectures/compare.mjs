// A small model and what llama.cpp answered about it go in; how far our log-probabilities are from its own comes out.
import assert from "node:assert/strict";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { start, textTokens } from "./make-models.mjs";

const length = 48; // longer than the sliding windows
export const maxTokens = 16;

/**
 * The largest difference of a log-probability, as a share of the largest log-probability, from llama.cpp with the same weights as floats.
 * Most of it is our 16-bit cache and llama.cpp's 16-bit table of gelu; with Q4_0 we round some activations to 8 bits.
 */
export const bounds = { F32: 1e-3, F16: 1e-3, Q8_0: 1e-3, Q4_0: 0.05 };

/** What all models are asked about: the beginning, then random tokens with a text. */
export const tokens = [start, ...randomTokens(length - 1)];

/** What all are asked to cut into tokens. */
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

/** What the engine computes for a row, or {unsupported: why} where it does not know the architecture. */
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
 * A test's body: the engine gives what llama.cpp answered for this row (see ask-llama-cpp.mjs). Gives compare's result; skips the test
 * and gives nothing where the engine does not know the architecture.
 */
export async function expectReference(t, row, reference) {
  const ours = await askOurs(row);
  if (ours.unsupported) return t.skip(ours.unsupported);
  const result = compare(row, reference, ours, bounds[row.type]);
  const { error, scale, share } = result;
  t.diagnostic(
    `${row.name}, ${row.type}: largest error ${error.toExponential(1)} of ${scale.toFixed(1)}, ${share.toExponential(1)}`,
  );
  return result;
}

/** A test's body: several threads give the same bits as one. */
export async function expectSameOnThreads(t, row) {
  const alone = await askOurs(row);
  if (alone.unsupported) return t.skip(alone.unsupported);
  for (const threads of [2, 3]) assert.deepEqual(await askOurs(row, threads), alone, `${threads} threads`);
}

/** `{error, scale, share}`: the largest difference, the largest number of the reference, and one by the other, which is at most `bound`. */
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

/** From where they part both continue something else. Two logits may each be off by the error. */
function expectGreedy({ tokens, gaps }, others, error) {
  const place = tokens.findIndex((token, step) => token !== others[step]);
  if (place >= 0) assert.ok(gaps[place] <= 2 * error, `token ${place}: ${others} instead of ${tokens}`);
}
