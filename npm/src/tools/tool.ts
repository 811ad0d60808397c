// Tools: functions of the application that a model can call.
import type { JsonSchema } from "../../../web/grammar/json-schema.js";
import type { ChatMessage } from "../../../web/text/messages.js";
import type { FromSchema, StandardSchema } from "../../../web/types/format.js";

/** A function that the model can call. `Input` is the type of its arguments. */
export interface Tool<Input = unknown> {
  /** 1 to 64 letters, digits, hyphens and underscores. */
  name: string;
  /** Says what the tool does and when to call it. The model reads this. */
  description?: string;
  /**
   * The arguments: a JSON schema of an object, or a schema of zod, valibot, arktype or another library with Standard
   * Schema. The model can only write arguments that are valid.
   * @default an object without properties
   */
  parameters?: JsonSchema | StandardSchema<Input>;
  /**
   * Runs the tool. The model receives the result, as JSON unless it is a text. If it throws, the model
   * receives the message of the error. Without `execute`, the answer ends with the calls, for the application to run.
   */
  execute?(input: Input, context: ToolContext): unknown;
}

/** The second argument of `execute`. */
export interface ToolContext {
  toolCallId: string;
  /** The conversation up to the call. */
  messages: readonly ChatMessage[];
  /** Aborts with the answer. */
  signal: AbortSignal;
}

/**
 * Whether the model calls tools. `"auto"`: it decides. `"none"`: it cannot. `"required"`: it calls one or more of them.
 * A name: it calls this one, once.
 */
export type ToolChoice = "auto" | "none" | "required" | { readonly name: string };

/** Options of an answer that can contain calls of tools. */
export interface ToolOptions {
  /** The functions that the model can call. */
  tools?: readonly Tool[];
  /**
   * Whether the model calls a tool. If tools are executed, this is about the first step, and later steps are free.
   * @default "auto"
   */
  toolChoice?: ToolChoice;
  /**
   * Whether one answer can contain several calls, if the format of the model allows it.
   * @default true
   */
  parallelToolCalls?: boolean;
  /**
   * The answers that the model gives in a row, with the results of the tools in between. If the last of them calls
   * tools again, they are not executed.
   * @default 8
   */
  maxSteps?: number;
}

/**
 * Returns the tool, with the types of its arguments taken from `parameters`.
 *
 * ```ts
 * const weather = tool({
 *   name: "weather",
 *   parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
 *   execute: ({ city }) => forecast(city),
 * });
 * ```
 */
export function tool<const S extends JsonSchema | StandardSchema>(
  tool: Omit<Tool<InputOf<S>>, "parameters"> & { parameters: S },
): Tool<InputOf<S>> {
  return tool as unknown as Tool<InputOf<S>>;
}

type InputOf<S> = S extends StandardSchema<infer Input> ? Input : FromSchema<S>;
