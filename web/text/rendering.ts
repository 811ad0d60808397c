// The input and the result of rendering a chat template, in a form that can cross to another thread.
import type { ErrorData } from "../errors.js";
import type { RenderedPrompt } from "../rendered-prompt.js";
import type { ChatMessage } from "./messages.js";

export interface TemplateInput {
  /** A Jinja template. */
  template: string;
  /** Plain data: objects, arrays, texts, numbers, booleans and null. */
  messages: readonly ChatMessage[];
  /** Tools in OpenAI's shape. */
  tools?: readonly unknown[] | undefined;
  documents?: readonly unknown[] | undefined;
  /** Further variables of the template, plain data like the messages. */
  variables?: Readonly<Record<string, unknown>> | undefined;
  /** Whether the prompt ends with the beginning of the assistant's message. */
  addGenerationPrompt: boolean;
  /** Whether the prompt ends with the content of the last message instead. */
  continueFinalMessage?: boolean | undefined;
  bosText: string;
  eosText: string;
}

/** The interpreter of templates, whose code is loaded when the first conversation needs it. */
export interface TemplateModule {
  renderToData(input: TemplateInput): RenderedChat;
}

/** A prompt or an error. */
export interface RenderedChat {
  prompt?: RenderedPrompt;
  error?: ErrorData;
  notes: string[];
}
