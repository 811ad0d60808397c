// Measures eager loading on several links: the times of the first and the last token of an answer with and without it,
// and its requests.
//
//   npm run bench:eager -- [--model F] [--links MB/s:MS,…] [--tokens N] [--rounds N] [--connections N] [--package F]
//       [--prompt T] [--record] [--name NAME]
//
// --links: speed in megabytes a second, and the latency of each response in milliseconds. --connections: responses that
// the server sends at a time. Times are the shortest of the rounds, in seconds from the call of load. --record: also
// write the results to docs/results, with medians.
import { readFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { basename } from "node:path";
import { parseArgs } from "node:util";

import { ensureModel } from "../../scripts/fetch-model.mjs";
import { startSlowServer } from "../web/lib/slow-server.mjs";
import { reportHead } from "./machine.mjs";
import { recordIfWanted, recordOptions } from "./report/results.mjs";
import { statisticsOf } from "./report/statistics.mjs";

const args = process.argv.slice(2);
const { values } = parseArgs({
  args,
  options: {
    model: { type: "string" },
    links: { type: "string", default: "2.5:20,6:20,200:5" },
    tokens: { type: "string", default: "6" },
    rounds: { type: "string", default: "2" },
    connections: { type: "string", default: "100" },
    prompt: { type: "string", default: "The capital of France is" },
    package: { type: "string", default: "../../npm/dist/node.js" },
    ...recordOptions,
  },
});
const head = reportHead("eager", args);
const { CamelGPTInference } = await import(values.package);
const path = values.model ?? (await ensureModel("smollm2-135m"));
const file = await readFile(path);
const teacher = await CamelGPTInference.load(path, { epdp: "balanced" });
const { sidecar } = await teacher.calibrate();
const [flavour] = (await teacher.info()).engine.kernels.split(" ");
await teacher.dispose();

async function measure(url, eager) {
  const begin = performance.now();
  const model = await CamelGPTInference.load(url, { threads: 1, sidecar, eager });
  const stream = model.stream(values.prompt, { maxTokens: Number(values.tokens) });
  let first;
  for await (const piece of stream) if (piece) first ??= (performance.now() - begin) / 1000;
  const last = (performance.now() - begin) / 1000;
  const { text } = await stream;
  await model.dispose();
  return { first, last, text };
}

const recorded = [];
const row = (cells) => console.log(`| ${cells.join(" | ")} |`);
row(["MB/s", "latency, ms", "eager", "first token, s", "last token, s", "requests", "sent, %"]);
row(Array(7).fill("---"));
for (const link of values.links.split(",")) {
  const [speed, latency] = link.split(":").map(Number);
  const runs = { false: [], true: [] };
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const eager of [false, true]) {
      const connections = Number(values.connections);
      const server = await startSlowServer(file, { bytesPerSecond: speed * 1e6, latency, connections });
      const times = await measure(server.url, eager);
      runs[eager].push({ ...times, ...server.counts });
      await server.close();
    }
  }
  const best = {};
  for (const eager of [false, true]) {
    const all = (key) => runs[eager].map((run) => run[key]);
    const { text } = runs[eager].at(-1);
    const [first, last] = [Math.min(...all("first")), Math.min(...all("last"))];
    const [requests, sent] = [Math.max(...all("requests")), Math.max(...all("sent"))];
    best[eager] = { first, last, text };
    row([speed, latency, eager, first.toFixed(2), last.toFixed(2), requests, ((100 * sent) / file.length).toFixed(1)]);
    recorded.push(...rowsOf(`${speed} MB/s${eager ? " eager" : ""}`, all));
  }
  const { true: a, false: b } = best;
  const ratios = [a.first / b.first, a.last / b.last].map((ratio) => ratio.toFixed(3));
  row([speed, latency, "ratio", ...ratios, "", a.text === b.text ? "equal texts" : "different texts"]);
}
head.load.push(loadavg()[0]);
const model = basename(path, ".gguf");
const what = `Time to the first and the last of ${values.tokens} tokens while ${model} arrives on slow links`;
recordIfWanted(values, { benchmark: "eager", what, ...head, rows: recorded }, [model]);

function rowsOf(setting, all) {
  const common = { model: basename(path, ".gguf"), engine: `node-${flavour}`, flavour, threads: 1, setting };
  const row = (measure, unit, values) => ({ ...common, measure, unit, ...statisticsOf(values) });
  return [
    row("first-token", "s", all("first")),
    row("last-token", "s", all("last")),
    row("requests", "count", all("requests")),
    row(
      "sent",
      "share",
      all("sent").map((bytes) => bytes / file.length),
    ),
  ];
}
