// Finds an `emcc` that is new enough for this project: the one on PATH, or a private copy of Debian 13's package,
// unpacked without installing it.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cacheFolder, ensureFolder } from "./cache.mjs";
import { Problem, capture, findProgram, run, say } from "./run.mjs";

const oldestUsable = [3, 1, 60];
const privateVersion = "3.1.69";
const binaryenVersion = "120";
const acornVersion = "8.19.0";
const suite = "trixie";
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * The folder of clang, wasm-ld and other tools of Debian's `llvm-19` and `lld-19`, which the private Emscripten uses.
 */
export const llvmFolder = "/usr/lib/llvm-19/bin";

/** `{emcc, version}` of a usable Emscripten on PATH, or undefined. */
export function findEmscriptenOnPath() {
  const emcc = findProgram("emcc");
  if (!emcc) return undefined;
  const version = /(\d+)\.(\d+)\.(\d+)/.exec(capture(emcc, ["--version"]).stdout);
  if (!version) return undefined;
  const isOlder = [1, 2, 3].reduce((order, i) => order || Number(version[i]) - oldestUsable[i - 1], 0) < 0;
  return isOlder ? undefined : { emcc, version: version[0] };
}

/** The private Emscripten's `emcc`, unpacked if missing. `node24` runs the JavaScript parts of the compiler. */
export async function ensurePrivateEmscripten(node24) {
  const prefix = cacheFolder("toolchain", `emscripten-${privateVersion}`);
  await ensureFolder(prefix, (folder) => makePrefix(folder, node24));
  return join(prefix, "usr/share/emscripten/emcc");
}

async function makePrefix(prefix, node24) {
  say(`setup: unpacking a private Emscripten ${privateVersion} in ${cacheFolder("toolchain")}`);
  const packages = join(prefix, "packages");
  await mkdir(packages);
  await downloadPackages(packages);

  say("setup: unpacking Emscripten and binaryen (not installing them)");
  for (const file of await readdir(packages)) await unpack(join(packages, file), prefix);
  await rm(packages, { recursive: true });

  const emscripten = join(prefix, "usr/share/emscripten");
  await wrapBinaryen(prefix);
  await configure(emscripten, node24);
  say(`setup: downloading acorn ${acornVersion} (npm), which Emscripten's optimiser imports`);
  // Without this file a "type": "module" of a parent folder would apply to Emscripten's scripts.
  await writeFile(join(emscripten, "package.json"), "{}\n");
  await run("npm", ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", `acorn@${acornVersion}`], {
    cwd: emscripten,
  });
  await checkItCompiles(join(emscripten, "emcc"), prefix);
}

/** Fetches the packages with a separate apt state: the system's sources and pins do not change. */
async function downloadPackages(folder) {
  const state = join(folder, "..", "apt");
  const sources = join(state, "sources");
  for (const part of ["lists/partial", "archives/partial", "sources", "preferences"]) {
    await mkdir(join(state, part), { recursive: true });
  }
  const source = [
    "Types: deb",
    `URIs: ${debianUri()}`,
    `Suites: ${suite}`,
    "Components: main",
    `Signed-By: ${keyring}`,
  ];
  await writeFile(join(sources, "debian.sources"), `${source.join("\n")}\n`);
  const options = Object.entries({
    "Dir::State": state,
    "Dir::State::lists": join(state, "lists"),
    "Dir::State::status": "/dev/null",
    "Dir::Cache": state,
    "Dir::Cache::archives": join(state, "archives"),
    "Dir::Etc::sourcelist": "/dev/null",
    "Dir::Etc::sourceparts": sources,
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": join(state, "preferences"),
    "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
    "Acquire::Languages": "none",
    "APT::Sandbox::User": "root",
  }).flatMap(([key, value]) => ["-o", `${key}=${value}`]);

  say(`setup: downloading Debian ${suite}'s package list, then emscripten, binaryen and their C library (250 MB)`);
  await run("apt-get", [...options, "-qq", "update"]);
  const names = [`emscripten=${privateVersion}*`, `binaryen=${binaryenVersion}-*`, "libc6", "libstdc++6", "libgcc-s1"];
  await run("apt-get", [...options, "-qq", "download", ...names], { cwd: folder });
  await rm(state, { recursive: true });
}

/** The archive that the system's own packages come from. */
function debianUri() {
  const folder = "/etc/apt/sources.list.d";
  const files = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  files.push("/etc/apt/sources.list");
  const isDebian = existsSync("/etc/os-release") && /^ID=debian$/m.test(readFileSync("/etc/os-release", "utf8"));
  if (isDebian && findProgram("apt-get") && existsSync(keyring)) {
    for (const file of files) {
      if (!existsSync(file)) continue;
      const uri = /^(?:URIs:|deb\s+(?:\[.*?\]\s*)?)\s*(\S+\/debian)\/?(?:\s|$)/m.exec(readFileSync(file, "utf8"));
      if (uri) return uri[1];
    }
  }
  throw new Problem(
    `no Emscripten ${oldestUsable.join(".")} or newer on PATH and no Debian archive to download it from: ` +
      "install emsdk, put its emcc on PATH and try again",
  );
}

/** Keeps only the static single-file libraries of wasm32: the other variants take a gigabyte. */
function unpack(file, prefix) {
  const unwanted = [
    "usr/share/doc",
    "usr/share/emscripten/test",
    "usr/share/emscripten/cache/sysroot/lib/*/*pic",
    "usr/share/emscripten/cache/sysroot/lib/*/lto",
  ];
  const excludes = unwanted.map((path) => `--exclude=./${path}`).join(" ");
  return run("sh", [
    "-c",
    `dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --no-same-owner ${excludes}`,
    "sh",
    file,
    prefix,
  ]);
}

/** Binaryen is linked against a newer C library: each program runs through the loader shipped with that library. */
async function wrapBinaryen(prefix) {
  const wrappers = join(prefix, "binaryen/bin");
  await mkdir(wrappers, { recursive: true });
  const machine = readdirSync(join(prefix, "usr/lib")).find((name) => name.endsWith("-linux-gnu"));
  const library = join(prefix, "usr/lib", machine);
  const loader = readdirSync(library).find((name) => /^ld-linux-.*\.so/.test(name));
  for (const program of await readdir(join(prefix, "usr/bin"))) {
    if (!program.startsWith("wasm")) continue;
    const wrapper = join(wrappers, program);
    const lib = `$prefix/usr/lib/${machine}`;
    const lines = [
      "#!/bin/sh",
      'prefix="${0%/*}/../.."',
      `exec "${lib}/${loader}" --library-path "${lib}" "$prefix/usr/bin/${program}" "$@"`,
    ];
    await writeFile(wrapper, `${lines.join("\n")}\n`);
    await chmod(wrapper, 0o755);
  }
}

async function configure(emscripten, node24) {
  const lines = [
    "from tools.utils import path_from_root",
    `LLVM_ROOT = ${JSON.stringify(llvmFolder)}`,
    "BINARYEN_ROOT = path_from_root('../../../binaryen')",
    `NODE_JS = ${JSON.stringify(node24)}  # has relaxed SIMD, which --emit-tsd runs`,
    "CACHE = path_from_root('cache')",
  ];
  await writeFile(join(emscripten, ".emscripten"), `${lines.join("\n")}\n`);
}

async function checkItCompiles(emcc, prefix) {
  const source = join(prefix, "check.cpp");
  await writeFile(
    source,
    "#include <emscripten/bind.h>\nint one() { return 1; }\n" +
      'EMSCRIPTEN_BINDINGS(check) { emscripten::function("one", one); }\n',
  );
  const output = join(prefix, "check.mjs");
  const result = capture(emcc, ["-O1", "-fno-exceptions", "-lembind", source, "-o", output]);
  if (!result.ok)
    throw new Problem(`the private Emscripten cannot compile: ${result.stderr.trim().split("\n").at(-1)}`);
  for (const name of ["check.cpp", "check.mjs", "check.wasm"]) await rm(join(prefix, name), { force: true });
}

/** The tools in the same folder as `emcc`. */
export function toolsBeside(emcc) {
  const folder = dirname(emcc);
  return { emcc, emcmake: join(folder, "emcmake") };
}
