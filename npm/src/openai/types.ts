// The shapes of OpenAI's API, as far as a local model has them. They are declared here so that the package needs no
// other one; a test assigns them to the types of the `openai` package.

/** A part of a message's content. Only text is supported. */
export interface RequestPart {
  type: string;
  text?: string;
  refusal?: string;
}

/** A call of a function in a message of the assistant. */
export interface RequestToolCall {
  id: string;
  type: string;
  /** `arguments` is JSON in a string. */
  function?: { name: string; arguments: string };
}

/** A message of a request. */
export interface RequestMessage {
  role: string;
  content?: string | readonly RequestPart[] | null;
  name?: string;
  tool_calls?: readonly RequestToolCall[];
  tool_call_id?: string;
  /** The reasoning of an earlier answer, as it was returned. */
  reasoning_content?: string | null;
}

/** A function that the model may call. */
export interface RequestTool {
  type: string;
  function?: {
    name: string;
    description?: string;
    /** A JSON schema. */
    parameters?: { readonly [keyword: string]: unknown };
    strict?: boolean | null;
  };
}

/** The tool that the model has to call, or with the type `allowed_tools` those that it may call. */
export interface RequestToolChoice {
  type: string;
  function?: { name: string };
  allowed_tools?: { mode: string; tools: readonly { readonly [field: string]: unknown }[] };
}

/** Options of an answer in chunks. */
export interface StreamOptions {
  /** Ends the stream with a chunk that has the usage and no choices. */
  include_usage?: boolean;
}

/** Fields of chats and completions. Null means the default. */
export interface SamplingFields {
  /** Answered by the model of this name; see {@link OpenAIOptions.models}. */
  model?: string;
  temperature?: number | null;
  top_p?: number | null;
  top_k?: number | null;
  min_p?: number | null;
  typical_p?: number | null;
  repeat_penalty?: number | null;
  repeat_last_n?: number | null;
  frequency_penalty?: number | null;
  presence_penalty?: number | null;
  dry_multiplier?: number | null;
  dry_base?: number | null;
  dry_allowed_length?: number | null;
  dry_penalty_last_n?: number | null;
  xtc_probability?: number | null;
  xtc_threshold?: number | null;
  /** −1: random. */
  seed?: number | null;
  stop?: string | readonly string[] | null;
  /** Added to the logits of tokens, by token id; −100 and less forbids a token. */
  logit_bias?: { readonly [token: string]: number } | null;
  /** Number of answers to one prompt. */
  n?: number | null;
  /** null or −1: as many as fit into the context. */
  max_tokens?: number | null;
  min_tokens?: number | null;
  ignore_eos?: boolean | null;
  /** A grammar in GBNF that the answer matches. */
  grammar?: string | null;
  /** A JSON schema that the answer matches. */
  json_schema?: { readonly [keyword: string]: unknown } | null;
  stream_options?: StreamOptions | null;
}

/** The format of an answer. */
export type RequestFormat =
  | { type: "text" }
  | { type: "json_object" }
  | {
      type: "json_schema";
      json_schema: { name: string; schema?: { readonly [keyword: string]: unknown }; strict?: boolean | null };
    };

/** The body of `POST /chat/completions`. Fields that are not listed here are ignored. */
export interface ChatCompletionRequest extends SamplingFields {
  messages: readonly RequestMessage[];
  stream?: boolean | null;
  /** null or −1: as many as fit into the context. */
  max_completion_tokens?: number | null;
  logprobs?: boolean | null;
  top_logprobs?: number | null;
  response_format?: RequestFormat | null;
  tools?: readonly RequestTool[] | null;
  tool_choice?: "none" | "auto" | "required" | RequestToolChoice | null;
  parallel_tool_calls?: boolean | null;
  reasoning_effort?: string | null;
  /** `none` leaves the reasoning in the content. */
  reasoning_format?: "auto" | "none" | "deepseek" | null;
  /** Tokens that the reasoning may have. */
  reasoning_budget?: number | null;
  /** Variables of the chat template. */
  chat_template_kwargs?: { readonly [name: string]: unknown } | null;
  /** Whether the answer continues the last message, which is one of the assistant. */
  continue_final_message?: boolean | null;
  /** With `stream`: chunks with `prompt_progress` while the prompt is evaluated. */
  return_progress?: boolean | null;
}

/** The body of `POST /completions`. Fields that are not listed here are ignored. */
export interface CompletionRequest extends SamplingFields {
  prompt: string | readonly string[] | readonly number[] | readonly (readonly number[])[] | null;
  stream?: boolean | null;
  /** Whether the text begins with the prompt. */
  echo?: boolean | null;
  /** The text that follows the completion. */
  suffix?: string | null;
  /** Report the log-probability of each token, with this many alternatives. */
  logprobs?: number | null;
}

/** The body of `POST /embeddings`. */
export interface EmbeddingRequest {
  model?: string;
  input: string | readonly string[] | readonly number[] | readonly (readonly number[])[];
  encoding_format?: "float" | "base64" | null;
  /** Keep this many numbers of each vector, and scale it to length 1 again. */
  dimensions?: number | null;
}

/** The tokens of an answer. `total_tokens` is the sum of the other two. */
export interface CompletionUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number };
  completion_tokens_details: { reasoning_tokens: number };
}

/** A token and the natural logarithm of its probability; −9999 for one that is impossible. */
export interface TopLogprob {
  token: string;
  logprob: number;
  bytes: number[];
}

/** A token of the answer, and the most probable alternatives. */
export interface TokenLogprob extends TopLogprob {
  top_logprobs: TopLogprob[];
}

/** The log-probabilities of the tokens of an answer. */
export interface ChatLogprobs {
  content: TokenLogprob[] | null;
  refusal: null;
}

/** A call of a function in an answer. */
export interface ChatToolCall {
  id: string;
  type: "function";
  /** `arguments` is JSON in a string; the model may have written something else. */
  function: { name: string; arguments: string };
}

/** The message with an answer. */
export interface AnswerMessage {
  role: "assistant";
  content: string | null;
  refusal: null;
  /** The reasoning before the answer, without its marks. */
  reasoning_content?: string;
  tool_calls?: ChatToolCall[];
}

/** The answers to a conversation. */
export interface ChatCompletion {
  id: string;
  object: "chat.completion";
  created: number;
  model: string;
  system_fingerprint: string;
  choices: {
    index: number;
    message: AnswerMessage;
    logprobs: ChatLogprobs | null;
    finish_reason: "stop" | "length" | "tool_calls";
  }[];
  usage: CompletionUsage;
}

/** The addition of a chunk to its message. */
export interface ChatDelta {
  role?: "assistant";
  content?: string;
  reasoning_content?: string;
  tool_calls?: (ChatToolCall & { index: number })[];
}

/** How much of the prompt has been evaluated, in tokens. */
export interface PromptProgress {
  total: number;
  cache: number;
  processed: number;
}

/** A piece of an answer to a conversation. */
export interface ChatCompletionChunk {
  id: string;
  object: "chat.completion.chunk";
  created: number;
  model: string;
  system_fingerprint: string;
  choices: {
    index: number;
    delta: ChatDelta;
    logprobs: ChatLogprobs | null;
    finish_reason: "stop" | "length" | "tool_calls" | null;
  }[];
  /** With `stream_options.include_usage`: null, except in the last chunk. */
  usage?: CompletionUsage | null;
  prompt_progress?: PromptProgress;
}

/** The log-probabilities of the tokens of a completion, one entry for each token. */
export interface CompletionLogprobs {
  tokens: string[];
  token_logprobs: number[];
  top_logprobs: { [token: string]: number }[];
  /** Where each token begins in the text, in UTF-16 code units. */
  text_offset: number[];
}

/** A completion, or a chunk of one. */
export interface Completion {
  id: string;
  object: "text_completion";
  created: number;
  model: string;
  system_fingerprint: string;
  choices: {
    index: number;
    text: string;
    logprobs: CompletionLogprobs | null;
    finish_reason: "stop" | "length";
  }[];
  usage?: CompletionUsage;
}

/** As the `openai` package declares it, though all chunks but the last have `finish_reason: null`. */
export type CompletionChunk = Completion;

/** The embeddings of texts, in the order of the texts. */
export interface EmbeddingList<Vector = number[]> {
  object: "list";
  model: string;
  data: { object: "embedding"; index: number; embedding: Vector }[];
  usage: { prompt_tokens: number; total_tokens: number };
}

/** A model in the list of models. */
export interface ModelEntry {
  id: string;
  object: "model";
  created: number;
  owned_by: string;
}

/** All models of an adapter. */
export interface ModelList {
  object: "list";
  data: ModelEntry[];
}
