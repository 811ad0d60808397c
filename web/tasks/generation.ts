// A prompt → its continuation, piece by piece.
import type { Engine } from "../engine/engine.js";
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

/**
 * Rejects if it is aborted before any token of the prompt is evaluated. A later abort ends the text with the finish
 * reason "abort". Errors: `bad-input`, `bad-option`, `context-overflow`.
 */
export async function generate(
  engine: Engine,
  params: Omit<GenerateParams, "logitBias"> & { logitBias: TokenBiases },
  { loadMs, signal, onEvent, background }: GenerationContext,
): Promise<Generated> {
  throwIfAborted(signal);
  const { prompt, sampling } = params;
  const { addSpecial, parseSpecial } = params;
  const promptTokens =
    typeof prompt === "string" || "literal" in prompt
      ? await tokenizeText(engine, signal, prompt, addSpecial, parseSpecial, typeof prompt !== "string")
      : prompt;
  const { grammar, keepControl } = params;
  const cached = engine.generate(promptTokens, sampling, params.stop, params.logitBias, grammar, keepControl);
  const total = promptTokens.length;
  const report = (done: number) => params.reportsProgress && onEvent({ phase: "prefill", done, total });
  report(cached);

  const pace = pacer();
  const tokens: number[] = [];
  const logprobs: StepLogprobs[] | undefined = sampling.logprobs ? [] : undefined;
  let text = "";
  let finishReason: FinishReason | undefined;
  let evaluated = 0; // prompt tokens
  const begin = performance.now();
  let prefilled = cached === total ? begin : undefined; // when the prompt was complete

  while (!finishReason) {
    const { state, processed, remaining } = engine.advance(sliceTokens);
    const step = engine.step();
    if (step.token !== null) {
      // Not before the prompt is evaluated, because its rows and those of the first choice are more urgent.
      if (remaining === 0 || step.finish !== "none") void background?.finish();
      const { token, logprob } = step;
      tokens.push(token);
      if (params.reportsActivity) onEvent(engine.activity(step));
      logprobs?.push({ ...engine.withLogprob(token, logprob), top: engine.topTokens() });
    } else {
      if (prefilled === undefined) {
        evaluated += processed;
        report(total - remaining);
      }
      if (state === "needsWeights") await fetchMissing(background, signal);
    }
    if (step.text) {
      text += step.text;
      onEvent(step.text);
    }
    if (step.finish !== "none") finishReason = step.finish;
    await pace();
    if (remaining === 0) prefilled ??= performance.now();
    if (signal?.aborted) finishReason ??= "abort";
  }
  const end = performance.now();
  prefilled ??= end;
  const bytes = engine.bytes();

  return {
    text,
    tokens,
    finishReason,
    usage: {
      promptTokens: total,
      completionTokens: tokens.length,
      ...(cached > 0 && { cachedTokens: cached }),
      ...(bytes !== undefined && { bytes }),
    },
    timings: {
      loadMs,
      prefillMs: prefilled - begin,
      decodeMs: end - prefilled,
      prefillTokensPerSecond: rate(evaluated, prefilled - begin),
      // The time of the first token is part of prefill.
      decodeTokensPerSecond: rate(tokens.length - 1, end - prefilled),
    },
    seed: sampling.seed,
    ...(logprobs && { logprobs }),
  };
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
