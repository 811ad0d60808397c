// A prompt → the answer to it: its text apart from its reasoning, which can have a budget of its own.
import { orAborted } from "../../../../web/errors.js";
import type { RenderedPrompt } from "../../../../web/rendered-prompt.js";
import type { GenerateParams } from "../../../../web/tasks/params.js";
import type { Emit } from "../../../../web/text/text-stream.js";
import type { Generated, GenerationReport, GenerationResult } from "../../../../web/types.js";
import type { ModelConnection } from "../../model-connection.js";
import type { ReasoningFormat } from "./format.js";
import { onceAccepted } from "../once-accepted.js";
import { type AnswerPlan, isSplit } from "./plan.js";
import { AnswerReader, type Part } from "./reader.js";
import type { ChatPrompt } from "./reasoning-prompt.js";

/** A prompt as text or as tokens, and how the answer to it begins. */
export interface PromptOfAnswer extends Omit<ChatPrompt, "prompt"> {
  prompt: RenderedPrompt | readonly number[];
}

export interface GenerationContext {
  emit: Emit;
  signal: AbortSignal;
  onReport?: ((event: GenerationReport) => void) | undefined;
  /** Called when the model has begun, before the first part of the answer. */
  onBegin?: () => void;
}

export interface Answer {
  result: GenerationResult;
  /** All tokens after the prompt, with those that ended the reasoning by force. */
  sequence: readonly number[];
}

/** The smallest share of `maxTokens` that is kept for the text. */
const textShare = 1 / 4;

/** Errors: those of a generation. */
export async function generateAnswer(
  model: ModelConnection,
  params: GenerateParams,
  prompt: PromptOfAnswer,
  plan: AnswerPlan,
  context: GenerationContext,
): Promise<Answer> {
  const { emit, signal, onReport, onBegin } = context;
  const { maxTokens, format } = plan;
  const sampling = { ...params.sampling, ...(maxTokens !== undefined && { maxTokens }) };
  const reasoning = format?.reasoning;
  const calls = plan.newCallParser?.();
  const reader =
    reasoning || calls
      ? new AnswerReader({ reasoning, calls, startsOpen: prompt.isOpen, continuesText: prompt.continuesText })
      : undefined;
  const show = (parts: readonly Part[]) => {
    for (const part of parts) emit(part);
  };
  const onEvent = (event: string | GenerationReport) => {
    if (typeof event !== "string") return onReport?.(event);
    onBegin?.();
    show(reader ? reader.put(event) : [event]);
  };
  const grammar = plan.grammar ?? params.grammar;
  const run: Run = (changes) =>
    model.call("generate", { ...params, grammar, sampling, ...changes }, { signal, onEvent });
  const keepControl = { ...(reader && { keepControl: true }) };
  const generated: Generation =
    reader && reasoning && prompt.isOpen && isSplit(plan)
      ? await inTwoSteps({ model, run, params: { ...params, sampling }, prompt, plan, reader, reasoning, show, signal })
      : await run({ prompt: prompt.prompt, ...keepControl }).then((result) => ({ result, sequence: result.tokens }));
  onBegin?.();
  const { engine } = (await model.loaded()).info;
  const { result, sequence } = generated;
  if (!reader) return { result: { ...result, engine }, sequence };
  show(reader.finish());
  const reasoningTokens =
    generated.reasoningTokens ?? (await onceAccepted(undefined, () => countReasoning(model, reader, result))) ?? 0;
  const usage = { ...result.usage, ...(reasoningTokens > 0 && { reasoningTokens }) };
  const found = reader.reasoning === "" ? {} : { reasoning: reader.reasoning };
  const toolCalls = [...reader.toolCalls];
  const called = toolCalls.length === 0 ? {} : { toolCalls, ...(result.finishReason === "stop" && callsTools) };
  return { result: { ...result, text: reader.text, ...found, ...called, usage, engine }, sequence };
}

type Run = (changes: Partial<GenerateParams> & Pick<GenerateParams, "prompt">) => Promise<Generated>;

interface Steps {
  model: ModelConnection;
  run: Run;
  params: GenerateParams;
  prompt: PromptOfAnswer;
  plan: AnswerPlan;
  reader: AnswerReader;
  reasoning: ReasoningFormat;
  show: (parts: readonly Part[]) => void;
  signal: AbortSignal;
}

interface Generation {
  result: Generated;
  sequence: readonly number[];
  reasoningTokens?: number;
}

/**
 * Generates the reasoning up to its end or its budget, and then the text, for which the cache still has everything.
 * Stop strings, biases and a grammar apply to the text.
 */
async function inTwoSteps(steps: Steps): Promise<Generation> {
  const { model, run, params, prompt, plan, reader, reasoning, show, signal } = steps;
  const { sampling } = params;
  const tokenize = (text: string | RenderedPrompt, addSpecial: boolean) =>
    orAborted(model.call("tokenize", { text, addSpecial, parseSpecial: true }, { signal }), signal);
  const begin = "text" in prompt.prompt ? await tokenize(prompt.prompt, params.addSpecial) : prompt.prompt;
  const closing = await tokenize({ text: reasoning.closing, literal: [] }, false);
  const total = sampling.maxTokens ?? Infinity;
  const room = model.contextLength - begin.length - closing.length;
  const most = Math.min(plan.budget ?? Infinity, Math.min(total, room) * (1 - textShare));
  const step = { stop: [reasoning.close], logitBias: [], keepControl: true };
  const first = await run({
    ...step,
    ...withoutGrammar,
    prompt: begin,
    sampling: { ...sampling, maxTokens: Math.max(1, Math.floor(most)) },
  });
  const reasoningTokens = first.tokens.length;
  const alone = { result: first, sequence: first.tokens, reasoningTokens };
  if (first.finishReason === "abort" || total <= reasoningTokens || room <= reasoningTokens + 1) return alone;
  const aborted: Generation = { ...alone, result: { ...first, finishReason: "abort" } };
  const spelled = await onceAccepted(signal, () =>
    model.call("detokenize", { tokens: first.tokens, keepControl: true }, {}),
  );
  if (spelled === undefined) return aborted;
  const at = spelled.indexOf(reasoning.close);
  show(reader.closeReasoning());
  let sequence: readonly number[] = first.tokens;
  if (at >= 0) show(reader.put(spelled.slice(at + reasoning.close.length)));
  else {
    // An end token within the reasoning does not end the answer.
    const kept = first.finishReason === "stop" ? first.tokens.slice(0, -1) : first.tokens;
    sequence = [...kept, ...closing];
  }
  // An equal seed would repeat the random numbers of the reasoning.
  const seed = (sampling.seed + 1) >>> 0;
  const maxTokens = Math.min(total - reasoningTokens, largest);
  const second = await onceAccepted(signal, () =>
    run({
      prompt: [...begin, ...sequence],
      keepControl: true,
      reportsProgress: false,
      sampling: { ...sampling, seed, maxTokens },
    }),
  );
  if (!second) return aborted;
  const result = joined(first, second);
  return { result, sequence: [...sequence, ...second.tokens], reasoningTokens };
}

const largest = 2 ** 31 - 1;
const callsTools = { finishReason: "tool-calls" } as const;
const withoutGrammar = { grammar: "" } as Partial<GenerateParams>;

/** Two generations as one. The prompt of the second one is that of the first with its answer. */
function joined(first: Generated, second: Generated): Generated {
  const tokens = [...first.tokens, ...second.tokens];
  const decodeMs = first.timings.decodeMs + second.timings.prefillMs + second.timings.decodeMs;
  return {
    ...second,
    text: first.text + second.text,
    tokens,
    usage: { ...first.usage, completionTokens: tokens.length },
    timings: {
      ...first.timings,
      decodeMs,
      decodeTokensPerSecond: decodeMs > 0 ? (1000 * (tokens.length - 1)) / decodeMs : 0,
    },
    seed: first.seed,
    ...(first.logprobs && { logprobs: [...first.logprobs, ...(second.logprobs ?? [])] }),
  };
}

/** Returns the number of tokens of the reasoning. */
async function countReasoning(model: ModelConnection, reader: AnswerReader, { tokens }: Generated): Promise<number> {
  if (reader.reasoning === "") return 0;
  if (reader.isReasoning) return tokens.length;
  return tokensBefore(model, tokens, reader.reasoningEnd);
}

/** Returns how many tokens are needed for the first characters of their text. */
export async function tokensBefore(
  model: ModelConnection,
  tokens: readonly number[],
  characters: number,
): Promise<number> {
  let [low, high] = [0, tokens.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const text = await model.call("detokenize", { tokens: tokens.slice(0, middle), keepControl: true }, {});
    if (text.length < characters) low = middle + 1;
    else high = middle;
  }
  return low;
}
