// Benchmarks engines against each other in one run with alternating turns: ours in every flavour and runtime, wllama in
// the same Chromium, native llama.cpp. --help lists the options. Tables go to stdout as Markdown, all results to
// build/bench. docs/benchmarks.md defines the measures.
import { statSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { build } from "../../scripts/build.mjs";
import { ensurePeers } from "../../scripts/lib/peers.mjs";
import { repositoryRoot, runMain, say } from "../../scripts/lib/run.mjs";
import { serve } from "../../scripts/serve.mjs";
import { ensureToolchain } from "../../scripts/setup.mjs";
import { chooseEngines, listEngines } from "./engines/list.mjs";
import { describeMachine, describeVersions } from "./machine.mjs";
import { canMeasureEnergy } from "./meters.mjs";
import { chooseModels, ensureBenchModel, modelMounts } from "./models/catalogue.mjs";
import { demandOf } from "./models/demand.mjs";
import { readOptions, usage } from "./options.mjs";
import { promptMaker } from "./prompts.mjs";
import { kernelsOf } from "./report/roofline.mjs";
import { recordReport, writeReport } from "./report/write.mjs";
import { buildRoofline } from "./roofline/roofline.mjs";
import { playRounds } from "./rounds.mjs";
import { takeSeat } from "./seat.mjs";

// A signal must also end the browsers, which happens in process.exit().
for (const signal of ["SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

await runMain(async (args) => {
  const wanted = readOptions(args);
  if (!wanted) return void process.stdout.write(usage);
  const names = chooseModels(wanted.models);
  const tools = await ensureToolchain({ native: false, chromium: true });
  await build(tools);
  const peers = await ensurePeers();
  const probes = wanted.measures.includes("roofline") ? await buildProbes(tools) : {};
  const server = await serve({
    isolated: true, // threads require shared memory
    mounts: {
      "/bench/": join(repositoryRoot, "tests/bench"),
      "/peers/": peers.modules,
      "/build/": join(repositoryRoot, "build"),
      ...modelMounts,
    },
  });
  try {
    const places = { chromium: tools.chromium, site: server.url, node24: tools.node24, peers, probes };
    const engines = chooseEngines(listEngines(places), wanted.engines);
    const deadline = performance.now() + 1000 * wanted.seconds; // building does not count
    const report = {
      date: new Date().toISOString(),
      command: ["npm run bench", ...(args.length > 0 ? ["--", ...args] : [])].join(" "),
      machine: describeMachine(),
      load: [loadavg()[0]],
      versions: describeVersions(places),
      energy: canMeasureEnergy ? "joules of all processor packages" : "not available on this machine",
      options: wanted,
      engines: engines.map(({ id, label, flavour }) => ({ id, label, flavour })),
      models: {},
      results: [],
    };
    let markdown = "";
    for (const name of names) {
      for (const threads of wanted.threads) {
        await measureModel({ name, threads, engines, wanted, deadline, report, site: server.url });
        report.load[1] = loadavg()[0];
        // After each model, so that an interrupted run keeps its results.
        markdown = writeReport(report, wanted.out);
      }
    }
    process.stdout.write(markdown);
    say(`bench: results.json, results.md and pictures are in ${wanted.out}`);
    if (wanted.record) say(`bench: the results are recorded in ${recordReport(report).join(" and ")}`);
  } finally {
    await server.close();
  }
});

/** Flavour → path of its roofline probe. */
async function buildProbes(tools) {
  const probes = {};
  for (const flavour of ["simd", "relaxed"]) probes[flavour] = await buildRoofline(tools, flavour);
  return probes;
}

/** Adds the results of one model with `threads` threads, for each engine, to the report. */
async function measureModel({ name, threads, engines, wanted, deadline, report, site }) {
  const { path, urlPath } = await ensureBenchModel(name);
  const { keyValueBytes, tokens, matrices } = demandOf(path);
  const fileBytes = statSync(path).size;
  // With room for the warm-up.
  const contextLength = Math.max(...wanted.prefill, ...wanted.contexts) + wanted.tokens + 128;
  const model = (report.models[name] ??= { fileBytes, matrices, settings: {} });
  const prompts = promptMaker(tokens);
  const seats = engines.map((engine) => {
    const source = engine.web ? site + urlPath : path;
    return takeSeat({
      engine,
      source,
      threads,
      contextLength,
      prompts,
      kernels: kernelsOf(matrices),
      cap: wanted.cap,
      tokens: wanted.tokens,
    });
  });
  await playRounds({
    seats,
    bytes: fileBytes + keyValueBytes * contextLength,
    wanted,
    deadline,
    record(row) {
      report.results.push({ model: name, threads, ...row });
      say(`${name}, ${threads} thread${threads === 1 ? "" : "s"}, ${lineOf(row)}`);
    },
  });
  model.settings[threads] = Object.fromEntries(seats.map(({ engine, description }) => [engine.id, description]));
}

function lineOf({ round, engine, measure, at, value, probe, skipped, error }) {
  const what = [round && `round ${round}`, engine, measure, at].filter((part) => part !== undefined).join(" ");
  if (probe) return `${what}: memory ${probe.readGBps.toFixed(1)} GB/s`;
  if (value === undefined) return `${what}: ${skipped ? `skipped: ${skipped}` : `failed: ${error}`}`;
  if (measure === "memory") return `${what}: ${(value / 1e6).toFixed(0)} MB`;
  return `${what}: ${value.toFixed(2)} ${measure === "load" ? "s" : "tok/s"}`;
}
