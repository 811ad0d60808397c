// The compiler of a schema as the modules for one type of value use it.
import type { Facts } from "./facts.js";
import type { Expression } from "./gbnf.js";
import type { JsonRules } from "./json-text.js";
import type { Regular, Regulars } from "./regular.js";
import type { Path, SchemaDocument, SchemaNode } from "./schema-document.js";

/** A keyword that was left out, since `strict` is false. */
export interface GrammarNote {
  keyword: string;
  /** The place of the schema that has the keyword, as a JSON pointer (`#/properties/name`). */
  path: string;
  message: string;
}

export interface Compilation {
  readonly document: SchemaDocument;
  readonly json: JsonRules;
  readonly regulars: Regulars;
  /** Counts work, so that no schema takes long. */
  readonly meter: (units: number) => void;
  /** A value to which all of the schemas apply. */
  valueOf(nodes: readonly SchemaNode[]): Expression;
  /** The values that all of the schemas allow, if these list them with enum or const. */
  constantsOf(nodes: readonly SchemaNode[]): readonly unknown[] | undefined;
  /** A rule that equal constraints share, by a key. */
  once(key: string, hint: string, make: () => Expression): Expression;
  /** Leaves a keyword out with a note, or throws if the schema is strict. */
  leaveOut(keyword: string, path: Path | undefined, message: string): void;
  /** The texts in which a pattern of the schema is found. */
  patternLanguage(pattern: string, node: SchemaNode, keyword: string): Regular;
  /** Whether some text is in all of the languages. */
  isPossible(languages: readonly Regular[]): boolean;
  /** Names the schema if an automaton becomes too large. */
  guarded<T>(keyword: string, facts: Facts, make: () => T): T;
}
