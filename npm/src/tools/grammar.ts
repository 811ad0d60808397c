// The tools of a call, and which of them the model has to call → the grammar of its answer.
import { type GrammarNote, schemaRules } from "../../../web/grammar/json-schema.js";
import { GrammarRules } from "./grammar-rules.js";
import type { CallSyntax } from "./syntax.js";
import type { ToolShape } from "./tool-shape.js";
import { responseSchema } from "./syntax/generic.js";
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
  const calls = rules.add("calls", syntax.grammar(rules, called, isParallel && syntax.isParallel));
  const lead = syntax.lead === undefined ? "" : `(${rules.literal(syntax.lead)})? `;
  const before = `${isAfterReasoning ? '"\\n"{0,2} ' : ""}${lead}`;
  const root = choice === "auto" ? answerOrCalls(rules, syntax, calls, answer) : calls;
  const other = choice === "auto" && answer !== undefined ? renameRoot(answer) : "";
  return { grammar: `root ::= ${before}${root}\n${rules.text}${other}`, notes: rules.notes };
}

function answerOrCalls(rules: GrammarRules, syntax: CallSyntax, calls: string, answer: string | undefined): string {
  if (answer !== undefined) return `(${answerRoot} | ${calls})`;
  if (syntax.isWhole) {
    const response = schemaRules(responseSchema, { prefix: "response-" });
    rules.addText(response.rules);
    return `(${calls} | ${response.root})`;
  }
  const free = rules.freeText(syntax.markers);
  const around = syntax.textMarkers?.map((marker) => `(${rules.literal(marker)})?`) ?? ["", ""];
  const text = `${around[0]} ${free} ${around[1]}`.trim();
  if (syntax.bareStart === undefined) return `${text} ${calls}?`;
  // A call without a marker is the whole answer.
  const starts = [...syntax.bareStart].map((start) => (start === "[" ? "\\[" : start)).join("");
  return `(${calls} | ([^${starts} \\t\\r\\n] ${text})?)`;
}

const answerRoot = "answer-root";
const gbnfTokens = /"(?:\\[\s\S]|[^"\\])*"|\[(?:\\[\s\S]|[^\]\\])*\]|#.*|<[^>\n]*>|[A-Za-z_][\w-]*/g;

/** The grammar with another name for its start rule. */
function renameRoot(grammar: string): string {
  return grammar.replace(gbnfTokens, (token) => (token === "root" ? answerRoot : token));
}
