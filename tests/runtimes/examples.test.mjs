// The examples as a user would run them: each is copied to a folder of its own, the packed package is installed there,
// and the page is built, served and opened in Chromium.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { after, before, test } from "node:test";

import { CamelGPTInference } from "../../npm/dist/node.js";
import { repositoryRoot } from "../../scripts/lib/run.mjs";
import { serve } from "../../scripts/serve.mjs";
import { openBrowser } from "../web/lib/browser.mjs";

const prompt = "a dog runs through the water . german :";
// npm and the bundlers run on the Node of this test, and Next sends no telemetry.
const env = {
  ...process.env,
  PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
  NEXT_TELEMETRY_DISABLED: "1",
};

let folder;
let tarball;
let browser;
/** The answer in Node. */
let expected;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "camelgpt-examples-"));
  run(join(repositoryRoot, "npm"), "npm", ["pack", "--pack-destination", folder]);
  tarball = join(
    folder,
    readdirSync(folder).find((name) => name.endsWith(".tgz")),
  );
  browser = await openBrowser();
  const model = new CamelGPTInference();
  expected = await model.generateText(prompt, 12);
  await model.dispose();
});
after(async () => {
  await browser?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

function run(cwd, command, args) {
  const result = spawnSync(command, args, { cwd, encoding: "utf8", env, timeout: 300_000 });
  assert.equal(result.status, 0, `${command} ${args.join(" ")}\n${result.stdout}\n${result.stderr}`);
  return result.stdout;
}

/** A copy of an example that has the packed package, built if it has a build; its folder. */
function take(name) {
  const copy = join(folder, name);
  const made = new Set(["node_modules", "dist", ".next"]); // where somebody tried the example in place
  cpSync(join(repositoryRoot, "examples", name), copy, {
    recursive: true,
    filter: (path) => !made.has(basename(path)),
  });
  run(copy, "npm", ["install", "--no-audit", "--no-fund", tarball]);
  run(copy, "npm", ["run", "build", "--if-present"]);
  return copy;
}

/** Checks that a build has the files that the worker imports when it needs them, as they are in the package. */
function expectWorkerParts(build) {
  const scripts = readdirSync(build, { recursive: true }).filter((path) => path.endsWith(".js"));
  const exporting = (name) => (path) => {
    const code = readFileSync(join(build, path), "utf8");
    return !code.startsWith("import") && new RegExp(`export\\s*\\{[^}]*\\b${name}\\b[^}]*\\};?\\s*$`).test(code);
  };
  assert.ok(scripts.some(exporting("renderToData")), `no chat-template.js among ${scripts.join(", ")}`);
  assert.ok(scripts.some(exporting("fillMasks")), `no tasks.js among ${scripts.join(", ")}`);
}

/** Presses the button; what the page then says: `{text, engine}`. */
async function visit(url) {
  const page = await browser.newPage();
  const errors = [];
  const foreign = [];
  page.on("pageerror", (error) => errors.push(error.message));
  const isFailure = (message) => message.type() === "error" && !message.location().url.endsWith("/favicon.ico");
  page.on("console", (message) => isFailure(message) && errors.push(message.text()));
  page.on("request", (request) => new URL(request.url()).origin !== new URL(url).origin && foreign.push(request.url()));
  await page.goto(url, { waitUntil: "load" });
  await page.getByRole("button").click();
  const engine = page.locator("small:not(:empty)");
  await engine.waitFor({ timeout: 60_000 }).catch((error) => assert.fail([error.message, ...errors].join("\n")));
  const answer = { text: await page.locator("output").textContent(), engine: await engine.textContent() };
  await page.close();
  assert.deepEqual(errors, []);
  assert.deepEqual(foreign, []);
  return answer;
}

function check({ text, engine }, isolated, t) {
  t.diagnostic(`${isolated ? "isolated" : "not isolated"}: ${engine}`);
  assert.equal(text, expected);
  const [, threads] = /^(?:simd|relaxed), threads: (\d+), in a worker$/.exec(engine) ?? assert.fail(engine);
  if (!isolated) assert.equal(threads, "1");
  else if (navigator.hardwareConcurrency > 1) assert.ok(threads > 1, engine);
}

for (const [name, site] of [
  ["vite", "dist"],
  ["webpack", "."],
  ["esbuild", "."],
  ["plain", "."],
]) {
  test(`the example for ${name}`, async (t) => {
    const copy = take(name);
    if (name !== "plain") expectWorkerParts(join(copy, "dist"));
    const mounts = { "/app/": join(copy, site) };
    for (const isolated of [true, false]) {
      const server = await serve({ mounts, isolated });
      try {
        check(await visit(`${server.url}/app/`), isolated, t);
      } finally {
        await server.close();
      }
    }
  });
}

/** `next start` in a folder, on a free port; `{url, stop}` as soon as it listens. */
async function startNext(cwd) {
  const program = join(cwd, "node_modules/next/dist/bin/next");
  const child = spawn(process.execPath, [program, "start", "--hostname", "127.0.0.1", "--port", "0"], { cwd, env });
  const ended = new Promise((resolve) => child.on("close", resolve));
  let printed = "";
  const url = await new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data) => {
        printed += data;
        const found = /http:\/\/127\.0\.0\.1:\d+/.exec(printed);
        if (found) resolve(found[0]);
      });
    }
    ended.then(() => reject(new Error(printed)));
  });
  const stop = () => {
    child.kill();
    return ended;
  };
  return { url, printed: () => printed, stop };
}

test("the example for next", async (t) => {
  const copy = take("next");
  expectWorkerParts(join(copy, ".next/static"));
  const server = await startNext(copy);
  try {
    const html = await (await fetch(server.url)).text();
    assert.match(html, /<button type="submit">Generate<\/button>/, "the page is made on the server");
    check(await visit(server.url), true, t);
    assert.doesNotMatch(server.printed(), /error/i);
  } finally {
    await server.stop();
  }
});
