// A folder → the paths of small models with random weights, written to it: all rows of tests/architectures/rows.mjs,
// and the architectures and graphs that llama.cpp does not have.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeModel } from "../architectures/make-models.mjs";
import { rows } from "../architectures/rows.mjs";
import { makeStlm } from "../architectures/stlm.mjs";

const relu = { hidden_activation: "relu" };
const rowOf = (name) => rows.find((row) => row.name === name);

/** Rows that differ from those of llama.cpp: a masked model, and models that skip neurons. */
const others = [
  { ...rowOf("llama-q8_0"), name: "camelgpt", architecture: "camelgpt", keys: relu },
  { ...rowOf("llama-q8_0"), name: "llama-relu", keys: relu },
  { ...rowOf("granite"), name: "granite-relu", keys: { ...rowOf("granite").keys, ...relu }, type: "Q8_0" },
  { ...rowOf("olmo2"), name: "olmo2-relu", keys: { ...rowOf("olmo2").keys, ...relu }, type: "Q8_0" },
];

/** Writes <name>.gguf for each model; returns the paths. */
export function writeModels(folder) {
  mkdirSync(folder, { recursive: true });
  const files = [...rows, ...others].map((row) => ({ name: row.name, bytes: makeModel(row) }));
  files.push({ name: "stlm", bytes: makeStlm() });
  return files.map(({ name, bytes }) => {
    const path = join(folder, `${name}.gguf`);
    writeFileSync(path, bytes);
    return path;
  });
}
