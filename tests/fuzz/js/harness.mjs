// Runs one harness of this folder: random inputs in a thread, watched by another one that notices crashes and hangs.
//   node tests/fuzz/js/fuzz-NAME.mjs [--seconds N] [--seed N] [--corpus FOLDER] [--found FOLDER] [FILE…]
// The files are inputs to repeat. Prints the same two figures as libFuzzer; "cov" counts different outcomes.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect, parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

import { CamelGPTError } from "@gpt-research/camelgpt-inference";

import { mutate, randomFrom } from "./mutator.mjs";

const maxInputBytes = 4 << 20;
const maxSilence = 10_000; // milliseconds of one execution

const seedsFolder = fileURLToPath(new URL("../seeds/", import.meta.url));
/** The committed inputs of a harness, and its dictionary. */
export function committedSeeds(name) {
  const folder = join(seedsFolder, name);
  return existsSync(folder) ? readdirSync(folder).map((file) => readFileSync(join(folder, file))) : [];
}

/** A finding: the input breaks a promise. */
export class Finding extends Error {}

export function require(condition, promise) {
  if (!condition) throw new Finding(promise);
}

const unexpectedCodes = ["internal", "engine-failed", "worker-failed"];

/** Returns the outcome of an error, or throws a Finding for one that is not typed. */
export function outcomeOf(error) {
  if (error instanceof Finding) throw error;
  if (!(error instanceof CamelGPTError) && error?.constructor?.name !== "CamelGPTError") {
    throw new Finding(`not a CamelGPTError: ${error?.stack ?? String(error)}`);
  }
  if (unexpectedCodes.includes(error.code)) {
    throw new Finding(`the error ${error.code}: ${error.message} ${inspect(error.cause)}`);
  }
  // Without what differs from input to input.
  return `${error.code} ${error.message} ${error.expected} ${error.found}`
    .replace(/Unexpected (token|string|number|non-)[\s\S]*/, "Unexpected")
    .replace(/"(\\.|[^"\\])*"…?|'[^']*'|\(line.*|\.\.\..*|[0-9a-f]{8,}|\d+/g, "#")
    .slice(0, 300);
}

/**
 * Runs `execute(input, pick)` on changed inputs. It resolves to a description of the outcome; a new outcome makes its
 * input a base for further ones.
 * @param harness `{url: import.meta.url, seeds: () => [bytes], execute, change?, dictionary?, first?}`; `change(bytes,
 * pick, options)` replaces the usual mutation.
 */
export async function runHarness(harness) {
  if (isMainThread) return watch(harness.url);
  const { shared, options, files } = workerData;
  const counter = new Int32Array(shared, 0, 2);
  const kept = new Uint8Array(shared, 8);
  const announce = (input) => {
    kept.set(input.subarray(0, maxInputBytes));
    Atomics.store(counter, 1, input.length);
    Atomics.add(counter, 0, 1);
  };
  const context = await harness.setUp?.();
  if (files.length > 0) {
    for (const file of files) {
      const input = readFileSync(file);
      announce(input);
      const outcome = await harness.execute(input, randomFrom(input.length), context);
      parentPort.postMessage({ line: `${basename(file)}: ${outcome}` });
    }
    return parentPort.postMessage({ done: true, executions: files.length, outcomes: files.length });
  }
  const pick = randomFrom(options.seed);
  const corpus = (await harness.seeds(context)).map((seed) => Buffer.from(seed));
  for (const name of existsSync(options.corpus) ? readdirSync(options.corpus) : []) {
    corpus.push(readFileSync(join(options.corpus, name)));
  }
  const seedCount = corpus.length;
  const outcomes = new Set();
  const end = performance.now() + options.seconds * 1000;
  const change = harness.change ?? mutate;
  let executions = 0;
  for (; performance.now() < end; ++executions) {
    const isSeed = executions < seedCount;
    const base = corpus[isSeed ? executions : pick(corpus.length)];
    const other = corpus[pick(corpus.length)];
    const { dictionary, first } = harness;
    const input = isSeed
      ? base
      : change(base, pick, { other, dictionary, first: first?.(base), maxBytes: maxInputBytes });
    announce(input);
    // The second argument depends only on the input, so that a file repeats the execution.
    const outcome = String(await harness.execute(input, randomFrom(input.length), context));
    if (outcomes.has(outcome)) continue;
    outcomes.add(outcome);
    if (isSeed) continue;
    corpus.push(input);
    const name = createHash("sha256").update(input).digest("hex").slice(0, 16);
    if (options.corpus) writeFileSync(join(options.corpus, name), input);
  }
  parentPort.postMessage({ done: true, executions, outcomes: outcomes.size });
}

async function watch(url) {
  const { values, positionals } = parseArgs({
    options: {
      seconds: { type: "string", default: "10" },
      seed: { type: "string", default: "1" },
      corpus: { type: "string", default: "" },
      found: { type: "string", default: "" },
    },
    allowPositionals: true,
  });
  for (const folder of [values.corpus, values.found]) if (folder) mkdirSync(folder, { recursive: true });
  const options = { ...values, seconds: Number(values.seconds), seed: Number(values.seed) };
  const shared = new SharedArrayBuffer(8 + maxInputBytes);
  const counter = new Int32Array(shared, 0, 2);
  const name = basename(fileURLToPath(url), ".mjs");
  const worker = new Worker(fileURLToPath(url), { workerData: { shared, options, files: positionals } });
  const fail = (reason) => {
    const input = Buffer.from(new Uint8Array(shared, 8, Math.min(Atomics.load(counter, 1), maxInputBytes)));
    console.error(`${name}: ${reason}`);
    const path = join(values.found || ".", `${name}-${createHash("sha256").update(input).digest("hex").slice(0, 16)}`);
    if (positionals.length === 0) {
      writeFileSync(path, input);
      console.error(`the input is in ${path}`);
    }
    console.log(`number_of_executed_units: ${Atomics.load(counter, 0)}`);
    process.exit(1);
  };
  worker.on("error", (error) => fail(error?.stack ?? String(error)));
  worker.on("exit", (code) => code !== 0 && fail(`the thread ended with ${code}`));
  worker.on("message", ({ line, done, executions, outcomes }) => {
    if (line) console.log(line);
    if (!done) return;
    console.log(`cov: ${outcomes}\nnumber_of_executed_units: ${executions}`);
    process.exit(0);
  });
  let [last, since] = [0, performance.now()];
  setInterval(() => {
    const now = Atomics.load(counter, 0);
    if (now !== last) [last, since] = [now, performance.now()];
    // The set-up, before the first execution, may take longer.
    if (now > 0 && performance.now() - since > maxSilence) fail("an execution does not end");
  }, 500);
}
