// The built reference: every public name of every subpath of the package is in it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";

import { repositoryRoot } from "../../scripts/lib/run.mjs";

const ts = createRequire(join(repositoryRoot, "site/package.json"))("typescript");
const manifest = JSON.parse(readFileSync(join(repositoryRoot, "npm/package.json"), "utf8"));
const entries = Object.entries(manifest.exports).filter(([, target]) => target.types);

/** The page of a subpath; service workers get the names of the main entry. */
const pageOf = (subpath) => (/^\.(\/service-worker)?$/.test(subpath) ? "camelgpt-inference" : subpath.slice(2));

test("every public name of every subpath is in the reference", () => {
  const files = entries.map(([, { types }]) => join(repositoryRoot, "npm", types));
  const program = ts.createProgram(files, { moduleResolution: ts.ModuleResolutionKind.Bundler, skipLibCheck: true });
  const checker = program.getTypeChecker();
  const missing = [];
  let count = 0;
  for (const [i, [subpath]] of entries.entries()) {
    const page = readFileSync(join(repositoryRoot, `build/site/api/${pageOf(subpath)}.html`), "utf8");
    const module = checker.getSymbolAtLocation(program.getSourceFile(files[i]));
    for (const { name } of module ? checker.getExportsOfModule(module) : []) {
      count += 1;
      if (!new RegExp(`<h3 id="[^"]*"[^>]*>${name}(\\(\\))? <a`).test(page)) missing.push(`${subpath}: ${name}`);
    }
  }
  assert.deepEqual(missing, []);
  assert.ok(count > 150, `${count} names`);
});
