// A prompt made of a template's text and of text that the template received.

export interface RenderedPrompt {
  text: string;
  /**
   * The UTF-16 ranges that come from messages, sorted. Control tokens that they spell out are text, so that a message
   * cannot forge a turn.
   */
  literal: readonly (readonly [start: number, end: number])[];
}

/** Joins the text of a template and the contents that fill it. */
export function joinPrompt(parts: readonly (string | { content: string })[]): RenderedPrompt {
  let text = "";
  const literal: [number, number][] = [];
  for (const part of parts) {
    const start = text.length;
    text += typeof part === "string" ? part : part.content;
    if (typeof part !== "string" && part.content) literal.push([start, text.length]);
  }
  return { text, literal };
}
