// esbuild does not process `new URL("./file", import.meta.url)`: files that the package refers to in this way must be
// copied beside the bundle.
import { cpSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

await build({ entryPoints: ["main.js"], outdir: "dist", bundle: true, format: "esm", minify: true });
for (const path of ["worker.js", "chat-template.js", "tasks.js", "wasm", "models"]) {
  const from = new URL(path, import.meta.resolve("@gpt-research/camelgpt-inference/worker"));
  cpSync(fileURLToPath(from), `dist/${path}`, { recursive: true });
}
