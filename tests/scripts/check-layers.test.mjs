// Tests the layering check: each rule on a tree that breaks it, and all rules on trees that follow them.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";

import { checkLayers } from "../../scripts/check-layers.mjs";

const sound = {
  "src/base/status.h": "#include <cstdint>\n",
  "src/gguf/gguf.h": '#include "base/status.h"\n',
  "src/quant/panel.h": '#include "gguf/gguf.h"\n',
  "src/kernels/kernels.h": '#include "quant/panel.h"\n',
  "src/kernels/sets.h": '#include "kernels/kernels.h"\nextern const Kernels kSimdKernels;\n',
  "src/kernels/simd.cpp":
    '#include "kernels/sets.h"\n#include <wasm_simd128.h>\nconst Kernels kSimdKernels = {};\nv128_t zero;\n',
  "src/kernels/select.cpp": '#include "kernels/sets.h"\n#if CAMELGPT_RELAXED\n#endif\nreturn kSimdKernels;\n',
  "src/nn/linear.h": '#include "kernels/kernels.h"\n',
  "src/model/model.h": '#include "nn/linear.h"\n',
  "src/model/arch_llama.cpp": '#include "model/model.h"\n',
  "src/model/arch_gpt2.h": "",
  "src/prune/select.h": '#include "model/model.h"\n',
  "src/generate/sampler.h": '#include "base/status.h"\n',
  "src/tokenize/tokenizer.h": '#include "gguf/gguf.h"\n',
  "src/grammar/grammar.h": '#include "base/status.h"\n',
  "src/session/session.h": '#include "model/model.h"\n#include "tokenize/tokenizer.h"\n#include "camelgpt.h"\n',
  "src/camelgpt.h": '#include "base/status.h"\n',
  "bindings/bindings.cpp": '#include <emscripten/bind.h>\n#include "camelgpt.h"\n',
  "web/errors.ts": 'export type * from "./types/model.js";\n',
  "web/types/model.ts": "",
  "web/engine/engine.ts": 'import create from "../../build/wasm/camelgpt.mjs";\nimport "../errors.js";\n',
  "web/load/file.ts": 'import { open } from "node:fs/promises";\nimport type { Engine } from "../engine/engine.js";\n',
  "web/tasks/score.ts": 'import "../load/file.js";\n',
  "web/worker/client.ts": 'import "../tasks/score.js";\n',
  "npm/src/entry/node.ts":
    'import { Engine } from "../../../web/engine/engine.js";\nimport { Worker } from "node:worker_threads";\n',
  "demo/vite.config.ts": 'import { join } from "node:path";\n',
  "demo/main.js": 'import { CamelGPTInference } from "@gpt-research/camelgpt-inference";\n',
};

/** Returns the breaches in the sound tree after `changes`. */
function breachesWith(changes) {
  const root = mkdtempSync(join(tmpdir(), "camelgpt-layers-"));
  try {
    for (const [path, text] of Object.entries({ ...sound, ...changes })) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return checkLayers(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

test("a tree that follows the rules has no breach", () => {
  assert.deepEqual(breachesWith({}), []);
});

test("comments and strings may name anything", () => {
  const text =
    '// emscripten::val, v128_t, kSimdKernels\n/* #include "session/session.h"\n   fopen */\n' +
    "int million = 1'000; // it's v128_t\n";
  assert.deepEqual(breachesWith({ "src/nn/linear.h": text }), []);
});

const wrong = [
  [
    "a folder that includes one after it",
    "src/gguf/gguf.h",
    '#include "model/model.h"',
    /^src\/gguf\/gguf\.h:1: .*gguf does not see model/,
  ],
  ["gguf that includes quant", "src/gguf/gguf.h", '#include "quant/panel.h"', /gguf does not see quant/],
  ["an include relative to the file", "src/nn/linear.h", '#include "../model/model.h"', /nn does not see model/],
  ["model that includes prune", "src/model/model.h", '#include "prune/select.h"', /model does not see prune/],
  [
    "tokenize that includes model",
    "src/tokenize/tokenizer.h",
    '#include "model/model.h"',
    /tokenize does not see model/,
  ],
  [
    "grammar that includes tokenize",
    "src/grammar/grammar.h",
    '#include "tokenize/tokenizer.h"',
    /grammar does not see tokenize/,
  ],
  [
    "generate that includes tokenize",
    "src/generate/sampler.h",
    '#include "tokenize/tokenizer.h"',
    /generate does not see tokenize/,
  ],
  [
    "the public header below session",
    "src/generate/sampler.h",
    '#include "camelgpt.h"',
    /generate does not see session/,
  ],
  ["an unknown folder", "src/extra/x.h", '#include "base/status.h"', /extra does not see base/],
  [
    "Emscripten's header in the core",
    "src/session/session.h",
    "#include <emscripten/val.h>",
    /only bindings\/ knows Emscripten/,
  ],
  [
    "Emscripten's macro in the core",
    "src/base/status.h",
    "\n#ifdef __EMSCRIPTEN__",
    /^src\/base\/status\.h:2: uses __EMSCRIPTEN__/,
  ],
  ["a file stream in the core", "src/gguf/gguf.h", "#include <fstream>", /no file or network code/],
  ["fopen in the core", "src/gguf/gguf.h", 'auto* f = fopen("x", "r");', /the caller passes bytes/],
  [
    "an intrinsics header outside kernels",
    "src/nn/linear.h",
    "#include <simde/wasm/simd128.h>",
    /intrinsics stay in src\/kernels/,
  ],
  ["an intrinsic outside kernels", "src/quant/panel.h", "auto x = wasm_i32x4_splat(1);", /uses wasm_i32x4_splat/],
  [
    "a kernel set named outside select.cpp",
    "src/kernels/scalar.cpp",
    "return kSimdKernels;",
    /only select\.cpp chooses/,
  ],
  [
    "the kernel sets seen by another folder",
    "src/nn/linear.h",
    '#include "kernels/sets.h"',
    /only select\.cpp knows which sets exist/,
  ],
  [
    "the flavour asked for outside select.cpp",
    "src/kernels/simd.cpp",
    "#if CAMELGPT_RELAXED",
    /asks for CAMELGPT_RELAXED/,
  ],
  [
    "an architecture that includes another",
    "src/model/arch_llama.cpp",
    '#include "model/arch_gpt2.h"',
    /architectures do not include each other/,
  ],
  [
    "web that imports npm",
    "web/worker/client.ts",
    'import { x } from "../../npm/src/options.js";',
    /npm\/ imports web\/, never the reverse/,
  ],
  [
    "web that imports npm for a type",
    "web/worker/client.ts",
    'export type X =\n  import("../../npm/src/options.js").X;',
    /^web\/worker\/client\.ts:2: .*never the reverse/,
  ],
  [
    "the module outside the engine",
    "web/worker/client.ts",
    'export * from "../../build/wasm/camelgpt.mjs";',
    /only web\/engine\/ uses/,
  ],
  [
    "the module in npm",
    "npm/src/entry/node.ts",
    'const m = await import("../../../build/wasm/camelgpt.mjs");',
    /only web\/engine\/ uses/,
  ],
  [
    "a room that imports one after it",
    "web/load/file.ts",
    'import "../worker/client.js";',
    /^web\/load\/file\.ts:1: .*web\/load\/ does not import web\/worker\//,
    "cycle",
  ],
  [
    "text that imports the engine",
    "web/text/stream.ts",
    'import "../engine/engine.js";',
    /web\/text\/ does not import/,
  ],
  ["a shared file that imports a room", "web/types/model.ts", 'import "../load/file.js";', /import no room/, "cycle"],
  ["Node in web", "web/worker/client.ts", 'import { readFile } from "node:fs/promises";', /runtime differences/],
  ["Node in the class", "npm/src/options.ts", 'import "node:fs";', /runtime differences/],
  ["a page that reaches into the package", "demo/main.js", 'import "../npm/src/entry/browser.js";', /as any user does/],
];
for (const [what, path, text, expected, other] of wrong) {
  test(`finds ${what}`, () => {
    const breaches = breachesWith({ [path]: `${text}\n` }).filter((each) => !other || !each.includes(other));
    assert.equal(breaches.length, 1, breaches.join("\n"));
    assert.match(breaches[0], expected);
  });
}

test("reports an import cycle as a path, counting type imports", () => {
  const cycle = {
    "web/load/a.ts": '\nimport type { B } from "./b.js";\n',
    "web/load/b.ts": 'export { c } from "./c.js";\n',
    "web/load/c.ts": 'const a = await import("./a.js");\n',
    "web/load/user.ts": 'import "./a.js";\n', // outside the cycle
  };
  assert.deepEqual(breachesWith(cycle), [
    "web/load/a.ts:2: imports in a cycle: web/load/a.ts → web/load/b.ts → web/load/c.ts → web/load/a.ts",
  ]);
});

test("reports each of several import cycles, the shortest path of each", () => {
  const cycles = {
    "npm/src/a.ts": 'import "./b.js";\nimport "./c.js";\n',
    "npm/src/b.ts": 'import "./a.js";\n',
    "npm/src/c.ts": 'import "./b.js";\n',
    "npm/src/self.ts": 'import type { X } from "./self.js";\n',
  };
  assert.deepEqual(breachesWith(cycles), [
    "npm/src/a.ts:1: imports in a cycle: npm/src/a.ts → npm/src/b.ts → npm/src/a.ts",
    "npm/src/c.ts:1: imports in a cycle: npm/src/c.ts → npm/src/b.ts → npm/src/a.ts → npm/src/c.ts",
    "npm/src/self.ts:1: imports in a cycle: npm/src/self.ts → npm/src/self.ts",
  ]);
});
