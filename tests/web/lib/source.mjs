// Imports TypeScript files of web/ directly, for tests of parts that the package does not export.
import { join } from "node:path";

import { build } from "esbuild";

import { repositoryRoot } from "../../../scripts/lib/run.mjs";

/** Returns the exports of one file, for example "web/load/sizes.ts". */
export async function importSource(path) {
  const { outputFiles } = await build({
    entryPoints: [join(repositoryRoot, path)],
    bundle: true,
    format: "esm",
    platform: "neutral",
    write: false,
  });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
}
