// The text of the engine, piece by piece → the parts of an answer: its text, its reasoning and calls of tools. Markers
// may be cut anywhere between pieces, so the reader holds back the end of a text that may become one.
import type { Emit } from "../../../../web/text/text-stream.js";
import type { ToolCall } from "../../../../web/types.js";
import type { ReasoningFormat } from "./format.js";

/** A piece of the text, or a part that is not text, as streams take them. */
export type Part = Parameters<Emit>[0];

/** A place in a text, and whether it is certain; if not, the text ends with what may become the beginning. */
export interface Opening {
  at: number;
  isCertain: boolean;
}

/**
 * Reads the calls of tools in answers of one family of templates. The reader passes all text outside of the reasoning
 * to `opens`, and from the beginning of a call on to `put`, until that returns a rest.
 */
export interface CallParser {
  /**
   * Returns where in `text` a call begins, if it does. `isStart`: only white space and reasoning come before the text,
   * as the families that mark no beginning need to know.
   */
  opens(text: string, isStart: boolean): Opening | undefined;
  /**
   * Takes the text from the beginning of a call on, piece by piece. Returns the parts that are complete, and, if the
   * calls have ended, the text after them. Text that turns out to be no call is returned as a text.
   */
  put(text: string): { parts: Part[]; rest?: string };
  /** The answer ends within a call. */
  finish(): Part[];
}

export interface ReaderOptions {
  reasoning?: ReasoningFormat | undefined;
  /** Whether the prompt has opened the reasoning. */
  startsOpen?: boolean;
  /** Whether the answer continues a text, so that its beginning opens no reasoning. */
  continuesText?: boolean;
  calls?: CallParser | undefined;
}

export class AnswerReader {
  readonly #reasoning: ReasoningFormat | undefined;
  readonly #calls: CallParser | undefined;
  #state: "start" | "reasoning" | "text" | "call";
  /** Received, but not read. */
  #pending = "";
  /** White space that is shown only if something of its kind follows. */
  #space = "";
  /** Whether white space is dropped, at the beginning of a reasoning or of the text after it. */
  #isTrimming = false;
  #texts: string[] = [];
  #reasonings: string[] = [];
  #toolCalls: ToolCall[] = [];
  /** UTF-16 units that were received. */
  #received = 0;
  #reasoningEnd = 0;

  constructor({ reasoning, startsOpen = false, continuesText = false, calls }: ReaderOptions) {
    this.#reasoning = reasoning;
    this.#calls = calls;
    this.#state = reasoning && startsOpen ? "reasoning" : continuesText || !reasoning ? "text" : "start";
    this.#isTrimming = this.#state === "reasoning";
  }

  /** The text so far. */
  get text(): string {
    return this.#texts.join("");
  }

  /** The reasoning so far. */
  get reasoning(): string {
    return this.#reasonings.join("");
  }

  get toolCalls(): readonly ToolCall[] {
    return this.#toolCalls;
  }

  /** Whether the answer is within its reasoning. */
  get isReasoning(): boolean {
    return this.#state === "reasoning";
  }

  /** The UTF-16 units of the text of the engine up to the end of the reasoning; 0 if there was none, or no end. */
  get reasoningEnd(): number {
    return this.#reasoningEnd;
  }

  /** Takes a piece and returns the parts that it completes. */
  put(piece: string): Part[] {
    this.#received += piece.length;
    this.#pending += piece;
    const parts: Part[] = [];
    while (this.#step(parts));
    return parts;
  }

  /** Ends the reasoning, although no marker has ended it. */
  closeReasoning(): Part[] {
    const parts: Part[] = [];
    if (this.#state !== "reasoning") return parts;
    this.#addReasoning(this.#pending, parts);
    this.#pending = "";
    this.#beginText();
    return parts;
  }

  /** The answer has ended. Returns the parts that were held back. */
  finish(): Part[] {
    const parts: Part[] = [];
    const rest = this.#pending;
    this.#pending = "";
    if (this.#state === "reasoning") this.#addReasoning(rest, parts);
    else if (this.#state === "call") {
      for (const part of this.#calls?.finish() ?? []) this.#add(part, parts);
    } else {
      this.#addText(rest, parts);
      if (this.#space !== "" && this.#toolCalls.length === 0) this.#add(this.#space, parts);
    }
    this.#space = "";
    return parts;
  }

  /** Reads the beginning of what is pending. Returns whether there is more to read. */
  #step(parts: Part[]): boolean {
    switch (this.#state) {
      case "start":
        return this.#readStart();
      case "reasoning":
        return this.#readReasoning(parts);
      case "text":
        return this.#readText(parts);
      case "call":
        return this.#readCall(parts);
    }
  }

  #readStart(): boolean {
    const { open } = this.#reasoning as ReasoningFormat;
    const text = this.#pending.trimStart();
    // A marker can begin with white space.
    const given = open.startsWith(this.#pending) || this.#pending.startsWith(open) ? this.#pending : text;
    if (given.startsWith(open)) {
      this.#pending = given.slice(open.length);
      this.#state = "reasoning";
      this.#isTrimming = true;
      return true;
    }
    if (open.startsWith(given)) return false;
    this.#state = "text";
    return true;
  }

  #readReasoning(parts: Part[]): boolean {
    const { close } = this.#reasoning as ReasoningFormat;
    const at = this.#pending.indexOf(close);
    const end = at < 0 ? this.#pending.length - overlap(this.#pending, close) : at;
    this.#addReasoning(this.#pending.slice(0, end), parts);
    this.#pending = this.#pending.slice(at < 0 ? end : at + close.length);
    if (at < 0) return false;
    this.#reasoningEnd = this.#received - this.#pending.length;
    this.#beginText();
    return true;
  }

  #beginText(): void {
    this.#state = "text";
    this.#isTrimming = true;
    this.#space = "";
  }

  #readText(parts: Part[]): boolean {
    const { hidden = [], open = "", isAnywhere = false } = this.#reasoning ?? {};
    const pending = this.#pending;
    let first = { at: pending.length, length: 0, kind: "none" };
    const find = (marker: string, kind: string) => {
      const at = pending.indexOf(marker);
      if (at >= 0) {
        if (at < first.at) first = { at, length: marker.length, kind };
        return;
      }
      const possible = pending.length - overlap(pending, marker);
      if (possible < first.at) first = { at: possible, length: 0, kind: "possible" };
    };
    for (const marker of hidden) find(marker, "hidden");
    if (isAnywhere) find(open, "open");
    const isStart = this.#texts.length === 0;
    const opening = this.#calls?.opens(pending, isStart);
    if (opening && opening.at < first.at) {
      first = { at: opening.at, length: 0, kind: opening.isCertain ? "call" : "possible" };
    }
    this.#addText(pending.slice(0, first.at), parts);
    this.#pending = pending.slice(first.at + first.length);
    if (first.kind === "open") {
      this.#state = "reasoning";
      this.#isTrimming = true;
      if (this.#reasonings.length > 0) this.#reasonings.push("\n");
    } else if (first.kind === "call") {
      this.#state = "call";
    }
    return first.kind !== "none" && first.kind !== "possible";
  }

  #readCall(parts: Part[]): boolean {
    const { parts: read, rest } = (this.#calls as CallParser).put(this.#pending);
    for (const part of read) this.#add(part, parts);
    this.#pending = rest ?? "";
    if (rest === undefined) return false;
    this.#beginText();
    return true;
  }

  #addReasoning(text: string, parts: Part[]): void {
    const shown = this.#withoutEnd(text);
    if (shown !== "") this.#add({ type: "reasoning", text: shown }, parts);
  }

  #addText(text: string, parts: Part[]): void {
    if (text === "") return;
    // White space before a call is not part of the text.
    const shown = this.#calls || this.#isTrimming ? this.#withoutEnd(text) : text;
    if (shown !== "") this.#add(shown, parts);
  }

  /** Holds back white space at the end, and drops it at the beginning. */
  #withoutEnd(text: string): string {
    const all = this.#space + text;
    const shown = all.trimEnd();
    this.#space = this.#isTrimming && shown === "" ? "" : all.slice(shown.length);
    if (!this.#isTrimming || shown === "") return shown;
    this.#isTrimming = false;
    if (this.#state !== "text" || this.#calls) return shown.trimStart();
    // Without calls, only the beginning of the text is changed.
    const space = this.#space;
    this.#space = "";
    return shown.trimStart() + space;
  }

  #add(part: Part, parts: Part[]): void {
    if (typeof part === "string") this.#texts.push(part);
    else if (part.type === "reasoning") this.#reasonings.push(part.text);
    else if (part.type === "tool-call") this.#toolCalls.push(part.toolCall);
    parts.push(part);
  }
}

/** The length of the longest end of `text` that is a beginning of `marker`, but not all of it. */
export function overlap(text: string, marker: string): number {
  for (let length = Math.min(text.length, marker.length - 1); length > 0; length--) {
    if (marker.startsWith(text.slice(text.length - length))) return length;
  }
  return 0;
}
