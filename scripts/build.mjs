// Builds build/wasm, npm/dist and the demo from the sources; `--only wasm|ts|demo` builds one of them.
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildWasm } from "./lib/wasm.mjs";
import { Problem, isMain, repositoryRoot, run, runMain, say } from "./lib/run.mjs";
import { ensureToolchain } from "./setup.mjs";

/** Builds the WebAssembly of every flavour, the package and the demo. `tools` is the result of ensureToolchain. */
export async function build(tools) {
  await buildWasm(tools);
  await buildPackage();
  await buildDemo();
}

// Everything that npm/dist is built from.
const packageInputs = [
  "web",
  "npm/src",
  "npm/build.mjs",
  "npm/package.json",
  "npm/third-party",
  "scripts/lib/licences.mjs",
  "npm/tsconfig.json",
  "build/wasm",
  "models/camelgpt-mini",
  "package-lock.json",
];
const packageStamp = "npm/dist/.built";
const demoInputs = ["demo", "docs/results", "package-lock.json", packageStamp];
const demoStamp = "build/demo/.built";

/** The newest modification time below `path`, without the intermediate files of build/wasm/cmake. */
function newest(path) {
  const status = statSync(path);
  if (!status.isDirectory()) return status.mtimeMs;
  return Math.max(
    0,
    ...readdirSync(path)
      .filter((name) => name !== "cmake")
      .map((name) => newest(join(path, name))),
  );
}

/** Whether a stamp is newer than everything that it was built from. */
function isFresh(stampPath, inputs) {
  const stamp = join(repositoryRoot, stampPath);
  return existsSync(stamp) && inputs.every((path) => newest(join(repositoryRoot, path)) < statSync(stamp).mtimeMs);
}

/** Builds npm/dist from the TypeScript sources and build/wasm, unless it is newer than all its inputs. */
export async function buildPackage() {
  const manifest = join(repositoryRoot, "npm/package.json");
  if (!existsSync(manifest) || !JSON.parse(readFileSync(manifest, "utf8")).scripts?.build) {
    throw new Problem("npm/package.json has no build script");
  }
  if (isFresh(packageStamp, packageInputs)) return;
  await run("npm", ["run", "--silent", "build", "--workspace", "npm"]);
  writeFileSync(join(repositoryRoot, packageStamp), "");
}

/** Builds the demo page into build/demo, unless it is newer than all its inputs. */
export async function buildDemo() {
  if (isFresh(demoStamp, demoInputs)) return;
  await run("npm", ["run", "--silent", "build", "--workspace", "demo"]);
  writeFileSync(join(repositoryRoot, demoStamp), "");
}

const parts = ["wasm", "ts", "demo"];

if (isMain(import.meta.url)) {
  await runMain(async (args) => {
    const only = args[0] === "--only" ? args[1] : undefined;
    if (args.length > 0 && !parts.includes(only))
      throw new Problem(`usage: node scripts/build.mjs [--only ${parts.join("|")}]`);
    const started = performance.now();
    const tools = await ensureToolchain({ native: false });
    const wants = (part) => only === undefined || only === part;
    if (wants("wasm")) await buildWasm(tools);
    if (wants("ts")) await buildPackage();
    if (wants("demo")) await buildDemo();
    say(`build: done in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  });
}
