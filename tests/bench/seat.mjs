// One engine with one model at the table: it loads, takes its turn when it is asked, and knows how long a turn would take it.
import { meterEnergy, meterMemory } from "./meters.mjs";

const firstPrompt = 16; // tokens before the first one of an answer, where loading is measured
const warmUp = { short: { at: 16, tokens: 4 }, long: { at: 128, tokens: 16 } };
const warmUpSeconds = 12;
const patienceFactor = 3; // with what was measured in an earlier round: medians want all of them
const patienceMs = 10 * 60_000;

/** A turn that cannot be had here or takes too long: a row of its own, and no error. */
export class Skipped extends Error {}

/**
 * @param engine  one of listEngines
 * @param source  of the model, for this engine
 * @param prompts `(length) → {ids, text}`, see prompts.mjs
 * @param kernels that the model needs, for the roofline
 */
export function takeSeat({ engine, source, threads, contextLength, prompts, kernels, cap, tokens }) {
  let session;
  let settings; // what a trial found best
  let description;
  const rates = {}; // tokens a second, as last seen
  const begun = new Set(); // demands that were met in an earlier round

  async function loadInto(each) {
    const loaded = await soon(
      each.ask("load", { source, flavour: engine.flavour, epdp: engine.epdp, threads, contextLength, ...settings }),
    );
    if (loaded.threads !== threads)
      throw new Skipped(`computes with ${loaded.threads} of ${threads} threads: ${loaded.settings}`);
    if (loaded.flavour !== engine.flavour) throw new Skipped(`computes with the kernels of ${loaded.flavour} here`);
    description = loaded.settings;
    return loaded;
  }

  async function run(each, length, count) {
    const result = await soon(each.ask("run", { prompt: prompts(length), tokens: count }));
    if (result.promptTokens !== length || result.generated !== count) {
      throw new Error(
        `evaluated ${result.promptTokens} tokens and generated ${result.generated}, not ${length} and ${count}`,
      );
    }
    rates.prefill = (1000 * length) / result.promptMs;
    if (count > 1) rates.decode = (1000 * (count - 1)) / result.decodeMs; // the first token comes out of the prompt
  }

  const secondsFor = ({ at, tokens: count }) => at / rates.prefill + count / (rates.decode ?? rates.prefill);

  /** Runs where it is not expected to take too long; the joules that it took, where the machine tells. */
  async function affordable(each, demand) {
    const seconds = secondsFor(demand);
    const key = `${demand.at} ${demand.tokens}`;
    if (seconds > (begun.has(key) ? patienceFactor * cap : cap))
      throw new Skipped(`would take ${Math.round(seconds)} s`);
    const joules = meterEnergy();
    await run(each, demand.at, demand.tokens);
    begun.add(key);
    return joules();
  }

  async function open() {
    session = await engine.start();
    await loadInto(session);
    await run(session, warmUp.short.at, warmUp.short.tokens);
    if (secondsFor(warmUp.long) <= warmUpSeconds) await run(session, warmUp.long.at, warmUp.long.tokens);
  }

  return {
    engine,

    /** What runs, for the report; known after a load. */
    get description() {
      return description;
    },

    /** Once, before anything is measured: an engine that tries settings keeps the best ones for all rounds. */
    async prepare() {
      if (!engine.tries) return;
      const trial = await engine.start();
      try {
        const loaded = await loadInto(trial);
        settings = { [engine.tries]: loaded[engine.tries] };
      } finally {
        await trial.close();
      }
    },

    /** A load from nothing to the first token, in a process or page of its own: `{seconds, bytes}`. */
    async load() {
      const fresh = await engine.start();
      try {
        const bytes = meterMemory(await fresh.processes());
        const began = performance.now();
        await loadInto(fresh);
        await run(fresh, firstPrompt, 1);
        return { seconds: (performance.now() - began) / 1000, bytes: bytes() };
      } finally {
        await fresh.close();
      }
    },

    /** Loads and warms up, unless that was done. */
    async ready() {
      if (!session) await open();
    },

    /** `{value: tokens a second, joules: by token}` of a prompt of `at` tokens. */
    async prefill(at) {
      const joules = await affordable(session, { at, tokens: 1 });
      return { value: rates.prefill, joules: joules === undefined ? undefined : joules / at };
    },

    /** The same of tokens that follow `at` others. At 0 a prompt of one token stands before them, and only there energy is theirs. */
    async decode(at) {
      const joules = await affordable(session, { at: Math.max(at, 1), tokens });
      return { value: rates.decode, joules: joules === undefined || at > 0 ? undefined : joules / tokens };
    },

    /** `{probe}`: what this runtime reaches on this machine just now, see roofline/measure.js. */
    async roofline() {
      return { probe: await soon(session.ask("roofline", { source: engine.probe, kernels })) };
    },

    async close() {
      const closing = session;
      session = undefined;
      await closing?.close();
    },
  };
}

/** A promise that does not wait for ever. */
async function soon(promise) {
  let timer;
  const late = new Promise((_, failed) => {
    timer = setTimeout(() => failed(new Error(`no answer in ${patienceMs / 60_000} minutes`)), patienceMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
