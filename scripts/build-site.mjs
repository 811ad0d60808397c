// The documentation in, a static site in build/site out:
//   npm run site
// The pages are the Markdown files of the repository, the reference of the API is made from the types, and those of the
// command line and of the models from the built package. Needs a built package.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { pageFiles } from "../site/pages.mjs";
import { readHelp } from "./lib/help.mjs";
import { Problem, isMain, listSources, repositoryRoot, run, runMain, say } from "./lib/run.mjs";
import { checkSiteLinks } from "./lib/site-links.mjs";
import { commandLinePage, modelsPage, toSitePage } from "./lib/site-pages.mjs";

const at = (...parts) => join(repositoryRoot, ...parts);
const folder = at("site");
const source = at("build/site-source");
const output = at("build/site");
const stamp = join(output, ".built");
const inputs = ["site/**", "docs/**", "*.md", "npm/README.md", "examples/README.md", "npm/src/**", "web/**"];

/** Installs the generators of the lock file if they are missing or older than it. */
async function ensureGenerators() {
  const installed = join(folder, "node_modules/.package-lock.json");
  const lock = join(folder, "package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  say("site: downloading VitePress and TypeDoc (site/package-lock.json, about 150 packages)");
  await run("npm", ["ci", "--silent", "--no-audit", "--no-fund"], { cwd: folder });
}

function write(path, text) {
  const file = join(source, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** Writes all pages to build/site-source. */
async function writePages() {
  rmSync(source, { recursive: true, force: true });
  mkdirSync(source, { recursive: true });
  symlinkSync(join(folder, "node_modules"), join(source, "node_modules"), "junction"); // pages import vue from there
  await run(process.execPath, [join(folder, "node_modules/typedoc/bin/typedoc")], { cwd: folder });
  const pages = pageFiles();
  const assets = new Map();
  for (const [path, page] of pages) {
    write(`${page.replace(/\/$/, "/index")}.md`, toSitePage(readFileSync(at(path), "utf8"), path, pages, assets));
  }
  for (const [path, asset] of assets) cpSync(at(path), join(source, "public", asset));
  write("cli.md", commandLinePage(readHelp()));
  const { CamelGPTInference } = await import(pathToFileURL(at("npm/dist/node.js")));
  write("models.md", modelsPage(await CamelGPTInference.listCatalogue()));
}

/** Whether the site is newer than everything that it was built from. */
function isFresh() {
  if (!existsSync(stamp)) return false;
  const built = statSync(stamp).mtimeMs;
  const files = [
    ...listSources(...inputs),
    "scripts/build-site.mjs",
    "scripts/lib/site-pages.mjs",
    "scripts/lib/site-links.mjs",
  ];
  return files.every((path) => !existsSync(at(path)) || statSync(at(path)).mtimeMs < built);
}

/** Builds the site unless it is current. Throws a Problem for a link that leads nowhere. */
export async function buildSite() {
  if (isFresh()) return;
  if (!existsSync(at("npm/dist/cli.js")))
    throw new Problem("the site needs a built package: run `npm run build` first");
  await ensureGenerators();
  await writePages();
  await run(process.execPath, [join(folder, "node_modules/vitepress/bin/vitepress.js"), "build"], { cwd: folder });
  const { pages, links, external } = checkSiteLinks(output, "/docs/");
  const count = readdirSync(output, { recursive: true }).length;
  say(`site: ${pages} pages (${count} files), ${links} internal links checked, ${external.length} other addresses`);
  writeFileSync(stamp, "");
}

if (isMain(import.meta.url)) await runMain(buildSite);
