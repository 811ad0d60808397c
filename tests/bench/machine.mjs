// Describes the machine and the programs of a run.
import { existsSync, readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { capture, repositoryRoot } from "../../scripts/lib/run.mjs";

const flagsOfInterest = /^(avx|avx2|avx512\w*|avx_vnni|avx512_vnni|fma|f16c|amx_\w+|asimddp|i8mm|sve2?)$/;

export function describeMachine() {
  return {
    cpu: cpus()[0].model.trim(),
    cores: cpus().length,
    flags: cpuFlags().filter((flag) => flagsOfInterest.test(flag)),
    memoryBytes: totalmem(),
    system: `${process.platform} ${process.arch}`,
  };
}

function cpuFlags() {
  const path = "/proc/cpuinfo";
  if (!existsSync(path)) return [];
  return /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync(path, "utf8"))?.[1].trim().split(/\s+/) ?? [];
}

/** Program → version. */
export function describeVersions({ chromium, node24, peers }) {
  const { version } = JSON.parse(readFileSync(join(repositoryRoot, "npm/package.json"), "utf8"));
  const commit = capture("git", ["rev-parse", "--short=12", "HEAD"]);
  const changed = capture("git", ["status", "--porcelain", "--untracked-files=no"]);
  return {
    CamelGPT: commit.ok
      ? `${version} (${commit.stdout.trim()}${changed.stdout.trim() ? " with changes" : ""})`
      : version,
    Chromium: capture(chromium, ["--version"]).stdout.match(/[\d.]+/)?.[0],
    Node: capture(node24, ["--version"]).stdout.trim(),
    Deno: peers.versions["@deno/linux-x64-glibc"],
    Bun: peers.versions["@oven/bun-linux-x64"],
    wllama: peers.versions["@wllama/wllama"],
    "node-llama-cpp": peers.versions["node-llama-cpp"],
  };
}
