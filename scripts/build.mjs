// Sources go in, build/wasm and npm/dist come out. `--only wasm` and `--only ts` build one half.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { buildWasm } from "./lib/wasm.mjs";
import { Problem, isMain, repositoryRoot, run, runMain, say } from "./lib/run.mjs";
import { ensureToolchain } from "./setup.mjs";

/** The WebAssembly of every flavour, then the package around it. `tools` is what ensureToolchain returned. */
export async function build(tools) {
  await buildWasm(tools);
  await buildPackage();
}

/** npm/dist from the TypeScript sources and build/wasm. */
export async function buildPackage() {
  const manifest = join(repositoryRoot, "npm/package.json");
  if (!existsSync(manifest) || !JSON.parse(readFileSync(manifest, "utf8")).scripts?.build) {
    throw new Problem("npm/package.json has no build script");
  }
  await run("npm", ["run", "--silent", "build", "--workspace", "npm"]);
}

if (isMain(import.meta.url)) {
  await runMain(async (args) => {
    const only = args[0] === "--only" ? args[1] : undefined;
    if (args.length > 0 && only !== "wasm" && only !== "ts") throw new Problem("usage: node scripts/build.mjs [--only wasm|ts]");
    const started = performance.now();
    const tools = await ensureToolchain({ native: false });
    if (only !== "ts") await buildWasm(tools);
    if (only !== "wasm") await buildPackage();
    say(`build: done in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  });
}
