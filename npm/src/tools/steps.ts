// Answers with calls of tools, the results of the tools, and further answers, until one has no calls.
import { describe, orAborted } from "../../../web/errors.js";
import type { ChatMessage } from "../../../web/text/messages.js";
import type { Emit } from "../../../web/text/text-stream.js";
import type {
  AnswerMessage,
  AnswerStep,
  FinishReason,
  GenerationResult,
  ToolCall,
  ToolResult,
  Usage,
} from "../../../web/types.js";
import { answerMessage } from "../chat/answer/answer-message.js";
import { onceAccepted } from "../chat/once-accepted.js";
import type { CheckedTool, CheckedTools } from "./check-tools.js";
import type { ToolChoice } from "./tool.js";
import { wellFormed } from "./well-formed.js";

/** One answer of the model. */
export interface StepRequest {
  /** Messages since the beginning of the call: answers, and results of tools. */
  added: readonly AnswerMessage[];
  choice: ToolChoice;
}

export interface StepsOptions<T extends GenerationResult> {
  checked: CheckedTools;
  /** The conversation before the first answer. */
  messages: readonly ChatMessage[];
  /** Answers, and passes parts of the answer on. */
  step: (request: StepRequest) => Promise<T>;
  emit: Emit;
  signal: AbortSignal;
}

/** Returns the last answer, with all steps and the sums of their tokens and times. */
export async function runSteps<T extends GenerationResult>(options: StepsOptions<T>): Promise<T> {
  const { checked, messages, step, emit, signal } = options;
  const { tools, maxSteps } = checked;
  const steps: AnswerStep[] = [];
  const added: AnswerMessage[] = [];
  let total: T | undefined;
  // A choice that forces a call holds for the first step, since the loop could not end otherwise.
  for (let choice = checked.choice; ; ) {
    const request = { added, choice };
    const answer = await (total ? onceAccepted(signal, () => step(request)) : step(request));
    if (!answer) return { ...(total as T), finishReason: "abort", steps, messages: added };
    const { text, reasoning, toolCalls = [], finishReason, usage } = answer;
    const current: AnswerStep = {
      text,
      ...(reasoning && { reasoning }),
      toolCalls,
      toolResults: [],
      finishReason,
      usage,
    };
    steps.push(current);
    total = total ? sum(total, answer) : answer;
    added.push(answerMessage(answer));
    const isLast = steps.length >= maxSteps;
    const isCut = finishReason !== "tool-calls";
    if (toolCalls.length > 0 && (isCut || (!isLast && canExecute(toolCalls, tools)))) {
      const context = { messages: [...messages, ...added], signal };
      // Calls of an answer that was cut are not executed, but they have results, so that the history is complete.
      const results = isCut
        ? toolCalls.map((call) => failed(call, call.error ?? "The answer was cut, so the tool was not called."))
        : await execute(toolCalls, tools, context, emit);
      current.toolResults = results;
      added.push(...results.map(resultMessage));
      if (!isCut && !signal.aborted) {
        choice = isRepeated(steps) ? "none" : "auto";
        continue;
      }
    }
    const reason: FinishReason = signal.aborted && finishReason === "tool-calls" ? "abort" : finishReason;
    return { ...total, finishReason: reason, steps, messages: added };
  }
}

/** Whether the last step had the same calls and results as the one before it: small models repeat a call endlessly. */
function isRepeated(steps: readonly AnswerStep[]): boolean {
  const [before, last] = steps
    .slice(-2)
    .map(({ toolCalls, toolResults }) =>
      JSON.stringify([
        toolCalls.map(({ name, arguments: values, error }) => [name, values, error]),
        toolResults.map(({ result }) => (typeof result === "string" ? result : textOfResult(result))),
      ]),
    );
  return last !== undefined && last === before;
}

/** Calls with an error get it as their result; all others need a tool that can be executed. */
function canExecute(calls: readonly ToolCall[], tools: readonly CheckedTool[]): boolean {
  const hasExecute = (name: string) => tools.find((tool) => tool.name === name)?.execute !== undefined;
  return (
    tools.some((tool) => tool.execute) && calls.every(({ name, error }) => error !== undefined || hasExecute(name))
  );
}

/** Runs the tools side by side, and returns the results in the order of the calls. */
function execute(
  calls: readonly ToolCall[],
  tools: readonly CheckedTool[],
  context: { messages: readonly ChatMessage[]; signal: AbortSignal },
  emit: Emit,
): Promise<ToolResult[]> {
  return Promise.all(
    calls.map(async (call) => {
      const result = await executeOne(call, tools, context);
      emit({ type: "tool-result", toolResult: result });
      return result;
    }),
  );
}

async function executeOne(
  call: ToolCall,
  tools: readonly CheckedTool[],
  context: { messages: readonly ChatMessage[]; signal: AbortSignal },
): Promise<ToolResult> {
  if (call.error !== undefined) return failed(call, call.error);
  const tool = tools.find(({ name }) => name === call.name);
  try {
    const input = await inputOf(call, tool);
    const run = Promise.resolve(tool?.execute?.(input, { toolCallId: call.id, ...context }));
    const result = await orAborted(run, context.signal);
    textOfResult(result); // throws if it is not JSON
    return { toolCallId: call.id, name: call.name, result, isError: false };
  } catch (error) {
    return failed(call, error instanceof Error ? describe(error.message || error.name) : describe(error));
  }
}

async function inputOf(call: ToolCall, tool: CheckedTool | undefined): Promise<unknown> {
  const checked = await tool?.standard?.["~standard"].validate?.(call.arguments);
  if (!checked) return call.arguments;
  if (!checked.issues) return checked.value;
  const issues = checked.issues.map(({ message, path = [] }) => {
    const keys = path.map((key) => String(typeof key === "object" ? key.key : key));
    return keys.length > 0 ? `${keys.join(".")}: ${message}` : message;
  });
  throw new Error(`The arguments are not valid: ${issues.join("; ")}`);
}

function failed(call: ToolCall, message: string): ToolResult {
  return { toolCallId: call.id, name: call.name, result: message, isError: true };
}

function resultMessage({ toolCallId, name, result, isError }: ToolResult): AnswerMessage {
  const content = isError ? JSON.stringify({ error: result }) : textOfResult(result);
  return { role: "tool", tool_call_id: toolCallId, name, content: wellFormed(content) };
}

function textOfResult(result: unknown): string {
  return typeof result === "string" ? result : (JSON.stringify(result) ?? "null");
}

/** The later answer, with the tokens and times of both. */
function sum<T extends GenerationResult>(a: T, b: T): T {
  const usage: Usage = { ...a.usage };
  for (const key of Object.keys(b.usage) as (keyof Usage)[]) usage[key] = (a.usage[key] ?? 0) + (b.usage[key] ?? 0);
  const prefillMs = a.timings.prefillMs + b.timings.prefillMs;
  const decodeMs = a.timings.decodeMs + b.timings.decodeMs;
  const evaluated = usage.promptTokens - (usage.cachedTokens ?? 0);
  const rate = (count: number, ms: number) => (ms > 0 ? (1000 * count) / ms : 0);
  const timings = {
    ...b.timings,
    prefillMs,
    decodeMs,
    prefillTokensPerSecond: rate(evaluated, prefillMs),
    decodeTokensPerSecond: rate(usage.completionTokens, decodeMs),
  };
  return { ...b, usage, timings };
}
