// The grammar of JSON text: whitespace, strings, numbers, literals, and any value.
import {
  type CodePoints,
  complement,
  countUpTo,
  difference,
  everyCodePoint,
  intersection,
  toCodePoints,
} from "./code-points.js";
import {
  type Expression,
  type Rule,
  choice,
  emptyText,
  manyOf,
  newRule,
  nothing,
  oneOf,
  optional,
  reference,
  repeat,
  sequence,
  sequenceOf,
  text,
} from "./gbnf.js";

/**
 * - `"flexible"`: what `JSON.stringify(value)`, `JSON.stringify(value, null, 2)` and Python's `json.dumps(value)`
 *   write, and what lies between: at most one space, or a line break with up to 40 spaces or 20 tabs
 * - `"compact"`: none
 */
export type Whitespace = "flexible" | "compact";

const range = (first: string, last: string): CodePoints => [
  first.codePointAt(0) as number,
  last.codePointAt(0) as number,
];
const setOf = (chars: string): CodePoints =>
  toCodePoints([...chars].flatMap((char) => [char.codePointAt(0) as number, char.codePointAt(0) as number]));

const digit = oneOf(range("0", "9"));
const digitButZero = oneOf(range("1", "9"));
const hexDigit: Expression = { kind: "set", set: setOf("0123456789abcdefABCDEF") };
const controls: CodePoints = [0, 0x1f];
/** Code points that need no escape in a string. */
const plainPoints = difference(everyCodePoint, [...controls, 0x22, 0x22, 0x5c, 0x5c]);
const shortEscapes: readonly (readonly [number, string])[] = [
  [0x08, "b"],
  [0x09, "t"],
  [0x0a, "n"],
  [0x0c, "f"],
  [0x0d, "r"],
  [0x22, '"'],
  [0x5c, "\\"],
];

/** Limits that keep a number finite, and a model from writing digits for ever. */
const maxDigits = 20;
const maxFractionDigits = 25;

/** The rules for JSON text that the parts of one grammar share. */
export class JsonRules {
  readonly #rules = new Map<string, Rule>();
  readonly #sets = new Map<string, Expression>();
  /** After `:`. */
  readonly colon: Expression;
  /** After `,`. */
  readonly comma: Expression;
  /** After an opening bracket and before the closing one. */
  readonly space: Expression;

  constructor(whitespace: Whitespace) {
    const isCompact = whitespace === "compact";
    this.space = isCompact
      ? emptyText
      : this.#shared("space", () =>
          choice([
            emptyText,
            text(" "),
            sequence(text("\n"), choice([repeat(text(" "), 0, 40), repeat(text("\t"), 1, 20)])),
          ]),
        );
    this.colon = isCompact ? text(":") : sequence(text(":"), optional(text(" ")));
    this.comma = isCompact ? text(",") : sequence(text(","), this.space);
  }

  #shared(name: string, body: () => Expression): Expression {
    let rule = this.#rules.get(name);
    if (!rule) {
      rule = newRule(name);
      this.#rules.set(name, rule);
      rule.body = body();
    }
    return reference(rule);
  }

  /** Any code point in a string, with every escape that is one code point. */
  get char(): Expression {
    return this.#shared("char", () => {
      const high = sequence(oneOf(setOf("dD")), oneOf(setOf("89abAB")), repeat(hexDigit, 2, 2));
      const low = sequence(oneOf(setOf("dD")), oneOf(setOf("cdefCDEF")), repeat(hexDigit, 2, 2));
      const other = choice([
        sequence(oneOf(setOf("0123456789abcefABCEF")), repeat(hexDigit, 3, 3)),
        sequence(oneOf(setOf("dD")), oneOf(range("0", "7")), repeat(hexDigit, 2, 2)),
      ]);
      const unicode = sequence(text("u"), choice([other, sequence(high, text("\\u"), low)]));
      const escaped = sequence(text("\\"), choice([oneOf(setOf('"\\/bfnrt')), unicode]));
      return choice([oneOf(plainPoints), escaped]);
    });
  }

  get string(): Expression {
    return this.#shared("string", () => {
      // Without the pairs of surrogates of `char`: JSON allows each half by itself.
      const escaped = sequence(
        text("\\"),
        choice([oneOf(setOf('"\\/bfnrt')), sequence(text("u"), repeat(hexDigit, 4, 4))]),
      );
      return this.quoted(manyOf(choice([oneOf(plainPoints), escaped])));
    });
  }

  /** The rest of a string, with the closing quote. */
  get tail(): Expression {
    return this.#shared("tail", () => sequence(manyOf(this.char), text('"')));
  }

  quoted(content: Expression): Expression {
    return sequence(text('"'), content, text('"'));
  }

  /** One code point of a set inside a string, spelled as JSON.stringify does; all code points: with every escape. */
  set(set: CodePoints): Expression {
    if (countUpTo(set, 2) === 1) return charText(set[0] as number);
    const key = set.join();
    let result = this.#sets.get(key);
    if (!result) {
      result = this.#makeSet(set);
      this.#sets.set(key, result);
    }
    return result;
  }

  #makeSet(set: CodePoints): Expression {
    if (complement(set).length === 0) return this.char;
    const plain = intersection(set, plainPoints);
    const others = difference(set, plainPoints);
    if (others.length === 0) return oneOf(plain);
    const points: number[] = [];
    for (let i = 0; i < others.length; i += 2)
      for (let point = others[i] as number; point <= (others[i + 1] as number); point++) points.push(point);
    const short = shortEscapes.filter(([point]) => points.includes(point)).map(([, letter]) => letter);
    const long = points.filter((point) => !shortEscapes.some(([other]) => other === point));
    const escapes = [oneOf(setOf(short.join("")))];
    for (const high of [0, 1]) {
      const digits = long.filter((point) => point >> 4 === high).map((point) => (point & 15).toString(16));
      if (digits.length > 0) escapes.push(sequence(text(`u00${high}`), oneOf(setOf(digits.join("")))));
    }
    const escaped = sequence(text("\\"), choice(escapes.filter((item) => item !== nothing)));
    return this.#shared(`char-${this.#sets.size + 1}`, () => choice([oneOf(plain), escaped]));
  }

  /** Numbers that no double overflows. */
  get number(): Expression {
    return this.#shared("number", () => sequence(optional(text("-")), this.unsignedNumber));
  }

  get unsignedNumber(): Expression {
    return this.#shared("unsigned", () => {
      const fraction = sequence(text("."), repeat(digit, 1, maxFractionDigits));
      const sign = optional(oneOf(setOf("+-")));
      const e = oneOf(setOf("eE"));
      const large = choice([
        sequence(oneOf(setOf("12")), repeat(digit, 2, 2)),
        sequence(text("30"), oneOf(range("0", "7"))),
      ]);
      return choice([
        sequence(this.#unsignedInteger, optional(fraction), optional(sequence(e, sign, repeat(digit, 1, 2)))),
        sequence(digit, optional(fraction), e, sign, large),
        sequence(digit, optional(fraction), e, text("-3"), oneOf(setOf("012")), digit),
      ]);
    });
  }

  get integer(): Expression {
    return this.#shared("integer", () => sequence(optional(text("-")), this.#unsignedInteger));
  }

  get #unsignedInteger(): Expression {
    return choice([text("0"), sequence(digitButZero, repeat(digit, 0, maxDigits))]);
  }

  /** Any JSON value. */
  get value(): Expression {
    return this.#shared("value", () =>
      choice([this.string, this.number, text("true"), text("false"), text("null"), this.object, this.array]),
    );
  }

  get object(): Expression {
    return this.#shared("object", () => {
      const member = this.#shared("member", () => sequence(this.string, this.colon, this.value));
      return this.braces(optional(sequence(member, manyOf(sequence(this.comma, member)))));
    });
  }

  get array(): Expression {
    return this.#shared("array", () =>
      this.brackets(optional(sequence(this.value, manyOf(sequence(this.comma, this.value))))),
    );
  }

  braces(members: Expression): Expression {
    return this.#enclosed("{", members, "}");
  }

  brackets(items: Expression): Expression {
    return this.#enclosed("[", items, "]");
  }

  #enclosed(open: string, content: Expression, close: string): Expression {
    if (content === emptyText) return sequence(text(open), this.space, text(close));
    if (content.kind === "repeat" && content.min === 0 && content.max === 1)
      return sequence(text(open), this.space, optional(sequence(content.item, this.space)), text(close));
    return sequence(text(open), this.space, content, this.space, text(close));
  }

  /** The text of one value. */
  literal(value: unknown): Expression {
    if (Array.isArray(value)) return this.brackets(this.#list(value.map((item) => this.literal(item))));
    if (typeof value === "object" && value !== null) {
      const members = Object.entries(value).map(([name, item]) =>
        sequence(text(JSON.stringify(name)), this.colon, this.literal(item)),
      );
      return this.braces(this.#list(members));
    }
    return text(JSON.stringify(value));
  }

  #list(items: readonly Expression[]): Expression {
    return sequenceOf(items.flatMap((item, i) => (i === 0 ? [item] : [this.comma, item])));
  }
}

/** One code point inside a string, as JSON.stringify spells it. */
export const charText = (point: number): Expression => text(JSON.stringify(String.fromCodePoint(point)).slice(1, -1));

/** A list of texts, of which those with the same beginning share it. */
export function textChoice(texts: readonly string[]): Expression {
  const lists = [...new Set(texts)].map((value) => [...value]);
  return sharedBeginnings(lists, 0, 0);
}

const maxNesting = 60;

/** `at`: the characters that all texts share; they are written already. */
function sharedBeginnings(texts: readonly (readonly string[])[], at: number, level: number): Expression {
  const rest = (chars: readonly string[]) => text(chars.slice(at).join(""));
  if (texts.length <= 4 || level > maxNesting) return choice(texts.map(rest));
  const groups = new Map<string, (readonly string[])[]>();
  for (const chars of texts) {
    const first = chars[at] ?? "";
    const group = groups.get(first);
    if (group) group.push(chars);
    else groups.set(first, [chars]);
  }
  const alternatives: Expression[] = [];
  for (const group of groups.values()) {
    const first = group[0] as readonly string[];
    if (group.length === 1) alternatives.push(rest(first));
    else {
      const end = commonLength(group);
      alternatives.push(sequence(text(first.slice(at, end).join("")), sharedBeginnings(group, end, level + 1)));
    }
  }
  return choice(alternatives);
}

function commonLength(texts: readonly (readonly string[])[]): number {
  const first = texts[0] as readonly string[];
  let length = first.length;
  for (const chars of texts) {
    let i = 0;
    while (i < length && chars[i] === first[i]) i++;
    length = i;
  }
  return length;
}
