// A completion request → a continuation of each of its prompts, whole or in chunks.
import type { GenerationResult, StepLogprobs } from "../../../web/types.js";
import { compact } from "../adapter-options.js";
import type { CamelGPTInferenceBase } from "../camelgpt-inference.js";
import type { GenerateOptions } from "../options/generate.js";
import { abortError, finishOf, finite, usageOf, withoutEnd, withSeedAt } from "./answers.js";
import { asApiError } from "./api-error.js";
import type { EventQueue } from "./event-queue.js";
import { streamChunks } from "./stream-chunks.js";
import { Fields } from "./fields.js";
import { answerHead, type NamedModel } from "./models.js";
import { answerCount, fieldNames, localFormat, maxTokensOf, samplingOptions } from "./sampling.js";
import type { Completion, CompletionChunk, CompletionLogprobs, CompletionUsage } from "./types.js";

type Prompt = string | readonly number[];

/** A completion request, checked. */
export interface CompletionCall {
  prompts: readonly Prompt[];
  options: GenerateOptions;
  /** Number of continuations of each prompt. */
  count: number;
  isStream: boolean;
  includesUsage: boolean;
  echoes: boolean;
  /** Alternatives for each token of the log-probabilities; undefined: none are wanted. */
  topLogprobs: number | undefined;
  /** The field of each option, for errors. */
  fieldNames: ReadonlyMap<string, string>;
}

/** The default of OpenAI's API. */
const defaultMaxTokens = 16;
const maxTopLogprobs = 20;

/** Throws an ApiError that names the field at fault. */
export function completionCall(body: unknown): CompletionCall {
  const fields = Fields.of(body);
  const best = fields.integer("best_of");
  const count = answerCount(fields);
  if (best !== undefined && best !== count) throw fields.unsupported("best_of", "A best_of other than n");
  const topLogprobs = fields.integer("logprobs");
  if (topLogprobs !== undefined && !(topLogprobs >= 0 && topLogprobs <= maxTopLogprobs))
    throw fields.invalid(
      "logprobs",
      `The field logprobs is not valid. Expected: 0 to ${maxTopLogprobs}. Found: ${topLogprobs}.`,
    );
  return {
    prompts: promptsOf(fields),
    options: compact<GenerateOptions>({
      ...samplingOptions(fields),
      maxTokens: maxTokensOf(fields, "max_tokens") ?? defaultMaxTokens,
      logprobs: topLogprobs === undefined ? undefined : Math.max(topLogprobs, 1),
      responseFormat: localFormat(fields),
      suffix: fields.text("suffix"),
    }),
    count,
    isStream: fields.flag("stream") ?? false,
    includesUsage: fields.object("stream_options")?.flag("include_usage") ?? false,
    echoes: fields.flag("echo") ?? false,
    topLogprobs,
    fieldNames: fieldNames(fields),
  };
}

function promptsOf(fields: Fields): readonly Prompt[] {
  const prompt = fields.raw("prompt") ?? "";
  return textsOrTokens(prompt) ?? badPrompt(fields, "prompt");
}

/** A text, texts, tokens, or arrays of tokens, as an array; undefined for anything else. */
export function textsOrTokens(value: unknown): readonly Prompt[] | undefined {
  if (typeof value === "string") return [value];
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const all: readonly unknown[] = value;
  if (all.every((each) => typeof each === "string")) return all;
  if (all.every(isToken)) return [all];
  const isTokens = (each: unknown): each is number[] => Array.isArray(each) && each.length > 0 && each.every(isToken);
  return all.every(isTokens) ? all : undefined;
}

const isToken = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0;

export function badPrompt(fields: Fields, name: string): never {
  throw fields.invalid(
    name,
    `The field ${name} is not valid. Expected: a string, an array of strings, token ids, or arrays of token ids.`,
  );
}

/** One continuation that is to be generated. */
interface Job {
  index: number;
  prompt: Prompt;
  options: GenerateOptions;
}

function jobsOf({ prompts, options, count }: CompletionCall, signal: AbortSignal): Job[] {
  return prompts.flatMap((prompt, i) =>
    Array.from({ length: count }, (_, j) => ({
      index: i * count + j,
      prompt,
      options: { ...withSeedAt(options, j), signal },
    })),
  );
}

export async function complete(target: NamedModel, call: CompletionCall, signal: AbortSignal): Promise<Completion> {
  const head = answerHead("cmpl", target);
  const results: GenerationResult[] = [];
  const choices: Completion["choices"] = [];
  try {
    for (const { index, prompt, options } of jobsOf(call, signal)) {
      const result = await target.model.stream(prompt, options);
      if (result.finishReason === "abort") throw abortError(signal.reason);
      results.push(result);
      const before = call.echoes ? await textOf(target.model, prompt, signal) : "";
      choices.push({
        index,
        text: before + result.text,
        logprobs: logprobsOf(result, call, before.length),
        finish_reason: endOf(result),
      });
    }
  } catch (error) {
    throw asApiError(error, call.fieldNames);
  }
  return { ...head, object: "text_completion", choices, usage: totalUsage(results, call.count) };
}

/** Begins the continuations. An abort ends the chunks without an error. */
export function streamCompletion(
  target: NamedModel,
  call: CompletionCall,
  controller: AbortController,
): EventQueue<CompletionChunk> {
  return streamChunks(controller, call.fieldNames, (queue) => sendChunks(target, call, controller.signal, queue));
}

async function sendChunks(
  target: NamedModel,
  call: CompletionCall,
  signal: AbortSignal,
  queue: EventQueue<CompletionChunk>,
): Promise<void> {
  const head = { ...answerHead("cmpl", target), object: "text_completion" as const };
  const send = (index: number, text: string, result?: GenerationResult, offset = 0) => {
    const choice = {
      index,
      text,
      logprobs: result ? logprobsOf(result, call, offset) : null,
      // OpenAI's own declaration leaves out the null that the chunks before the last one have.
      finish_reason: (result ? endOf(result) : null) as "stop" | "length",
    };
    const unknownUsage = call.includesUsage ? { usage: null as unknown as CompletionUsage } : {};
    queue.push({ ...head, choices: [choice], ...unknownUsage });
  };
  const results: GenerationResult[] = [];
  for (const { index, prompt, options } of jobsOf(call, signal)) {
    const stream = target.model.stream(prompt, { ...options, onProgress: () => queue.begin() });
    const before = call.echoes ? await textOf(target.model, prompt, signal) : "";
    if (before) send(index, before);
    for await (const text of stream) send(index, text);
    const result = await stream;
    if (result.finishReason === "abort") throw abortError(signal.reason);
    results.push(result);
    send(index, "", result, before.length);
  }
  if (call.includesUsage) queue.push({ ...head, choices: [], usage: totalUsage(results, call.count) });
}

async function textOf(model: CamelGPTInferenceBase, prompt: Prompt, signal: AbortSignal): Promise<string> {
  return typeof prompt === "string" ? prompt : model.detokenize(prompt, { keepSpecial: true, signal });
}

function endOf({ finishReason }: GenerationResult): "stop" | "length" {
  const reason = finishOf(finishReason);
  return reason === "length" ? "length" : "stop";
}

/** The tokens of each prompt count once. */
function totalUsage(results: readonly GenerationResult[], count: number): CompletionUsage {
  const usages: CompletionUsage[] = [];
  for (let i = 0; i < results.length; i += count) usages.push(usageOf(results.slice(i, i + count)));
  const sum = (number: (usage: CompletionUsage) => number) => usages.reduce((total, usage) => total + number(usage), 0);
  return {
    prompt_tokens: sum((usage) => usage.prompt_tokens),
    completion_tokens: sum((usage) => usage.completion_tokens),
    total_tokens: sum((usage) => usage.total_tokens),
    prompt_tokens_details: { cached_tokens: sum((usage) => usage.prompt_tokens_details.cached_tokens) },
    completion_tokens_details: { reasoning_tokens: 0 },
  };
}

function logprobsOf(
  { logprobs, text, finishReason }: GenerationResult,
  { topLogprobs }: CompletionCall,
  offset: number,
): CompletionLogprobs | null {
  if (!logprobs || topLogprobs === undefined) return null;
  const steps: readonly StepLogprobs[] = withoutEnd(logprobs, text, finishReason);
  let position = offset;
  const offsets = steps.map((step) => {
    const begin = position;
    position += step.text.length;
    return begin;
  });
  return {
    tokens: steps.map((step) => step.text),
    token_logprobs: steps.map((step) => finite(step.logprob)),
    top_logprobs: steps.map(({ top }) =>
      Object.fromEntries(top.slice(0, topLogprobs).map((each) => [each.text, finite(each.logprob)])),
    ),
    text_offset: offsets,
  };
}
