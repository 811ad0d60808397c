// A text → its probability. The text is split into windows that do not overlap; each starts with an empty cache.
import type { Engine, TokenScore } from "../engine/engine.js";
import { CamelGPTError, throwIfAborted } from "../errors.js";
import type { Score } from "../types.js";
import { runActivity } from "./activity.js";
import type { ScoreParams } from "./params.js";
import { tokenizeText } from "./tokenizing.js";

/**
 * Scores all tokens of a window but the first, so a last window of a single token adds nothing.
 * Errors: `bad-input` if the text has fewer than two tokens, `context-overflow` if a window is longer than the context.
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
      hint: "Load the model with a larger contextLength, or use shorter windows.",
    });
  }
  const all =
    typeof text === "string" ? await tokenizeText(engine, signal, text, params.addSpecial, params.parseSpecial) : text;
  const tokens = maxTokens > 0 ? all.slice(0, maxTokens) : all;
  const scores: TokenScore[] = [];
  let bytes: number | undefined;
  for (let begin = 0; tokens.length - begin > 1; begin += window) {
    engine.score(tokens.slice(begin, begin + window), params.compare);
    await runActivity(engine, signal);
    for (const each of engine.scores()) scores.push(each);
    const windowBytes = engine.bytes();
    if (windowBytes !== undefined) bytes = (bytes ?? 0) + windowBytes;
  }
  if (scores.length === 0) {
    throw new CamelGPTError("bad-input", "The text is too short to score.", {
      expected: "at least 2 tokens",
      found: String(tokens.length),
    });
  }
  const mean = (of: (score: TokenScore) => number) => scores.reduce((sum, each) => sum + of(each), 0) / scores.length;
  const nllPerToken = -mean(({ logprob }) => logprob);
  const nll = bytes === undefined ? nllPerToken : (nllPerToken * scores.length) / bytes;
  return {
    tokens: scores.length,
    ...(bytes !== undefined && { bytes }),
    nll,
    perplexity: Math.exp(nll),
    ...(params.logprobs && { logprobs: scores.map(({ logprob }) => logprob), best: scores.map(({ best }) => best) }),
    ...(params.compare && {
      kl: mean(({ kl }) => kl),
      top1: mean(({ best, denseBest }) => (best === denseBest ? 1 : 0)),
      perplexityRatio: Math.exp(nllPerToken + mean(({ denseLogprob }) => denseLogprob)),
    }),
  };
}
