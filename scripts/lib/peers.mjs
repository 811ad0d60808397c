// The programs that benchmarks and full tests need beside the product, installed where their package.json is when they are first asked for.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot, run, say } from "./run.mjs";

/** The engines that benchmarks and parity tests compare with. */
export const ensurePeers = () => ensureInstalled("tests/bench", "wllama, node-llama-cpp, Deno and Bun (about 300 MB)");

/** The runtimes that the package is tried in. */
export const ensureRuntimes = () =>
  ensureInstalled("tests/runtimes", "workerd, Deno, Bun, and what looks the package over (about 400 MB)");

/** Installs what a folder's package.json pins; returns `{modules, versions}`: its node_modules and package name → version. */
async function ensureInstalled(path, what) {
  const folder = join(repositoryRoot, path);
  const modules = join(folder, "node_modules");
  const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const installed = ([name, version]) => {
    const manifest = join(modules, name, "package.json");
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).version === version;
  };
  if (!Object.entries(dependencies).every(installed)) {
    say(`${path}: installing ${what}`);
    // Not `npm ci`: it insists on the binaries for every system. Without optional packages: they are binaries for graphics cards and other systems, several hundred megabytes.
    await run("npm", ["install", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder });
  }
  return { modules, versions: dependencies };
}
