// A prompt → its continuation, piece by piece. This loop drives the core.
import type { Engine, SamplingOptions } from "../engine.js";
import { CamelGPTError, orAborted, throwIfAborted } from "../errors.js";
import type { BackgroundLoad } from "../load/background-load.js";
import { pacer } from "../pause.js";
import type { FinishReason, Generated, StepLogprobs } from "../types.js";
import type { GenerateParams } from "./params.js";

/** Tokens that one call of the engine evaluates: enough for full speed, few enough to react quickly. */
export const prefillSlice = 64;

/** Always chooses the most probable token. */
export const greedy: SamplingOptions = {
  maxTokens: 256,
  temperature: 0,
  topK: 40,
  topP: 0.95,
  minP: 0.05,
  typicalP: 1,
  repeatPenalty: 1,
  repeatLast: 64,
  presencePenalty: 0,
  frequencyPenalty: 0,
  seed: 0,
  ignoreEos: false,
  contextShift: false,
  logprobs: 0,
  steps: 3,
};

export interface GenerationContext {
  loadMs: number;
  signal?: AbortSignal | undefined;
  onText(piece: string): void;
  /** Loads the remaining weights, after an eager load. */
  background?: BackgroundLoad | undefined;
}

/**
 * An abort before the first token of the prompt is evaluated rejects; a later one ends the text with the finish reason
 * "abort".
 * Errors: `bad-input`, `bad-option`, `context-overflow`.
 */
export async function generate(
  engine: Engine,
  params: GenerateParams,
  { loadMs, signal, onText, background }: GenerationContext,
): Promise<Generated> {
  throwIfAborted(signal);
  const { prompt, sampling } = params;
  const promptTokens =
    typeof prompt === "string" ? engine.tokenize(prompt, params.addSpecial, params.parseSpecial) : prompt;
  engine.configure(sampling, params.stop, params.logitBias);
  const cached = engine.prompt(promptTokens);

  const pace = pacer();
  const tokens: number[] = [];
  const logprobs: StepLogprobs[] | undefined = sampling.logprobs > 0 ? [] : undefined;
  let text = "";
  let finishReason: FinishReason | undefined;

  const fetchMissing = async () => {
    if (!background) throw new CamelGPTError("internal", "The engine lacks weights after a complete load.");
    await orAborted(background.fetchMissing(), signal).catch((error: unknown) => {
      if (!signal?.aborted) throw error;
    });
  };
  let remaining = promptTokens.length - cached;
  const prefill = async () => {
    do {
      const before = remaining;
      remaining = engine.prefill(prefillSlice);
      if (remaining > 0 && remaining === before) await fetchMissing();
      await pace();
      if (signal?.aborted) finishReason = "abort";
    } while (remaining > 0 && !finishReason);
  };

  const begin = performance.now();
  await prefill();
  const evaluated = promptTokens.length - remaining - cached;
  const prefilled = performance.now();
  while (!finishReason) {
    const step = engine.step();
    if (step.result === "missing") {
      await fetchMissing();
      if (signal?.aborted) finishReason = "abort";
      continue;
    }
    void background?.finish(); // not before the first token, whose rows are more urgent
    const token = engine.lastToken;
    tokens.push(token);
    logprobs?.push({ token, text: engine.piece(token), logprob: engine.lastLogprob, top: engine.topTokens() });
    if (step.text) {
      text += step.text;
      onText(step.text);
    }
    if (step.result === "stop" || step.result === "length") finishReason = step.result;
    await pace();
    if (signal?.aborted) finishReason ??= "abort";
    if (step.result === "full" && !finishReason) {
      engine.shift();
      await prefill();
    }
  }
  const end = performance.now();
  const bytes = engine.bytes();

  return {
    text,
    tokens,
    finishReason,
    usage: {
      promptTokens: promptTokens.length,
      completionTokens: tokens.length,
      ...(cached > 0 && { cachedTokens: cached }),
      ...(bytes !== undefined && { bytes }),
    },
    timings: {
      loadMs,
      prefillMs: prefilled - begin,
      decodeMs: end - prefilled,
      prefillTokensPerSecond: rate(evaluated, prefilled - begin),
      // The first token results from prefill.
      decodeTokensPerSecond: rate(tokens.length - 1, end - prefilled),
    },
    seed: sampling.seed,
    ...(logprobs && { logprobs }),
  };
}

function rate(count: number, milliseconds: number): number {
  return count > 0 && milliseconds > 0 ? (1000 * count) / milliseconds : 0;
}
