// Manifests of releases: any bytes give a typed error or a release whose files lie below the manifest. Some manifests
// are also served, to see which addresses are requested.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { repositoryRoot } from "../../../scripts/lib/run.mjs";
import { importSource } from "../../web/lib/source.mjs";
import { committedSeeds, outcomeOf, require, runHarness } from "./harness.mjs";
import { mutate, mutateJson } from "./mutator.mjs";

const base = "https://models.example/folder/";
const hash = (text) => createHash("sha256").update(text).digest("hex");
const contents = { "m.gguf": "weights", "m.epdp": "sidecar", "m.blocks": "blocks" };

/** An unsigned manifest of small files, of either format. */
function smallManifest(format) {
  const file = (role, path) => ({
    role,
    path,
    bytes: contents[path].length,
    ...(format === 1 ? { sha256: hash(contents[path]) } : { pieces: [hash(contents[path])] }),
  });
  const files = [file("weights", "m.gguf"), file("sidecar", "m.epdp"), file("blocks", "m.blocks")];
  return { format, name: "small", version: "1.0.0", license: "MIT", files };
}

const seeds = () => [
  ...committedSeeds("fuzz-manifest"),
  readFileSync(`${repositoryRoot}/models/camelgpt-mini/camelgpt.json`),
  ...[1, 2].map((format) => Buffer.from(JSON.stringify(smallManifest(format)))),
];

function change(bytes, pick, options) {
  if (pick(3) === 0) return mutate(bytes, pick, { ...options, maxBytes: 1 << 16 });
  try {
    return Buffer.from(JSON.stringify(mutateJson(JSON.parse(bytes.toString("utf8")), pick)) ?? "").subarray(0, 1 << 16);
  } catch {
    return mutate(bytes, pick, options);
  }
}

function checkFile({ path, check }) {
  require(typeof path === "string" && /^\w[\w./-]*$/.test(path), `the path ${path}`);
  require(!path.split("/").some((part) => /^\.*$/.test(part)), `the path ${path}`);
  require(new URL(path, base).href.startsWith(base), `the path ${path} stays below the manifest`);
  require(Number.isSafeInteger(check.bytes) && check.bytes > 0, "a size");
  require(check.pieces.length === Math.ceil(check.bytes / check.pieceBytes), "a hash for each piece");
  require(check.pieces.every((piece) => /^[0-9a-f]{64}$/.test(piece)), "hashes");
}

/** Serves the manifest and its files to verify(). */
async function verify(manifest) {
  const fetch = async (url) => {
    const href = String(url);
    require(href.startsWith(base), `${href} is requested`);
    if (href === `${base}camelgpt.json`) return new Response(manifest);
    const content = contents[href.slice(base.length)];
    return content === undefined ? new Response("", { status: 404 }) : new Response(content);
  };
  await CamelGPTInference.verify(base, { fetch, retries: 0, worker: false });
}

await runHarness({
  url: import.meta.url,
  seeds,
  change,
  dictionary: ["../", "\\", '"role":"weights",', '"signature":{}', '"sha256":', '"pieces":[', "\\u0000", "__proto__"],
  setUp: () => importSource("web/load/releases/manifest.ts"),
  async execute(input, pick, { parseManifest }) {
    let release;
    let outcome;
    try {
      release = await parseManifest(input);
      for (const file of [release.weights, release.sidecar, release.blocks]) if (file) checkFile(file);
      outcome = `${Object.keys(release)} ${release.signature?.by ? "signed" : release.signature}`;
    } catch (error) {
      outcome = outcomeOf(error);
    }
    if (release === undefined && pick(16) > 0) return outcome;
    try {
      await verify(input);
      require(release !== undefined, "verify() accepts what the parser does");
      outcome += ", verified";
    } catch (error) {
      outcome += outcomeOf(error);
    }
    return outcome;
  },
});
