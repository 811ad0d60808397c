// Measures this device in the way of the repository's benchmarks: settings take turns in every round after a warm-up,
// and the rows have medians and ranges.
import {
  CamelGPTError,
  type CamelGPTInference,
  type EngineInfo,
  CamelGPTInference as Inference,
  type LoadOptions,
} from "@gpt-research/camelgpt-inference";

import { localModels } from "../model/local-models.js";
import { describeDevice, describeVersions } from "./device.js";
import { type Results, type Row, statisticsOf } from "./results.js";

export interface Plan {
  /** A name of the catalogue or an address. */
  model: string;
  threads: number | "auto";
  rounds: number;
  /** Whether decoding with dynamic pruning is measured too. */
  pruning: boolean;
  /** The visitor's name for the processor, if any. */
  processor: string;
}

export type Progress =
  | { phase: "load"; loaded: number; total: number }
  | { phase: "calibrate" }
  | { phase: "measure"; done: number; total: number };

interface Options {
  signal: AbortSignal;
  onProgress: (progress: Progress) => void;
}

const promptTokens = 512;
const answerTokens = 32;
const warmUpTokens = 64;
const maskedSteps = [1, 3, 8];
const maskedTokens = 16;

/** Rejects with the code `aborted` if the signal aborts. */
export async function measure(plan: Plan, options: Options): Promise<Results> {
  const date = new Date().toISOString();
  const seats: Seat[] = [];
  try {
    seats.push(await openSeat(plan, "off", options));
    const { kind } = await seats[0]!.model.info();
    if (kind === "encoder") throw new CamelGPTError("bad-input", "This model computes embeddings only.");
    const isMasked = kind === "masked";
    if (plan.pruning && !isMasked) seats.push(await openSeat(plan, "balanced", options));
    const rows = isMasked ? await measureSteps(seats[0]!, plan, options) : await measureTurns(seats, plan, options);
    const { engine } = seats[0]!;
    return {
      format: 1,
      benchmark: "device",
      what: `Speed of ${plan.model} in a page`,
      date,
      command: commandOf(plan),
      machine: describeDevice(plan.processor, engine),
      versions: describeVersions(),
      settings: Object.fromEntries(
        seats.map((seat) => [seat.id, [seat.engine.kernels, ...seat.engine.notes].join("; ")]),
      ),
      rows,
    };
  } finally {
    for (const { model } of seats) await model.dispose();
  }
}

/** One loaded model with its setting. */
interface Seat {
  id: string;
  label: string;
  model: CamelGPTInference;
  engine: EngineInfo;
}

async function openSeat(plan: Plan, epdp: "off" | "balanced", { signal, onProgress }: Options): Promise<Seat> {
  const local = (await localModels()).find(({ name }) => name === plan.model);
  const options: LoadOptions = {
    threads: plan.threads,
    epdp,
    contextLength: promptTokens + answerTokens + 1,
    signal,
    onProgress: ({ loaded, total }) => onProgress({ phase: "load", loaded, total }),
    ...(epdp !== "off" && local?.sidecar !== undefined && { sidecar: local.sidecar }),
  };
  const model = await Inference.load(
    local?.url ?? plan.model,
    isPackaged(plan.model) ? withoutLength(options) : options,
  );
  try {
    if (epdp !== "off" && !(await model.report()).calibrated) {
      onProgress({ phase: "calibrate" });
      await model.calibrate({ signal });
    }
    const { engine } = await model.info();
    const [id, label] = [`page-${engine.flavour}`, `CamelGPT ${engine.flavour}, page`];
    return epdp === "off"
      ? { id, label, model, engine }
      : { id: `${epdp}-${id}`, label: `${label}, EPDP ${epdp}`, model, engine };
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

const isPackaged = (name: string) => name === "camelgpt-mini";

/** CamelGPT-mini has a short context of its own. */
const withoutLength = ({ contextLength: _, ...rest }: LoadOptions): LoadOptions => rest;

async function measureTurns(seats: readonly Seat[], { rounds, model: name }: Plan, options: Options): Promise<Row[]> {
  const { signal, onProgress } = options;
  const words = await commonWords(seats[0]!.model, signal);
  let count = 0;
  // Each prompt begins with another word, so that nothing is cached.
  const prompt = (length: number) => {
    const start = count++;
    return Array.from({ length }, (_, i) => words[(start + i * 7) % words.length]!);
  };
  const run = async ({ model }: Seat, length: number, maxTokens: number) => {
    const { usage, timings } = await model.stream(prompt(length), {
      maxTokens,
      temperature: 0,
      ignoreEos: true,
      signal,
    });
    if (usage.cachedTokens) throw new Error(`${usage.cachedTokens} tokens of a prompt were cached`);
    return timings;
  };
  for (const seat of seats) await run(seat, warmUpTokens, 8);
  const total = 2 * rounds * seats.length;
  let done = 0;
  const values = seats.map(() => ({ prefill: [] as number[], decode: [] as number[] }));
  for (let round = 0; round < rounds; round++) {
    for (const measureOf of ["prefill", "decode"] as const) {
      for (let turn = 0; turn < seats.length; turn++) {
        onProgress({ phase: "measure", done: done++, total });
        const i = (turn + round) % seats.length;
        const seat = seats[i]!;
        if (measureOf === "prefill") {
          const { prefillMs } = await run(seat, promptTokens, 1);
          values[i]!.prefill.push((1000 * promptTokens) / prefillMs);
        } else values[i]!.decode.push((await run(seat, 1, answerTokens)).decodeTokensPerSecond);
      }
    }
  }
  onProgress({ phase: "measure", done: total, total });
  return seats.flatMap((seat, i): Row[] => {
    const common = { ...rowOf(seat, name), unit: "tok/s" } as const;
    return [
      { ...common, measure: "prefill", at: promptTokens, ...statisticsOf(values[i]!.prefill) },
      { ...common, measure: "decode", at: 0, ...statisticsOf(values[i]!.decode) },
    ];
  });
}

const rowOf = ({ id, label, engine }: Seat, model: string) => ({
  model,
  engine: id,
  label,
  flavour: engine.flavour,
  threads: engine.threads,
});

/** Tokens of common words, each a single token, of which the prompts are made. */
async function commonWords(model: CamelGPTInference, signal: AbortSignal): Promise<number[]> {
  const text = " the of and to in for on with at by from up about into over after new good first last long great";
  const tokens = await model.tokenize(text, { addSpecial: false, signal });
  return [...new Set(tokens)];
}

/** How to come to these figures again. */
function commandOf({ model, threads, rounds, pruning }: Plan): string {
  const settings = [model, `threads ${threads}`, `${rounds} rounds`, ...(pruning ? ["pruning"] : [])];
  return `demo/numbers.html, "Measure on this device": ${settings.join(", ")}`;
}

/** Answers of a masked model in several numbers of steps. */
async function measureSteps(
  seat: Seat,
  { rounds, model: name }: Plan,
  { signal, onProgress }: Options,
): Promise<Row[]> {
  const repeats = 10 * rounds;
  const rows: Row[] = [];
  for (const [index, steps] of maskedSteps.entries()) {
    const times: number[] = [];
    for (let i = -10; i < repeats; i++) {
      if (i % 10 === 0)
        onProgress({ phase: "measure", done: index * repeats + Math.max(0, i), total: maskedSteps.length * repeats });
      const prompt = `a man in the water, number ${repeats * index + i}. german :`;
      const begin = performance.now();
      await seat.model.generateText(prompt, { maxTokens: maskedTokens, steps, ignoreEos: true, signal });
      if (i >= 0) times.push(performance.now() - begin);
    }
    rows.push({ ...rowOf(seat, name), measure: "answer", at: steps, unit: "ms", ...statisticsOf(times) });
  }
  return rows;
}
