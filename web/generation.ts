// A prompt → its continuation, piece by piece. The loop that drives the core.
import type { Engine } from "./engine/engine.js";
import { CamelGPTError, orAborted, throwIfAborted } from "./errors.js";
import type { Rest } from "./load/rest.js";
import { pacer } from "./pause.js";
import type { GenerateParams } from "./protocol.js";
import type { FinishReason, Generated, StepLogprobs } from "./types.js";

/** Tokens of a prompt that are evaluated in one go: many enough for full speed, few enough to react within a moment. */
export const prefillSlice = 64;

export interface GenerationContext {
  loadMs: number;
  signal?: AbortSignal | undefined;
  onText(piece: string): void;
  /** The weights that are still arriving, if any. */
  rest?: Rest | undefined;
}

/**
 * An abort before the first token of the prompt is evaluated rejects; later it ends the text with the finish reason "abort".
 * Errors: `bad-input`, `bad-option`, `context-overflow`.
 */
export async function generate(
  engine: Engine,
  params: GenerateParams,
  { loadMs, signal, onText, rest }: GenerationContext,
): Promise<Generated> {
  throwIfAborted(signal);
  const { prompt, sampling } = params;
  const promptTokens =
    typeof prompt === "string" ? engine.tokenize(prompt, params.addSpecial, params.parseSpecial) : prompt;
  engine.configure(sampling, params.stop, params.logitBias);
  const reused = engine.prompt(promptTokens);

  const pace = pacer();
  const tokens: number[] = [];
  const logprobs: StepLogprobs[] | undefined = sampling.logprobs ? [] : undefined;
  let text = "";
  let finishReason: FinishReason | undefined;

  const missing = async () => {
    if (!rest) throw new CamelGPTError("internal", "The engine waits for weights that nobody brings.");
    await orAborted(rest.missing(), signal).catch((error: unknown) => {
      if (!signal?.aborted) throw error;
    });
  };
  let left = promptTokens.length - reused;
  const prefill = async () => {
    do {
      const before = left;
      left = engine.prefill(prefillSlice);
      if (left > 0 && left === before) await missing();
      await pace();
      if (signal?.aborted) finishReason = "abort";
    } while (left > 0 && !finishReason);
  };

  const begin = performance.now();
  await prefill();
  const evaluated = promptTokens.length - left - reused;
  const prefilled = performance.now();
  while (!finishReason) {
    const step = engine.step();
    if (step.result === "missing") {
      await missing();
      if (signal?.aborted) finishReason = "abort";
      continue;
    }
    void rest?.whole(); // after the first token nothing is more urgent
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
      ...(reused > 0 && { cachedTokens: reused }),
      ...(bytes !== undefined && { bytes }),
    },
    timings: {
      loadMs,
      prefillMs: prefilled - begin,
      decodeMs: end - prefilled,
      prefillTokensPerSecond: rate(evaluated, prefilled - begin),
      // The first token comes out of the prompt's evaluation.
      decodeTokensPerSecond: rate(tokens.length - 1, end - prefilled),
    },
    seed: sampling.seed,
    ...(logprobs && { logprobs }),
  };
}

function rate(count: number, milliseconds: number): number {
  return count > 0 && milliseconds > 0 ? (1000 * count) / milliseconds : 0;
}
