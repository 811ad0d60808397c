// Describes the machine and the programs of a run.
import { existsSync, readFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
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

/** Version and commit of this engine. */
function ownVersion() {
  const { version } = JSON.parse(readFileSync(join(repositoryRoot, "npm/package.json"), "utf8"));
  const commit = capture("git", ["rev-parse", "--short=12", "HEAD"]);
  const changed = capture("git", ["status", "--porcelain", "--untracked-files=no"]);
  if (!commit.ok) return version;
  return `${version} (${commit.stdout.trim()}${changed.stdout.trim() ? " with changes" : ""})`;
}

/** Program → version. */
export function describeVersions({ chromium, node24, peers }) {
  return {
    CamelGPT: ownVersion(),
    Chromium: capture(chromium, ["--version"]).stdout.match(/[\d.]+/)?.[0],
    Node: capture(node24, ["--version"]).stdout.trim(),
    Deno: peers.versions["@deno/linux-x64-glibc"],
    Bun: peers.versions["@oven/bun-linux-x64"],
    wllama: peers.versions["@wllama/wllama"],
    "newest wllama": peers.versions["wllama-newest"],
    "node-llama-cpp": peers.versions["node-llama-cpp"],
  };
}

/** The start of the report of `npm run bench:NAME -- ARGS`, which measures this engine in the Node that runs it. */
export function reportHead(name, args) {
  return {
    date: new Date().toISOString(),
    command: [`npm run bench:${name}`, ...(args.length > 0 ? ["--", ...args.map(quoted)] : [])].join(" "),
    machine: describeMachine(),
    versions: { CamelGPT: ownVersion(), Node: process.version },
    load: [loadavg()[0]],
  };
}

/** An argument as a shell needs it. */
const quoted = (arg) => (/^[\w.,:=/-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`);

/** The start of the report of a benchmark that compares this engine in Node 24 with llama.cpp. */
export function peerReportHead(name, args, { node24, peers }) {
  const head = reportHead(name, args);
  const versions = {
    ...head.versions,
    Node: capture(node24, ["--version"]).stdout.trim(),
    "node-llama-cpp": peers.versions["node-llama-cpp"],
  };
  return { ...head, versions };
}
