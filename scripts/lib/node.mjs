// Finds a Node of a given major version: the one running this script, or a pinned version in the cache. Its npm
// package contains only the binary.
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder, ensureFolder } from "./cache.mjs";
import { run, say } from "./run.mjs";

const pinned = { 20: "20.20.2", 22: "22.23.3", 24: "24.21.0" };

/** Flags of Node 24 that disable instructions, to test the code paths of processors without them. */
export const flagWithoutFma = "--no-enable-avx"; // disables the relaxed flavour as well
export const v8Flags = process.arch === "x64" ? ["--no-enable-avx-vnni", "--no-enable-avx2", flagWithoutFma] : [];

/** A Node of `major` from the cache, downloaded if missing, for this machine's processor or for `arch`. */
export async function ensureNode(major, arch = process.arch) {
  const version = pinned[major];
  const folder = cacheFolder("toolchain", arch === process.arch ? `node-${version}` : `node-${version}-${arch}`);
  await ensureFolder(folder, async (temporary) => {
    const name = `node-${process.platform === "win32" ? "win" : process.platform}-${arch}`;
    say(`setup: downloading Node ${version} (npm package ${name})`);
    const fetched = join(temporary, "fetch");
    await mkdir(fetched);
    const flags = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--prefix", fetched];
    if (arch !== process.arch) flags.push("--force"); // npm refuses other processors' binaries
    await run("npm", ["install", ...flags, `${name}@${version}`], { cwd: fetched });
    await rename(join(fetched, "node_modules", name, "bin"), join(temporary, "bin"));
    await rm(fetched, { recursive: true });
  });
  const binary = join(folder, "bin", process.platform === "win32" ? "node.exe" : "node");
  if (!existsSync(binary)) throw new Error(`${binary} is missing: remove ${folder} and try again`);
  return binary;
}

/** The Node running this script if it is of `major`, otherwise the cached one. */
export async function nodeOfMajor(major) {
  return process.versions.node.startsWith(`${major}.`) ? process.execPath : ensureNode(major);
}
