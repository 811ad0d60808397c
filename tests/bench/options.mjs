// Parses the benchmark's command line.
import { parseArgs } from "node:util";
import { join } from "node:path";
import { Problem, repositoryRoot } from "../../scripts/lib/run.mjs";
import { modelNames } from "./models/catalogue.mjs";

export const usage = `npm run bench -- [options]
  --quick            SmolLM2 only, the main engines, 3 rounds, under 3 minutes
  --models a,b       models, or prefixes of their names (default: all): ${modelNames.join(", ")}
  --engines a,b      engines, or prefixes of their names (default: all): chromium-relaxed, chromium-simd,
                     node-relaxed, node-simd, deno-relaxed, deno-simd, bun-relaxed, bun-simd, wllama,
                     wllama-newest, native;
                     and, only if named, balanced-chromium and balanced-node, with dynamic pruning
  --threads 1,2      numbers of threads (default: 1)
  --measures a,b     load, memory, prefill, decode, roofline (default: all)
  --prefill 16,128   lengths of prompts (default: 16,128,512,2048)
  --contexts 0,1024  context lengths for decoding (default: 0,1024,4096)
  --tokens N         tokens to decode (default: 32)
  --rounds N         rounds (default: 5)
  --seconds N        start no round that would end after N seconds of measuring (default: no limit; with
                     --quick 150)
  --cap N            skip a measurement that would take more than N seconds (default: 20)
  --out DIR          output folder (default: build/bench)
  --record           also write the results to docs/results/<machine>/<name>.json, and append the medians to the
                     history of this machine, in tests/bench/history
  --name NAME        name of the recorded results (default: bench-<models>)
`;

const quick = {
  models: "smollm2-135m",
  engines: "chromium,node-relaxed,wllama,native",
  measures: "prefill,decode,roofline",
  prefill: "128,512",
  contexts: "0",
  rounds: "3",
  seconds: "150",
};

/** The options, or undefined if --help was given. */
export function readOptions(args) {
  const texts = [
    "models",
    "engines",
    "threads",
    "measures",
    "prefill",
    "contexts",
    "tokens",
    "rounds",
    "seconds",
    "cap",
    "out",
    "name",
  ];
  const { values } = parse(args, {
    ...Object.fromEntries(texts.map((name) => [name, { type: "string" }])),
    quick: { type: "boolean" },
    record: { type: "boolean" },
    help: { type: "boolean" },
  });
  if (values.help) return undefined;
  const given = { ...(values.quick && quick), ...values };
  const known = ["load", "memory", "prefill", "decode", "roofline"];
  const measures = given.measures ? list(given.measures) : known;
  const unknown = measures.find((name) => !known.includes(name));
  if (unknown) throw new Problem(`--measures accepts ${known.join(", ")}, not "${unknown}"`);
  return {
    models: given.models ? list(given.models) : modelNames,
    engines: list(given.engines ?? "chromium,node,deno,bun,wllama,native"),
    threads: numbers("threads", given.threads ?? "1", 1),
    measures,
    prefill: numbers("prefill", given.prefill ?? "16,128,512,2048", 1),
    contexts: numbers("contexts", given.contexts ?? "0,1024,4096", 0),
    tokens: number("tokens", given.tokens ?? "32", 2),
    rounds: number("rounds", given.rounds ?? "5", 1),
    seconds: given.seconds ? number("seconds", given.seconds, 1) : Infinity,
    cap: number("cap", given.cap ?? "20", 1),
    record: given.record === true,
    name: given.name,
    out: given.out ?? join(repositoryRoot, "build/bench"),
  };
}

function parse(args, options) {
  try {
    return parseArgs({ args, options });
  } catch (error) {
    throw new Problem(`${error.message}\n${usage}`);
  }
}

const list = (text) => text.split(",").filter(Boolean);
const numbers = (name, text, minimum) => list(text).map((each) => number(name, each, minimum));

function number(name, text, minimum) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < minimum)
    throw new Problem(`--${name} must be integers of at least ${minimum}, not "${text}"`);
  return value;
}
