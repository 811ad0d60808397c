// A text and a grammar → how far the text belongs to the grammar's language.
import type { Engine } from "../engine/engine.js";
import type { GrammarMatch } from "../types.js";
import type { MatchParams } from "./params.js";

/** Errors: `bad-grammar`. */
export function match(engine: Engine, { text, grammar }: MatchParams): GrammarMatch {
  const bytes = new TextEncoder().encode(text);
  const { matched, complete } = engine.match(text + grammar, bytes.length);
  if (matched === bytes.length) return { state: complete ? "complete" : "prefix", at: text.length };
  // An incomplete character at the end is the first that cannot be.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return { state: "mismatch", at: decoder.decode(bytes.subarray(0, matched), { stream: true }).length };
}
