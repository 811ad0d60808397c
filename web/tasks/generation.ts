// A prompt → its continuation, piece by piece.
import type { ActivityProgress, Engine } from "../engine/engine.js";
import { CamelGPTError, orAborted, throwIfAborted } from "../errors.js";
import type { BackgroundLoad } from "../load/background-load.js";
import { pacer } from "../pause.js";
import type { FinishReason, Generated, GenerationReport, StepLogprobs } from "../types.js";
import { sliceTokens } from "./activity.js";
import type { GenerateParams, TokenBiases } from "./params.js";
import { tokenizeText } from "./tokenizing.js";

export interface GenerationContext {
  loadMs: number;
  signal?: AbortSignal | undefined;
  onEvent(event: string | GenerationReport): void;
  /** Loads the remaining weights, after an eager load. */
  background?: BackgroundLoad | undefined;
}

/** Parameters of a generation whose biases have token ids. */
export type ReadyParams = Omit<GenerateParams, "logitBias" | "cacheSalt"> & { logitBias: TokenBiases; salt: number };

/** Rejects if it is aborted. Errors: `bad-input`, `context-overflow`. */
export async function promptTokens(
  engine: Engine,
  { prompt, addSpecial, parseSpecial }: ReadyParams,
  signal: AbortSignal | undefined,
): Promise<readonly number[]> {
  throwIfAborted(signal);
  if (typeof prompt !== "string" && !("literal" in prompt)) return prompt;
  return tokenizeText(engine, signal, prompt, addSpecial, parseSpecial, typeof prompt !== "string");
}

/** One generation of the engine, which the caller advances until it is done. */
export class Generation {
  readonly #engine: Engine;
  readonly #params: ReadyParams;
  readonly #prompt: readonly number[];
  readonly #context: GenerationContext;
  readonly #tokens: number[] = [];
  readonly #logprobs: StepLogprobs[] | undefined;
  #text = "";
  #finishReason: FinishReason | undefined;
  #cached = 0;
  /** Tokens of the prompt. */
  #evaluated = 0;
  #begin = 0;
  /** When the prompt was complete. */
  #prefilled: number | undefined;
  #bytes: number | undefined;

  constructor(engine: Engine, params: ReadyParams, prompt: readonly number[], context: GenerationContext) {
    this.#engine = engine;
    this.#params = params;
    this.#prompt = prompt;
    this.#context = context;
    if (params.sampling.logprobs) this.#logprobs = [];
  }

  /** Errors: `bad-input`, `bad-option`, `context-overflow`. */
  begin(sideBySide: boolean): void {
    throwIfAborted(this.#context.signal);
    this.#begin = performance.now();
    this.#cached = this.#engine.generate(this.#prompt, this.#params.sampling, { ...this.#params, sideBySide });
    this.#reportPrompt(this.#cached);
    if (this.#cached === this.#prompt.length) this.#prefilled = this.#begin;
  }

  /** Whether the prompt is evaluated. */
  get hasPrompt(): boolean {
    return this.#prefilled !== undefined;
  }

  /** An abort ends the text with the finish reason "abort". */
  get isDone(): boolean {
    if (this.#context.signal?.aborted) this.#finishReason ??= "abort";
    return this.#finishReason !== undefined;
  }

  /** Takes the result of the engine's last `advance`. Returns whether weights are missing for the next one. */
  take({ state, processed, remaining }: ActivityProgress): boolean {
    const engine = this.#engine;
    const { onEvent, background } = this.#context;
    const step = engine.step();
    if (step.token !== null) {
      // Not before the prompt is evaluated, because its rows and those of the first choice are more urgent.
      if (remaining === 0 || step.finish !== "none") void background?.finish();
      const { token, logprob } = step;
      this.#tokens.push(token);
      if (this.#params.reportsActivity) onEvent(engine.activity(step));
      this.#logprobs?.push({ ...engine.withLogprob(token, logprob), top: engine.topTokens() });
    } else if (this.#prefilled === undefined) {
      this.#evaluated += processed;
      this.#reportPrompt(this.#prompt.length - remaining);
    }
    if (step.text) {
      this.#text += step.text;
      onEvent(step.text);
    }
    if (step.finish !== "none") this.#finishReason = step.finish;
    if (remaining === 0) this.#prefilled ??= performance.now();
    this.#bytes = engine.bytes();
    return step.token === null && state === "needsWeights";
  }

  /** The result, once it is done. */
  result(): Generated {
    const end = performance.now();
    const prefilled = this.#prefilled ?? end;
    const tokens = this.#tokens;
    const bytes = this.#bytes;
    return {
      text: this.#text,
      tokens,
      finishReason: this.#finishReason as FinishReason,
      usage: {
        promptTokens: this.#prompt.length,
        completionTokens: tokens.length,
        ...(this.#cached > 0 && { cachedTokens: this.#cached }),
        ...(bytes !== undefined && { bytes }),
      },
      timings: {
        loadMs: this.#context.loadMs,
        prefillMs: prefilled - this.#begin,
        decodeMs: end - prefilled,
        prefillTokensPerSecond: rate(this.#evaluated, prefilled - this.#begin),
        // The time of the first token is part of prefill.
        decodeTokensPerSecond: rate(tokens.length - 1, end - prefilled),
      },
      seed: this.#params.sampling.seed,
      ...(this.#logprobs && { logprobs: this.#logprobs }),
    };
  }

  #reportPrompt(done: number): void {
    if (!this.#params.reportsProgress) return;
    this.#context.onEvent({ phase: "prefill", done, total: this.#prompt.length });
  }
}

/**
 * Rejects if it is aborted before any token of the prompt is evaluated. A later abort ends the text with the finish
 * reason "abort". Errors: `bad-input`, `bad-option`, `context-overflow`.
 */
export async function generate(engine: Engine, params: ReadyParams, context: GenerationContext): Promise<Generated> {
  const { background, signal } = context;
  const generation = new Generation(engine, params, await promptTokens(engine, params, signal), context);
  generation.begin(false);
  const pace = pacer();
  do {
    if (generation.take(engine.advance(sliceTokens))) await fetchMissing(background, signal);
    await pace();
  } while (!generation.isDone);
  return generation.result();
}

/** Fetches the weights that the engine's last call lacked, until an abort. */
async function fetchMissing(background: BackgroundLoad | undefined, signal: AbortSignal | undefined): Promise<void> {
  if (!background) throw new CamelGPTError("internal", "The engine lacks weights after a complete load.");
  await orAborted(background.fetchMissing(), signal).catch((error: unknown) => {
    if (!signal?.aborted) throw error;
  });
}

function rate(count: number, milliseconds: number): number {
  return count > 0 && milliseconds > 0 ? (1000 * count) / milliseconds : 0;
}
