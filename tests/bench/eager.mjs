// Measures eager loading on several links: the times of the first and the last token of an answer with and without it,
// and its requests.
//
//   npm run bench:eager -- [--model F] [--links MB/s:MS,…] [--tokens N] [--rounds N] [--connections N] [--package F]
//       [--prompt T]
//
// --links: speed in megabytes a second, and the latency of each response in milliseconds. --connections: responses that
// the server sends at a time. Times are the shortest of the rounds, in seconds from the call of load.
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";

import { ensureModel } from "../../scripts/fetch-model.mjs";
import { startSlowServer } from "../web/lib/slow-server.mjs";

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    links: { type: "string", default: "2.5:20,6:20,200:5" },
    tokens: { type: "string", default: "6" },
    rounds: { type: "string", default: "2" },
    connections: { type: "string", default: "100" },
    prompt: { type: "string", default: "The capital of France is" },
    package: { type: "string", default: "../../npm/dist/node.js" },
  },
});
const { CamelGPTInference } = await import(values.package);
const path = values.model ?? (await ensureModel("smollm2-135m"));
const file = await readFile(path);
const teacher = await CamelGPTInference.load(path, { epdp: "balanced" });
const { sidecar } = await teacher.calibrate();
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

const row = (cells) => console.log(`| ${cells.join(" | ")} |`);
row(["MB/s", "latency, ms", "eager", "first token, s", "last token, s", "requests", "sent, %"]);
row(Array(7).fill("---"));
for (const link of values.links.split(",")) {
  const [speed, latency] = link.split(":").map(Number);
  const best = {};
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const eager of [false, true]) {
      const connections = Number(values.connections);
      const server = await startSlowServer(file, { bytesPerSecond: speed * 1e6, latency, connections });
      const { first, last, text } = await measure(server.url, eager);
      const { requests, sent } = server.counts;
      await server.close();
      const before = best[eager] ?? { first: Infinity, last: Infinity, requests: 0, sent: 0 };
      best[eager] = {
        first: Math.min(first, before.first),
        last: Math.min(last, before.last),
        requests: Math.max(requests, before.requests),
        sent: Math.max(sent, before.sent),
        text,
      };
    }
  }
  for (const eager of [false, true]) {
    const { first, last, requests, sent } = best[eager];
    row([speed, latency, eager, first.toFixed(2), last.toFixed(2), requests, ((100 * sent) / file.length).toFixed(1)]);
  }
  const { true: a, false: b } = best;
  const ratios = [a.first / b.first, a.last / b.last].map((ratio) => ratio.toFixed(3));
  row([speed, latency, "ratio", ...ratios, "", a.text === b.text ? "equal texts" : "different texts"]);
}
