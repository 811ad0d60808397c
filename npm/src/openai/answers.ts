// Results of the model → parts that the answers to chats and completions share.
import type { FinishReason, StepLogprobs, TokenLogprob as Logprob, Usage } from "../../../web/types.js";
import { ApiError } from "./api-error.js";
import type { CompletionUsage, TokenLogprob, TopLogprob } from "./types.js";

/** The usage of all answers to one prompt. */
export function usageOf(results: readonly { usage: Usage }[]): CompletionUsage {
  const sum = (count: (usage: Usage) => number | undefined) =>
    results.reduce((total, { usage }) => total + (count(usage) ?? 0), 0);
  const first = results[0]?.usage;
  const prompt = first?.promptTokens ?? 0;
  const completion = sum((usage) => usage.completionTokens);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: first?.cachedTokens ?? 0 },
    completion_tokens_details: { reasoning_tokens: sum((usage) => usage.reasoningTokens) },
  };
}

/** The options of one of several answers to a prompt: the seed of each is the one after that of the answer before. */
export function withSeedAt<T extends { seed?: number }>(options: T, index: number): T {
  const { seed } = options;
  return index > 0 && seed !== undefined ? { ...options, seed: (seed + index) % 2 ** 32 } : options;
}

/** Throws for an answer that was aborted, since its text is incomplete. */
export function finishOf(reason: FinishReason): "stop" | "length" | "tool_calls" {
  if (reason === "abort") throw abortError();
  return reason === "tool-calls" ? "tool_calls" : reason === "length" ? "length" : "stop";
}

export function abortError(cause?: unknown): ApiError {
  return new ApiError("The request was aborted.", { status: 499, type: "request_aborted", code: "aborted", cause });
}

/** The log-probabilities of the tokens of a text, without the token that ended it. */
export function withoutEnd(logprobs: readonly StepLogprobs[], text: string, reason: string): readonly StepLogprobs[] {
  const last = logprobs.at(-1);
  const isEnd = last !== undefined && reason === "stop" && !text.endsWith(last.text);
  return isEnd ? logprobs.slice(0, -1) : logprobs;
}

export function tokenLogprobs(logprobs: readonly StepLogprobs[], top: number): TokenLogprob[] {
  return logprobs.map((step) => ({ ...topLogprob(step), top_logprobs: step.top.slice(0, top).map(topLogprob) }));
}

function topLogprob({ text, logprob, bytes }: Logprob): TopLogprob {
  return { token: text, logprob: finite(logprob), bytes };
}

/** JSON has no −Infinity; OpenAI's API has this number for "very improbable". */
export function finite(logprob: number): number {
  return Math.max(logprob, -9999);
}
