// The progress of a batch on stderr: a line that changes on a terminal, some plain lines in a pipe or file.
import { printNote, showProgressLine, showsProgress } from "../output.js";
import { duration } from "../pull/units.js";
import { PlainLines, Speed } from "../speed.js";
import { type Answer, completionTokens, isFailure } from "./answer.js";
import type { Plan } from "./plan.js";

/** Milliseconds over which the speed is measured: requests take very different times. */
const speedWindow = 60_000;
/** Lines that are no requests, of which stderr tells. All of them are in the output. */
const maxNotes = 10;

export class BatchProgress {
  readonly #begin = performance.now();
  readonly #total: number;
  readonly #requests = new Speed(speedWindow);
  readonly #tokens = new Speed(speedWindow);
  readonly #plainLines = new PlainLines();
  #notes = 0;
  /** Answers of this run and of earlier ones. */
  done: number;
  failed: number;
  /** Answers of this run. */
  sent = 0;
  completionTokens = 0;

  constructor({ total, answered, failed }: Plan) {
    this.#total = total;
    this.done = answered;
    this.failed = failed;
    this.#requests.add(0);
    this.#tokens.add(0);
    this.#plainLines.isDue((100 * answered) / total);
  }

  add(answer: Answer): void {
    this.done++;
    this.sent++;
    if (isFailure(answer)) this.failed++;
    this.completionTokens += completionTokens(answer);
    if (answer.error && this.#notes++ < maxNotes) {
      this.end();
      printNote(answer.error.message);
    }
    const line = this.#line(this.#requests.add(this.sent), this.#tokens.add(this.completionTokens));
    if (showsProgress()) showProgressLine(line);
    else if (this.done < this.#total && this.#plainLines.isDue((100 * this.done) / this.#total)) printNote(line);
  }

  /** Removes the line. */
  end(): void {
    if (showsProgress()) showProgressLine();
  }

  seconds(): number {
    return (performance.now() - this.#begin) / 1000;
  }

  #line(requests: number, tokens: number): string {
    return [
      `${this.done} of ${this.#total} requests`,
      this.failed > 0 && `${this.failed} failed`,
      requests > 0 && `${perSecond(requests)} requests/s`,
      tokens > 0 && `${perSecond(tokens)} tok/s`,
      requests > 0 && this.done < this.#total && `${duration((this.#total - this.done) / requests)} left`,
    ]
      .filter(Boolean)
      .join(" · ");
  }
}

export const perSecond = (speed: number): string => speed.toFixed(speed < 10 ? 2 : 0);
