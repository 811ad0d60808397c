// A prompt made of a template's text and of text that the template received.

export interface RenderedPrompt {
  text: string;
  /**
   * The UTF-16 ranges that come from messages, sorted. Control tokens that they spell out are text, so that a message
   * cannot forge a turn.
   */
  literal: readonly (readonly [start: number, end: number])[];
}
