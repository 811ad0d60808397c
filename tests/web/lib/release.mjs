// Makes a release from a model and its sidecar.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { repository } from "./model.mjs";

/** The files of a release other than the weights, by their paths on a server on which `/model.gguf` has the weights. */
export function releaseOf(weights, sidecar) {
  const folder = mkdtempSync(join(tmpdir(), "camelgpt-release-"));
  try {
    writeFileSync(join(folder, "model.gguf"), weights);
    writeFileSync(join(folder, "model.epdp"), sidecar);
    const camelgpt = (...args) => execFileSync(process.execPath, [join(repository, "npm/bin/camelgpt.js"), ...args]);
    camelgpt("release", folder, "--version", "1.0.0", "--license", "Apache-2.0");
    camelgpt("verify", folder);
    return Object.fromEntries(
      ["camelgpt.json", "model.epdp", "model.blocks"].map((name) => [`/${name}`, readFileSync(join(folder, name))]),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
