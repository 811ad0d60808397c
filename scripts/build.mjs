// Builds build/wasm and npm/dist from the sources. `--only wasm` and `--only ts` build one of the two.
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildWasm } from "./lib/wasm.mjs";
import { Problem, isMain, repositoryRoot, run, runMain, say } from "./lib/run.mjs";
import { ensureToolchain } from "./setup.mjs";

/** Builds the WebAssembly of every flavour, then the package. `tools` is the result of ensureToolchain. */
export async function build(tools) {
  await buildWasm(tools);
  await buildPackage();
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

function packageIsFresh() {
  const stamp = join(repositoryRoot, packageStamp);
  return (
    existsSync(stamp) && packageInputs.every((path) => newest(join(repositoryRoot, path)) < statSync(stamp).mtimeMs)
  );
}

/** Builds npm/dist from the TypeScript sources and build/wasm, unless it is newer than all its inputs. */
export async function buildPackage() {
  const manifest = join(repositoryRoot, "npm/package.json");
  if (!existsSync(manifest) || !JSON.parse(readFileSync(manifest, "utf8")).scripts?.build) {
    throw new Problem("npm/package.json has no build script");
  }
  if (packageIsFresh()) return;
  await run("npm", ["run", "--silent", "build", "--workspace", "npm"]);
  writeFileSync(join(repositoryRoot, packageStamp), "");
}

if (isMain(import.meta.url)) {
  await runMain(async (args) => {
    const only = args[0] === "--only" ? args[1] : undefined;
    if (args.length > 0 && only !== "wasm" && only !== "ts")
      throw new Problem("usage: node scripts/build.mjs [--only wasm|ts]");
    const started = performance.now();
    const tools = await ensureToolchain({ native: false });
    if (only !== "ts") await buildWasm(tools);
    if (only !== "wasm") await buildPackage();
    say(`build: done in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  });
}
