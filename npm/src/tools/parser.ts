// The text of an answer from the beginning of a call on, piece by piece → calls of tools.
import type { ToolCall } from "../../../web/types.js";
import type { CallParser, Opening, Part } from "../chat/answer/reader.js";
import type { ReadCall } from "./read-call.js";
import { Source } from "./source.js";
import type { CallSyntax, Reader } from "./syntax.js";
import type { ToolShape } from "./tool-shape.js";

/** Reads calls of one family in one answer. */
export class ToolCallParser implements CallParser {
  readonly #syntax: CallSyntax;
  readonly #tools: ReadonlyMap<string, ToolShape>;
  readonly #newId: () => string;
  #parts: Part[] = [];
  #call: { source: Source; reading: Generator<undefined, void, undefined> } | undefined;
  readonly #isFormatted: boolean;
  #isStrict = false;

  /** `isFormatted`: whether an answer without calls has a format of its own. */
  constructor(syntax: CallSyntax, tools: readonly ToolShape[], newId: () => string, isFormatted = false) {
    this.#isFormatted = isFormatted;
    this.#syntax = syntax;
    this.#tools = new Map(tools.map((tool) => [tool.name, tool]));
    this.#newId = newId;
  }

  opens(text: string, isStart: boolean): Opening | undefined {
    const { markers, bareStart = "" } = this.#syntax;
    if (isStart && bareStart !== "") {
      const at = text.search(/\S/);
      if (at >= 0 && bareStart.includes(text.charAt(at))) return { at, isCertain: true };
    }
    let at = Infinity;
    for (const marker of markers) {
      const found = text.indexOf(marker);
      if (found >= 0) at = Math.min(at, found);
    }
    if (at < Infinity) return { at, isCertain: true };
    const longest = Math.max(0, ...markers.map((marker) => marker.length - 1));
    for (at = Math.max(0, text.length - longest); at < text.length; at++) {
      const end = text.slice(at);
      if (markers.some((marker) => marker.startsWith(end))) return { at, isCertain: false };
    }
    return undefined;
  }

  put(text: string): { parts: Part[]; rest?: string } {
    const call = (this.#call ??= this.#begin());
    call.source.push(text);
    return this.#run(call);
  }

  finish(): Part[] {
    const parts: Part[] = [];
    // A call that was not closed is read to the end of the answer, and other calls can follow its closing marker.
    for (let call = this.#call; call; call = this.#call) {
      call.source.end();
      const { parts: read, rest = "" } = this.#run(call);
      parts.push(...read);
      const opening = this.opens(rest, false);
      const text = opening?.isCertain ? rest.slice(0, opening.at) : rest;
      if (text.trim() !== "") parts.push(text);
      if (!opening?.isCertain) break;
      this.#call = this.#begin();
      this.#call.source.push(rest.slice(opening.at));
    }
    return parts;
  }

  #run({ source, reading }: { source: Source; reading: Generator<undefined, void, undefined> }) {
    const isDone = reading.next().done === true;
    const parts = this.#parts;
    this.#parts = [];
    if (!isDone) return { parts };
    this.#call = undefined;
    return { parts, rest: source.rest };
  }

  #begin() {
    const source = new Source();
    const parser = this;
    const reader: Reader = {
      source,
      tools: this.#tools,
      isFormatted: this.#isFormatted,
      text: (text) => {
        if (text !== "") this.#parts.push(text);
      },
      call: (call) => this.#parts.push({ type: "tool-call", toolCall: this.#named(call) }),
      get isStrict() {
        return parser.#isStrict;
      },
      set isStrict(isStrict) {
        parser.#isStrict = isStrict;
      },
    };
    return { source, reading: readCalls(this.#syntax, reader) };
  }

  #named(call: ReadCall): ToolCall {
    const id = this.#newId();
    if (call.error !== undefined || this.#tools.has(call.name)) return { id, ...call };
    const { name, argumentsText } = call;
    return { id, name, argumentsText, error: unknownTool(name, [...this.#tools.keys()]) };
  }
}

const unknownTool = (name: string, names: readonly string[]) =>
  `There is no tool ${JSON.stringify(name.slice(0, 64))}. The tools are ${names.join(", ")}.`;

function* readCalls(syntax: CallSyntax, reader: Reader): Generator<undefined, void, undefined> {
  // The longest first, since one marker can begin with another.
  const markers = [...syntax.markers].sort((a, b) => b.length - a.length);
  for (const marker of markers) {
    if (yield* reader.source.skip(marker)) return yield* syntax.read(reader, marker);
  }
  yield* syntax.read(reader, undefined);
}
