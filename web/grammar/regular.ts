// Regular languages over code points: expressions with intersection and complement, which equal ones share, and their
// derivatives (Brzozowski 1964; Owens, Reppy and Turon 2009), from which automaton.ts builds automata.
import { type CodePoints, complement, contains, everyCodePoint, toCodePoints, union } from "./code-points.js";

export type Regular = {
  readonly id: number;
  /** Whether the empty text matches. */
  readonly nullable: boolean;
  /** Bounds of the number of code points of a match. */
  readonly minLength: number;
  readonly maxLength: number;
  /** Derivatives by code point that were asked for. */
  readonly derivatives: Map<number, Regular>;
} & Form;

type Form =
  | { readonly kind: "none" }
  | { readonly kind: "empty" }
  | { readonly kind: "set"; readonly set: CodePoints }
  /** `head` is no sequence. */
  | { readonly kind: "sequence"; readonly head: Regular; readonly tail: Regular }
  | { readonly kind: "choice"; readonly items: readonly Regular[] }
  | { readonly kind: "all"; readonly items: readonly Regular[] }
  | { readonly kind: "not"; readonly item: Regular }
  | { readonly kind: "repeat"; readonly item: Regular; readonly min: number; readonly max: number };

const infinity = Number.POSITIVE_INFINITY;

/** Thrown when a language needs more expressions or states than allowed; the callers say where. */
export class TooComplex extends Error {}

/** States of all automata of one grammar. Each becomes up to a line of it. */
export const maxStates = 6000;

/** Steps of all operations of one grammar: a step is an operand, or a code point class of a state. */
const maxWork = 2_000_000;

/** Makes expressions; each language gets one form as far as cheap laws tell. */
export class Regulars {
  readonly #known = new Map<string, Regular>();
  readonly #maxNodes: number;
  readonly none: Regular;
  readonly empty: Regular;
  /** Any one code point. */
  readonly any: Regular;
  /** Every text. */
  readonly everything: Regular;
  /** States that automata may still have, all together. */
  remainingStates = maxStates;
  /** Steps that expressions and automata may still take. */
  #remainingWork = maxWork;
  #refills = 5;

  constructor(maxNodes = 300_000) {
    this.#maxNodes = maxNodes;
    this.none = this.#make("none", { kind: "none" }, false, infinity, 0);
    this.empty = this.#make("empty", { kind: "empty" }, true, 0, 0);
    this.any = this.set(everyCodePoint);
    this.everything = this.repeat(this.any, 0, infinity);
  }

  #make(key: string, form: Form, nullable: boolean, minLength: number, maxLength: number): Regular {
    const known = this.#known.get(key);
    if (known) return known;
    if (this.#known.size >= this.#maxNodes) throw new TooComplex();
    const made: Regular = { id: this.#known.size, nullable, minLength, maxLength, derivatives: new Map(), ...form };
    this.#known.set(key, made);
    return made;
  }

  /** Counts work; throws {@link TooComplex} if it becomes too much. */
  spend(steps: number): void {
    this.#remainingWork -= steps;
    if (this.#remainingWork < 0) throw new TooComplex();
  }

  /** Allows some more work after an expression became too complex, a few times. */
  refill(): void {
    if (this.#refills-- > 0) this.#remainingWork = Math.max(this.#remainingWork, maxWork / 8);
  }

  set(set: CodePoints): Regular {
    if (set.length === 0) return this.none;
    return this.#make(`[${set.join()}`, { kind: "set", set }, false, 1, 1);
  }

  text(value: string): Regular {
    return this.sequence(
      [...value].map((char) => this.set([char.codePointAt(0) as number, char.codePointAt(0) as number])),
    );
  }

  sequence(items: readonly Regular[]): Regular {
    let result = this.empty;
    for (let i = items.length - 1; i >= 0; i--) result = this.#pair(items[i] as Regular, result);
    return result;
  }

  #pair(first: Regular, rest: Regular): Regular {
    this.spend(1);
    if (rest === this.empty) return first;
    let tail = rest;
    const heads: Regular[] = [];
    let head = first;
    for (; head.kind === "sequence"; head = head.tail) {
      this.spend(1);
      heads.push(head.head);
    }
    heads.push(head);
    for (let next = heads.pop(); next; next = heads.pop()) {
      if (next.kind === "none" || tail.kind === "none") return this.none;
      if (next.kind === "empty") continue;
      if (tail.kind === "empty") {
        tail = next;
        continue;
      }
      const [other, after] = tail.kind === "sequence" ? [tail.head, tail.tail] : [tail, this.empty];
      if (next === other && isStar(next)) continue;
      const joined = this.#joined(next, other);
      if (joined) {
        tail = this.#pair(joined, after);
        continue;
      }
      const minLength = next.minLength + tail.minLength;
      const maxLength = next.maxLength + tail.maxLength;
      const nullable = next.nullable && tail.nullable;
      tail = this.#make(
        `.${next.id},${tail.id}`,
        { kind: "sequence", head: next, tail },
        nullable,
        minLength,
        maxLength,
      );
    }
    return tail;
  }

  /** `x{a,b} x{c,d}` as one repetition, where that saves an ambiguity. */
  #joined(a: Regular, b: Regular): Regular | undefined {
    if (a.kind !== "repeat" && b.kind !== "repeat") return undefined;
    const [x, min, max] = a.kind === "repeat" ? [a.item, a.min, a.max] : [a, 1, 1];
    const [y, otherMin, otherMax] = b.kind === "repeat" ? [b.item, b.min, b.max] : [b, 1, 1];
    return x === y ? this.repeat(x, min + otherMin, max + otherMax) : undefined;
  }

  choice(items: readonly Regular[]): Regular {
    this.spend(items.length);
    const flat = new Set<Regular>();
    let set: CodePoints = [];
    for (const item of items) {
      if (item.kind === "choice") this.spend(item.items.length);
      for (const part of item.kind === "choice" ? item.items : [item]) {
        if (part === this.everything) return part;
        if (part.kind === "set") set = set.length === 0 ? part.set : union(set, part.set);
        else if (part.kind !== "none") flat.add(part);
      }
    }
    if (set.length > 0) flat.add(this.set(set));
    if (flat.has(this.empty) && [...flat].some((item) => item !== this.empty && item.nullable)) flat.delete(this.empty);
    const parts = [...flat].sort((a, b) => a.id - b.id);
    if (parts.length === 0) return this.none;
    if (parts.length === 1) return parts[0] as Regular;
    return this.#make(
      `|${parts.map(({ id }) => id).join()}`,
      { kind: "choice", items: parts },
      parts.some(({ nullable }) => nullable),
      minimum(parts.map(({ minLength }) => minLength)),
      maximum(parts.map(({ maxLength }) => maxLength)),
    );
  }

  all(items: readonly Regular[]): Regular {
    this.spend(items.length);
    const flat = new Set<Regular>();
    for (const item of items) {
      if (item.kind === "all") this.spend(item.items.length);
      for (const part of item.kind === "all" ? item.items : [item]) {
        if (part.kind === "none") return part;
        if (part !== this.everything) flat.add(part);
      }
    }
    const parts = [...flat].sort((a, b) => a.id - b.id);
    if (parts.length === 0) return this.everything;
    if (parts.length === 1) return parts[0] as Regular;
    if (flat.has(this.empty)) return parts.every(({ nullable }) => nullable) ? this.empty : this.none;
    const minLength = maximum(parts.map((part) => part.minLength));
    const maxLength = minimum(parts.map((part) => part.maxLength));
    if (minLength > maxLength) return this.none;
    const nullable = parts.every((part) => part.nullable);
    return this.#make(
      `&${parts.map(({ id }) => id).join()}`,
      { kind: "all", items: parts },
      nullable,
      minLength,
      maxLength,
    );
  }

  not(item: Regular): Regular {
    if (item.kind === "not") return item.item;
    if (item === this.none) return this.everything;
    if (item === this.everything) return this.none;
    return this.#make(`!${item.id}`, { kind: "not", item }, !item.nullable, item.nullable ? 1 : 0, infinity);
  }

  repeat(item: Regular, min: number, max: number): Regular {
    if (max === 0 || item.kind === "empty") return this.empty;
    if (item.kind === "none") return min === 0 ? this.empty : this.none;
    const least = item.nullable ? 0 : min;
    if (item.kind === "repeat" && item.max === infinity && item.min <= 1 && (max === infinity || item.min === 0))
      return this.repeat(item.item, least, infinity); // (x*){m,n} = x*, (x+){m,} = x{m,}
    if (item.kind === "repeat" && item.min === 0 && item.max === 1) return this.repeat(item.item, 0, max);
    if (least === 1 && max === 1) return item;
    const nullable = least === 0;
    const minLength = least * item.minLength;
    const maxLength = item.maxLength === 0 ? 0 : max * item.maxLength;
    return this.#make(
      `{${item.id},${least},${max}`,
      { kind: "repeat", item, min: least, max },
      nullable,
      minLength,
      maxLength,
    );
  }

  /** Texts of `min` to `max` code points. */
  lengthBetween(min: number, max: number): Regular {
    return this.repeat(this.any, min, max);
  }

  /** The rests of those matches that start with `point`. */
  derive(of: Regular, point: number): Regular {
    const known = of.derivatives.get(point);
    if (known) return known;
    const result = this.#derive(of, point);
    of.derivatives.set(point, result);
    return result;
  }

  #derive(of: Regular, point: number): Regular {
    switch (of.kind) {
      case "none":
      case "empty":
        return this.none;
      case "set":
        return contains(of.set, point) ? this.empty : this.none;
      case "choice":
        return this.choice(of.items.map((item) => this.derive(item, point)));
      case "all":
        return this.all(of.items.map((item) => this.derive(item, point)));
      case "not":
        return this.not(this.derive(of.item, point));
      case "repeat":
        return this.#pair(this.derive(of.item, point), this.repeat(of.item, Math.max(of.min - 1, 0), of.max - 1));
      case "sequence": {
        const alternatives: Regular[] = [];
        let rest: Regular = of;
        while (rest.kind === "sequence") {
          alternatives.push(this.#pair(this.derive(rest.head, point), rest.tail));
          if (!rest.head.nullable) return this.choice(alternatives);
          rest = rest.tail;
        }
        alternatives.push(this.derive(rest, point));
        return this.choice(alternatives);
      }
    }
  }

  matches(of: Regular, value: string): boolean {
    let rest = of;
    for (const char of value) rest = this.derive(rest, char.codePointAt(0) as number);
    return rest.nullable;
  }
}

const isStar = (item: Regular) => item.kind === "repeat" && item.min === 0 && item.max === infinity;
// Without spreading: lists may be long.
const minimum = (numbers: readonly number[]) => numbers.reduce((a, b) => Math.min(a, b), infinity);
const maximum = (numbers: readonly number[]) => numbers.reduce((a, b) => Math.max(a, b), 0);

/**
 * Splits the code points into classes that every set of an expression contains whole or not at all. Returns the sets,
 * without those points that are in no set: these are one class too, the last.
 */
export function classesOf(of: Regular): CodePoints[] {
  const sets: CodePoints[] = [];
  const seen = new Set<Regular>([of]);
  for (const item of seen) {
    if (item.kind === "set") sets.push(item.set);
    else if (item.kind === "sequence") seen.add(item.head).add(item.tail);
    else if (item.kind === "choice" || item.kind === "all") for (const part of item.items) seen.add(part);
    else if (item.kind === "repeat" || item.kind === "not") seen.add(item.item);
  }
  return partition(sets);
}

/** The classes of some sets; see classesOf(). */
export function partition(sets: readonly CodePoints[]): CodePoints[] {
  const changes: { point: number; set: number }[] = [];
  sets.forEach((set, index) => {
    for (let i = 0; i < set.length; i += 2)
      changes.push({ point: set[i] as number, set: index }, { point: (set[i + 1] as number) + 1, set: index });
  });
  changes.sort((a, b) => a.point - b.point);
  const classes = new Map<string, number[]>();
  const inside = new Set<number>();
  for (let i = 0; i < changes.length; ) {
    const start = (changes[i] as { point: number }).point;
    for (; i < changes.length && changes[i]?.point === start; i++) {
      const { set } = changes[i] as { set: number };
      if (!inside.delete(set)) inside.add(set);
    }
    if (inside.size === 0 || i === changes.length) continue;
    const key = [...inside].sort((a, b) => a - b).join();
    const ranges = classes.get(key);
    const end = (changes[i] as { point: number }).point - 1;
    if (ranges) ranges.push(start, end);
    else classes.set(key, [start, end]);
  }
  const result: CodePoints[] = [...classes.values()].map((ranges) => toCodePoints(ranges));
  const others = complement(toCodePoints(result.flat()));
  if (others.length > 0) result.push(others);
  return result;
}
