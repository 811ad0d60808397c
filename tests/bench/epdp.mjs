// Measures the cost and gain of dynamic pruning: settings against the dense model in one run with alternating turns.
//
//   npm run bench:epdp -- [--model M] [--sidecar F] [--prompts F] [--settings S;S…] [--tokens N] [--rounds N]
//       [--context F] [--out F]
//
// --prompts: one prompt a line, instead of those below. --settings: modes, or JSON. --context: a text file prepended to
// each prompt, for long contexts. Speed: greedy answers of N tokens, the shortest time over the rounds for each prompt.
// Cost: on the dense model's answers, each token evaluated as in a step, with the guard off, and the number of equal
// greedy answers.
// --out: a JSON file; plots of the speed against each cost are written next to it.
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";

import { CamelGPTInference } from "../../npm/dist/node.js";
import { describeMachine } from "./machine.mjs";
import { plotLines } from "./report/plots.mjs";

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

const { values } = parseArgs({
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
  },
});
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
      best[i] = Math.min(best[i], 1000 / answer.timings.decodeTokensPerSecond);
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
  await writePictures(values.out.replace(/\.json$/, ""));
  const results = { machine: describeMachine(), node: process.version, model: values.model, engine, rows };
  await writeFile(values.out, `${JSON.stringify(results, null, 2)}\n`);
}

/** One line for the modes and one for each option that settings vary, with a point for each setting. */
async function writePictures(name) {
  const family = ({ setting }) => (setting.startsWith("{") ? Object.keys(JSON.parse(setting)).join(", ") : "modes");
  const costs = {
    kl: { title: "KL, nats a token", of: (row) => row.kl },
    top1: { title: "other best tokens, %", of: (row) => 100 * (1 - row.top1) },
    perplexity: { title: "perplexity, % more", of: (row) => Math.max(0, 100 * (row.perplexityRatio - 1)) },
  };
  for (const [cost, { title, of }] of Object.entries(costs)) {
    const points = (group) => group.map((row) => [Number(of(row).toPrecision(2)), row.speed]).sort(([a], [b]) => a - b);
    const groups = Object.entries(Object.groupBy(rows, family));
    const series = groups.map(([label, group]) => ({ label, points: points(group) }));
    await writeFile(
      `${name}-${cost}.svg`,
      plotLines(`${values.model}: speed against ${title}`, series, { x: title, y: "× dense" }),
    );
  }
}
