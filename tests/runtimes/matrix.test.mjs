// Runs one script in every runtime, with the packed package: runtimes with the same flavour must give the same texts.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

import { build } from "esbuild";

import { nodeOfMajor } from "../../scripts/lib/node.mjs";
import { ensureRuntimes } from "../../scripts/lib/peers.mjs";
import { repositoryRoot } from "../../scripts/lib/run.mjs";
import { ensureFirefox } from "../../scripts/setup.mjs";
import { serve } from "../../scripts/serve.mjs";
import { openBrowser, strictPolicy } from "../web/lib/browser.mjs";

const here = join(repositoryRoot, "tests/runtimes");
let folder;
let server;
let modules;
/** The results of the first runtime of each flavour. */
const answers = {};

before(async () => {
  ({ modules } = await ensureRuntimes());
  folder = mkdtempSync(join(tmpdir(), "camelgpt-runtimes-"));
  const packed = spawnSync("npm", ["pack", "--pack-destination", folder], {
    cwd: join(repositoryRoot, "npm"),
    encoding: "utf8",
  });
  assert.equal(packed.status, 0, packed.stderr);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const installed = spawnSync("npm", ["install", "--no-audit", "--no-fund", `./${tarball}`], {
    cwd: folder,
    encoding: "utf8",
  });
  assert.equal(installed.status, 0, installed.stderr);
  for (const name of ["script.mjs", "main.mjs", "edge.mjs"]) copyFileSync(join(here, name), join(folder, name));
  server = await serve({
    mounts: {
      "/reglu/": join(repositoryRoot, "models/reglu-tiny"),
      "/mini/": join(repositoryRoot, "models/camelgpt-mini"),
    },
  });
});
after(async () => {
  await server?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const wanted = (flavour) => ({ model: `${server.url}/reglu/reglu-tiny.gguf`, release: `${server.url}/mini/`, flavour });

const load = (name) => import(pathToFileURL(createRequire(join(modules, "x.js")).resolve(name)));

function check(answer, flavour, t) {
  const { threads, worker, ...rest } = answer;
  const where = worker ? "in a worker" : "on the caller's thread";
  t.diagnostic(`${flavour}, ${threads} threads, ${where}: ${JSON.stringify(rest.drawn)}`);
  assert.equal(rest.flavour, flavour);
  assert.equal(rest.loaded, "ready");
  assert.equal(rest.streamed, rest.text);
  assert.equal(rest.aborted, "abort");
  assert.equal(rest.gone, "disposed");
  const { kept, of, cached, same } = rest.saved;
  // The last token is not evaluated.
  assert.deepEqual({ kept, cached, same }, { kept: of - 1, cached: of - 1, same: true });
  assert.equal(rest.talk.restored, rest.talk.text);
  assert.equal(rest.talk.messages.length, 6);
  const { openai, status, aiSdk, promptApi } = rest.adapted;
  assert.deepEqual(
    { openai, status, aiSdk, promptApi },
    { openai: rest.chat, status: 400, aiSdk: rest.chat, promptApi: rest.chat },
  );
  assert.match(rest.shaped.object.name, /^[A-Z][a-z]{2,9}$/);
  assert.deepEqual(rest.shaped.partial, rest.shaped.object);
  assert.equal(rest.label, "positive");
  assert.equal(rest.trusted, true);
  assert.equal(rest.wrong, "not-found");
  answers[flavour] ??= rest;
  assert.deepEqual(rest, answers[flavour]);
}

/** Not spawnSync: the server of the models runs in this process. */
function runIn(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: folder, timeout: 120_000 });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (data) => (stdout += data));
    child.stderr.on("data", (data) => (stderr += data));
    child.on("close", (status) =>
      status === 0
        ? resolve(JSON.parse(stdout))
        : reject(new Error(`${command} ${args.join(" ")}: ${status}\n${stdout}${stderr}`)),
    );
  });
}

for (const major of [24, 22, 20]) {
  test(`Node ${major}`, async (t) => {
    const node = await nodeOfMajor(major);
    for (const flavour of major === 20 ? ["simd"] : ["simd", "relaxed"])
      check(await runIn(node, ["main.mjs", JSON.stringify(wanted(flavour))]), flavour, t);
  });
}

test("Deno", async (t) => {
  const deno = join(modules, "@deno/linux-x64-glibc/deno");
  for (const flavour of ["simd", "relaxed"]) {
    check(
      await runIn(deno, [
        "run",
        "--allow-read",
        "--allow-net",
        "--allow-env",
        "--allow-sys",
        "--node-modules-dir=manual",
        "main.mjs",
        JSON.stringify(wanted(flavour)),
      ]),
      flavour,
      t,
    );
  }
});

test("Bun", async (t) => {
  const bun = join(modules, "@oven/bun-linux-x64/bin/bun");
  check(await runIn(bun, ["main.mjs", JSON.stringify(wanted("simd"))]), "simd", t);
});

/** Serves the package and its models under a strict policy. */
const servePackage = (isolated) =>
  serve({
    mounts: {
      "/package/": join(folder, "node_modules/@gpt-research/camelgpt-inference/dist"),
      "/script/": here,
      "/tests/web/lib/": join(repositoryRoot, "tests/web/lib"),
      "/reglu/": join(repositoryRoot, "models/reglu-tiny"),
      "/mini/": join(repositoryRoot, "models/camelgpt-mini"),
    },
    isolated,
    headers: { "content-security-policy": strictPolicy },
  });

/** Runs the script in pages: isolated or not, with and without a worker. */
async function tryPages(browser, flavours, t) {
  try {
    for (const isolated of [true, false]) {
      const site = await servePackage(isolated);
      try {
        const page = await browser.newPage();
        await page.goto(`${site.url}/tests/web/lib/blank.html`);
        for (const worker of [true, false]) {
          for (const flavour of flavours) {
            const answer = await page.evaluate(
              async (options) => {
                const { CamelGPTInference } = await import("/package/browser.js");
                const { camelgpt } = await import("/package/ai-sdk.js");
                const { createOpenAI } = await import("/package/openai.js");
                const { createLanguageModel } = await import("/package/prompt-api.js");
                const adapters = { camelgpt, createOpenAI, createLanguageModel };
                const { tryPackage } = await import("/script/script.mjs");
                const at = (path) => new URL(path, location.href).href;
                return tryPackage(CamelGPTInference, adapters, {
                  model: at("/reglu/reglu-tiny.gguf"),
                  release: "/mini/",
                  ...options,
                }); // relative URLs work too
              },
              { flavour, worker },
            );
            assert.equal(answer.worker, worker);
            if (!isolated || !worker) assert.equal(answer.threads, 1);
            check(answer, flavour, t);
          }
        }
        await page.close();
      } finally {
        await site.close();
      }
    }
  } finally {
    await browser.close();
  }
}

test("Chromium", async (t) => tryPages(await openBrowser(), ["simd", "relaxed"], t));

test("shared and service workers of Chromium", async (t) => {
  const [browser, site] = [await openBrowser(), await servePackage(false)];
  try {
    const page = await browser.newPage();
    await page.goto(`${site.url}/tests/web/lib/blank.html`);
    const options = { model: `${site.url}/reglu/reglu-tiny.gguf`, release: "/mini/", flavour: "relaxed" };
    const shared = await page.evaluate(
      (options) =>
        new Promise((resolve, reject) => {
          const worker = new SharedWorker("/script/shared-worker.js", { type: "module" });
          worker.onerror = () => reject(new Error("the shared worker failed"));
          worker.port.onmessage = ({ data }) => resolve(data);
          worker.port.postMessage(options);
        }),
      options,
    );
    check(shared, "relaxed", t);
    const service = await page.evaluate(async (options) => {
      const { installing } = await navigator.serviceWorker.register("/script/service-worker.js", { type: "module" });
      const answer = new Promise((resolve) =>
        navigator.serviceWorker.addEventListener("message", ({ data }) => resolve(data)),
      );
      navigator.serviceWorker.startMessages();
      installing.postMessage(options);
      return answer;
    }, options);
    check(service, "relaxed", t);
  } finally {
    await browser.close();
    await site.close();
  }
});

test("Firefox", async (t) => {
  const executablePath = await ensureFirefox();
  const { default: puppeteer } = await load("puppeteer-core");
  await tryPages(
    await puppeteer.launch({ browser: "firefox", executablePath, headless: true }),
    ["simd", "relaxed"],
    t,
  );
});

test("workerd", async (t) => {
  const { Miniflare } = await load("miniflare");
  const bundle = join(folder, "bundle.mjs");
  // Like the build tools of edge functions: condition workerd, with .wasm and .bin left to the runtime.
  const { metafile } = await build({
    entryPoints: [join(folder, "edge.mjs")],
    outfile: bundle,
    bundle: true,
    format: "esm",
    target: "es2022",
    conditions: ["workerd"],
    metafile: true,
    external: ["*.wasm", "*.bin"],
    logLevel: "warning",
  });
  const entry = Object.keys(metafile.inputs).find((name) => name.endsWith("dist/edge.js"));
  assert.ok(entry, "the condition workerd leads to the edge entry");
  const dist = dirname(join(process.cwd(), entry));
  const asset = (type, path) => ({ type, path: join(folder, path), contents: readFileSync(join(dist, path)) });
  const edge = new Miniflare({
    host: "127.0.0.1",
    compatibilityDate: "2026-07-01",
    modulesRoot: folder,
    modules: [
      { type: "ESModule", path: bundle },
      ...["camelgpt-simd", "camelgpt-relaxed", "multiply-add"].map((name) =>
        asset("CompiledWasm", `wasm/${name}.wasm`),
      ),
      ...["gguf", "epdp"].map((name) => asset("Data", `models/camelgpt-mini.${name}.bin`)),
    ],
  });
  try {
    for (const flavour of ["simd", "relaxed"]) {
      const response = await edge.dispatchFetch(`http://edge/?${new URLSearchParams(wanted(flavour))}`);
      const text = await response.text();
      assert.equal(response.status, 200, text);
      check(JSON.parse(text), flavour, t);
    }
    const ask = async (body) => (await edge.dispatchFetch("http://edge/shared", { method: "POST", body })).json();
    const reviews = ["A warm and funny story.", "A dull and tedious film.", "A warm and funny story."];
    const labels = async () => (await Promise.all(reviews.map(ask))).map(({ label }) => label);
    const expected = ["positive", "negative", "positive"];
    assert.deepEqual(await labels(), expected, "concurrent requests");
    assert.deepEqual(await labels(), expected, "later requests");
  } finally {
    await edge.dispose();
  }
});
