// Reads and writes goldens.json, llama.cpp's results for the small models.
// tests/parity/architectures/make-goldens.mjs regenerates it.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";

const path = new URL("goldens.json", import.meta.url);

/** The reference of a row. Fails if it was made from another file. */
export function goldenOf({ name, hash }, { models }) {
  const hint = "run tests/parity/architectures/make-goldens.mjs";
  assert.ok(models[name], `${name} has no golden: ${hint}`);
  assert.equal(hash, models[name].hash, `the golden of ${name} was made from another file: ${hint}`);
  return models[name];
}

/** `{version: of llama.cpp, models: {name: {hash, and an answer of ask-llama-cpp.mjs}}}` */
export function readGoldens() {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** One line for each model. Six decimals exceed the accuracy that the engine promises. */
export function writeGoldens({ version, models }) {
  const rounded = (_key, value) => (typeof value === "number" ? Number(value.toFixed(6)) : value);
  const lines = Object.entries(models).map(
    ([name, model]) => `${JSON.stringify(name)}: ${JSON.stringify(model, rounded)}`,
  );
  writeFileSync(path, `{"version": ${JSON.stringify(version)}, "models": {\n${lines.join(",\n")}\n}}\n`);
}
