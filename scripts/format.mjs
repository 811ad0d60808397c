// Formats the sources in place: C++ with clang-format, JavaScript, TypeScript and JSON with Biome, which also lints.
// `npm test` calls checkFormat, which changes nothing and fails if `npm run format` would change a file.
import { join } from "node:path";
import { findProgram, isMain, listSources, repositoryRoot, run, runMain } from "./lib/run.mjs";

const biome = join(repositoryRoot, "node_modules/@biomejs/biome/bin/biome");

/** Throws a Problem if a file is not formatted or has a lint error. Warnings count. */
export async function checkFormat() {
  await clangFormat("--dry-run", "-Werror");
  await run(process.execPath, [biome, "ci", "--error-on-warnings"]);
}

async function format() {
  await clangFormat("-i");
  await run(process.execPath, [biome, "check", "--write", "--error-on-warnings"]);
}

/** Formats some files that Biome knows. */
export async function formatFiles(paths) {
  await run(process.execPath, [biome, "format", "--write", ...paths]);
}

async function clangFormat(...options) {
  await run(findProgram("clang-format-19", ["/usr/lib/llvm-19/bin"]), [...options, ...listSources("*.h", "*.cpp")]);
}

if (isMain(import.meta.url)) await runMain(format);
