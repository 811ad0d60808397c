// Grammars as trees, and their text in GBNF. Alternatives that can match nothing are left out of the text.
import { CamelGPTError } from "../errors.js";
import { type CodePoints, complement, countUpTo } from "./code-points.js";

export type Expression =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "set"; readonly set: CodePoints }
  | { readonly kind: "rule"; readonly rule: Rule }
  | { readonly kind: "sequence"; readonly items: readonly Expression[] }
  /** Without items it matches nothing, not even the empty text. */
  | { readonly kind: "choice"; readonly items: readonly Expression[] }
  | { readonly kind: "repeat"; readonly item: Expression; readonly min: number; readonly max: number };

export interface Rule {
  /** The first part of the name; a number may follow. */
  readonly hint: string;
  /** Set once, after the rule was created, since rules may refer to each other. */
  body: Expression | undefined;
}

export const text = (value: string): Expression => ({ kind: "text", text: value });
export const emptyText: Expression = text("");
export const nothing: Expression = { kind: "choice", items: [] };
export const reference = (rule: Rule): Expression => ({ kind: "rule", rule });
export const newRule = (hint: string, body?: Expression): Rule => ({ hint, body });

export function oneOf(set: CodePoints): Expression {
  if (set.length === 0) return nothing;
  return countUpTo(set, 2) === 1 ? text(String.fromCodePoint(set[0] as number)) : { kind: "set", set };
}

export const sequence = (...items: readonly Expression[]): Expression => sequenceOf(items);

/** Joins neighbouring texts and inner sequences. The list may be too long for the arguments of a call. */
export function sequenceOf(items: readonly Expression[]): Expression {
  const flat: Expression[] = [];
  for (const item of items) {
    for (const part of item.kind === "sequence" ? item.items : [item]) {
      const last = flat.at(-1);
      if (part.kind === "choice" && part.items.length === 0) return nothing;
      if (part.kind === "text" && part.text === "") continue;
      if (part.kind === "text" && last?.kind === "text") flat[flat.length - 1] = text(last.text + part.text);
      else flat.push(part);
    }
  }
  if (flat.length === 0) return emptyText;
  return flat.length === 1 ? (flat[0] as Expression) : { kind: "sequence", items: flat };
}

const isEmptyText = (item: Expression) => item.kind === "text" && item.text === "";

export function choice(items: readonly Expression[]): Expression {
  const flat: Expression[] = [];
  const texts = new Set<string>();
  const rules = new Set<Rule>();
  for (const item of items) {
    for (const part of item.kind === "choice" ? item.items : [item]) {
      if (part.kind === "text" && texts.size === texts.add(part.text).size) continue;
      if (part.kind === "rule" && rules.size === rules.add(part.rule).size) continue;
      flat.push(part);
    }
  }
  if (texts.has("") && flat.length > 1) return optional(choice(flat.filter((part) => !isEmptyText(part))));
  return flat.length === 1 ? (flat[0] as Expression) : { kind: "choice", items: flat };
}

export function repeat(item: Expression, min: number, max: number): Expression {
  if (max === 0 || isEmptyText(item)) return emptyText;
  if (item.kind === "repeat" && item.min === 0 && item.max === 1 && max === 1) return item;
  if (item.kind === "choice" && item.items.length === 0) return min === 0 ? emptyText : nothing;
  return min === 1 && max === 1 ? item : { kind: "repeat", item, min, max };
}

export const optional = (item: Expression): Expression => repeat(item, 0, 1);
export const manyOf = (item: Expression): Expression => repeat(item, 0, Number.POSITIVE_INFINITY);

// ---------------------------------------------------------------------------------------------------------------- text

const escapeOf: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\" };
const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, "0");

/** Returns a string literal of GBNF. */
export function quote(value: string): string {
  if (!isWellFormed(value))
    throw new CamelGPTError(
      "bad-grammar",
      "A text of a grammar has half of a surrogate pair, which UTF-8 cannot spell.",
    );
  return `"${value.replace(/["\\\x00-\x1f\x7f]/g, (c) => escapeOf[c] ?? `\\x${hex(c.charCodeAt(0), 2)}`)}"`;
}

const isWellFormed = (value: string) => !/\p{Surrogate}/u.test(value);

function pointInClass(point: number): string {
  if (point > 0xffff) return `\\U${hex(point, 8)}`;
  if (point > 0x7e) return point < 0x100 ? `\\x${hex(point, 2)}` : `\\u${hex(point, 4)}`;
  const char = String.fromCharCode(point);
  if (point < 0x20 || char === "^" || char === "-") return escapeOf[char] ?? `\\x${hex(point, 2)}`;
  return char === "[" || char === "]" || char === "\\" ? `\\${char}` : char;
}

function classText(set: CodePoints): string {
  const others = complement(set);
  if (others.length === 0) return "[\\x00-\\U0010FFFF]";
  const [ranges, open] = others.length < set.length ? [others, "[^"] : [set, "["];
  let result = open;
  for (let i = 0; i < ranges.length; i += 2) {
    const [first, last] = [ranges[i] as number, ranges[i + 1] as number];
    result += pointInClass(first);
    if (last > first) result += `${last > first + 1 ? "-" : ""}${pointInClass(last)}`;
  }
  return `${result}]`;
}

/** Limits of one grammar. */
const maxTextLength = 2 << 20;

/** Writes the rules that `root` needs. `isEmpty`: nothing matches `root`; then there are no rules. */
export function writeRules(root: Rule, prefix: string): { root: string; rules: string; isEmpty: boolean } {
  const reached = reachableRules(root);
  const productive = productiveRules(reached);
  if (!productive.has(root)) return { root: "", rules: "", isEmpty: true };
  const writer = new Writer(prefix, productive);
  const name = writer.nameOf(root);
  return { root: name, rules: writer.write(), isEmpty: false };
}

class Writer {
  readonly #names = new Map<Rule, string>();
  readonly #used = new Map<string, number>();
  readonly #pending: Rule[] = [];

  constructor(
    private readonly prefix: string,
    private readonly productive: ReadonlySet<Rule>,
  ) {}

  /** Names are given in the order of their first use, so equal grammars have equal texts. */
  nameOf(rule: Rule): string {
    const known = this.#names.get(rule);
    if (known !== undefined) return known;
    const count = (this.#used.get(rule.hint) ?? 0) + 1;
    this.#used.set(rule.hint, count);
    const name = `${this.prefix}${rule.hint}${count > 1 ? `-${count}` : ""}`;
    this.#names.set(rule, name);
    this.#pending.push(rule);
    return name;
  }

  write(): string {
    const lines: string[] = [];
    let length = 0;
    for (let next = 0; next < this.#pending.length; next++) {
      const rule = this.#pending[next] as Rule;
      const line = `${this.nameOf(rule)} ::= ${this.#write(this.#prune(rule.body as Expression), 0)}\n`;
      length += line.length;
      if (length > maxTextLength) throw tooLarge();
      lines.push(line);
    }
    return lines.join("");
  }

  /** Removes what matches nothing, and rules that are only another name. The expression itself is productive. */
  #prune(expression: Expression): Expression {
    switch (expression.kind) {
      case "rule":
        return this.#resolve(expression);
      case "sequence":
        return sequenceOf(expression.items.map((item) => this.#prune(item)));
      case "choice":
        return choice(expression.items.filter((item) => canMatch(item, this.productive)).map((x) => this.#prune(x)));
      case "repeat":
        if (!canMatch(expression.item, this.productive)) return emptyText;
        return repeat(this.#prune(expression.item), expression.min, expression.max);
      default:
        return expression;
    }
  }

  #resolve(expression: Expression): Expression {
    let current = expression;
    const seen = new Set<Rule>();
    while (current.kind === "rule" && current.rule.body && !seen.has(current.rule)) {
      seen.add(current.rule);
      const body = this.#simplified(current.rule.body);
      const items: readonly Expression[] =
        body.kind === "choice" ? body.items.filter((item) => canMatch(item, this.productive)) : [body];
      const only = items.length === 1 ? (items[0] as Expression) : undefined;
      if (only?.kind !== "rule" && !(only?.kind === "text" && only.text.length < 20)) break;
      current = only;
    }
    return current;
  }

  #simplified(body: Expression): Expression {
    return body.kind === "repeat" && !canMatch(body.item, this.productive) ? emptyText : body;
  }

  /** `level`: 0 in an alternative, 1 in a sequence, 2 before a repetition. */
  #write(expression: Expression, level: number): string {
    switch (expression.kind) {
      case "text":
        return level > 1 && [...expression.text].length > 1 ? `(${quote(expression.text)})` : quote(expression.text);
      case "set":
        return classText(expression.set);
      case "rule":
        return this.nameOf(expression.rule);
      case "sequence": {
        const parts = expression.items.map((item) => this.#write(item, 1)).join(" ");
        return level > 1 ? `(${parts})` : parts;
      }
      case "choice": {
        const parts = expression.items.map((item) => this.#write(item, 0)).join(" | ");
        return level > 0 ? `(${parts})` : parts;
      }
      case "repeat": {
        const item = this.#write(expression.item, 2);
        const inner = expression.item.kind === "repeat" ? `(${item})` : item;
        return inner + countText(expression.min, expression.max);
      }
    }
  }
}

/** No answer repeats a thing more often than the first; one that has to repeat it more than the second is refused. */
const maxUpperBound = 1_000_000_000;
const maxLowerBound = 1_000_000;

function countText(min: number, max: number): string {
  if (min > maxLowerBound)
    throw new CamelGPTError("bad-grammar", `Something has to occur more than ${maxLowerBound} times.`);
  if (max > maxUpperBound && max !== Number.POSITIVE_INFINITY) return countText(min, Number.POSITIVE_INFINITY);
  if (max === 1 && min === 0) return "?";
  if (max === Number.POSITIVE_INFINITY) return min === 0 ? "*" : min === 1 ? "+" : `{${min},}`;
  return min === max ? `{${min}}` : `{${min},${max}}`;
}

const tooLarge = () =>
  new CamelGPTError("bad-grammar", "The grammar becomes too large.", {
    expected: `a text of up to ${maxTextLength} characters`,
  });

// -------------------------------------------------------------------------------------------------------- productivity

/** In an order in which a rule follows those it refers to, except in cycles. */
function reachableRules(root: Rule): Rule[] {
  const order: Rule[] = [];
  const seen = new Set<Rule>([root]);
  const stack: { rule: Rule; next: Rule[] }[] = [{ rule: root, next: referencesOf(root) }];
  for (;;) {
    const top = stack.at(-1);
    if (!top) return order;
    const next = top.next.pop();
    if (!next) {
      order.push(top.rule);
      stack.pop();
    } else if (!seen.has(next)) {
      seen.add(next);
      stack.push({ rule: next, next: referencesOf(next) });
    }
  }
}

function referencesOf(rule: Rule): Rule[] {
  const found: Rule[] = [];
  const stack: Expression[] = rule.body ? [rule.body] : [];
  for (let top = stack.pop(); top; top = stack.pop()) {
    if (top.kind === "rule") found.push(top.rule);
    else if (top.kind === "repeat") stack.push(top.item);
    else if (top.kind === "sequence" || top.kind === "choice") for (const item of top.items) stack.push(item);
  }
  return found;
}

/** The rules that match at least one text: a least fixed point. */
function productiveRules(rules: readonly Rule[]): Set<Rule> {
  const productive = new Set<Rule>();
  const waiting = new Map<Rule, Rule[]>();
  const pending = [...rules].reverse();
  for (let rule = pending.pop(); rule; rule = pending.pop()) {
    if (productive.has(rule) || !rule.body) continue;
    if (canMatch(rule.body, productive)) {
      productive.add(rule);
      for (const other of waiting.get(rule) ?? []) pending.push(other);
      waiting.delete(rule);
      continue;
    }
    for (const other of referencesOf(rule)) {
      if (productive.has(other)) continue;
      const list = waiting.get(other);
      if (!list) waiting.set(other, [rule]);
      else if (list.at(-1) !== rule) list.push(rule);
    }
  }
  return productive;
}

function canMatch(expression: Expression, productive: ReadonlySet<Rule>): boolean {
  switch (expression.kind) {
    case "rule":
      return productive.has(expression.rule);
    case "sequence":
      return expression.items.every((item) => canMatch(item, productive));
    case "choice":
      return expression.items.some((item) => canMatch(item, productive));
    case "repeat":
      return expression.min === 0 || canMatch(expression.item, productive);
    default:
      return true;
  }
}
