// OpenAI's API for a model in this process: the objects of the `openai` package, and a `fetch` for it.
import type { CamelGPTInferenceBase } from "../camelgpt-inference.js";
import type { ChatOptions } from "../options/chat.js";
import { asApiError } from "./api-error.js";
import { completeChat, streamChat } from "./chat.js";
import { chatCall } from "./chat-request.js";
import { CompletionStream } from "./completion-stream.js";
import { complete, completionCall, streamCompletion } from "./completions.js";
import { embed, embeddingCall } from "./embeddings.js";
import { Fields } from "./fields.js";
import { Chunks, fetchFrom, handleRequest, type Routes } from "./http.js";
import { Models } from "./models.js";
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionRequest,
  Completion,
  CompletionChunk,
  CompletionRequest,
  EmbeddingList,
  EmbeddingRequest,
  ModelEntry,
  ModelList,
} from "./types.js";

export { ApiError, type ApiErrorBody, type ApiErrorType } from "./api-error.js";
export type { CompletionStream } from "./completion-stream.js";
export type * from "./types.js";

/** Options of `createOpenAI`. */
export interface OpenAIOptions {
  /**
   * The name of the model in answers and in the list of models.
   * @default the name in the model's file, `smollm2-135m-instruct` for example
   */
  name?: string;
  /**
   * Further models by name, for example one for embeddings. A request for a name that is neither one of these nor that
   * of the first model is the error `model_not_found`; without this option the model answers to every name.
   */
  models?: Readonly<Record<string, CamelGPTInferenceBase>>;
  /** Options of each answer of a chat, for example `{ minP: 0.1 }`. The fields of a request override them. */
  chat?: Omit<ChatOptions, "signal" | "onProgress" | "n">;
}

/** Options of one request. */
export interface RequestOptions {
  /** Stops the generation. */
  signal?: AbortSignal | null;
}

/** The resource `chat.completions`. */
export interface ChatCompletions {
  /** Answers a conversation. Errors: {@link ApiError}. */
  create(body: ChatCompletionRequest & { stream?: false | null }, options?: RequestOptions): Promise<ChatCompletion>;
  create(
    body: ChatCompletionRequest & { stream: true },
    options?: RequestOptions,
  ): Promise<CompletionStream<ChatCompletionChunk>>;
  create(
    body: ChatCompletionRequest,
    options?: RequestOptions,
  ): Promise<ChatCompletion | CompletionStream<ChatCompletionChunk>>;
}

/** The resource `completions`. */
export interface Completions {
  /** Continues a text, or each of several texts. Errors: {@link ApiError}. */
  create(body: CompletionRequest & { stream?: false | null }, options?: RequestOptions): Promise<Completion>;
  create(
    body: CompletionRequest & { stream: true },
    options?: RequestOptions,
  ): Promise<CompletionStream<CompletionChunk>>;
  create(body: CompletionRequest, options?: RequestOptions): Promise<Completion | CompletionStream<CompletionChunk>>;
}

/** The resource `embeddings`. */
export interface Embeddings {
  /** Returns the embedding of each text. Errors: {@link ApiError}. */
  create(
    body: EmbeddingRequest & { encoding_format: "base64" },
    options?: RequestOptions,
  ): Promise<EmbeddingList<string>>;
  create(
    body: EmbeddingRequest & { encoding_format?: "float" | null },
    options?: RequestOptions,
  ): Promise<EmbeddingList>;
}

/** The part of OpenAI's API that a local model has. */
export interface OpenAICompatible {
  readonly chat: { readonly completions: ChatCompletions };
  readonly completions: Completions;
  readonly embeddings: Embeddings;
  readonly models: {
    list(): Promise<ModelList>;
    /** Errors: {@link ApiError} with the code `model_not_found`. */
    retrieve(id: string): Promise<ModelEntry>;
  };
  /**
   * Answers the requests of a client instead of the network: `new OpenAI({ apiKey: "none", fetch: openai.fetch })`.
   * The URL's host is ignored.
   */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /** Answers an HTTP request; errors are responses too. For servers. */
  readonly handle: (request: Request) => Promise<Response>;
}

/**
 * Lets a model answer in the shapes of OpenAI's API.
 *
 * ```ts
 * const openai = createOpenAI(model);
 * const { choices } = await openai.chat.completions.create({ messages: [{ role: "user", content: "Hello" }] });
 * ```
 */
export function createOpenAI(model: CamelGPTInferenceBase, options: OpenAIOptions = {}): OpenAICompatible {
  const models = new Models(model, options.name, options.models ?? {});
  const find = (body: unknown) => models.find(Fields.of(body).text("model"));
  const routes: Routes = {
    async chat(body, controller) {
      const call = chatCall(body, options.chat ?? {});
      const target = await find(body);
      if (call.isStream) return new Chunks(streamChat(target, call, controller));
      return completeChat(target, call, controller.signal);
    },
    async completions(body, controller) {
      const call = completionCall(body);
      const target = await find(body);
      if (call.isStream) return new Chunks(streamCompletion(target, call, controller));
      return complete(target, call, controller.signal);
    },
    async embeddings(body, controller) {
      const call = embeddingCall(body);
      return embed(await find(body), call, controller.signal);
    },
    models: () => models.list(),
    model: (id) => models.retrieve(id),
  };
  const handle = (request: Request) => handleRequest(routes, request);
  return {
    chat: { completions: { create: creator(routes.chat) as ChatCompletions["create"] } },
    completions: { create: creator(routes.completions) as Completions["create"] },
    embeddings: { create: creator(routes.embeddings) as Embeddings["create"] },
    models: {
      list: () => models.list().catch(rethrow),
      retrieve: (id) => models.retrieve(id).catch(rethrow),
    },
    fetch: (input, init) => fetchFrom(handle, input, init),
    handle,
  };
}

function rethrow(error: unknown): never {
  throw asApiError(error);
}

/** The `create` of a resource: the value, or the stream once the model has begun. */
function creator(route: (body: unknown, controller: AbortController) => Promise<unknown>) {
  return async (body: unknown, { signal }: RequestOptions = {}): Promise<unknown> => {
    const controller = new AbortController();
    const onAbort = () => controller.abort(signal?.reason);
    const release = () => signal?.removeEventListener("abort", onAbort);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
    try {
      const value = await route(body, controller);
      if (!(value instanceof Chunks)) {
        release();
        return value;
      }
      void value.queue.ended.then(release);
      await value.queue.begun;
      return new CompletionStream(value.queue, controller);
    } catch (error) {
      release();
      throw asApiError(error);
    }
  };
}
