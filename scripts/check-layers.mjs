// Reads the includes and imports of all sources and lists those that break the direction of dependencies.
// A folder may depend only on folders before it:
//   base → gguf → quant → kernels → nn → model → prune → generate → session → bindings → web → npm → demo
// TypeScript files must not import each other in a cycle.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, dirname, join, posix, relative } from "node:path";
import { withoutComments } from "./lib/prose.mjs";
import { Problem, isMain, repositoryRoot, runMain, say } from "./lib/run.mjs";

// Folders of src/ and the folders that each may include, besides itself.
const line = ["base", "gguf", "quant", "kernels", "nn", "model", "prune", "generate"];
const mayInclude = Object.fromEntries(line.map((folder, i) => [folder, line.slice(0, i)]));
mayInclude.tokenize = ["base", "gguf"];
mayInclude.grammar = ["base", "gguf"];
mayInclude.session = [...line, "tokenize", "grammar"];
mayInclude.bindings = [...mayInclude.session, "session"];

// Rooms of web/ and the rooms that each may import, besides itself. Files directly in web/, and in web/types/, are for
// all.
const mayImport = {
  engine: [],
  load: ["engine"],
  text: [],
  grammar: [],
  tasks: ["engine", "load"],
  worker: ["engine", "load", "text", "tasks"],
};

const fileOrNetworkHeader =
  /^(fstream|iostream|filesystem|unistd\.h|fcntl\.h|sys\/(socket|stat|mman)\.h|netdb\.h|netinet\/.*|dirent\.h)$/;
const fileCode = /\b(fopen|freopen|fdopen|std::[io]?fstream)\b/;
const emscriptenCode = /\b(__EMSCRIPTEN__|EM_JS|EM_ASM|EM_ASYNC_JS|emscripten(?:_\w+|::))/;
const intrinsicsHeader = /^(wasm_simd128\.h|[a-z0-9]*mmintrin\.h|immintrin\.h|x86intrin\.h|arm_neon\.h|simde\/.*)$/;
const intrinsicsCode = /\b(v128_t|wasm_(?:v128|[iuf]\d+x\d+)_\w+|__builtin_wasm_(?!memory_atomic_)\w+|_mm\d*_\w+)/;
const instructionSetSwitch = /\b(CAMELGPT_RELAXED|__wasm_relaxed_simd__)\b/;

/** Returns every breach in the tree at `root`, as `path:line: what is wrong`. */
export function checkLayers(root) {
  const breaches = [];
  const report = (path, number, message) => breaches.push(`${path}:${number}: ${message}`);
  checkCpp(root, report);
  checkTypeScript(root, report);
  return breaches;
}

// ---------------------------------------------------------------------------------------------------------------- C++

function checkCpp(root, report) {
  const flavourTables = namesOfFlavourTables(root);
  for (const path of listFiles(root, ["src", "bindings"], /\.(h|cpp)$/)) {
    const folder = levelOf(path);
    const lines = withoutComments(path, readFileSync(join(root, path), "utf8")).split("\n");
    lines.forEach((text, i) => {
      const include = /^\s*#\s*include\s*([<"])([^>"]+)[>"]/.exec(text);
      const tell = (message) => report(path, i + 1, message);
      if (include) checkInclude(path, folder, include[2], tell, root);
      else checkCode(path, folder, text, flavourTables, tell);
    });
  }
}

/** Returns the folder that a file belongs to. camelgpt.h is the public header of session. */
function levelOf(path) {
  if (path.startsWith("bindings/")) return "bindings";
  return path === "src/camelgpt.h" ? "session" : path.split("/")[1];
}

function checkInclude(path, folder, included, tell, root) {
  if (included.startsWith("emscripten/") || included === "emscripten.h") {
    if (folder !== "bindings") tell(`includes ${included}: only bindings/ knows Emscripten`);
    return;
  }
  if (fileOrNetworkHeader.test(included)) tell(`includes ${included}: no file or network code in src/ and bindings/`);
  if (intrinsicsHeader.test(included) && folder !== "kernels")
    tell(`includes ${included}: intrinsics stay in src/kernels/`);

  const target = ["src", dirname(path)]
    .map((base) => posix.join(base, included))
    .find((file) => existsSync(join(root, file)));
  if (!target) return; // a system header
  const other = levelOf(target);
  if (other !== folder && !mayInclude[folder]?.includes(other))
    tell(`includes ${included}: ${folder} does not see ${other}`);
  if (target === "src/kernels/sets.h" && folder !== "kernels")
    tell("includes kernels/sets.h: only select.cpp knows which sets exist");
  const isArchitecture = (file) => /^src\/model\/arch_\w+\.\w+$/.test(file);
  if (isArchitecture(path) && isArchitecture(target) && stem(path) !== stem(target)) {
    tell(`includes ${included}: architectures do not include each other; shared code belongs in nn/`);
  }
}

function checkCode(path, folder, text, flavourTables, tell) {
  if (folder !== "bindings") {
    const emscripten = emscriptenCode.exec(text);
    if (emscripten) tell(`uses ${emscripten[1]}: only bindings/ knows Emscripten`);
  }
  if (fileCode.test(text)) tell("opens a file: the caller passes bytes");
  const intrinsic = intrinsicsCode.exec(text);
  if (intrinsic && folder !== "kernels") tell(`uses ${intrinsic[1]}: intrinsics stay in src/kernels/`);
  if (path === "src/kernels/select.cpp") return;
  const instructionSet = instructionSetSwitch.exec(text);
  if (instructionSet) tell(`asks for ${instructionSet[1]}: only select.cpp knows which instruction sets exist`);
  for (const table of flavourTables) {
    const isMentioned = new RegExp(`\\b${table}\\b`).test(text);
    const isMadeHere = new RegExp(`\\bconst Kernels ${table}\\b`).test(text) && folder === "kernels";
    if (isMentioned && !isMadeHere) tell(`refers to ${table}: only select.cpp chooses among the kernel sets`);
  }
}

/** Returns the names that src/kernels/sets.h declares. */
function namesOfFlavourTables(root) {
  const path = join(root, "src/kernels/sets.h");
  if (!existsSync(path)) return [];
  return [...readFileSync(path, "utf8").matchAll(/\bextern const Kernels (k\w+)/g)].map(([, name]) => name);
}

// --------------------------------------------------------------------------------------------------------- TypeScript

function checkTypeScript(root, report) {
  const imports = new Map();
  for (const path of listFiles(root, ["web", "npm/src", "npm/bin", "demo"], /\.(tsx?|mts|js|mjs)$/)) {
    const source = withoutComments(path, readFileSync(join(root, path), "utf8"));
    const found = listImports(source);
    for (const { name, number } of found) checkImport(path, name, (message) => report(path, number, message));
    imports.set(path, found);
  }
  checkCycles(imports, report);
}

function checkImport(path, name, tell) {
  const from = path.split("/")[0];
  if (name.startsWith("node:")) {
    const mayUseNode =
      /^(web\/load\/|npm\/src\/entry\/|npm\/src\/cli(\/|\.ts)|npm\/bin\/|demo\/vite\.config\.ts$)/.test(path);
    if (!mayUseNode) tell(`imports ${name}: runtime differences belong in npm/src/entry/ and web/load/`);
    return;
  }
  if (!name.startsWith(".")) return;
  const target = posix.join(dirname(path), name);
  const to = target.split("/")[0];
  if (target.startsWith("build/wasm/") && roomOf(path) !== "engine")
    tell(`imports ${name}: only web/engine/ uses the WebAssembly module`);
  if (from === "web" && ["npm", "demo"].includes(to)) tell(`imports ${name}: npm/ imports web/, never the reverse`);
  if (from === "web" && to === "web") checkRooms(roomOf(path), roomOf(target), name, tell);
  if (from === "npm" && to === "demo") tell(`imports ${name}: demo/ is a user of the package`);
  if (from === "demo" && to !== "demo") tell(`imports ${name}: demo/ uses the package as any user does`);
}

/** Returns undefined for files outside web/ and for those that all rooms may import. */
function roomOf(path) {
  const [, room] = /^web\/(\w+)(?:\/|\.ts$|\.js$)/.exec(path) ?? [];
  return Object.hasOwn(mayImport, room ?? "") ? room : undefined;
}

function checkRooms(room, other, name, tell) {
  if (other === undefined || other === room || name.endsWith("/engine/records.js")) return; // records are data
  if (room === undefined) tell(`imports ${name}: files for all rooms of web/ import no room`);
  else if (!mayImport[room].includes(other)) tell(`imports ${name}: web/${room}/ does not import web/${other}/`);
}

/** Lists static, dynamic and type imports, and re-exports: `{name, number}` with the line. */
function listImports(source) {
  const pattern = /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+|\bimportScripts\s*\(\s*)(["'`])([^"'`\n]+)\1/g;
  return [...source.matchAll(pattern)].map((match) => ({
    name: match[2],
    number: source.slice(0, match.index).split("\n").length,
  }));
}

/** Reports, for each file in a cycle that no reported cycle contains yet, the shortest cycle through it. */
function checkCycles(imports, report) {
  const targetsOf = (path) =>
    imports.get(path).flatMap(({ name, number }) => {
      const target = name.startsWith(".") ? resolveImport(posix.join(dirname(path), name), imports) : undefined;
      return target === undefined ? [] : { target, number };
    });
  const graph = new Map([...imports.keys()].map((path) => [path, targetsOf(path)]));
  const reported = new Set();
  for (const path of graph.keys()) {
    if (reported.has(path)) continue;
    const cycle = shortestCycle(graph, path);
    if (!cycle) continue;
    for (const each of cycle) reported.add(each);
    const { number } = graph.get(path).find(({ target }) => target === cycle[1]);
    report(path, number, `imports in a cycle: ${cycle.join(" → ")}`);
  }
}

/** Imports name the compiled file: x.js for x.ts. */
function resolveImport(target, imports) {
  return [target, target.replace(/\.js$/, ".ts"), target.replace(/\.mjs$/, ".mts")].find((path) => imports.has(path));
}

/**
 * Returns the files of the shortest cycle through `start`, which is the first and the last; undefined if there is none.
 */
function shortestCycle(graph, start) {
  const previous = new Map();
  const queue = [start];
  for (const path of queue) {
    for (const { target } of graph.get(path)) {
      if (target === start) {
        const cycle = [start];
        for (let at = path; at !== start; at = previous.get(at)) cycle.unshift(at);
        return [start, ...cycle];
      }
      if (previous.has(target)) continue;
      previous.set(target, path);
      queue.push(target);
    }
  }
  return undefined;
}

// --------------------------------------------------------------------------------------------------------------- files

function listFiles(root, folders, pattern) {
  return folders.flatMap((folder) => {
    if (!existsSync(join(root, folder))) return [];
    const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
    return (
      entries
        .filter((entry) => entry.isFile() && pattern.test(entry.name))
        // Node 20.0 to 20.11 name the folder `path`.
        .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)).replaceAll("\\", "/"))
        .sort()
    );
  });
}

const stem = (path) => basename(path).replace(/\.\w+$/, "");

/** Prints every breach in this repository; throws a Problem if there are any. */
export function expectLayers() {
  const breaches = checkLayers(repositoryRoot);
  for (const breach of breaches) say(breach);
  if (breaches.length > 0)
    throw new Problem(`${breaches.length} include(s) or import(s) against the direction of dependencies`);
}

if (isMain(import.meta.url)) await runMain(expectLayers);
