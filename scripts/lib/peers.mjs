// Installs the programs that benchmarks and full tests need besides the product, next to the package.json that pins
// them, on first use.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot, run, say } from "./run.mjs";

/** The engines that benchmarks and parity tests compare against. */
export const ensurePeers = () => ensureInstalled("tests/bench", "wllama, node-llama-cpp, Deno and Bun (about 300 MB)");

/** The runtimes in which the package is tested. */
export const ensureRuntimes = () =>
  ensureInstalled("tests/runtimes", "workerd, Deno, Bun, and package linters (about 400 MB)");

/** The version of a dependency that may be an alias, such as "npm:@wllama/wllama@3.13.0". */
export const pinnedVersion = (dependency) => dependency.replace(/^npm:.+@/, "");

/**
 * Installs the packages pinned by a folder's package.json. Returns `{modules, versions}`: its node_modules, and package
 * name → version.
 */
async function ensureInstalled(path, what) {
  const folder = join(repositoryRoot, path);
  const modules = join(folder, "node_modules");
  const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const versions = Object.fromEntries(Object.entries(dependencies).map(([name, text]) => [name, pinnedVersion(text)]));
  const installed = ([name, version]) => {
    const manifest = join(modules, name, "package.json");
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).version === version;
  };
  if (!Object.entries(versions).every(installed)) {
    say(`${path}: installing ${what}`);
    // Not `npm ci`, which requires the binaries for every system. Optional packages are binaries for graphics cards and
    // other systems, several hundred megabytes.
    await run("npm", ["install", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder });
  }
  return { modules, versions };
}
