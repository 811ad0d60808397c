// Shared by the tests of this folder: the real model, and checks of errors.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { CamelGPTError } from "@gpt-research/camelgpt-inference";

/** Path of SmolLM2-135M-Instruct. */
export const modelPath = process.env.CAMELGPT_TEST_MODEL ?? "";
if (!existsSync(modelPath)) throw new Error("set CAMELGPT_TEST_MODEL to the path of the release smollm2-135m");

export const repository = fileURLToPath(new URL("../../../", import.meta.url));

/** With `npm run test:full`, tests also cover cases that are slow and rarely fail. */
export const isFull = process.env.CAMELGPT_TEST_FULL === "1";

/** Node 20 has no relaxed SIMD. */
export const hasRelaxedSimd = Number(process.versions.node.split(".")[0]) >= 22;

/** Checks that `work` (a promise or a function) fails with a CamelGPTError of this code. Returns the error. */
export async function rejectsWith(code, work) {
  let error;
  try {
    await (typeof work === "function" ? work() : work);
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error, `expected an error with the code ${code}, but it succeeded`);
  assert.ok(error instanceof CamelGPTError, `expected a CamelGPTError, got ${error.stack}`);
  assert.equal(error.code, code, `${error.message} (${error.expected}, ${error.found})`);
  return error;
}

/** The first bytes of the model: its header, and some weights. */
export function headOfModel(size = 4 << 20) {
  return new Uint8Array(readFileSync(modelPath).subarray(0, size));
}

/** A text that is difficult to tokenize, and its ids according to the model's reference tokenizer. */
export function tokenizerGolden() {
  const data = `${repository}tests/data`;
  const { text, ids } = JSON.parse(readFileSync(`${data}/tokenizer-hard.smollm.json`, "utf8"));
  return { text: new TextDecoder("utf-8", { ignoreBOM: true }).decode(readFileSync(`${data}/${text}`)), ids };
}
