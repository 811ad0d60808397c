// The C++ sources go in, build/wasm/camelgpt.mjs (the glue), camelgpt.d.mts and one .wasm per flavour come out, checked:
// small enough, and with glue that is the same for every flavour and runs in any runtime.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildWithEmscripten } from "./cmake.mjs";
import { Problem, repositoryRoot, say } from "./run.mjs";

const flavours = ["simd", "relaxed", "simd-threads", "relaxed-threads"];
const mostWasmBytes = 500_000;
// What the glue must not contain: code of one runtime, code made from strings, a search for the .wasm.
const foreignToGlue = [
  /\beval\(/,
  /new Function\b/,
  /import\.meta/,
  /\brequire\(/,
  /\bimport\(/,
  /from\s*["']/,
  /process\.versions/,
];

/** Builds what changed. `tools` is what ensureToolchain returned. */
export async function buildWasm(tools) {
  const folder = join(repositoryRoot, "build/wasm");
  const cmakeFolder = await buildWithEmscripten(tools);
  const glue = readFileSync(join(cmakeFolder, "simd/camelgpt.mjs"));
  checkGlue(glue.toString());
  for (const flavour of flavours) {
    if (!readFileSync(join(cmakeFolder, flavour, "camelgpt.mjs")).equals(glue)) {
      throw new Problem(`the glue of simd and ${flavour} differ: one glue is to serve every flavour`);
    }
  }
  writeIfChanged(join(folder, "camelgpt.mjs"), glue);
  const types = readFileSync(join(cmakeFolder, "types/camelgpt.d.mts"), "utf8");
  writeIfChanged(join(folder, "camelgpt.d.mts"), Buffer.from(withHeap(types)));
  for (const flavour of flavours) {
    const bytes = readFileSync(join(cmakeFolder, flavour, "camelgpt.wasm"));
    const name = `camelgpt-${flavour}.wasm`;
    say(`build: ${name} is ${bytes.length} bytes of at most ${mostWasmBytes}`);
    if (bytes.length > mostWasmBytes)
      throw new Problem(`${name} has ${bytes.length} bytes, more than ${mostWasmBytes}`);
    writeIfChanged(join(folder, name), bytes);
  }
}

function checkGlue(glue) {
  for (const pattern of foreignToGlue) {
    const found = pattern.exec(glue);
    if (found) throw new Problem(`the glue contains "${found[0]}", which does not run everywhere`);
  }
}

/** Emscripten's declarations, plus the view of linear memory that the glue exports. */
function withHeap(types) {
  const ending = " & EmbindModule;";
  if (!types.includes(ending))
    throw new Problem("the generated declarations have an unknown form: look at withHeap in scripts/lib/wasm.mjs");
  return types.replace(
    ending,
    " & EmbindModule & {\n  /** Linear memory; a new view after each growth. */\n  HEAPU8: Uint8Array;\n};",
  );
}

/** What did not change keeps its time, so that the steps after this one see nothing to do. */
function writeIfChanged(path, bytes) {
  if (!existsSync(path) || !readFileSync(path).equals(bytes)) writeFileSync(path, bytes);
}
