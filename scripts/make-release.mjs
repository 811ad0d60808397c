// A folder with the files of a release goes in, its manifest camelgpt.json comes out.
//   node scripts/make-release.mjs models/camelgpt-mini --version 1.0.0 --license CC-BY-NC-SA-4.0
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Problem, isMain, runMain, say } from "./lib/run.mjs";

const roles = { ".gguf": "weights", ".epdp": "sidecar" };

/** The manifest of the files in a folder. */
export function manifestOf(folder, { version, license, parameters }) {
  const files = readdirSync(folder).sort().flatMap((path) => {
    const role = roles[/\.\w+$/.exec(path)?.[0]];
    if (!role) return [];
    const content = readFileSync(join(folder, path));
    return [{ role, path, bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") }];
  });
  if (!files.some(({ role }) => role === "weights")) throw new Problem(`${folder} has no .gguf file`);
  return { format: 1, name: basename(resolve(folder)), version, license, parameters, files };
}

if (isMain(import.meta.url)) {
  await runMain((args) => {
    const options = { version: { type: "string" }, license: { type: "string" }, parameters: { type: "string" } };
    const { positionals, values } = parseArgs({ args, options, allowPositionals: true });
    const [folder] = positionals;
    if (!folder || !values.version || !values.license) throw new Problem("say the folder, --version and --license");
    const manifest = manifestOf(folder, { ...values, parameters: Number(values.parameters) || undefined });
    writeFileSync(join(folder, "camelgpt.json"), `${JSON.stringify(manifest, null, 2)}\n`);
    say(`${join(folder, "camelgpt.json")}: ${manifest.files.map(({ path, bytes }) => `${path} ${bytes} bytes`).join(", ")}`);
  });
}
