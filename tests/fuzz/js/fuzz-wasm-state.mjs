// Changed saved states through the built package: they are restored, or the error is typed, and the model answers
// afterwards as it does without them.
import { requireMemory } from "./memory.mjs";
import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { makeModel } from "../../architectures/make-models.mjs";
import { rows } from "../../architectures/rows.mjs";
import { tinyModel } from "../../web/lib/tiny-model.mjs";
import { committedSeeds, outcomeOf, require, runHarness } from "./harness.mjs";

const prompt = "The river rises.";
const headerBytes = 40;
const sizes = { checksum: 8, model: 16, kvBits: 24, length: 28, text: 32 }; // offsets in the header

const mask = (1n << 64n) - 1n;
/** hash_bytes() of src/base/hash.h. */
function hashBytes(bytes, hash) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const mix = (word) => {
    hash = ((hash ^ word) * 0xd6e8feb86659fd93n) & mask;
    hash ^= hash >> 32n;
  };
  let at = 0;
  for (; bytes.length - at >= 8; at += 8) mix(view.getBigUint64(at, true));
  const size = bytes.length - at;
  let tail = 0n;
  for (let i = size; i-- > 0; ) tail = (tail << 8n) | BigInt(bytes[at + i]);
  mix((size === 0 ? 0n : tail) ^ (BigInt(size) << 56n));
  return hash;
}

/** Corrects the checksum, if the sections are `sections`: the sizes after the header of the unchanged state. */
function correct(state, sections) {
  if (state.length < headerBytes) return;
  let hash = hashBytes(state.subarray(sizes.model, headerBytes), 0x9e3779b97f4a7c15n);
  let at = headerBytes;
  for (const size of sections) {
    hash = hashBytes(state.subarray(at, at + size), hash);
    at += size;
  }
  state.writeBigUInt64LE(hash, sizes.checksum);
}

/** The input: its first byte chooses the model and whether the checksum is corrected. */
const execute = async (input, pick, models) => {
  if (input.length === 0) return "empty";
  const choice = input[0];
  const { model, answer, sections } = models[choice % models.length];
  const state = Buffer.from(input.subarray(1));
  if (choice >= 64 && sections) correct(state, sections);
  let outcome = `${choice % models.length} `;
  try {
    const { tokens } = await model.loadState(state);
    outcome += `restored ${Math.min(tokens, 20)}`;
    const text = await model.generateText(prompt, { maxTokens: 2, ignoreEos: true });
    require(typeof text === "string", "an answer");
  } catch (error) {
    outcome += outcomeOf(error);
  }
  if (pick(8) === 0) {
    await model.generateText("xyz", { maxTokens: 1, ignoreEos: true }); // another text, so that the cache is replaced
    const again = await model.generateText(prompt, { maxTokens: 4, ignoreEos: true });
    require(again === answer, "the model answers as before");
  }
  requireMemory(256 << 20);
  return outcome;
};

async function setUp() {
  const files = [tinyModel(), makeModel(rows.find(({ architecture }) => architecture === "lfm2"))];
  const models = [];
  for (const file of files) {
    for (const kvCache of ["q16", "q8"]) {
      const model = await CamelGPTInference.load(file, { worker: false, contextLength: 128, kvCache, threads: 1 });
      const answer = await model.generateText(prompt, { maxTokens: 4, ignoreEos: true });
      const state = Buffer.from(await model.saveState());
      models.push({ model, answer, state, sections: sectionsOf(state) });
    }
  }
  return models;
}

/** Finds the sizes of the sections by their checksum: all but the text have the same number of bytes, if any fits. */
function sectionsOf(state) {
  const text = Number(state.readBigUInt64LE(sizes.text));
  const rest = state.length - headerBytes - text;
  const expected = state.readBigUInt64LE(sizes.checksum);
  for (let count = 1; count <= 4096 && count <= rest; ++count) {
    if (rest % count > 0) continue;
    const sections = [text, ...Array(count).fill(rest / count)];
    const copy = Buffer.from(state);
    correct(copy, sections);
    if (copy.readBigUInt64LE(sizes.checksum) === expected) return sections;
  }
  return undefined;
}

await runHarness({
  url: import.meta.url,
  setUp,
  seeds: (models) => [
    ...committedSeeds("fuzz-wasm-state"),
    ...models.flatMap(({ state }, i) => [0, 64].map((flag) => Buffer.concat([Buffer.from([flag + i]), state]))),
  ],
  dictionary: ["CGST"],
  first: () => 256,
  execute,
});
