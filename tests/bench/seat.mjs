// Runs one model in one engine for the benchmark: loads, measures on request, and predicts the time of a measurement.
import { meterEnergy, meterMemory } from "./meters.mjs";

const firstPrompt = 16; // tokens before an answer's first token when loading is measured
const warmUp = { short: { at: 16, tokens: 4 }, long: { at: 128, tokens: 16 } };
const warmUpSeconds = 12;
const patienceFactor = 3; // for turns that an earlier round measured: medians need every round
const patienceMs = 10 * 60_000;

/** A measurement that is impossible here or takes too long. Recorded as a row, not as an error. */
export class Skipped extends Error {}

/**
 * @param engine  one of listEngines
 * @param source  of the model, for this engine
 * @param prompts `(length) → {ids, text}`, see prompts.mjs
 * @param kernels of the model, for the roofline
 */
export function takeSeat({ engine, source, threads, contextLength, prompts, kernels, cap, tokens }) {
  let session;
  let settings; // the best settings of a trial
  let description;
  const rates = {}; // tokens a second, as last measured
  const begun = new Set(); // demands that an earlier round measured

  async function loadInto(each) {
    const loaded = await soon(
      each.ask("load", { source, flavour: engine.flavour, epdp: engine.epdp, threads, contextLength, ...settings }),
    );
    if (loaded.threads !== threads)
      throw new Skipped(`runs on ${loaded.threads} of ${threads} threads: ${loaded.settings}`);
    if (loaded.flavour !== engine.flavour) throw new Skipped(`runs the kernels of ${loaded.flavour} here`);
    description = loaded.settings;
    return loaded;
  }

  async function run(each, length, count) {
    const result = await soon(each.ask("run", { prompt: prompts(length), tokens: count }));
    if (result.promptTokens !== length || result.generated !== count) {
      throw new Error(
        `evaluated ${result.promptTokens} tokens and generated ${result.generated}, expected ${length} and ${count}`,
      );
    }
    rates.prefill = (1000 * length) / result.promptMs;
    // The first token comes from the prompt's evaluation.
    if (count > 1) rates.decode = (1000 * (count - 1)) / result.decodeMs;
  }

  const secondsFor = ({ at, tokens: count }) => at / rates.prefill + count / (rates.decode ?? rates.prefill);

  /** Runs unless the expected time exceeds the cap. Returns the joules, if known. */
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

    /** The actual settings, for the report; known after a load. */
    get description() {
      return description;
    },

    /** Runs once before measuring: an engine that tries settings keeps the best for all rounds. */
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

    /** Measures a load up to the first token, in a new process or page: `{seconds, bytes}`. */
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

    /** Loads and warms up, if not done yet. */
    async ready() {
      if (!session) await open();
    },

    /** `{value: tokens a second, joules: per token}` for a prompt of `at` tokens. */
    async prefill(at) {
      const joules = await affordable(session, { at, tokens: 1 });
      return { value: rates.prefill, joules: joules === undefined ? undefined : joules / at };
    },

    /**
     * `{value: tokens a second, joules: per token}` for decoding after `at` tokens. 0 means a prompt of one token; only
     * then is the energy attributed to decoding.
     */
    async decode(at) {
      const joules = await affordable(session, { at: Math.max(at, 1), tokens });
      return { value: rates.decode, joules: joules === undefined || at > 0 ? undefined : joules / tokens };
    },

    /** `{probe}`: the roofline of this runtime on this machine at this moment, see roofline/measure.js. */
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

/** The promise with a time limit. */
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
