// The progress of a long task: its speed over the last seconds, and when a pipe or file gets another line about it.

interface Sample {
  time: number;
  done: number;
}

/** Measures the speed of the last `window` milliseconds. */
export class Speed {
  readonly #window: number;
  #samples: Sample[] = [];

  constructor(window: number) {
    this.#window = window;
  }

  /** Takes what is done until now, and returns how much that is in a second; 0 as long as it is unknown. */
  add(done: number): number {
    const time = performance.now();
    this.#samples.push({ time, done });
    while (this.#samples.length > 2 && time - this.#samples[0]!.time > this.#window) this.#samples.shift();
    const first = this.#samples[0]!;
    return time > first.time ? (done - first.done) / ((time - first.time) / 1000) : 0;
  }

  reset(): void {
    this.#samples = [];
  }
}

/** Percent, and milliseconds, between two plain lines. */
const plainStep = 10;
const plainInterval = 15_000;

/** Decides which lines of progress a pipe or file gets. */
export class PlainLines {
  #lastPercent = 0;
  #lastTime = performance.now();

  /** Whether the line for this percentage is due. */
  isDue(percent: number): boolean {
    const now = performance.now();
    if (percent < this.#lastPercent + plainStep && now - this.#lastTime < plainInterval) return false;
    [this.#lastPercent, this.#lastTime] = [percent - (percent % plainStep), now];
    return true;
  }

  reset(): void {
    this.#lastPercent = 0;
  }
}
