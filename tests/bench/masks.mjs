// Measures what grammars cost: the time of token masks in WebAssembly, and the speed of answers with a JSON schema
// against those without, of this engine and of native llama.cpp. docs/benchmarks.md defines the measures.
//
//   npm run bench:masks -- [--models F,F…] [--rounds N] [--tokens N] [--flavour relaxed|simd] [--masks-only] [--out F]
//     [--record] [--name NAME]
//
// --models: names of models or paths of files (default: smollm2-135m). --tokens: the most tokens of an answer. --out: a
// JSON file for all measurements. --record: also write the results to docs/results. With the environment variable
// CAMELGPT_DATA, whose folder maskbench has the schemas of MaskBench, these are walked too.
import { writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { basename } from "node:path";
import { parseArgs } from "node:util";

import { build } from "../../scripts/build.mjs";
import { ensureModel, releases } from "../../scripts/fetch-model.mjs";
import { ensurePeers } from "../../scripts/lib/peers.mjs";
import { runMain, say } from "../../scripts/lib/run.mjs";
import { ensureToolchain } from "../../scripts/setup.mjs";
import { compileSchema, dataFolder, grammars, jsonFiles, recogniser, textsOf } from "../web/lib/json-schema.mjs";
import { chooseEngines, listEngines } from "./engines/list.mjs";
import { peerReportHead } from "./machine.mjs";
import { buildMaskProbe, measureMasks } from "./masks/measure.mjs";
import { answerTable, headOf, maskTable, resultsOf } from "./masks/report.mjs";
import { forcedSchema, schemas } from "./masks/schemas.mjs";
import { recordIfWanted, recordOptions } from "./report/results.mjs";

const contextLength = 512;

await runMain(async (args) => {
  const { values } = parseArgs({
    args,
    options: {
      models: { type: "string", default: "smollm2-135m" },
      rounds: { type: "string", default: "5" },
      tokens: { type: "string", default: "64" },
      flavour: { type: "string", default: "relaxed" },
      "masks-only": { type: "boolean" },
      out: { type: "string" },
      ...recordOptions,
    },
  });
  const rounds = Number(values.rounds);
  const tools = await ensureToolchain({ native: false });
  await build(tools);
  const peers = await ensurePeers();
  const places = { chromium: "chromium", site: "", node24: tools.node24, peers, probes: {} };
  const report = {
    ...peerReportHead("masks", args, places),
    flavour: values.flavour,
    masks: [],
    answers: [],
  };
  const module = await buildMaskProbe(tools);
  const paths = values.models.split(",").map((name) => (name in releases ? ensureModel(name) : name));
  for (const modelPath of await Promise.all(paths)) {
    const model = basename(modelPath, ".gguf");
    for (const { name, cases } of caseSets()) {
      say(`bench: ${model}: masks of ${name}`);
      report.masks.push({ model, name, ...(await measureMasks({ module, modelPath, cases, rounds })) });
    }
  }
  for (const modelPath of values["masks-only"] ? [] : await Promise.all(paths)) {
    const model = basename(modelPath, ".gguf");
    const engines = chooseEngines(listEngines(places), [`node-${values.flavour}`, "native"]);
    const seats = await open(engines, modelPath);
    try {
      const rows = await measureAnswers({ seats, model, rounds, tokens: Number(values.tokens) });
      report.answers.push({ model, rows, seats: seats.map(({ id, label, settings }) => ({ id, label, settings })) });
    } finally {
      for (const { session } of seats) await session.close();
    }
  }
  report.load.push(loadavg()[0]);
  if (values.out) await writeFile(values.out, `${JSON.stringify(report, null, 2)}\n`);
  const lines = [...headOf(report), ...maskTable(report.masks), ...report.answers.flatMap(answerTable)];
  process.stdout.write(`${lines.join("\n")}\n`);
  recordIfWanted(values, resultsOf(report), [...new Set(report.masks.map(({ model }) => model))]);
});

/** The grammars and texts to walk: those of schemas.mjs, and MaskBench's. */
function caseSets() {
  const cases = schemas.map(({ name, schema, answers }) => ({
    name,
    grammar: grammars.schemaGrammar(schema).grammar,
    texts: answers.map((answer) => JSON.stringify(answer)),
  }));
  const folder = dataFolder("maskbench");
  return [
    { name: `${cases.length} schemas`, cases },
    ...(folder ? [{ name: "MaskBench", cases: jsonFiles(folder).flatMap(caseOf) }] : []),
  ];
}

/** A case of MaskBench, unless its schema is not supported or has no valid instance. */
function caseOf({ name, content: { schema, tests } }) {
  const { grammar } = compileSchema(schema);
  if (!grammar) return [];
  const recognises = recogniser(schema);
  const texts = tests
    .filter(({ valid }) => valid)
    .map(({ data }) => textsOf(data, schema).find((text) => recognises.accepts(text)));
  return texts.length > 0 ? [{ name, grammar, texts }] : [];
}

async function open(engines, modelPath) {
  const seats = [];
  for (const engine of engines) {
    const session = await engine.start();
    const { settings } = await session.ask("load", {
      source: modelPath,
      flavour: engine.flavour,
      threads: 1,
      contextLength,
    });
    seats.push({ id: engine.id, label: engine.label, settings, session });
  }
  return seats;
}

/**
 * Answers to each prompt with its schema and without, in turns. A schema's grammar is compiled in each turn: between
 * two of its turns there are more schemas than the engine keeps grammars.
 *
 * @returns `[{schema, engine, round, tokens, with: {ms, cpuMs}, without: {ms, cpuMs}}]`; times are those of a token
 */
async function measureAnswers({ seats, model, rounds, tokens }) {
  const rows = [];
  for (let round = 0; round <= rounds; round++) {
    for (const { name, prompt, schema } of [...schemas, forcedSchema]) {
      for (const { id, session } of round % 2 ? seats : seats.toReversed()) {
        const formatted = await session.ask("answer", { prompt, schema, tokens });
        const plain = await session.ask("answer", { prompt, tokens: formatted.tokens });
        if (plain.tokens !== formatted.tokens) throw new Error(`${id}: ${plain.tokens} of ${formatted.tokens} tokens`);
        const perToken = ({ ms, cpuMs }) => ({ ms: ms / formatted.tokens, cpuMs: cpuMs / formatted.tokens });
        if (round === 0) continue; // warms up
        const { tokens: count, text } = formatted;
        rows.push({
          schema: name,
          engine: id,
          round,
          tokens: count,
          text,
          with: perToken(formatted),
          without: perToken(plain),
        });
      }
    }
    say(`bench: ${model}: round ${round} of ${rounds}${round === 0 ? ", which warms up" : ""}`);
  }
  return rows;
}
