// esbuild leaves `new URL("./file", import.meta.url)` as it is: what the package names so has to lie beside the bundle.
import { cpSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

await build({ entryPoints: ["main.js"], outdir: "dist", bundle: true, format: "esm", minify: true });
for (const path of ["worker.js", "wasm", "models"]) {
  const from = new URL(path, import.meta.resolve("@gpt-research/camelgpt-inference/worker"));
  cpSync(fileURLToPath(from), `dist/${path}`, { recursive: true });
}
