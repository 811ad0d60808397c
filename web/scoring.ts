// A text → how probable the model finds it: windows without overlap, each from an empty cache.
import type { Engine, TokenScore } from "./engine/engine.js";
import { CamelGPTError, throwIfAborted } from "./errors.js";
import { prefillSlice } from "./generation.js";
import { pacer } from "./pause.js";
import type { ScoreParams } from "./protocol.js";
import type { Score } from "./types.js";

/**
 * Every token of a window but its first is scored; a last window of one token scores nothing.
 * Errors: `bad-input` where the text has fewer than two tokens, `context-overflow` where a window is longer than the context.
 */
export async function score(
  engine: Engine,
  params: ScoreParams,
  contextLength: number,
  signal: AbortSignal | undefined,
): Promise<Score> {
  throwIfAborted(signal);
  const { text, maxTokens } = params;
  const window = params.window || contextLength;
  if (window > contextLength) {
    throw new CamelGPTError("context-overflow", "The window is longer than the context.", {
      expected: `a window of at most ${contextLength} tokens`,
      found: String(window),
      hint: "Load the model with a larger contextLength, or score in shorter windows.",
    });
  }
  const all = typeof text === "string" ? engine.tokenize(text, params.addSpecial, params.parseSpecial) : text;
  const tokens = maxTokens > 0 ? all.slice(0, maxTokens) : all;
  const scores: TokenScore[] = [];
  let bytes: number | undefined;
  const pace = pacer();
  for (let begin = 0; tokens.length - begin > 1; begin += window) {
    engine.scoreBegin(tokens.slice(begin, begin + window), params.compare);
    while (engine.scoreContinue(prefillSlice) > 0) {
      await pace();
      throwIfAborted(signal);
    }
    for (const each of engine.scores()) scores.push(each);
    const ofWindow = engine.bytes();
    if (ofWindow !== undefined) bytes = (bytes ?? 0) + ofWindow;
  }
  if (scores.length === 0) {
    throw new CamelGPTError("bad-input", "The text is too short to be scored.", {
      expected: "at least 2 tokens",
      found: String(tokens.length),
    });
  }
  const mean = (of: (score: TokenScore) => number) => scores.reduce((sum, each) => sum + of(each), 0) / scores.length;
  const ofToken = -mean(({ logprob }) => logprob);
  const nll = bytes === undefined ? ofToken : (ofToken * scores.length) / bytes;
  return {
    tokens: scores.length,
    ...(bytes !== undefined && { bytes }),
    nll,
    perplexity: Math.exp(nll),
    ...(params.logprobs && { logprobs: scores.map(({ logprob }) => logprob), best: scores.map(({ best }) => best) }),
    ...(params.compare && {
      kl: mean(({ kl }) => kl),
      top1: mean(({ best, denseBest }) => (best === denseBest ? 1 : 0)),
      perplexityRatio: Math.exp(ofToken + mean(({ denseLogprob }) => denseLogprob)),
    }),
  };
}
