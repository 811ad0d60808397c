// The chat templates that llama.cpp carries.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { ensurePackage } from "../../../scripts/lib/packages.mjs";

/** Returns the templates by name, without the ending `.jinja`. */
export async function readTemplates() {
  const sources = await ensurePackage("llama-cpp-sources");
  const folder = join(sources, "llama_cpp_python-0.3.36/vendor/llama.cpp/models/templates");
  const names = readdirSync(folder).filter((name) => name.endsWith(".jinja"));
  return new Map(names.map((name) => [name.slice(0, -".jinja".length), readFileSync(join(folder, name), "utf8")]));
}
