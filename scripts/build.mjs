// Sources go in, build/wasm and npm/dist come out. `--only wasm` and `--only ts` build one half.
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildWasm } from "./lib/wasm.mjs";
import { Problem, isMain, repositoryRoot, run, runMain, say } from "./lib/run.mjs";
import { ensureToolchain } from "./setup.mjs";

/** The WebAssembly of every flavour, then the package around it. `tools` is what ensureToolchain returned. */
export async function build(tools) {
  await buildWasm(tools);
  await buildPackage();
}

// What npm/dist is made of.
const packageInputs = [
  "web",
  "npm/src",
  "npm/build.mjs",
  "npm/package.json",
  "npm/tsconfig.json",
  "build/wasm",
  "models/camelgpt-mini",
  "package-lock.json",
];
const packageStamp = "npm/dist/.built";

/** When the newest file below `path` was changed; build/wasm/cmake, which has intermediate files, is passed over. */
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

/** npm/dist from the TypeScript sources and build/wasm, unless it is newer than all of them. */
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
