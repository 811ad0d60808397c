// The latest work of the engine, for everything on the page that shows it.
import type { EpdpReport, GenerationResult, StepActivity } from "@gpt-research/camelgpt-inference";
import { signal } from "@preact/signals";

/** The speed of an answer while it is written. */
export interface Pace {
  /** The latest ones, of which the speed is measured. */
  tokens: number;
  tokensPerSecond: number;
}

export const pace = signal<Pace | undefined>(undefined);
export const prefill = signal<{ done: number; total: number } | undefined>(undefined);

/** The steps since the answer began. The map reads them once a frame, so they are not a signal. */
export const steps: StepActivity[] = [];

/** When each of the latest steps arrived, in milliseconds. */
let arrivals: number[] = [];
const paceSteps = 32;

/** Begins to measure the speed again, for example because pruning has changed. */
export function restartPace(): void {
  arrivals = [];
  pace.value = undefined;
}

/** Forgets the answer before. */
export function beginAnswer(): void {
  steps.length = 0;
  restartPace();
  prefill.value = undefined;
}

export const callbacks = {
  onProgress({ done, total }: { done: number; total: number }) {
    prefill.value = { done, total };
  },
  onActivity(activity: StepActivity) {
    steps.push(activity);
    arrivals = [...arrivals.slice(-paceSteps), performance.now()];
    const elapsed = arrivals.at(-1)! - arrivals[0]!;
    if (elapsed > 0)
      pace.value = { tokens: arrivals.length, tokensPerSecond: (1000 * (arrivals.length - 1)) / elapsed };
  },
};

/** The last answer's own figures, measured by the engine. */
export const lastTimings = signal<GenerationResult["timings"] | undefined>(undefined);

/** The share of the multiply-adds that pruning left out, 0 to 1. */
export const savedShare = ({ macsPerToken, macsPerTokenDense }: EpdpReport): number =>
  macsPerToken > 0 ? 1 - macsPerToken / macsPerTokenDense : 0;
