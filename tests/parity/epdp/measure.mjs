// Measures what a mode of dynamic pruning costs on texts that no calibration has seen, and what it gains.
//
//   node tests/parity/epdp/measure.mjs MODEL [--mode balanced] [--sidecar F] [--threads 1] [--tokens 64]
//       [--rounds 2] [TEXT…]
//
// Costs: the mean divergence from the dense model and the ratio of perplexities, on each text file (default: those of
// this folder and code of the repository). Gains: the decode speed of both models in alternating turns, by processor
// time, which other processes disturb less than elapsed time; the shortest of the rounds for each prompt.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { repositoryRoot } from "../../../scripts/lib/run.mjs";

const folder = join(repositoryRoot, "tests/parity/epdp/texts");
const contextLength = 1024;

/** Prompts of the kinds of the texts, for the gains. */
export const prompts = [
  "The sky is blue because",
  "The history of the harbour begins in",
  "def is_palindrome(word):\n",
  "这座古老的城市位于",
];

/** {name: text} of the given files, or of the default texts. */
export function readTexts(paths = []) {
  if (paths.length > 0) return Object.fromEntries(paths.map((path) => [basename(path), readFileSync(path, "utf8")]));
  const code = ["src/generate/random.h", "tests/parity/reference.py", "web/pause.ts"];
  const parts = code.map((path) => readFileSync(join(repositoryRoot, path), "utf8").slice(0, 600));
  const texts = readdirSync(folder).map((name) => [name.replace(".txt", ""), readFileSync(join(folder, name), "utf8")]);
  return { ...Object.fromEntries(texts), code: parts.join("\n") };
}

/** Processor time in milliseconds that `work` takes, on all threads. */
async function processorTime(work) {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Decode times of models in alternating turns: milliseconds a token for each, the mean over the prompts. */
export async function decodeTimes(models, { temperature, tokens, rounds }) {
  const sums = models.map(() => 0);
  for (const [seed, prompt] of prompts.entries()) {
    const best = models.map(() => Infinity);
    for (let round = 0; round < rounds; round++) {
      for (const [i, model] of models.entries()) {
        const answer = (maxTokens) => model.stream(prompt, { temperature, seed, maxTokens, ignoreEos: true });
        await answer(1); // the prompt is cached from here on
        const first = await processorTime(() => answer(1));
        const all = await processorTime(() => answer(tokens));
        best[i] = Math.min(best[i], (all - first) / (tokens - 1));
      }
    }
    best.forEach((ms, i) => (sums[i] += ms / prompts.length));
  }
  return sums;
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      mode: { type: "string", default: "balanced" },
      sidecar: { type: "string" },
      threads: { type: "string", default: "1" },
      tokens: { type: "string", default: "64" },
      rounds: { type: "string", default: "2" },
    },
  });
  const [path, ...files] = positionals;
  const options = { threads: Number(values.threads), contextLength, cache: false };
  const kept = values.sidecar && existsSync(values.sidecar) ? values.sidecar : undefined;
  const pruned = await CamelGPTInference.load(path, {
    ...options,
    epdp: values.mode,
    ...(kept && { sidecar: kept }),
  });
  const dense = await CamelGPTInference.load(path, { ...options, epdp: "off" });
  if (!kept) {
    let sidecar;
    const begin = performance.now();
    const time = await processorTime(async () => {
      sidecar = (await pruned.calibrate()).sidecar;
    });
    const seconds = [performance.now() - begin, time].map((ms) => (ms / 1000).toFixed(1));
    console.log(`calibration: ${seconds[0]} s, ${seconds[1]} s of processor time`);
    if (values.sidecar) await writeFile(values.sidecar, sidecar);
  }
  const { costs } = await pruned.report();
  console.log(`${basename(path)}, ${values.mode}: told ${JSON.stringify(costs[values.mode])}`);
  console.log("| text | tokens | KL | top-1 | perplexity |\n|---|---|---|---|---|");
  for (const [name, text] of Object.entries(readTexts(files))) {
    const { tokens, kl, top1, perplexityRatio } = await pruned.score(text, { against: "dense" });
    const cells = [name, tokens, kl.toFixed(4), `${(100 * top1).toFixed(2)} %`, `× ${perplexityRatio.toFixed(4)}`];
    console.log(`| ${cells.join(" | ")} |`);
  }
  console.log("| temperature | `off`, ms a token | pruned | gain |\n|---|---|---|---|");
  for (const temperature of [0, 1]) {
    const shape = { temperature, tokens: Number(values.tokens), rounds: Number(values.rounds) };
    const [off, on] = await decodeTimes([dense, pruned], shape);
    console.log(`| ${temperature} | ${off.toFixed(2)} | ${on.toFixed(2)} | ${(off / on).toFixed(3)} × |`);
  }
  for (const model of [pruned, dense]) await model.dispose();
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main();
