// Measures the size of the built package: each .wasm file, and with gzip the JavaScript of each entry with its static
// imports.
//
//   npm run bench:size -- [--record] [--name NAME]
import { parseArgs } from "node:util";

import { capture, Problem, runMain } from "../../scripts/lib/run.mjs";
import { reportHead } from "./machine.mjs";
import { grid } from "./report/markdown.mjs";
import { recordIfWanted, recordOptions } from "./report/results.mjs";

await runMain((args) => {
  const { values } = parseArgs({ args, options: recordOptions });
  const { ok, stdout, stderr } = capture(process.execPath, ["npm/build.mjs", "--check"]);
  if (!ok) throw new Problem(`the package must be built: ${stderr.trim()}`);
  // Lines such as "wasm/camelgpt-simd.wasm: 487896 of at most 600000 bytes".
  const sizes = [...stdout.matchAll(/^(.+): (\d+) of at most (\d+) bytes$/gm)];
  process.stdout.write(
    `${grid(
      ["file", "bytes", "limit"],
      sizes.map(([, ...cells]) => cells),
    ).join("\n")}\n`,
  );
  const rows = sizes.map(([, what, bytes]) => ({
    engine: "package",
    setting: /([\w-]+)\.(?:wasm|js)/.exec(what)[1],
    measure: what.includes("gzip") ? "gzip" : "wasm",
    unit: "bytes",
    median: Number(bytes),
  }));
  const results = { benchmark: "size", what: "Size of the package", ...reportHead("size", args), rows };
  recordIfWanted(values, results);
});
