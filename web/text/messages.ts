// The messages of a conversation.

/** A part of a message's content. */
export interface TextPart {
  type: "text";
  text: string;
}

/** The roles that chat templates know, or another one that the model's template knows. */
export type ChatRole = "system" | "user" | "assistant" | "tool" | "developer" | (string & {});

/** One message. Chat templates may read more fields than these two. */
export interface ChatMessage {
  role: ChatRole;
  /** Null or missing (beside tool calls, for example) counts as an empty text; parts are joined. */
  content?: string | null | readonly TextPart[];
  [field: string]: unknown;
}

/** The content of a message as one text. */
export function contentText({ content }: ChatMessage): string {
  if (typeof content === "string") return content;
  return (content ?? []).map((part) => part.text).join("");
}
