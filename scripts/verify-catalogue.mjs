// Compares the catalogue of models with the hub, and fills in the size and SHA-256 of each file, and the commit that
// has them. Needs the network.
//   node scripts/verify-catalogue.mjs [name …] [--hub URL] [--accept]
// A known hash is only replaced with --accept.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isMain, Problem, repositoryRoot, runMain, say } from "./lib/run.mjs";

const path = join(repositoryRoot, "web/load/catalogue/models.json");

/**
 * Returns the entries as the hub confirms them, and a sentence about each that it does not confirm.
 * @param names  the entries to verify; empty: all
 * @param accept whether the hub's hash replaces a known one
 */
export async function verifyCatalogue(entries, { hub = "https://huggingface.co", names = [], accept = false } = {}) {
  const problems = [];
  const verified = [];
  for (const entry of entries) {
    const isWanted = entry.repository && (names.length === 0 || names.includes(entry.name));
    try {
      verified.push(isWanted ? await verifyEntry(entry, hub, accept) : entry);
    } catch (error) {
      problems.push(`${entry.name}: ${error.message}`);
      verified.push(entry);
    }
  }
  return { entries: verified, problems };
}

async function verifyEntry({ verified: _, ...entry }, hub, accept) {
  const { repository, file, sha256 } = entry;
  const { sha: revision } = await getJson(`${hub}/api/models/${repository}/revision/main`);
  if (!/^[0-9a-f]{40}$/.test(revision)) throw new Problem(`the hub tells no commit of ${repository}`);
  const files = await getJson(`${hub}/api/models/${repository}/tree/${revision}?recursive=true`);
  const models = files.filter((each) => each.path.endsWith(".gguf") && each.lfs);
  const known = sha256 && models.find(({ lfs }) => lfs.oid === sha256);
  const found = known ?? models.find((each) => each.path === file);
  if (!found) throw new Problem(`${repository} has no ${file}, but ${models.map((each) => each.path).join(", ")}`);
  if (sha256 && !known && !accept) {
    throw new Problem(`${file} has the SHA-256 ${found.lfs.oid}, not ${sha256}; --accept replaces the latter`);
  }
  const { sampling, ...rest } = entry;
  return {
    ...rest,
    revision,
    file: found.path,
    bytes: found.lfs.size,
    sha256: found.lfs.oid,
    ...(sampling && { sampling }),
    verified: true,
  };
}

async function getJson(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000) });
  if (!response.ok) throw new Problem(`${url} answers with HTTP ${response.status}`);
  return response.json();
}

if (isMain(import.meta.url)) {
  await runMain(async (args) => {
    const options = { hub: { type: "string" }, accept: { type: "boolean" } };
    const { values, positionals: names } = parseArgs({ args, options, allowPositionals: true });
    const before = JSON.parse(readFileSync(path, "utf8"));
    const unknown = names.find((name) => !before.some((entry) => entry.name === name));
    if (unknown) throw new Problem(`unknown model "${unknown}"`);
    const { entries, problems } = await verifyCatalogue(before, { ...values, names });
    writeFileSync(path, `${JSON.stringify(entries, null, 2)}\n`);
    for (const { name, verified } of entries) say(`${name}: ${verified ? "verified" : "not verified"}`);
    if (problems.length > 0) throw new Problem(problems.join("\n"));
    say("Run node scripts/format.mjs, and commit web/load/catalogue/models.json.");
  });
}
