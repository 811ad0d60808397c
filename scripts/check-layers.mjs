// The sources' includes and imports go in, the list of those that break the direction of dependencies comes out.
// A folder sees only folders before it:
//   base → gguf → quant → kernels → nn → model → prune → generate → session → bindings → web → npm → demo
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, dirname, join, posix, relative } from "node:path";
import { Problem, isMain, repositoryRoot, runMain, say } from "./lib/run.mjs";

// Folders of src/ and what each may include, besides itself.
const line = ["base", "gguf", "quant", "kernels", "nn", "model", "prune", "generate"];
const mayInclude = Object.fromEntries(line.map((folder, i) => [folder, line.slice(0, i)]));
mayInclude.tokenize = ["base", "gguf"];
mayInclude.grammar = ["base", "gguf"];
mayInclude.session = [...line, "tokenize", "grammar"];
mayInclude.bindings = [...mayInclude.session, "session"];

const fileOrNetworkHeader =
  /^(fstream|iostream|filesystem|unistd\.h|fcntl\.h|sys\/(socket|stat|mman)\.h|netdb\.h|netinet\/.*|dirent\.h)$/;
const fileCode = /\b(fopen|freopen|fdopen|std::[io]?fstream)\b/;
const emscriptenCode = /\b(__EMSCRIPTEN__|EM_JS|EM_ASM|EM_ASYNC_JS|emscripten(?:_\w+|::))/;
const intrinsicsHeader = /^(wasm_simd128\.h|[a-z0-9]*mmintrin\.h|immintrin\.h|x86intrin\.h|arm_neon\.h|simde\/.*)$/;
const intrinsicsCode = /\b(v128_t|wasm_(?:v128|[iuf]\d+x\d+)_\w+|__builtin_wasm_(?!memory_atomic_)\w+|_mm\d*_\w+)/;
const instructionSetSwitch = /\b(CAMELGPT_RELAXED|__wasm_relaxed_simd__)\b/;

/** Every breach in the tree at `root`, as `path:line: what is wrong`. */
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
    const lines = withoutComments(readFileSync(join(root, path), "utf8")).split("\n");
    lines.forEach((text, i) => {
      const include = /^\s*#\s*include\s*([<"])([^>"]+)[>"]/.exec(text);
      const tell = (message) => report(path, i + 1, message);
      if (include) checkInclude(path, folder, include[2], tell, root);
      else checkCode(path, folder, text, flavourTables, tell);
    });
  }
}

/** The folder a file counts to. camelgpt.h is the face of session. */
function levelOf(path) {
  if (path.startsWith("bindings/")) return "bindings";
  return path === "src/camelgpt.h" ? "session" : path.split("/")[1];
}

function checkInclude(path, folder, included, tell, root) {
  if (included.startsWith("emscripten/") || included === "emscripten.h") {
    if (folder !== "bindings") tell(`includes ${included}: only bindings/ knows Emscripten`);
    return;
  }
  if (fileOrNetworkHeader.test(included))
    tell(`includes ${included}: there is no file or network code in src/ and bindings/`);
  if (intrinsicsHeader.test(included) && folder !== "kernels")
    tell(`includes ${included}: intrinsics stay in src/kernels/`);

  const target = ["src", dirname(path)]
    .map((base) => posix.join(base, included))
    .find((file) => existsSync(join(root, file)));
  if (!target) return; // of the system
  const other = levelOf(target);
  if (other !== folder && !mayInclude[folder]?.includes(other))
    tell(`includes ${included}: ${folder} does not see ${other}`);
  if (target === "src/kernels/sets.h" && folder !== "kernels")
    tell("includes kernels/sets.h: only select.cpp knows which sets exist");
  const isArchitecture = (file) => /^src\/model\/arch_\w+\.\w+$/.test(file);
  if (isArchitecture(path) && isArchitecture(target) && stem(path) !== stem(target)) {
    tell(`includes ${included}: architectures never include one another; what two share sits in nn/`);
  }
}

function checkCode(path, folder, text, flavourTables, tell) {
  if (folder !== "bindings") {
    const emscripten = emscriptenCode.exec(text);
    if (emscripten) tell(`uses ${emscripten[1]}: only bindings/ knows Emscripten`);
  }
  if (fileCode.test(text)) tell("opens a file: bytes are handed in");
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

/** What src/kernels/sets.h declares. */
function namesOfFlavourTables(root) {
  const path = join(root, "src/kernels/sets.h");
  if (!existsSync(path)) return [];
  return [...readFileSync(path, "utf8").matchAll(/\bextern const Kernels (k\w+)/g)].map(([, name]) => name);
}

// --------------------------------------------------------------------------------------------------------- TypeScript

function checkTypeScript(root, report) {
  for (const path of listFiles(root, ["web", "npm/src", "npm/bin", "demo"], /\.(ts|mts|js|mjs)$/)) {
    const source = withoutComments(readFileSync(join(root, path), "utf8"));
    for (const { name, number } of listImports(source)) {
      checkImport(path, name, (message) => report(path, number, message));
    }
  }
}

function checkImport(path, name, tell) {
  const from = path.split("/")[0];
  if (name.startsWith("node:")) {
    const isRuntimePlace = /^(web\/load\/|npm\/src\/entry\/|npm\/src\/cli(\/|\.ts)|npm\/bin\/)/.test(path);
    if (!isRuntimePlace) tell(`imports ${name}: runtime differences live in npm/src/entry/ and web/load/`);
    return;
  }
  if (!name.startsWith(".")) return;
  const target = posix.join(dirname(path), name);
  const to = target.split("/")[0];
  if (target.startsWith("build/wasm/") && !path.startsWith("web/engine/"))
    tell(`imports ${name}: only web/engine/ touches the module`);
  if (from === "web" && ["npm", "demo"].includes(to)) tell(`imports ${name}: npm/ imports web/, never the reverse`);
  if (from === "npm" && to === "demo") tell(`imports ${name}: demo/ is a user of the package`);
  if (from === "demo" && to !== "demo" && !target.startsWith("npm/dist/"))
    tell(`imports ${name}: demo/ sees the package as any user does`);
}

/** Static, dynamic and type imports, and re-exports: `{name, number}` with the line. */
function listImports(source) {
  const pattern = /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+|\bimportScripts\s*\(\s*)(["'`])([^"'`\n]+)\1/g;
  return [...source.matchAll(pattern)].map((match) => ({
    name: match[2],
    number: source.slice(0, match.index).split("\n").length,
  }));
}

// --------------------------------------------------------------------------------------------------------------- files

function listFiles(root, folders, pattern) {
  return folders.flatMap((folder) => {
    if (!existsSync(join(root, folder))) return [];
    const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
    return (
      entries
        .filter((entry) => entry.isFile() && pattern.test(entry.name))
        // Node 20.0 to 20.11 call the folder `path`.
        .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)).replaceAll("\\", "/"))
        .sort()
    );
  });
}

/** Comments become spaces, so that the lines keep their numbers; strings stay whole. */
function withoutComments(source) {
  const tokens = /"(?:\\.|[^"\\\n])*"|(?<!\w)'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return source.replace(tokens, (token) => (/^\/[/*]/.test(token) ? token.replace(/[^\n]/g, " ") : token));
}

const stem = (path) => basename(path).replace(/\.\w+$/, "");

/** Prints every breach in this repository; throws a Problem where there is one. */
export function expectLayers() {
  const breaches = checkLayers(repositoryRoot);
  for (const breach of breaches) say(breach);
  if (breaches.length > 0)
    throw new Problem(`${breaches.length} include(s) or import(s) against the direction of dependencies`);
}

if (isMain(import.meta.url)) await runMain(expectLayers);
