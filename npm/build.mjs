// Builds npm/dist from TypeScript and the compiled engine: bundles, declarations, WebAssembly. `--check` only checks
// that they exist and are within their size limits.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build as bundle } from "esbuild";
import { minify } from "terser";

import { isAllowedLicence } from "../scripts/lib/licences.mjs";

const folder = fileURLToPath(new URL(".", import.meta.url));
const engine = join(folder, "../build/wasm");
const release = join(folder, "../models/camelgpt-mini");
const dist = join(folder, "dist");

/** Parts of the worker that are files of their own, with their sources. */
const workerParts = { "chat-template": "../web/text/chat-template.ts", tasks: "../web/tasks/tasks.ts" };
/** The shapes that programs already use, each a subpath of the package. */
const adapters = {
  openai: "src/openai/openai.ts",
  "ai-sdk": "src/ai-sdk/ai-sdk.ts",
  "prompt-api": "src/prompt-api/prompt-api.ts",
};
/** The worker's imports of these, which bundlers must leave alone. Minifiers drop the comments that say so. */
const partImport = (name) => `import(new URL("./${name}.js",import.meta.url).href)`;
const ignoredByBundlers = "/*@vite-ignore*//*webpackIgnore:true*//*turbopackIgnore:true*/";

/** Upper limits in bytes: each .wasm uncompressed, the JavaScript of the browser entry and of the worker with gzip. */
const wasmLimit = 600_000;
const browserLimit = 25 << 10;
const adapterLimit = 12 << 10;

/** Packages of others whose code is in a bundle. Their licences are added to the package. */
const bundledPackages = new Set();
/** The licences of code and data of others that is in the compiled engine. */
const engineLicences = join(folder, "third-party");

const builds = ["simd", "relaxed", "simd-threads", "relaxed-threads"];
/** The release in the package: the default model, read on demand. */
const releaseFiles = ["camelgpt-mini.gguf", "camelgpt-mini.epdp", "README.md"];

/** Files that are also copied with the extension .bin, by which bundlers of edge functions recognise bytes. */
const edgeFiles = ["camelgpt-mini.gguf", "camelgpt-mini.epdp"];

const wasmFiles = builds.map((name) => `camelgpt-${name}.wasm`);

/**
 * Emscripten's code to find, download and compile the .wasm file, and to create a memory. It never runs, since the
 * package always passes `instantiateWasm` and `wasmMemory`, and a worker is 0.4 KB smaller with gzip without it.
 */
const unusedGlue = [
  /if\(ENVIRONMENT_IS_WEB\|\|ENVIRONMENT_IS_WORKER\)\{.*?\}else\{\}(?=var out=)/,
  /else\{var INITIAL_MEMORY=.*?\}(?=updateMemoryViews\(\))/,
  /wasmBinaryFile\?\?=findWasmBinary\(\);instantiateAsync\(.*?\)\.catch\(readyPromiseReject\);/,
];
const shortGlue = {
  name: "short-glue",
  setup(build) {
    build.onLoad({ filter: /[\\/]camelgpt\.mjs$/ }, async ({ path }) => {
      let contents = await readFile(path, "utf8");
      for (const code of unusedGlue) {
        if (!code.test(contents)) fail(`${path} has another form than expected: nothing matches ${code}`);
        contents = contents.replace(code, "");
      }
      return { contents, loader: "js" };
    });
  },
};

/**
 * A browser's worker shows no error to anyone: the caller's thread, which makes each of its errors again, hides the
 * secrets. Saves 1.5 KB with gzip.
 */
const redactedByCaller = {
  name: "redacted-by-caller",
  setup(build) {
    build.onLoad({ filter: /[\\/]web[\\/]redact\.ts$/ }, () => ({
      contents: "const same = (value) => value; export { same as redact, same as redactCause };",
    }));
  },
};

const shared = {
  plugins: [shortGlue],
  absWorkingDir: folder,
  outdir: dist,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  // Fields that only a constructor sets need no code of their own.
  tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
  legalComments: "none",
  logLevel: "warning",
};

async function main() {
  if (!process.argv.includes("--check")) await make();
  await check();
}

async function make() {
  const missing = [...wasmFiles, "camelgpt.mjs", "camelgpt.d.mts", "records.ts"].filter(
    (name) => !existsSync(join(engine, name)),
  );
  if (missing.length > 0)
    fail(
      `the engine is not built: build/wasm/${missing.join(", ")} missing. Run "npm run build" in the repository root.`,
    );
  await rm(dist, { recursive: true, force: true });
  await mkdir(join(dist, "wasm"), { recursive: true });
  for (const name of wasmFiles) await copyFile(join(engine, name), join(dist, "wasm", name));
  await writeFile(join(dist, "wasm/multiply-add.wasm"), await multiplyAdd());
  await mkdir(join(dist, "models"));
  for (const name of releaseFiles) await copyFile(join(release, name), join(dist, "models", name));
  for (const name of edgeFiles) await copyFile(join(release, name), join(dist, "models", `${name}.bin`));

  const entry = (name) => `src/entry/${name}.ts`;
  // In Node readable stack traces matter more than size.
  const node = { ...shared, platform: "node", minify: false };
  const browser = { ...shared, platform: "browser" };
  // Each worker is one file: Vite's default form of a worker cannot load chunks.
  await build({
    ...browser,
    plugins: [shortGlue, redactedByCaller],
    entryPoints: { worker: entry("browser-worker") },
  });
  await shrink("worker.js");
  // The worker imports these when the first call needs them.
  await build({ ...browser, plugins: [redactedByCaller], entryPoints: workerParts });
  await build({ ...node, entryPoints: { "node-worker": entry("node-worker") } });
  // Bundlers of edge functions turn these imports into modules and bytes.
  await build({ ...browser, entryPoints: { edge: entry("edge") }, external: ["*.wasm", "*.bin"] });
  await build({
    ...browser,
    entryPoints: { browser: entry("browser") },
    splitting: true,
    chunkNames: "browser-[name]-[hash]",
  });
  // Service workers cannot import dynamically, so this entry is one file.
  await build({ ...browser, entryPoints: { "service-worker": entry("browser") } });
  await build({
    ...node,
    entryPoints: { node: entry("node"), cli: "src/cli.ts" },
    splitting: true,
    chunkNames: "node-[name]-[hash]",
  });

  // Each adapter is one file without the engine: it works with the model of any entry.
  await build({ ...browser, platform: "neutral", entryPoints: adapters });

  const licence = join(folder, "../LICENSE"); // the package has a copy of the repository's licence
  if (existsSync(licence)) await copyFile(licence, join(folder, "LICENSE"));
  await writeFile(join(dist, "THIRD_PARTY_LICENSES.txt"), await licences());
  declarations();
}

/** Bundles, and takes down the packages whose code is in the result. */
async function build(options) {
  const result = await bundle({ ...options, metafile: true });
  for (const { inputs } of Object.values(result.metafile.outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const name = /.*node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(path)?.[1];
      if (name && bytesInOutput > 0) bundledPackages.add(name.replaceAll("\\", "/"));
    }
  }
  return result;
}

/**
 * Removes unused nested functions, which esbuild keeps and of which Emscripten's glue has many: saves 1.5 KB of a
 * worker, with gzip.
 */
async function shrink(name) {
  const path = join(dist, name);
  const { code } = await minify(await readFile(path, "utf8"), {
    module: true,
    ecma: 2020,
    compress: { passes: 3, hoist_funs: true },
  });
  let marked = code;
  for (const statement of Object.keys(workerParts).map(partImport)) {
    if (code.split(statement).length !== 2) fail(`${name} does not contain ${statement} once`);
    marked = marked.replace(statement, `import(${ignoredByBundlers}${statement.slice(7)}`);
  }
  await writeFile(path, marked);
}

/** The probe that edge functions import, since they cannot compile bytes. */
async function multiplyAdd() {
  const { outputFiles } = await build({ ...shared, entryPoints: ["../web/engine/multiply-add.ts"], write: false });
  return (await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`)).multiplyAdd;
}

function declarations() {
  const tsc = createRequire(import.meta.url).resolve("typescript/package.json");
  const result = spawnSync(process.execPath, [join(tsc, "../bin/tsc"), "-p", join(folder, "tsconfig.json")], {
    stdio: "inherit",
  });
  if (result.status !== 0) fail("tsc could not write the declarations");
}

async function licences() {
  const texts = [];
  for (const name of [...bundledPackages].sort()) {
    const root = packageFolder(name);
    const { version, license } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    const file = (await readdir(root)).find((each) => /^licen[cs]e/i.test(each));
    if (!file) fail(`the package ${name} has no text of its licence`);
    texts.push(`${name} ${version} (${license})\n\n${await readFile(join(root, file), "utf8")}`);
  }
  for (const file of (await readdir(engineLicences)).sort())
    texts.push(await readFile(join(engineLicences, file), "utf8"));
  return `${licencesHead}${texts.join(licencesRule)}`;
}

const licencesHead = "This package contains code and data of others:\n\n";
const licencesRule = `\n${"-".repeat(72)}\n\n`;

/** Checks that each licence of code of others is an allowed one and has a text. */
async function checkLicences() {
  const text = await readFile(join(dist, "THIRD_PARTY_LICENSES.txt"), "utf8");
  const sections = text.slice(licencesHead.length).split(licencesRule);
  for (const section of sections) {
    const [title = "", ...lines] = section.split("\n");
    const license = /\(([^()]+)\)$/.exec(title)?.[1];
    if (!isAllowedLicence(license)) fail(`the licence of "${title}" is not allowed: see scripts/lib/licences.mjs`);
    if (lines.join("\n").trim().length < 500) fail(`the text of the licence of "${title}" is missing`);
  }
  const engine = await readdir(engineLicences);
  if (sections.length <= engine.length) fail("THIRD_PARTY_LICENSES.txt lacks the licence of a package");
  console.log(`${sections.length} licences of others, all allowed`);
}

function packageFolder(name) {
  const paths = createRequire(import.meta.url).resolve.paths(name) ?? [];
  const root = paths.map((path) => join(path, name)).find((path) => existsSync(join(path, "package.json")));
  return root ?? fail(`the package ${name} is not installed: run npm install`);
}

async function check() {
  const wasm = await Promise.all(wasmFiles.map((name) => readFile(join(dist, "wasm", name))));
  wasmFiles.forEach((name, i) => limit(`wasm/${name}`, wasm[i].length, wasmLimit));
  limit("browser.js with static imports, gzip", await gzipOfStatic("browser.js"), browserLimit);
  limit("worker.js, gzip", await gzipOfStatic("worker.js"), browserLimit);
  for (const name of Object.keys(adapters)) limit(`${name}.js, gzip`, await gzipOfStatic(`${name}.js`), adapterLimit);
  await checkLicences();
}

/**
 * Returns the size of a file and of all files that it imports statically, each compressed separately, as by a server.
 */
async function gzipOfStatic(name, seen = new Set()) {
  if (seen.has(name)) return 0;
  seen.add(name);
  const code = await readFile(join(dist, name), "utf8");
  let bytes = gzipSync(code, { level: 9 }).length;
  for (const [, imported] of code.matchAll(/(?:from|import)\s*"\.\/([\w.-]+\.js)"/g))
    bytes += await gzipOfStatic(imported, seen);
  return bytes;
}

function limit(what, bytes, maxBytes) {
  console.log(`${what}: ${bytes} of at most ${maxBytes} bytes`);
  if (bytes > maxBytes) fail(`${what} is too large`);
}

function fail(message) {
  console.error(`build: ${message}`);
  process.exit(1);
}

await main();
