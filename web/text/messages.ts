// The messages of a conversation.

/** One message. Chat templates may read more fields than these two. */
export interface ChatMessage {
  role: string;
  content: string;
  [field: string]: unknown;
}
