// The C++ sources go in, build/wasm comes out: camelgpt.mjs (the glue), camelgpt.d.mts, records.ts (types, layouts and
// rules of the structs that cross the boundary), records.json (the tables it was made from) and one .wasm per flavour,
// checked: small enough, and with one glue for every flavour that runs in any runtime.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildWithEmscripten } from "./cmake.mjs";
import { readTables, recordsModule } from "./records.mjs";
import { capture, Problem, repositoryRoot, say } from "./run.mjs";

const flavours = ["simd", "relaxed", "simd-threads", "relaxed-threads"];
const maxWasmBytes = 600_000;
// The glue must not contain code for a single runtime, code made from strings, or a search for the .wasm.
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
  writeIfChanged(join(folder, "camelgpt.d.mts"), Buffer.from(withMembers(types)));
  const tables = printRecords(tools, join(cmakeFolder, "print_records.cjs"));
  writeIfChanged(join(folder, "records.json"), Buffer.from(tables));
  writeIfChanged(join(folder, "records.ts"), Buffer.from(recordsModule(readTables(tables))));
  for (const flavour of flavours) {
    const bytes = readFileSync(join(cmakeFolder, flavour, "camelgpt.wasm"));
    const name = `camelgpt-${flavour}.wasm`;
    say(`build: ${name} is ${bytes.length} bytes of at most ${maxWasmBytes}`);
    if (bytes.length > maxWasmBytes) throw new Problem(`${name} has ${bytes.length} bytes, more than ${maxWasmBytes}`);
    writeIfChanged(join(folder, name), bytes);
  }
}

function printRecords({ node24 }, program) {
  const printed = capture(node24, [program]);
  if (!printed.ok) throw new Problem(`the tables of records could not be printed: ${printed.stderr}`);
  return printed.stdout;
}

function checkGlue(glue) {
  for (const pattern of foreignToGlue) {
    const found = pattern.exec(glue);
    if (found) throw new Problem(`the glue contains "${found[0]}", which does not run everywhere`);
  }
}

/** Emscripten's declarations, plus what the glue has besides them: the view of linear memory, and a function to set. */
function withMembers(types) {
  const ending = " & EmbindModule;";
  if (!types.includes(ending))
    throw new Problem("the generated declarations have an unknown form: look at withMembers in scripts/lib/wasm.mjs");
  return types.replace(
    ending,
    " & EmbindModule & {\n" +
      "  /** Linear memory; a new view after each growth. */\n  HEAPU8: Uint8Array;\n" +
      "  /** Called while the engine waits for its helper threads. Throws if one has died. */\n" +
      "  checkHelpers: () => void;\n};",
  );
}

/** Leaves an unchanged file alone, so that later steps see nothing to do. */
function writeIfChanged(path, bytes) {
  if (!existsSync(path) || !readFileSync(path).equals(bytes)) writeFileSync(path, bytes);
}
