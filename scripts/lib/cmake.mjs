// Configures CMake presets when necessary and builds them.
import { existsSync, readFileSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Problem, capture, repositoryRoot, run, say } from "./run.mjs";

/** Builds a target of a native preset (native, fuzz); returns its build folder. */
export async function buildNative(preset, target = "all") {
  const folder = join(repositoryRoot, "build", preset);
  await configure({ preset, folder });
  await run("cmake", ["--build", "--preset", preset, "--target", target]);
  return folder;
}

/**
 * Builds every WebAssembly flavour, or one other target of the wasm preset. Returns the build folder.
 * `tools` is the result of ensureToolchain.
 */
export async function buildWithEmscripten(tools, target = "all") {
  const folder = join(repositoryRoot, "build/wasm/cmake");
  await configure({ preset: "wasm", folder, emcmake: tools.emcmake });
  await run("cmake", ["--build", "--preset", "wasm", "--target", target]);
  return folder;
}

/**
 * Configures a preset from scratch if CMakePresets.json or Emscripten has changed. Ninja reconfigures by itself only
 * when CMakeLists.txt changes.
 */
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
