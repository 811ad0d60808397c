// The open requests of a batch → answers, several at a time.
import { setTimeout as sleep } from "node:timers/promises";

import { CamelGPTError } from "../../../../web/errors.js";
import { type Answer, answerTo } from "./answer.js";
import type { Output } from "./output.js";
import { batchLines, type Input, type Plan } from "./plan.js";
import { type BatchLine, checkOf, isLineError } from "./request.js";

export interface BatchRun {
  input: Input;
  plan: Plan;
  output: Output;
  /** Answers a request; never rejects. */
  handle: (request: Request) => Promise<Response>;
  /** Requests that run together. */
  concurrency: number;
  /** Ends the run: requests that are running are not answered. */
  signal: AbortSignal;
  /** Called for each answer that is written. */
  onAnswer: (answer: Answer) => void;
}

/** Milliseconds before a request is sent again that was refused for a reason that can pass. */
const retryDelays = [100, 1000];

/** Errors: `write-failed`, `read-failed`. */
export async function runBatch(run: BatchRun): Promise<void> {
  const lines = openLines(run);
  const stop = new AbortController();
  const { signal } = stop;
  const onAbort = () => stop.abort();
  if (run.signal.aborted) onAbort();
  else run.signal.addEventListener("abort", onAbort, { once: true });
  const work = async () => {
    try {
      for (;;) {
        // Calls of `next` queue, so that at most one line for each worker is in memory.
        const { done, value } = await lines.next();
        if (done || signal.aborted) return;
        await answer(value, run, signal);
      }
    } catch (error) {
      stop.abort(); // the other workers
      throw error;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: run.concurrency }, work));
  const failed = ends.find((end) => end.status === "rejected");
  if (failed) throw failed.reason;
}

/** The lines without an answer. */
async function* openLines({ input, plan }: BatchRun): AsyncGenerator<BatchLine> {
  for await (const line of batchLines(input)) {
    const entry = plan.table.get(line.name);
    if (entry?.line !== line.line || entry.check !== checkOf(line.hash)) {
      throw new CamelGPTError("read-failed", `${input.name} has changed since the batch began.`, {
        hint: "The same command checks it again, and continues.",
      });
    }
    if (!entry.isAnswered) yield line;
  }
}

async function answer(line: BatchLine, run: BatchRun, signal: AbortSignal): Promise<void> {
  const { request } = line;
  const result = isLineError(request) ? request : await send(request, line.hash, run.handle, signal);
  if (result === undefined) return; // aborted
  const made = answerTo(line, result);
  await run.output.append(`${JSON.stringify(made)}\n`);
  run.onAnswer(made);
}

/** Returns undefined after an abort. */
async function send(
  { url, body }: { url: string; body: Readonly<Record<string, unknown>> },
  hash: string,
  handle: BatchRun["handle"],
  signal: AbortSignal,
): Promise<{ status: number; body: unknown } | undefined> {
  for (let attempt = 0; ; attempt++) {
    const response = await post(url, JSON.stringify(withSeed(url, body, hash)), handle, signal);
    const answered: unknown = await response.json();
    if (signal.aborted) return undefined;
    const delay = isPassing(response.status) ? retryDelays[attempt] : undefined;
    if (delay === undefined) return { status: response.status, body: answered };
    await sleep(delay, undefined, { signal }).catch(() => {});
  }
}

/** Whether the same request can succeed later: the queue was full, or the worker ended and starts again. */
const isPassing = (status: number): boolean => status === 429 || status === 503;

/** A request with a signal of its own: one for all requests would keep a listener of each. */
async function post(url: string, body: string, handle: BatchRun["handle"], signal: AbortSignal): Promise<Response> {
  const abort = new AbortController();
  const onAbort = () => abort.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    const headers = { "content-type": "application/json" };
    return await handle(
      new Request(new URL(url, "http://localhost"), { method: "POST", headers, body, signal: abort.signal }),
    );
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** A request that samples without a seed gets one from its hash, so that every run gives it the same text. */
function withSeed(url: string, body: Readonly<Record<string, unknown>>, hash: string) {
  const isGeneration = /\/(completions|responses)$/.test(url);
  return isGeneration && (body["seed"] ?? undefined) === undefined ? { ...body, seed: checkOf(hash) } : body;
}
