// The interfaces of the AI SDK's specification v4, as far as this adapter reads and fills them. They are declared here,
// so that the package needs no other one; a test assigns the models to the types of `@ai-sdk/provider`.

/** A value of JSON. */
export type Json = null | string | number | boolean | Json[] | { [key: string]: Json | undefined };
/** An object of JSON. */
export type JsonObject = { [key: string]: Json | undefined };
/** Options of a call that only one provider has, by its name. */
export type ProviderOptions = { readonly [provider: string]: { readonly [option: string]: unknown } };
/** Details of a result that only one provider has, by its name. */
export type ProviderMetadata = { [provider: string]: JsonObject };

/** A setting of a call that has no effect, or only a part of it. */
export type Warning = { type: "unsupported"; feature: string; details?: string } | { type: "other"; message: string };

/** A part of a message. The fields depend on the type. */
export interface PromptPart {
  readonly type: string;
  readonly text?: string;
  readonly data?: unknown;
  readonly mediaType?: string;
  readonly toolCallId?: string;
  readonly toolName?: string;
  readonly input?: unknown;
  readonly output?: unknown;
}

/** A message of a prompt. */
export interface PromptMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string | readonly PromptPart[];
}

/** A function that the model can call. Tools of the type `provider` are not supported. */
export interface CallTool {
  readonly type: "function" | "provider";
  readonly name: string;
  readonly description?: string;
  /** A JSON schema. */
  readonly inputSchema?: unknown;
  readonly id?: string;
}

/** The options of a call of a language model. */
export interface LanguageModelCall {
  readonly prompt: readonly PromptMessage[];
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
  readonly stopSequences?: readonly string[];
  readonly topP?: number;
  readonly topK?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly seed?: number;
  readonly responseFormat?:
    | { readonly type: "text" }
    | { readonly type: "json"; readonly schema?: unknown; readonly name?: string; readonly description?: string };
  readonly tools?: readonly CallTool[];
  readonly toolChoice?:
    | { readonly type: "auto" | "none" | "required" }
    | { readonly type: "tool"; readonly toolName: string };
  readonly reasoning?: string;
  readonly includeRawChunks?: boolean;
  readonly abortSignal?: AbortSignal;
  readonly providerOptions?: ProviderOptions;
}

/** A part of an answer. */
export type Content =
  | { type: "text"; text: string }
  | { type: "reasoning"; text: string }
  | { type: "tool-call"; toolCallId: string; toolName: string; input: string };

/** Why an answer ended; `raw` is the finish reason of this package. */
export interface CallFinish {
  unified: "stop" | "length" | "tool-calls" | "error" | "other";
  raw: string | undefined;
}

/** The tokens of a call. */
export interface CallUsage {
  inputTokens: {
    total: number;
    noCache: number;
    /** Tokens of the prompt that were in the cache. */
    cacheRead: number;
    cacheWrite: undefined;
  };
  outputTokens: { total: number; text: number; reasoning: number };
  raw: JsonObject;
}

/** The id and the time of an answer. */
export interface ResponseMetadata {
  id: string;
  timestamp: Date;
  modelId: string;
}

/** A complete answer. */
export interface GenerateResult {
  content: Content[];
  finishReason: CallFinish;
  usage: CallUsage;
  providerMetadata: ProviderMetadata;
  response: ResponseMetadata;
  warnings: Warning[];
}

/** A part of an answer in pieces. */
export type StreamPart =
  | { type: "stream-start"; warnings: Warning[] }
  | ({ type: "response-metadata" } & ResponseMetadata)
  | { type: "text-start" | "text-end" | "reasoning-start" | "reasoning-end"; id: string }
  | { type: "text-delta" | "reasoning-delta"; id: string; delta: string }
  | { type: "tool-input-start"; id: string; toolName: string }
  | { type: "tool-input-delta"; id: string; delta: string }
  | { type: "tool-input-end"; id: string }
  | { type: "tool-call"; toolCallId: string; toolName: string; input: string }
  | { type: "raw"; rawValue: unknown }
  | { type: "error"; error: unknown }
  | { type: "finish"; usage: CallUsage; finishReason: CallFinish; providerMetadata: ProviderMetadata };

/** A language model of the AI SDK. */
export interface LanguageModel {
  readonly specificationVersion: "v4";
  readonly provider: string;
  readonly modelId: string;
  readonly supportedUrls: Record<string, RegExp[]>;
  /** Errors: CamelGPTError; an abort rejects with its reason. */
  doGenerate(call: LanguageModelCall): Promise<GenerateResult>;
  doStream(call: LanguageModelCall): Promise<{ stream: ReadableStream<StreamPart> }>;
}

/** The options of a call of an embedding model. */
export interface EmbeddingCall {
  readonly values: readonly string[];
  /** Keep this many numbers of each vector, and scale it to length 1 again. */
  readonly dimensions?: number;
  readonly abortSignal?: AbortSignal;
  readonly providerOptions?: ProviderOptions;
}

/** An embedding model of the AI SDK. */
export interface EmbeddingModel {
  readonly specificationVersion: "v4";
  readonly provider: string;
  readonly modelId: string;
  readonly maxEmbeddingsPerCall: number | undefined;
  readonly supportsParallelCalls: boolean;
  doEmbed(call: EmbeddingCall): Promise<{ embeddings: number[][]; usage: { tokens: number }; warnings: Warning[] }>;
}

/** The options of a call of a reranking model. */
export interface RerankingCall {
  readonly documents:
    | { readonly type: "text"; readonly values: readonly string[] }
    | { readonly type: "object"; readonly values: readonly object[] };
  readonly query: string;
  readonly topN?: number;
  readonly abortSignal?: AbortSignal;
}

/** A reranking model of the AI SDK. */
export interface RerankingModel {
  readonly specificationVersion: "v4";
  readonly provider: string;
  readonly modelId: string;
  /** The score of a document is the cosine of its embedding with that of the query, −1 to 1. */
  doRerank(call: RerankingCall): Promise<{ ranking: { index: number; relevanceScore: number }[]; warnings: Warning[] }>;
}
