// Measures the cost and gain of dynamic pruning: settings against the dense model in one run with alternating turns.
//
//   npm run bench:epdp -- [--model M] [--sidecar F] [--prompts F] [--settings S;S…] [--tokens N] [--rounds N]
//       [--context F] [--out F] [--record] [--name NAME]
//
// --prompts: one prompt a line, instead of those below. --settings: modes, or JSON. --context: a text file prepended to
// each prompt, for long contexts. Speed: greedy answers of N tokens, the shortest time over the rounds for each prompt.
// Cost: on the dense model's answers, each token evaluated as in a step, with the guard off, and the number of equal
// greedy answers.
// --out: a JSON file; plots of the speed against each cost are written next to it. --record: also write the results to
// docs/results, where the speed has the median and range of the rounds as well.
import { readFile, writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { basename } from "node:path";
import { parseArgs } from "node:util";

import { CamelGPTInference } from "../../npm/dist/node.js";
import { reportHead } from "./machine.mjs";
import { costs, plotPruning } from "./report/pruning.mjs";
import { recordIfWanted, recordOptions } from "./report/results.mjs";
import { statisticsOf } from "./report/statistics.mjs";

const ownPrompts = [
  "Explain in three sentences why the sky is blue.",
  "Write a short letter to a landlord about a broken heater.",
  "List five ways to save water at home.",
  "What is the difference between a virus and a bacterium?",
  "Write a Python function that checks whether a word is a palindrome.",
  "Tell me a story about a lighthouse keeper.",
  "Summarise the rules of chess for a beginner.",
  "Translate into Spanish: Where is the nearest train station?",
  "Give me a recipe for pancakes.",
  "Why do leaves change their colour in autumn?",
  "Write a haiku about the first snow.",
  "How does a bicycle stay upright?",
];

const usual = [
  "off",
  "exact",
  "balanced",
  "aggressive",
  '{"headRows":6144}',
  '{"headRows":3072}',
  '{"headRows":1024}',
  '{"drafts":true}',
  '{"ffn":0.9}',
];

const args = process.argv.slice(2);
const { values } = parseArgs({
  args,
  options: {
    model: { type: "string", default: "smollm2-135m" },
    sidecar: { type: "string" },
    prompts: { type: "string" },
    settings: { type: "string" },
    context: { type: "string" },
    tokens: { type: "string", default: "64" },
    rounds: { type: "string", default: "5" },
    threads: { type: "string", default: "1" },
    out: { type: "string" },
    ...recordOptions,
  },
});
const head = reportHead("epdp", args);
const maxTokens = Number(values.tokens);
const prompts = values.prompts ? (await readFile(values.prompts, "utf8")).split("\n").filter(Boolean) : ownPrompts;
const before = values.context ? `${await readFile(values.context, "utf8")}\n\n` : "";
const settings = [...new Set(["off", ...(values.settings?.split(";") ?? usual)])];

const seats = [];
for (const name of settings) {
  const epdp = name.startsWith("{") ? JSON.parse(name) : name;
  const options = { epdp, threads: Number(values.threads), contextLength: before ? 4608 : 1024, cache: false };
  const model = await CamelGPTInference.load(values.model, {
    ...options,
    ...(epdp !== "off" && values.sidecar && { sidecar: values.sidecar }),
  });
  if ((typeof epdp === "string" ? epdp !== "off" : epdp.headRows) && !(await model.report()).calibrated)
    await model.calibrate();
  seats.push({
    name,
    epdp,
    model,
    ms: 0,
    roundMs: Array(Number(values.rounds)).fill(0),
    same: 0,
    kl: 0,
    top: 0,
    nll: 0,
    scored: 0,
    drafted: 0,
    accepted: 0,
    checks: 0,
    events: 0,
    macs: 0,
  });
}
const [dense] = seats;

const chat = ({ model }, prompt) =>
  model.chat([{ role: "user", content: before + prompt }], { maxTokens, temperature: 0 });
for (const [index, prompt] of prompts.entries()) {
  process.stderr.write(`\r${index + 1} of ${prompts.length} `);
  const answers = seats.map(() => undefined);
  const best = seats.map(() => Infinity);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [i, seat] of seats.entries()) {
      const answer = await chat(seat, prompt);
      answers[i] = answer.tokens;
      const ms = 1000 / answer.timings.decodeTokensPerSecond;
      best[i] = Math.min(best[i], ms);
      seat.roundMs[round] += ms / prompts.length;
    }
  }
  for (const [i, seat] of seats.entries()) {
    const report = await seat.model.report();
    seat.ms += best[i] / prompts.length;
    seat.same += answers[i].join() === answers[0].join() ? 1 : 0;
    seat.macs += report.macsPerToken / report.macsPerTokenDense / prompts.length;
    for (const key of ["drafted", "accepted"]) seat[key] += report[key];
    seat.checks += report.driftChecks;
    seat.events += report.driftEvents;
  }
  for (const seat of seats.slice(1)) await addCost(seat, prompt, answers[0]);
}

/** The cost of the answer: the cost of prompt and answer together minus that of the prompt. */
async function addCost(seat, prompt, answer) {
  const question = await dense.model.tokenize(
    `<|im_start|>user\n${before}${prompt}<|im_end|>\n<|im_start|>assistant\n`,
  );
  const total = async (tokens) => {
    const { tokens: count, kl, top1, nll, perplexityRatio } = await seat.model.score(tokens, { against: "dense" });
    return { count, kl: kl * count, top: top1 * count, ratio: Math.log(perplexityRatio) * count, nll };
  };
  const all = await total([...question, ...answer]);
  const first = await total(question);
  seat.kl += all.kl - first.kl;
  seat.top += all.top - first.top;
  seat.nll += all.ratio - first.ratio;
  seat.scored += all.count - first.count;
}

process.stderr.write("\r");
const rows = seats.map((seat) => ({
  setting: seat.name,
  tokensPerSecond: 1000 / seat.ms,
  speed: dense.ms / seat.ms,
  kl: seat.scored ? seat.kl / seat.scored : 0,
  top1: seat.scored ? seat.top / seat.scored : 1,
  perplexityRatio: seat.scored ? Math.exp(seat.nll / seat.scored) : 1,
  sameAnswers: seat.same,
  answers: prompts.length,
  macs: seat.macs,
  drafted: seat.drafted,
  accepted: seat.accepted,
  driftChecks: seat.checks,
  driftEvents: seat.events,
}));
const { engine } = await dense.model.info();
head.load.push(loadavg()[0]);
for (const { model } of seats) await model.dispose();

console.log(
  `${values.model}, ${engine.kernels}, ${engine.threads} thread(s), ` +
    `${prompts.length} prompts × ${maxTokens} tokens, best of ${values.rounds}`,
);
console.log(
  "| setting | tok/s | speed | KL | top-1 | perplexity | same answers | multiply-adds | drafts accepted | drift |\n" +
    `|${"---|".repeat(10)}`,
);
for (const r of rows) {
  const cells = [
    r.setting,
    r.tokensPerSecond.toFixed(1),
    `${r.speed.toFixed(3)} ×`,
    r.kl.toFixed(4),
    `${(100 * r.top1).toFixed(2)} %`,
    `× ${r.perplexityRatio.toFixed(4)}`,
    `${r.sameAnswers} of ${r.answers}`,
    `${(100 * r.macs).toFixed(1)} %`,
    `${r.accepted} of ${r.drafted}`,
    `${r.driftEvents} in ${r.driftChecks}`,
  ];
  console.log(`| ${cells.join(" | ")} |`);
}
if (values.out) {
  const { rows: recorded } = resultsOf();
  for (const cost of Object.keys(costs))
    await writeFile(`${values.out.replace(/\.json$/, "")}-${cost}.svg`, plotPruning(values.model, recorded, cost));
  await writeFile(values.out, `${JSON.stringify({ ...head, model: values.model, engine, rows }, null, 2)}\n`);
}
recordIfWanted(values, resultsOf(), [basename(values.model, ".gguf")]);

/** The results to record. */
function resultsOf() {
  const model = basename(values.model, ".gguf");
  const flavour = engine.kernels.split(" ")[0];
  const common = { model, engine: `node-${flavour}`, flavour, threads: engine.threads };
  return {
    benchmark: "epdp",
    what: `Dynamic pruning of ${model}: speed and distance from the dense model`,
    ...head,
    settings: { [common.engine]: engine.kernels },
    rows: rows.flatMap((row, i) => {
      const base = { ...common, setting: row.setting };
      const rates = seats[i].roundMs.map((ms) => 1000 / ms);
      const speeds = seats[i].roundMs.map((ms, round) => dense.roundMs[round] / ms);
      const mean = (measure, unit, value, count) => ({ ...base, measure, unit, mean: value, count });
      const { scored } = seats[i];
      return [
        { ...base, measure: "decode", unit: "tok/s", ...statisticsOf(rates) },
        { ...base, measure: "speed", unit: "ratio", ...statisticsOf(speeds) },
        mean("best-decode", "tok/s", row.tokensPerSecond, prompts.length),
        mean("best-speed", "ratio", row.speed, prompts.length),
        mean("macs", "share", row.macs, prompts.length),
        ...(scored
          ? [
              mean("kl", "nats", row.kl, scored),
              mean("same-best-token", "share", row.top1, scored),
              mean("perplexity", "ratio", row.perplexityRatio, scored),
              mean("same-answers", "share", row.sameAnswers / row.answers, row.answers),
            ]
          : []),
      ];
    }),
  };
}
