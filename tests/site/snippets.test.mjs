// Every code block of the documentation is type-checked against the built types, and run where it can run: in Node
// with the built package and a real model, in a shell, or in a page.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFileSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";

import { ensureRuntimes } from "../../scripts/lib/peers.mjs";
import { repositoryRoot } from "../../scripts/lib/run.mjs";
import { serve } from "../../scripts/serve.mjs";
import { openBrowser } from "../web/lib/browser.mjs";
import { listSnippets } from "./snippets.mjs";

const isFull = process.env.CAMELGPT_TEST_FULL === "1";
const packageName = "@gpt-research/camelgpt-inference";
const snippets = listSnippets();
const titleOf = ({ file, line }) => `${file}:${line}`;
const scripts = snippets.filter(({ language }) => language === "js" || language === "ts");

/** A folder with the built package and the libraries that the documentation uses, as a user's project has them. */
let folder;
let env;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "camelgpt-snippets-"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const modules = join(folder, "node_modules");
  for (const name of [packageName, "openai", "ai", "zod", "@types/node", "undici-types"]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(repositoryRoot, name === packageName ? "npm" : `node_modules/${name}`), join(modules, name));
  }
  mkdirSync(join(modules, ".bin"));
  symlinkSync(join(repositoryRoot, "npm/bin/camelgpt.js"), join(modules, ".bin/camelgpt"));
  // The model by its name, as a download keeps it; without a sidecar.
  const models = join(folder, "cache/camelgpt/models");
  mkdirSync(models, { recursive: true });
  const model = process.env.CAMELGPT_TEST_MODEL;
  try {
    linkSync(model, join(models, "smollm2-135m.gguf"));
  } catch {
    copyFileSync(model, join(models, "smollm2-135m.gguf")); // another file system
  }
  env = { XDG_CACHE_HOME: join(folder, "cache"), CAMELGPT_MODEL: "smollm2-135m", NO_COLOR: "1" };
  const tools = [{ name: "weather", description: "The weather in a city.", parameters: { type: "object" } }];
  writeFileSync(join(folder, "tools.json"), JSON.stringify(tools));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a program in the folder; resolves with its output, rejects with it if it fails. */
function run(command, args) {
  return new Promise((resolve, reject) => {
    const PATH = [join(folder, "node_modules/.bin"), dirname(process.execPath), process.env.PATH].join(delimiter);
    const child = spawn(command, args, { cwd: folder, env: { ...process.env, ...env, PATH }, timeout: 120_000 });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    child.on("error", reject);
    child.on("close", (status) => (status === 0 ? resolve(output) : reject(new Error(output))));
  });
}

test("every block of TypeScript or JavaScript is correct for the built types", () => {
  const ts = createRequire(join(repositoryRoot, "site/package.json"))("typescript");
  const files = new Map();
  for (const [i, snippet] of scripts.entries()) {
    const name = join(folder, `snippet-${i}.${snippet.language === "ts" ? "mts" : "mjs"}`);
    // In JavaScript the code in front of a block cannot have types; the compiler infers them.
    const prelude = snippet.language === "ts" ? snippet.prelude : withoutTypes(ts, snippet.prelude);
    const code = snippet.code.replaceAll(`"npm:${packageName}"`, `"${packageName}"`);
    writeFileSync(name, `${prelude}${code}\nexport {};\n`);
    files.set(name, snippet);
  }
  const program = ts.createProgram([...files.keys()], {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ["lib.es2023.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts", "lib.dom.asynciterable.d.ts"],
    types: ["node"],
    typeRoots: [join(repositoryRoot, "node_modules/@types")],
    strict: true,
    noImplicitAny: false,
    allowJs: true,
    checkJs: true,
    skipLibCheck: true,
    noEmit: true,
    preserveSymlinks: true,
  });
  const problems = ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const snippet = files.get(file?.fileName);
    const line = file ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    const offset = snippet ? snippet.line + line - snippet.prelude.split("\n").length + 1 : line;
    return `${snippet?.file ?? file?.fileName}:${offset}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
  assert.deepEqual(problems, []);
});

const withoutTypes = (ts, code) =>
  ts.transpileModule(code, { compilerOptions: { target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true } })
    .outputText;

describe("blocks run in Node as they are printed", { concurrency: 2 }, () => {
  const ts = createRequire(join(repositoryRoot, "site/package.json"))("typescript");
  for (const [i, snippet] of scripts.entries()) {
    if (snippet.noRun) continue;
    const skip = !isFull && /\.calibrate\(/.test(snippet.code) && "takes a minute: run with npm run test:full";
    test(titleOf(snippet), { skip }, async () => {
      const name = `run-${i}.mjs`;
      const code = `${snippet.prelude}${snippet.code.replaceAll(`"npm:${packageName}"`, `"${packageName}"`)}`;
      // A server, or a model that is not disposed, would keep the process alive.
      const isOpen = snippet.noExit || !/dispose\(\)/.test(code);
      writeFileSync(join(folder, name), `${withoutTypes(ts, code)}${isOpen ? "\nprocess.exit(0);\n" : ""}`);
      await run(process.execPath, [name]);
    });
  }
});

test("commands run as they are printed", async () => {
  for (const { language, code, noRun } of snippets) {
    if (language !== "sh" || noRun) continue;
    for (const command of code.trim().split("\n")) {
      assert.ok((await run("sh", ["-c", command.replace(/^npx /, "")])).length > 0, command);
    }
  }
});

test("pages run in Chromium as they are printed, with the model from the server of the tests", async () => {
  const pages = snippets.filter(({ language, noRun }) => language === "html" && !noRun);
  assert.ok(pages.length > 0);
  const mounts = {
    [`/app/node_modules/${packageName}/dist/`]: join(repositoryRoot, "npm/dist"),
    "/app/": folder,
  };
  const models = { "smollm2-135m": join(folder, "cache/camelgpt/models/smollm2-135m.gguf") };
  const site = await serve({ mounts, models });
  for (const [i, { code }] of pages.entries()) {
    const served = code.replace('"smollm2-135m")', `"smollm2-135m", { releases: "${site.url}/models/" })`);
    writeFileSync(join(folder, `page-${i}.html`), served);
  }
  const browser = await openBrowser();
  try {
    for (const i of pages.keys()) {
      const page = await browser.newPage();
      await page.goto(`${site.url}/app/page-${i}.html`);
      const isShown = () => document.querySelector("output").textContent.length > 10;
      await page.waitForFunction(isShown, undefined, { timeout: 60_000 });
      await page.close();
    }
  } finally {
    await browser.close();
    await site.close();
  }
});

test("the quick starts of Deno and Bun run there", { skip: !isFull && "run with npm run test:full" }, async () => {
  const { modules } = await ensureRuntimes();
  const deno = join(modules, "@deno/linux-x64-glibc/deno");
  const bun = join(modules, "@oven/bun-linux-x64/bin/bun");
  const codeOf = (name) => scripts.find(({ file, noRun }) => file === `site/pages/start/${name}.md` && !noRun).code;
  writeFileSync(join(folder, "deno.ts"), codeOf("deno").replace(`"npm:${packageName}"`, `"${packageName}"`));
  writeFileSync(join(folder, "bun.ts"), codeOf("bun"));
  assert.match(await run(deno, ["run", "--node-modules-dir=manual", "--allow-read", "deno.ts"]), /positive/);
  assert.match(await run(bun, ["run", "bun.ts"]), /positive/);
});

test("every block that is not run says why", (t) => {
  const kept = snippets.filter(({ noRun }) => noRun);
  for (const snippet of kept) t.diagnostic(`${titleOf(snippet)}: not run: ${snippet.noRun}`);
  t.diagnostic(`${snippets.length} blocks, ${snippets.length - kept.length} run, ${kept.length} not run`);
  for (const { language, noRun, file, line } of snippets)
    assert.ok(language !== "tsx" || noRun, `${file}:${line}: tsx blocks cannot run here`);
});
