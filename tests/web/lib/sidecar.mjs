// The sidecar of the test model for tests that need one but do not test calibration. The first test that asks for it
// calibrates, or the test of calibration shares its own; all tests of the same engine build and flavour share the
// result.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { hasRelaxedSimd, modelPath, repository } from "./model.mjs";

/** Bytes of the sidecar that calibrate() returns. */
export async function ensureSidecar() {
  try {
    return Uint8Array.from(readFileSync(sharedPath()));
  } catch {
    const model = await CamelGPTInference.load(modelPath, { contextLength: 512, epdp: "balanced" });
    const { sidecar } = await model.calibrate();
    await model.dispose();
    shareSidecar(sidecar);
    return sidecar;
  }
}

/** Shares a sidecar that calibrate() has returned. */
export function shareSidecar(sidecar) {
  const path = sharedPath();
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}`; // another test may be writing the same sidecar
  writeFileSync(unfinished, sidecar);
  renameSync(unfinished, path);
}

function sharedPath() {
  const flavour = hasRelaxedSimd ? "relaxed" : "simd";
  const engine = readFileSync(join(repository, `npm/dist/wasm/camelgpt-${flavour}.wasm`));
  const hash = createHash("sha256").update(engine).digest("hex").slice(0, 16);
  return join(repository, "build/test-model/sidecars", `${flavour}-${hash}.epdp`);
}
