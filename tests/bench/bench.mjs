// Engines side by side in one run, taking turns: ours in Chromium (every flavour), wllama in the same Chromium, native
// llama.cpp. One thread each. Medians and spread of `--rounds` rounds (default 5) go to stdout as Markdown, everything to
// build/bench/results.json.
import { fork } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { build } from "../../scripts/build.mjs";
import { ensureModel } from "../../scripts/fetch-model.mjs";
import { ensurePeers } from "../../scripts/lib/peers.mjs";
import { Problem, repositoryRoot, runMain, say } from "../../scripts/lib/run.mjs";
import { serve } from "../../scripts/serve.mjs";
import { ensureToolchain } from "../../scripts/setup.mjs";

const chromiumFlags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

// Plain text of about 150 tokens; each round starts it differently, so that no engine can reuse an earlier prompt.
const prompt = (round) => `Note ${"abcdefghijklmnopqrstuvwxyz"[round % 26].repeat(3)}. A camel walks slowly and carries much.
Long before there were roads, people crossed the desert with caravans of camels that brought salt, dates, cloth and letters
from one town to the next. A caravan set out before sunrise, rested when the sun stood high, and went on until the stars were
bright enough to steer by. The leader knew every well and how much water it gave in each season of the year. Children learned
the songs that keep a long line of animals together, and merchants learned to wait. When a storm came, everyone lay down beside
the animals and covered their faces. Afterwards they counted the camels, the bags and each other, drank a little, and
continued the journey. Tell the story of one such day:`;

/** `{run(prompt, tokens)}` for an engine in the page. */
async function browserEngine(page, id, kind, options) {
  await page.evaluate(([id, kind, options]) => window.loadEngine(id, kind, options), [id, kind, options]);
  return (text, tokens) => page.evaluate(([id, text, tokens]) => window.runEngine(id, text, tokens), [id, text, tokens]);
}

async function nativeEngine(modelPath, threads) {
  const child = fork(new URL("native.mjs", import.meta.url), [modelPath, String(threads)]);
  const answer = () => new Promise((done, failed) => {
    child.once("message", done);
    child.once("exit", (code) => failed(new Problem(`native llama.cpp ended with exit code ${code}`)));
  });
  await answer();
  const run = (text, tokens) => {
    child.send({ prompt: text, tokens });
    return answer();
  };
  return { run, close: () => child.disconnect() };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

function summary(results) {
  const of = (key) => {
    const values = results.map((result) => result[key]);
    return { median: median(values), minimum: Math.min(...values), maximum: Math.max(...values) };
  };
  return { prefill: of("prefill"), decode: of("decode"), promptTokens: results[0].promptTokens };
}

await runMain(async (args) => {
  const { values: options } = parseArgs({
    args, options: { rounds: { type: "string", default: "5" }, tokens: { type: "string", default: "48" } },
  });
  const rounds = Number(options.rounds);
  const tokens = Number(options.tokens);
  const tools = await ensureToolchain({ native: false, chromium: true });
  await build(tools);
  const model = await ensureModel("smollm2-135m");
  const peers = await ensurePeers();
  const server = await serve({
    mounts: { "/bench/": join(repositoryRoot, "tests/bench"), "/peers/": peers.modules },
    models: { "smollm2-135m": model },
  });
  const browser = await chromium.launch({ executablePath: tools.chromium, args: chromiumFlags });
  const native = await nativeEngine(model, 1);
  try {
    const page = await browser.newPage();
    page.on("pageerror", (error) => say(`page: ${error.message}`));
    await page.goto(`${server.url}/bench/browser.html`);
    await page.waitForFunction(() => window.benchReady);
    const url = `${server.url}/models/smollm2-135m.gguf`;
    const engines = {
      "CamelGPT relaxed, Chromium": await browserEngine(page, "relaxed", "camelgpt", { model: url, flavour: "relaxed" }),
      "CamelGPT simd, Chromium": await browserEngine(page, "simd", "camelgpt", { model: url, flavour: "simd" }),
      [`wllama ${peers.versions["@wllama/wllama"]}, Chromium`]: await browserEngine(page, "wllama", "wllama", { model: url }),
      [`llama.cpp native (node-llama-cpp ${peers.versions["node-llama-cpp"]})`]: native.run,
    };
    const results = Object.fromEntries(Object.keys(engines).map((name) => [name, []]));
    for (let round = 0; round <= rounds; ++round) {
      for (const [name, run] of Object.entries(engines)) {
        const result = await run(prompt(round), tokens);
        say(`round ${round} ${name}: prefill ${result.prefill.toFixed(1)}, decode ${result.decode.toFixed(1)} tokens/s`);
        if (round > 0) results[name].push(result); // round 0 warms up
      }
    }
    const report = {
      date: new Date().toISOString(),
      machine: `${cpus()[0].model}, ${cpus().length} cores`,
      chromium: browser.version(),
      node: process.version,
      model: "SmolLM2-135M-Instruct, Q4_1, 98,362,432 bytes",
      threads: 1,
      rounds,
      generatedTokens: tokens,
      engines: Object.fromEntries(Object.entries(results).map(([name, list]) => [name, { ...summary(list), rounds: list }])),
    };
    const folder = join(repositoryRoot, "build/bench");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "results.json"), JSON.stringify(report, null, 2));
    const wllama = Object.entries(report.engines).find(([name]) => name.startsWith("wllama"))[1];
    const cell = ({ median, minimum, maximum }) => `${median.toFixed(1)} (${minimum.toFixed(1)}–${maximum.toFixed(1)})`;
    const times = (a, b) => `${(a.median / b.median).toFixed(1)} ×`;
    process.stdout.write(`${report.machine}; Chromium ${report.chromium}; one thread; ${report.model}; ${rounds} rounds.\n\n`);
    process.stdout.write("| engine | prefill tok/s | × wllama | decode tok/s | × wllama |\n|---|---|---|---|---|\n");
    for (const [name, row] of Object.entries(report.engines)) {
      process.stdout.write(`| ${name} | ${cell(row.prefill)} | ${times(row.prefill, wllama.prefill)} | ${cell(row.decode)} | ${times(row.decode, wllama.decode)} |\n`);
    }
  } finally {
    native.close();
    await browser.close();
    await server.close();
  }
});
