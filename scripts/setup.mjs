// Fetches the tools that this project needs, if missing, and returns their paths. It can be repeated safely and returns
// quickly if everything is installed.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { findEmscriptenOnPath, ensurePrivateEmscripten, llvmFolder, toolsBeside } from "./lib/emscripten.mjs";
import { ensureNode, nodeOfMajor } from "./lib/node.mjs";
import { Problem, findProgram, isMain, repositoryRoot, run, runMain, say } from "./lib/run.mjs";

// Each system package and a check that it is installed. The check looks for files, so it works without apt.
const buildPackages = {
  cmake: () => findProgram("cmake"),
  "ninja-build": () => findProgram("ninja"),
  python3: () => findProgram("python3"),
};
const compilerPackages = {
  "clang-19": () => findClang(),
  "lld-19": () => existsSync(join(llvmFolder, "wasm-ld")) || findProgram("wasm-ld-19"),
  "llvm-19": () => existsSync(join(llvmFolder, "llvm-ar")) || findProgram("llvm-ar-19"),
};
const nativeTestPackages = {
  ...compilerPackages,
  "clang-format-19": () => findProgram("clang-format-19", [llvmFolder]),
  "libclang-rt-19-dev": () => existsSync("/usr/lib/llvm-19/lib/clang/19/lib/linux") || process.platform !== "linux",
  "libeigen3-dev": () => findHeader("eigen3/Eigen/Core"),
  "doctest-dev": () => findHeader("doctest/doctest.h"),
  "libsimde-dev": () => findHeader("simde/wasm/simd128.h"),
};
const browserPackages = { chromium: () => findChromium() };
// Debian's folder for the libraries of 64-bit ARM on other machines.
const arm64Folder = "/usr/aarch64-linux-gnu";
const arm64Packages = {
  "qemu-user": () => findProgram("qemu-aarch64"),
  "libc6-arm64-cross": () => existsSync(join(arm64Folder, "lib/libc.so.6")),
  "libstdc++6-arm64-cross": () => existsSync(join(arm64Folder, "lib/libstdc++.so.6")),
  "libgcc-s1-arm64-cross": () => existsSync(join(arm64Folder, "lib/libgcc_s.so.1")),
};

function findClang() {
  return findProgram("clang++-19", [llvmFolder]);
}

function findHeader(name) {
  return ["/usr/include", "/usr/local/include", "/opt/homebrew/include"].some((folder) =>
    existsSync(join(folder, name)),
  );
}

function findChromium() {
  const named = process.env.CHROMIUM_PATH;
  if (named && existsSync(named)) return named;
  return findProgram("chromium") ?? findProgram("chromium-browser") ?? findProgram("google-chrome");
}

/**
 * Installs missing tools and returns the paths of all.
 * @param options.native   clang-19, sanitizers, doctest and SIMDe for the native presets (default true)
 * @param options.chromium a Chromium for the browser tests (default false)
 * @returns `{emcc, emcmake, node24, clang, chromium}`; `clang` and `chromium` are undefined if not requested
 */
export async function ensureToolchain({ native = true, chromium = false } = {}) {
  const onPath = findEmscriptenOnPath();
  await ensureSystemPackages({
    ...buildPackages,
    ...(onPath ? {} : compilerPackages),
    ...(native ? nativeTestPackages : {}),
    ...(chromium ? browserPackages : {}),
  });
  const node24 = await ensureNode(24);
  const emcc = onPath?.emcc ?? (await ensurePrivateEmscripten(node24));
  await ensureNodeModules();
  return { ...toolsBeside(emcc), node24, clang: findClang(), chromium: chromium ? findChromium() : undefined };
}

/**
 * Node 24 on 64-bit ARM, as `[{name, command}]`: this machine if it is one, otherwise emulated processors with and
 * without dot-product instructions for 8-bit integers. `command` is the prefix of a command line that runs a script.
 */
export async function ensureArm64() {
  if (process.arch === "arm64") return [{ name: "this ARM64 machine", command: [await nodeOfMajor(24)] }];
  await ensureSystemPackages(arm64Packages);
  const node = await ensureNode(24, "arm64");
  const emulated = (cpu) => [findProgram("qemu-aarch64"), "-cpu", cpu, "-L", arm64Folder, node];
  return [
    { name: "ARM64 with dot products", command: emulated("max") },
    { name: "ARM64 without dot products", command: emulated("cortex-a72") },
  ];
}

/** The path of a Firefox for the runtime tests. */
export async function ensureFirefox() {
  await ensureSystemPackages({ "firefox-esr": () => findFirefox() });
  return findFirefox();
}

function findFirefox() {
  const named = process.env.FIREFOX_PATH;
  if (named && existsSync(named)) return named;
  return findProgram("firefox-esr") ?? findProgram("firefox");
}

async function ensureSystemPackages(wanted) {
  const listMissing = () => Object.keys(wanted).filter((name) => !wanted[name]());
  const missing = listMissing();
  if (missing.length === 0) return;
  const names = missing.join(" ");
  if (!findProgram("apt-get")) {
    throw new Problem(`missing (Debian's names): ${names}; install them with the package manager, then try again`);
  }
  if (process.getuid() !== 0) {
    throw new Problem(`missing: ${names}; run "sudo apt-get install ${names}" , then try again`);
  }
  say(`setup: installing ${names} (apt)`);
  const quiet = { env: { DEBIAN_FRONTEND: "noninteractive" }, stdio: ["ignore", "ignore", "inherit"] };
  // An unreachable source may not matter: the installation reports the packages it cannot get.
  await run("apt-get", ["-qq", "update"], quiet).catch((problem) => say(`setup: ${problem.message}; continuing`));
  await run("apt-get", ["-qq", "-y", "--no-install-recommends", "install", ...missing], quiet);
  const stillMissing = listMissing();
  if (stillMissing.length > 0)
    throw new Problem(`apt installed ${stillMissing.join(" ")}, but the expected files are missing`);
}

/** Installs the npm packages of the lock file if they are missing or older than it. */
async function ensureNodeModules() {
  const lock = join(repositoryRoot, "package-lock.json");
  const installed = join(repositoryRoot, "node_modules/.package-lock.json");
  if (!existsSync(lock)) return;
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  say("setup: downloading the npm packages of package-lock.json");
  await run("npm", ["ci", "--silent", "--no-audit", "--no-fund"]);
}

if (isMain(import.meta.url)) {
  await runMain(async () => {
    const tools = await ensureToolchain({ chromium: true });
    for (const [name, path] of Object.entries(tools)) say(`setup: ${name} is ${path}`);
  });
}
