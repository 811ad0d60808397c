// What llama.cpp made of the small models, as goldens.json holds it; tests/parity/architectures/make-goldens.mjs makes it anew.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";

const path = new URL("goldens.json", import.meta.url);

/** The reference of a row, which must have been made from the same file. */
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

/** One line for each model; six decimals are far more than the engine promises. */
export function writeGoldens({ version, models }) {
  const rounded = (_key, value) => (typeof value === "number" ? Number(value.toFixed(6)) : value);
  const lines = Object.entries(models).map(
    ([name, model]) => `${JSON.stringify(name)}: ${JSON.stringify(model, rounded)}`,
  );
  writeFileSync(path, `{"version": ${JSON.stringify(version)}, "models": {\n${lines.join(",\n")}\n}}\n`);
}
