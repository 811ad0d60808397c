// How a family of models writes calls of tools.
import type { GrammarRules } from "./grammar-rules.js";
import type { ReadCall } from "./read-call.js";
import type { Reading, Source } from "./source.js";
import type { ToolShape, WrittenCall } from "./tool-shape.js";

/** The input and the output of a parser. */
export interface Reader {
  readonly source: Source;
  readonly tools: ReadonlyMap<string, ToolShape>;
  /** Whether an answer without calls has a format of its own. */
  readonly isFormatted: boolean;
  text(text: string): void;
  call(call: ReadCall): void;
  /** Set after a call whose brackets never closed: from then on a call ends at its closing marker. */
  isStrict: boolean;
}

export interface CallSyntax {
  /** The texts that begin calls. */
  readonly markers: readonly string[];
  /** Texts that may be control tokens of the model, besides `markers`. */
  readonly controls?: readonly string[];
  /** Control tokens that may come before the answer, and around its text. */
  readonly lead?: string;
  readonly textMarkers?: readonly [string, string];
  /** The first characters of an answer that is a call without a marker. */
  readonly bareStart?: string;
  /** Whether an answer can have several calls. */
  readonly isParallel: boolean;
  /** Whether all answers have the form of the syntax, so that there is no free text. */
  readonly isWhole?: boolean;
  /** Reads the calls after a marker; without one, the answer begins with a character of `bareStart`. */
  read(reader: Reader, marker: string | undefined): Reading<void>;
  /** The calls as the model would write them, for templates that do not know them. */
  write(calls: readonly WrittenCall[]): string;
  /** An expression of GBNF for one call, or for one or more if `isParallel`. */
  grammar(rules: GrammarRules, tools: readonly ToolShape[], isParallel: boolean): string;
}

/** Bounds the calls in one answer, so that a weak model cannot repeat a call until the context is full. */
export const maxCalls = 16;

/** GBNF for a call, or several with a separator between them. */
export function repeated(call: string, separator: string, isParallel: boolean): string {
  return isParallel ? `${call} (${separator} ${call}){0,${maxCalls - 1}}` : call;
}
