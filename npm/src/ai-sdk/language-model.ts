// A language model of the AI SDK over a chat.
import type { AnswerPart, FinishReason, GenerationResult } from "../../../web/types.js";
import { abortedError } from "../../../web/errors.js";
import type { CamelGPTInferenceBase } from "../camelgpt-inference.js";
import type { ChatOptions } from "../options/chat.js";
import { chatOptions, providerName } from "./call-options.js";
import { chatMessages } from "./prompt.js";
import type {
  CallFinish,
  CallUsage,
  Content,
  LanguageModel,
  LanguageModelCall,
  ProviderMetadata,
  ResponseMetadata,
  StreamPart,
  Warning,
} from "./types.js";

/** `defaults`: options of every call. */
export function languageModel(model: CamelGPTInferenceBase, modelId: string, defaults: ChatOptions): LanguageModel {
  return {
    specificationVersion: "v4",
    provider: providerName,
    modelId,
    supportedUrls: {},
    async doGenerate(call) {
      const { options, warnings } = chatOptions(call, defaults);
      const result: GenerationResult = await model.chat(chatMessages(call.prompt), options);
      throwIfAborted(result, call);
      return {
        content: contentOf(result),
        finishReason: finishOf(result.finishReason),
        usage: usageOf(result),
        providerMetadata: metadataOf(result),
        response: responseOf(modelId),
        warnings: [...warnings, ...formatWarnings(result, call)],
      };
    },
    async doStream(call) {
      const { options, warnings } = chatOptions(call, defaults);
      const answer = model.chat(chatMessages(call.prompt), options);
      const parts = answer.parts();
      const first = await parts.next(); // an error before the first part rejects this call
      const events = streamParts();
      return {
        stream: new ReadableStream<StreamPart>({
          async pull(controller) {
            const { done, value } = await events.next();
            if (done) controller.close();
            else controller.enqueue(value);
          },
          cancel: () => answer.cancel(),
        }),
      };

      async function* streamParts(): AsyncGenerator<StreamPart, void, undefined> {
        yield { type: "stream-start", warnings };
        yield { type: "response-metadata", ...responseOf(modelId) };
        const blocks = new Blocks();
        for (let next = first; !next.done; next = await parts.next()) {
          if (call.includeRawChunks) yield { type: "raw", rawValue: next.value };
          yield* blocks.add(next.value);
        }
        const result: GenerationResult = await answer;
        throwIfAborted(result, call);
        yield* blocks.end();
        yield {
          type: "finish",
          usage: usageOf(result),
          finishReason: finishOf(result.finishReason),
          providerMetadata: metadataOf(result),
        };
      }
    },
  };
}

/** Encloses consecutive pieces of one kind in a start and an end. */
class Blocks {
  #open: { type: "text" | "reasoning"; id: string } | undefined;
  #count = 0;

  *add(part: AnswerPart): Generator<StreamPart, void, undefined> {
    if (part.type === "text" || part.type === "reasoning") {
      const { type, text } = part;
      if (this.#open?.type !== type) {
        yield* this.end();
        this.#open = { type, id: String(this.#count++) };
        yield { type: `${type}-start`, id: this.#open.id };
      }
      yield { type: `${type}-delta`, id: this.#open.id, delta: text };
    } else if (part.type === "tool-call") {
      yield* this.end();
      const { id, name: toolName, argumentsText: input } = part.toolCall;
      yield { type: "tool-input-start", id, toolName };
      yield { type: "tool-input-delta", id, delta: input };
      yield { type: "tool-input-end", id };
      yield { type: "tool-call", toolCallId: id, toolName, input };
    }
  }

  *end(): Generator<StreamPart, void, undefined> {
    if (this.#open) yield { type: `${this.#open.type}-end`, id: this.#open.id };
    this.#open = undefined;
  }
}

/** An answer that was cut by an abort is an error, as with the models of servers. */
function throwIfAborted({ finishReason }: GenerationResult, { abortSignal }: LanguageModelCall): void {
  if (finishReason === "abort") throw abortSignal?.reason ?? abortedError(abortSignal);
}

/** Conditions of the schema that the answer does not follow. A stream tells its warnings before they are known. */
function formatWarnings({ engine }: GenerationResult, { responseFormat }: LanguageModelCall): Warning[] {
  if (responseFormat?.type !== "json") return [];
  const notes = engine.notes.filter((note) => note.startsWith("responseFormat"));
  return notes.map((message) => ({ type: "other", message }));
}

function contentOf({ text, reasoning, toolCalls = [] }: GenerationResult): Content[] {
  const content: Content[] = [];
  if (reasoning) content.push({ type: "reasoning", text: reasoning });
  if (text !== "" || toolCalls.length === 0) content.push({ type: "text", text });
  for (const { id, name, argumentsText } of toolCalls)
    content.push({ type: "tool-call", toolCallId: id, toolName: name, input: argumentsText });
  return content;
}

function finishOf(raw: FinishReason): CallFinish {
  return { unified: raw === "abort" ? "other" : raw, raw };
}

function usageOf({ usage }: GenerationResult): CallUsage {
  const { promptTokens, completionTokens, cachedTokens = 0, reasoningTokens = 0 } = usage;
  return {
    inputTokens: {
      total: promptTokens,
      noCache: promptTokens - cachedTokens,
      cacheRead: cachedTokens,
      cacheWrite: undefined,
    },
    outputTokens: {
      total: completionTokens,
      text: completionTokens - reasoningTokens,
      reasoning: reasoningTokens,
    },
    raw: { ...usage },
  };
}

function metadataOf({ seed, timings }: GenerationResult): ProviderMetadata {
  return { [providerName]: { seed, timings: { ...timings } } };
}

function responseOf(modelId: string): ResponseMetadata {
  return { id: crypto.randomUUID(), timestamp: new Date(), modelId };
}
