// Imports TypeScript files of web/ directly, for tests of parts that the package does not export.
import { join } from "node:path";

import { build } from "esbuild";

import { repositoryRoot } from "../../../scripts/lib/run.mjs";

/** Returns the exports of one file, for example "web/load/sizes.ts". Files with packages in CommonJS need "node". */
export async function importSource(path, platform = "neutral") {
  const { outputFiles } = await build({
    entryPoints: [join(repositoryRoot, path)],
    bundle: true,
    format: "esm",
    platform,
    write: false,
  });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
}
