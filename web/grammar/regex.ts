// Regular expressions, choices and free text as grammars.
import { CamelGPTError } from "../errors.js";
import { type Expression, newRule, oneOf, quote, writeRules } from "./gbnf.js";
import { textChoice } from "./json-text.js";
import { fullLanguage } from "./regex-language.js";
import { patternError } from "./regex-parser.js";
import { type Regular, Regulars, TooComplex } from "./regular.js";
import { regularExpression } from "./regular-grammar.js";

/** Rules of a grammar in GBNF, of which `root` is the start. */
export interface GrammarRules {
  root: string;
  /** Lines of `name ::= …`. */
  rules: string;
}

export interface RulesOptions {
  /** Starts the names of all rules; empty by default. */
  prefix?: string | undefined;
}

/**
 * The texts that a regular expression (ECMA-262) matches from start to end. Of the flags, i and s change it, and m is
 * refused with anchors. Errors: `bad-grammar` for wrong syntax, what grammars cannot express (back-references), and
 * what becomes too large.
 */
export function regexRules(pattern: string, flags = "", options: RulesOptions = {}): GrammarRules {
  return regularRules(
    (regulars) => fullLanguage(regulars, pattern, flags),
    "regex",
    options,
    (isEmpty) =>
      isEmpty
        ? patternError(pattern, "matches no text.")
        : patternError(pattern, "becomes too large.", "Use fewer and smaller counts, alternatives and look-aheads."),
  );
}

/** {@link regexRules} as a whole grammar. */
export function regexGrammar(pattern: string, flags?: string): string {
  return withRoot(regexRules(pattern, flags));
}

/** One of the texts. Errors: `bad-grammar` for an empty list. */
export function choiceGrammar(options: readonly string[]): string {
  if (options.length === 0) throw new CamelGPTError("bad-grammar", "A choice needs at least one option.");
  return withRoot(expressionRules(textChoice(options), "choice"));
}

/** A text that contains none of `stops`; it may end with the beginning of one. */
export function textWithout(stops: readonly string[], options: RulesOptions = {}): GrammarRules {
  return regularRules(
    (regulars) => {
      const found = regulars.choice(stops.map((stop) => regulars.text(stop)));
      return regulars.not(regulars.sequence([regulars.everything, found, regulars.everything]));
    },
    "text",
    options,
    () => new CamelGPTError("bad-grammar", "The texts to leave out are empty or too long."),
  );
}

function regularRules(
  makeLanguage: (regulars: Regulars) => Regular,
  hint: string,
  { prefix }: RulesOptions,
  failure: (isEmpty: boolean) => CamelGPTError,
): GrammarRules {
  const regulars = new Regulars();
  try {
    const written = expressionRules(regularExpression(regulars, makeLanguage(regulars), oneOf, hint), hint, prefix);
    if (written.rules === "") throw failure(true);
    return written;
  } catch (error) {
    throw error instanceof TooComplex ? failure(false) : error;
  }
}

function expressionRules(expression: Expression, hint: string, prefix = ""): GrammarRules {
  const { root, rules } = writeRules(newRule(hint, expression), prefix);
  return { root, rules };
}

/** A whole grammar: its start rule is `root`. */
export const withRoot = ({ root, rules }: GrammarRules): string => `root ::= ${root}\n${rules}`;

export { quote };
