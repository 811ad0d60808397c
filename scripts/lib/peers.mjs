// The engines that benchmarks and parity tests compare with, installed beside the benchmarks when they are first asked for.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot, run, say } from "./run.mjs";

const folder = join(repositoryRoot, "tests/bench");

/** Installs the pinned peers; returns `{modules, versions}`: their node_modules and package name → version. */
export async function ensurePeers() {
  const modules = join(folder, "node_modules");
  const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const installed = ([name, version]) => {
    const manifest = join(modules, name, "package.json");
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).version === version;
  };
  if (!Object.entries(dependencies).every(installed)) {
    say("peers: installing wllama, node-llama-cpp, Deno and Bun (about 300 MB)");
    // Not `npm ci`: it insists on the binaries for every system. Without optional packages: they are binaries for graphics cards and other systems, several hundred megabytes.
    await run("npm", ["install", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder });
  }
  return { modules, versions: dependencies };
}
