// The messages of a conversation, in the shape of OpenAI's API, which chat templates read.

/** A part of a message's content. */
export interface TextPart {
  type: "text";
  text: string;
}

/**
 * Who wrote a message: `system` (or `developer`, its newer name) sets the task, `user` asks, `assistant` answers, and
 * `tool` is the result of a call; or another role that the model's template knows.
 */
export type ChatRole = "system" | "user" | "assistant" | "tool" | "developer" | (string & {});

/** A call of a tool in a message of the assistant. */
export interface ChatToolCall {
  /** The message with the result repeats it as `tool_call_id`. */
  id?: string;
  type?: "function";
  function: {
    name: string;
    /** The arguments as JSON, or as the object that the JSON describes. Templates receive the object. */
    arguments?: string | Readonly<Record<string, unknown>>;
  };
}

/** One message. Chat templates may read more fields than these. */
export interface ChatMessage {
  role: ChatRole;
  /** Null or missing (beside tool calls, for example) counts as an empty text; parts are joined. */
  content?: string | null | readonly TextPart[];
  /** Of a participant, or in a message with the role `tool` the name of the tool. */
  name?: string;
  /** Tools that the assistant calls. */
  tool_calls?: readonly ChatToolCall[];
  /** In a message with the role `tool`: the `id` of the call that it answers. */
  tool_call_id?: string;
  /** The assistant's reasoning before its content. Most templates leave out that of earlier turns. */
  reasoning_content?: string | null;
  [field: string]: unknown;
}

/** The content of a message as one text. */
export function contentText({ content }: ChatMessage): string {
  if (typeof content === "string") return content;
  return (content ?? []).map((part) => part.text).join("");
}
