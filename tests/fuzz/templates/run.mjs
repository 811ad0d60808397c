// Renders generated templates: each must end in a text or a typed error within 200 ms of work and 32 MB.
// `node tests/fuzz/templates/run.mjs --minutes N [--seed N]`; failing templates go to build/fuzz/found/.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";

import { build } from "esbuild";

import { Problem, isMain, repositoryRoot, runMain, say } from "../../../scripts/lib/run.mjs";
import { makeTemplate } from "./generate.mjs";

const maxMilliseconds = 200;
/** A worker that renders nothing takes about 6 MB. */
const resourceLimits = { maxOldGenerationSizeMb: 6 + 32, maxYoungGenerationSizeMb: 4 };
/** Wall-clock time after which a template counts as endless. */
const patience = 20_000;

/**
 * Renders the templates of consecutive seeds for a time. Returns the number of templates, the failures, the longest
 * time of work and how often each outcome occurred.
 */
export async function fuzzTemplates({ seconds, seed = 1 }) {
  const address = await interpreter();
  const end = performance.now() + seconds * 1000;
  const failures = [];
  const outcomes = new Map();
  let [count, slowest, next] = [0, { ms: 0 }, seed];
  while (performance.now() < end) {
    const worker = new Worker(new URL("./render.mjs", import.meta.url), {
      resourceLimits,
      workerData: { maxMilliseconds, address },
    });
    try {
      await answerOf(worker); // ready
      while (performance.now() < end) {
        worker.postMessage(makeTemplate(next));
        const { ms, wrong, outcome } = await answerOf(worker);
        if (wrong) failures.push({ seed: next, reason: wrong });
        if (ms > slowest.ms) slowest = { ms, seed: next };
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        count++;
        next++;
      }
    } catch (error) {
      failures.push({ seed: next, reason: error.code ?? error.message });
      next++;
    } finally {
      await worker.terminate();
    }
  }
  return { count, failures, slowest, outcomes };
}

/** The address of the interpreter's code. */
async function interpreter() {
  const { outputFiles } = await build({
    entryPoints: [join(repositoryRoot, "web/text/chat-template.ts")],
    bundle: true,
    format: "esm",
    write: false,
  });
  return `data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`;
}

/** The next message of a worker. Rejects if it dies or does not answer. */
function answerOf(worker) {
  return new Promise((resolve, reject) => {
    const endless = () => settle(reject, new Error(`no end after ${patience / 1000} s`));
    const listeners = {
      message: (message) => settle(resolve, message),
      error: (error) => settle(reject, error),
      exit: (code) => settle(reject, new Error(`the worker ended with ${code}`)),
    };
    const timer = setTimeout(endless, patience);
    const settle = (how, value) => {
      clearTimeout(timer);
      for (const [event, listener] of Object.entries(listeners)) worker.off(event, listener);
      how(value);
    };
    for (const [event, listener] of Object.entries(listeners)) worker.on(event, listener);
  });
}

if (isMain(import.meta.url)) {
  await runMain(async () => {
    const { values } = parseArgs({ options: { minutes: { type: "string", default: "1" }, seed: { type: "string" } } });
    const seconds = Number(values.minutes) * 60;
    if (!(seconds > 0)) throw new Problem("usage: node tests/fuzz/templates/run.mjs [--minutes N] [--seed N]");
    const seed = Number(values.seed ?? Date.now() % 2 ** 31);
    const { count, failures, slowest, outcomes } = await fuzzTemplates({ seconds, seed });
    const folder = join(repositoryRoot, "build/fuzz/found");
    mkdirSync(folder, { recursive: true });
    for (const { seed: each, reason } of failures) {
      writeFileSync(join(folder, `template-${each}.jinja`), makeTemplate(each));
      say(`seed ${each}: ${reason}`);
    }
    const common = [...outcomes].sort(([, a], [, b]) => b - a).slice(0, 25);
    for (const [outcome, times] of common) say(`${String(times).padStart(8)}  ${outcome}`);
    say(`${count} templates from seed ${seed}, at most ${slowest.ms.toFixed(0)} ms of work (seed ${slowest.seed})`);
    if (failures.length > 0)
      throw new Problem(`${failures.length} templates break a limit; they are in build/fuzz/found/`);
  });
}
