// A model and its sidecar as a release.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { repository } from "./model.mjs";

/** The files of a release that belong to these weights, by their paths below a server's root: `/model.gguf` is what they stand beside. */
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
