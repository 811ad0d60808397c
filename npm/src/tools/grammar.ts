// The tools of a call, and which of them the model has to call → the grammar of its answer.
import { type GrammarNote, schemaRules } from "../../../web/grammar/index.js";
import { GrammarRules } from "./grammar-rules.js";
import type { CallSyntax, ToolShape } from "./syntax.js";
import { responseSchema } from "./syntax/generic.js";
import type { ToolChoice } from "./tool.js";

/** Reasoning before the answer. */
export interface ReasoningMarkers {
  open: string;
  close: string;
  /** Whether the prompt has opened the reasoning, or closed it; otherwise the model decides. */
  state: "open" | "closed" | undefined;
}

export interface ToolGrammar {
  syntax: CallSyntax;
  tools: readonly ToolShape[];
  choice: ToolChoice;
  isParallel: boolean;
  /** The ids of markers that are tokens. */
  tokens: ReadonlyMap<string, number>;
  reasoning?: ReasoningMarkers | undefined;
  /** The grammar of an answer without calls; free text if it is missing. */
  answer?: string | undefined;
}

/** Errors: `bad-schema`, naming the tool. */
export function toolGrammar(options: ToolGrammar): { grammar: string; notes: readonly GrammarNote[] } {
  const { syntax, tools, choice, isParallel, tokens, reasoning, answer } = options;
  const rules = new GrammarRules(tokens);
  const called = typeof choice === "object" ? tools.filter(({ name }) => name === choice.name) : tools;
  const calls = rules.add("calls", syntax.grammar(rules, called, isParallel && syntax.isParallel));
  const before = reasoning ? `${reasoningBefore(rules, reasoning)} ` : "";
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
  const stops = syntax.markers.filter((marker) => !rules.isToken(marker));
  const text = rules.freeText(stops);
  if (syntax.bareStart === undefined) return `${text} ${calls}?`;
  // A call without a marker is the whole answer.
  const starts = [...syntax.bareStart].map((start) => (start === "[" ? "\\[" : start)).join("");
  return `(${calls} | ([^${starts} \\t\\r\\n] ${text})?)`;
}

/** White space after the reasoning is the model's own. */
function reasoningBefore(rules: GrammarRules, { open, close, state }: ReasoningMarkers): string {
  if (state === "closed") return '"\\n"{0,2}';
  const stops = rules.isToken(close) ? [] : [close];
  const rest = `${rules.freeText(stops)} ${rules.literal(close)} "\\n"{0,2}`;
  return state === "open" ? `(${rest})` : `(${rules.literal(open)} ${rest})?`;
}

const answerRoot = "answer-root";
const gbnfTokens = /"(?:\\[\s\S]|[^"\\])*"|\[(?:\\[\s\S]|[^\]\\])*\]|#.*|<[^>\n]*>|[A-Za-z_][\w-]*/g;

/** The grammar with another name for its start rule. */
function renameRoot(grammar: string): string {
  return grammar.replace(gbnfTokens, (token) => (token === "root" ? answerRoot : token));
}
