// The Prompt API's dictionaries (webmachinelearning.github.io/prompt-api), for texts.

/** Whether a session can be created immediately, after a download, or not at all. */
export type Availability = "unavailable" | "downloadable" | "downloading" | "available";
/** How predictable the answers are, instead of `topK` and `temperature`. */
export type SamplingMode = "default" | "most-predictable" | "predictable" | "balanced" | "creative" | "most-creative";

/** A part of a message. */
export interface MessageContent {
  /** `text` is supported; others reject with NotSupportedError. */
  type: "text" | "image" | "audio" | "tool-call" | "tool-response";
  value: unknown;
}

/** A message of a prompt. */
export interface PromptMessage {
  role: "system" | "user" | "assistant";
  content: string | readonly MessageContent[];
  /** Whether the answer continues this message: the last one, of the role assistant. */
  prefix?: boolean;
}

/** A text is a message of the user. */
export type PromptInput = string | readonly PromptMessage[];

/** A type of input or output, for `expectedInputs` and `expectedOutputs`. */
export interface ExpectedContent {
  type: MessageContent["type"];
  languages?: readonly string[];
}

/** A function that the model can call. It runs by itself. */
export interface PromptTool {
  name: string;
  description: string;
  /** A JSON schema of the arguments. */
  inputSchema: object;
  execute(input: unknown): Promise<string>;
}

/** Options of a session that also decide about `availability`. */
export interface CreateCoreOptions {
  samplingMode?: SamplingMode;
  /** Numbers above the maximum of `params()` count as the maximum. */
  topK?: number;
  temperature?: number;
  expectedInputs?: readonly ExpectedContent[];
  expectedOutputs?: readonly ExpectedContent[];
  tools?: readonly PromptTool[];
}

/** Gets `downloadprogress` events, whose `loaded` goes from 0 to 1. */
export interface CreateMonitor extends EventTarget {
  ondownloadprogress: ((event: Event & { loaded: number; total: number }) => void) | null;
}

/** Options of `create`. */
export interface CreateOptions extends CreateCoreOptions {
  initialPrompts?: readonly PromptMessage[];
  /** Receives the object that tells how far the download of the model is. */
  monitor?: (monitor: CreateMonitor) => void;
  /** Aborts the creation, and destroys the session later. */
  signal?: AbortSignal;
}

/** Options of one prompt. */
export interface PromptOptions {
  /** A JSON schema or a regular expression that the answer matches. */
  responseConstraint?: object;
  /** Whether the prompt leaves out the text that tells the model about the constraint. */
  omitResponseConstraintInput?: boolean;
  signal?: AbortSignal;
}

/** The sampling options that a session has by default, and their maxima. */
export interface LanguageModelParams {
  readonly defaultTopK: number;
  readonly maxTopK: number;
  readonly defaultTemperature: number;
  readonly maxTemperature: number;
}

/** A session of the Prompt API. */
export interface LanguageModel extends EventTarget {
  /** Answers. An aborted prompt is not part of the session. */
  prompt(input: PromptInput, options?: PromptOptions): Promise<string>;
  /** Answers in pieces. */
  promptStreaming(input: PromptInput, options?: PromptOptions): ReadableStream<string>;
  /** Adds messages without an answer, and evaluates them. */
  append(input: PromptInput, options?: { signal?: AbortSignal }): Promise<undefined>;
  /** Tokens by which a prompt would lengthen the conversation. */
  measureContextUsage(input: PromptInput, options?: PromptOptions): Promise<number>;
  /** The older name of `measureContextUsage`. */
  measureInputUsage(input: PromptInput, options?: PromptOptions): Promise<number>;
  /** Returns an independent session that continues from here. */
  clone(options?: { signal?: AbortSignal }): Promise<LanguageModel>;
  /** Ends the session: calls reject with AbortError. The model stays loaded. */
  destroy(): undefined;
  readonly contextUsage: number;
  readonly contextWindow: number;
  /** The older name of `contextUsage`. */
  readonly inputUsage: number;
  /** The older name of `contextWindow`. */
  readonly inputQuota: number;
  readonly topK: number;
  readonly temperature: number;
  readonly samplingMode: SamplingMode;
  /** Called when the oldest messages were dropped because the context was full. */
  oncontextoverflow: ((event: Event) => void) | null;
  /** The older name of `oncontextoverflow`. */
  onquotaoverflow: ((event: Event) => void) | null;
}

/** The class `LanguageModel` of the Prompt API. Sessions are made with `create`. */
export interface LanguageModelClass {
  readonly prototype: LanguageModel;
  /** `available` once the model is loaded. */
  availability(options?: CreateCoreOptions): Promise<Availability>;
  create(options?: CreateOptions): Promise<LanguageModel>;
  params(): Promise<LanguageModelParams>;
}
