// A chat request → an answer, whole or in chunks.
import type { AnswerPart, GenerationResult, PrefillProgress, ToolCall } from "../../../web/types.js";
import { abortError, finishOf, tokenLogprobs, usageOf, withoutEnd, withSeedAt } from "./answers.js";
import { asApiError } from "./api-error.js";
import type { ChatOptions } from "../options/chat.js";
import type { ChatCall } from "./chat-request.js";
import type { EventQueue } from "./event-queue.js";
import { streamChunks } from "./stream-chunks.js";
import { answerHead, type NamedModel } from "./models.js";
import type {
  AnswerMessage,
  ChatCompletion,
  ChatCompletionChunk,
  ChatDelta,
  ChatLogprobs,
  ChatToolCall,
} from "./types.js";

/** How the content shows reasoning that the request wants to stay there. */
const [openReasoning, closeReasoning] = ["<think>\n", "\n</think>\n\n"];

export async function completeChat(target: NamedModel, call: ChatCall, signal: AbortSignal): Promise<ChatCompletion> {
  const head = answerHead("chatcmpl", target);
  const results: GenerationResult[] = [];
  try {
    for (let index = 0; index < call.count; index++) {
      const result: GenerationResult = await target.model.chat(call.messages, optionsOf(call, index, signal));
      if (result.finishReason === "abort") throw abortError(signal.reason);
      results.push(result);
    }
  } catch (error) {
    throw asApiError(error, call.fieldNames);
  }
  return {
    ...head,
    object: "chat.completion",
    choices: results.map((result, index) => ({
      index,
      message: messageOf(result, call),
      logprobs: logprobsOf(result, call),
      finish_reason: finishOf(result.finishReason),
    })),
    usage: usageOf(results),
  };
}

/** Begins the answer. An abort ends the chunks without an error. */
export function streamChat(
  target: NamedModel,
  call: ChatCall,
  controller: AbortController,
): EventQueue<ChatCompletionChunk> {
  return streamChunks(controller, call.fieldNames, (queue) => sendChunks(target, call, controller.signal, queue));
}

async function sendChunks(
  target: NamedModel,
  call: ChatCall,
  signal: AbortSignal,
  queue: EventQueue<ChatCompletionChunk>,
): Promise<void> {
  const head = { ...answerHead("chatcmpl", target), object: "chat.completion.chunk" as const };
  const unknownUsage = call.includesUsage ? { usage: null } : {};
  const send = (
    index: number,
    delta: ChatDelta,
    more: Partial<ChatCompletionChunk["choices"][number]> = {},
    rest: Partial<ChatCompletionChunk> = {},
  ) =>
    queue.push({
      ...head,
      choices: [{ index, delta, logprobs: null, finish_reason: null, ...more }],
      ...unknownUsage,
      ...rest,
    });
  const results: GenerationResult[] = [];
  for (let index = 0; index < call.count; index++) {
    let isBegun = false;
    const begin = () => {
      if (!isBegun) send(index, { role: "assistant", content: "" });
      isBegun = true;
    };
    const deltas = new Deltas(call.keepsReasoning);
    const onProgress = ({ done, total }: PrefillProgress) => {
      queue.begin();
      if (!call.returnsProgress) return;
      begin();
      cached ??= done;
      send(index, {}, {}, { prompt_progress: { total, cache: cached, processed: done } });
    };
    let cached: number | undefined;
    const stream = target.model.chat(call.messages, { ...optionsOf(call, index, signal), onProgress });
    for await (const part of stream.parts()) {
      const delta = deltas.of(part);
      if (!delta) continue;
      begin();
      send(index, delta);
    }
    const result: GenerationResult = await stream;
    const finish_reason = finishOf(result.finishReason);
    results.push(result);
    begin();
    const rest = deltas.end();
    if (rest) send(index, rest);
    send(index, {}, { finish_reason, logprobs: logprobsOf(result, call) });
  }
  if (call.includesUsage) queue.push({ ...head, choices: [], usage: usageOf(results) });
}

/** Parts of an answer → deltas. */
class Deltas {
  readonly #keepsReasoning: boolean;
  #calls = 0;
  #isReasoning = false;

  constructor(keepsReasoning: boolean) {
    this.#keepsReasoning = keepsReasoning;
  }

  of(part: AnswerPart): ChatDelta | undefined {
    if (part.type === "reasoning") return this.#reasoning(part.text);
    if (part.type === "text") return { content: this.#closed() + part.text };
    if (part.type === "tool-call") return { tool_calls: [{ index: this.#calls++, ...toolCallOf(part.toolCall) }] };
    return undefined; // results of tools, which the caller of this API computes
  }

  /** The rest of the content, after the last part. */
  end(): ChatDelta | undefined {
    return this.#isReasoning ? { content: this.#closed() } : undefined;
  }

  #reasoning(text: string): ChatDelta {
    if (!this.#keepsReasoning) return { reasoning_content: text };
    const opened = this.#isReasoning ? text : openReasoning + text;
    this.#isReasoning = true;
    return { content: opened };
  }

  #closed(): string {
    const closing = this.#isReasoning ? closeReasoning : "";
    this.#isReasoning = false;
    return closing;
  }
}

function optionsOf({ options }: ChatCall, index: number, signal: AbortSignal): ChatOptions {
  return { ...withSeedAt(options, index), signal };
}

function messageOf({ text, reasoning, toolCalls = [] }: GenerationResult, { keepsReasoning }: ChatCall): AnswerMessage {
  const content = keepsReasoning && reasoning ? `${openReasoning}${reasoning}${closeReasoning}${text}` : text;
  return {
    role: "assistant",
    content: content === "" && toolCalls.length > 0 ? null : content,
    refusal: null,
    ...(reasoning && !keepsReasoning && { reasoning_content: reasoning }),
    ...(toolCalls.length > 0 && { tool_calls: toolCalls.map(toolCallOf) }),
  };
}

function toolCallOf({ id, name, argumentsText }: ToolCall): ChatToolCall {
  return { id, type: "function", function: { name, arguments: argumentsText } };
}

function logprobsOf(
  { logprobs, text, finishReason }: GenerationResult,
  { topLogprobs }: ChatCall,
): ChatLogprobs | null {
  if (!logprobs || topLogprobs === undefined) return null;
  return { content: tokenLogprobs(withoutEnd(logprobs, text, finishReason), topLogprobs), refusal: null };
}
