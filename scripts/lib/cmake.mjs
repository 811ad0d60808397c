// The name of a CMake preset goes in, its build comes out, configured where needed.
import { existsSync, readFileSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Problem, capture, repositoryRoot, run, say } from "./run.mjs";

/** Builds a native preset (native, asan, fuzz); returns its build folder. */
export async function buildNative(preset) {
  const folder = join(repositoryRoot, "build", preset);
  await configure({ preset, folder });
  await run("cmake", ["--build", "--preset", preset]);
  return folder;
}

/**
 * Builds every WebAssembly flavour, or one other target of the wasm preset; returns the build folder.
 * `tools` is what ensureToolchain returned.
 */
export async function buildWithEmscripten(tools, target = "all") {
  const folder = join(repositoryRoot, "build/wasm/cmake");
  await configure({ preset: "wasm", folder, emcmake: tools.emcmake });
  await run("cmake", ["--build", "--preset", "wasm", "--target", target]);
  return folder;
}

/** Ninja configures anew by itself when CMakeLists.txt changes, but not for another preset file or another Emscripten. */
async function configure({ preset, folder, emcmake }) {
  const cache = join(folder, "CMakeCache.txt");
  const command = [...(emcmake ? [emcmake] : []), "cmake", "--preset", preset];
  if (existsSync(cache) && existsSync(join(folder, "build.ninja"))) {
    const presets = join(repositoryRoot, "CMakePresets.json");
    const isNewer = statSync(cache).mtimeMs >= statSync(presets).mtimeMs;
    const isSameCompiler = !emcmake || readFileSync(cache, "utf8").includes(emcmake.replace(/emcmake$/, "cmake/"));
    if (isNewer && isSameCompiler) return;
  }
  await rm(folder, { recursive: true, force: true });
  say(`build: configuring ${preset}`);
  const result = capture(command[0], command.slice(1));
  if (result.ok) return;
  say(result.stdout + result.stderr);
  throw new Problem(`cmake --preset ${preset} failed`);
}
