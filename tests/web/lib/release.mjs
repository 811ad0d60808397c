// Makes a release from a model and its sidecar.
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { repository } from "./model.mjs";

/**
 * The files of an unsigned release other than the weights, by their paths on a server on which `/model.gguf` has the
 * weights.
 */
export function releaseOf(weights, sidecar) {
  const folder = mkdtempSync(join(tmpdir(), "camelgpt-release-"));
  try {
    writeFileSync(join(folder, "model.gguf"), weights);
    writeFileSync(join(folder, "model.epdp"), sidecar);
    const camelgpt = (...args) => execFileSync(process.execPath, [join(repository, "npm/bin/camelgpt.js"), ...args]);
    const key = join(folder, "key.pem");
    writeFileSync(key, generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }));
    const make = (...more) => camelgpt("release", folder, "--version", "1.0.0", "--license", "Apache-2.0", ...more);
    camelgpt("verify", folder, "--trust", JSON.parse(make("--json", "--key", key)).signedBy);
    make();
    return Object.fromEntries(
      ["camelgpt.json", "model.epdp", "model.blocks"].map((name) => [`/${name}`, readFileSync(join(folder, name))]),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
