// The tools of a call, and which of them the model has to call → the grammar of its answer.
import { type GrammarNote, schemaRules } from "../../../web/grammar/json-schema.js";
import { GrammarRules } from "./grammar-rules.js";
import type { CallSyntax } from "./syntax.js";
import type { ToolShape } from "./tool-shape.js";
import { responseSchema, responseStart } from "./syntax/generic.js";
import type { ToolChoice } from "./tool.js";

export interface ToolGrammar {
  syntax: CallSyntax;
  tools: readonly ToolShape[];
  choice: ToolChoice;
  isParallel: boolean;
  /** The ids of markers that are tokens. */
  tokens: ReadonlyMap<string, number>;
  /** Whether the answer comes after reasoning, which models separate from it by empty lines. */
  isAfterReasoning: boolean;
  /** The grammar of an answer without calls; free text if it is missing. */
  answer?: string | undefined;
}

/** Errors: `bad-schema`, naming the tool. */
export function toolGrammar(options: ToolGrammar): { grammar: string; notes: readonly GrammarNote[] } {
  const { syntax, tools, choice, isParallel, tokens, isAfterReasoning, answer } = options;
  const rules = new GrammarRules(tokens);
  const called = typeof choice === "object" ? tools.filter(({ name }) => name === choice.name) : tools;
  // A tool that is named is called once.
  const isRepeated = isParallel && syntax.isParallel && typeof choice !== "object";
  const calls = choice === "none" ? "" : rules.add("calls", syntax.grammar(rules, called, isRepeated));
  const lead = syntax.lead === undefined ? "" : `(${rules.literal(syntax.lead)})? `;
  const before = `${isAfterReasoning ? '"\\n"{0,2} ' : ""}${lead}`;
  const isFree = choice === "auto" || choice === "none";
  const root = isFree ? answerOrCalls(rules, syntax, choice === "auto" ? calls : undefined, answer) : calls;
  const other = isFree && answer !== undefined ? renameRoot(answer) : "";
  return { grammar: `root ::= ${before}${root}\n${rules.text}${other}`, notes: rules.notes };
}

/** Without `calls`, only an answer. */
function answerOrCalls(
  rules: GrammarRules,
  syntax: CallSyntax,
  calls: string | undefined,
  answer: string | undefined,
): string {
  const orCalls = (text: string) => (calls === undefined ? text : `(${text} | ${calls})`);
  if (answer !== undefined) return orCalls(answerRoot);
  if (syntax.isWhole) {
    const { root, rules: text } = schemaRules(responseSchema, { prefix: "response-" });
    rules.addText(text);
    return orCalls(`${rules.literal(responseStart)} ${root} "}"`);
  }
  const free = rules.freeText(syntax.markers);
  const around = syntax.textMarkers?.map((marker) => `(${rules.literal(marker)})?`) ?? ["", ""];
  const text = `${around[0]} ${free} ${around[1]}`.trim();
  if (syntax.bareStart === undefined) return calls === undefined ? text : `${text} ${calls}?`;
  // A call without a marker is the whole answer.
  const starts = [...syntax.bareStart].map((start) => (start === "[" ? "\\[" : start)).join("");
  return orCalls(`([^${starts} \\t\\r\\n] ${text})?`);
}

const answerRoot = "answer-root";
/** Those that do not end are one token up to the end, so that the time is linear. */
const gbnfTokens = /"(?:\\[\s\S]|[^"\\])*"?|\[(?:\\[\s\S]|[^\]\\])*\]?|#.*|<[^>\n]*>?|[A-Za-z_][\w-]*/g;

/** The grammar with another name for its start rule. */
function renameRoot(grammar: string): string {
  return grammar.replace(gbnfTokens, (token) => (token === "root" ? answerRoot : token));
}
