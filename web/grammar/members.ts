// The members of an object with their commas: declared properties in their order, each required or optional, then
// required names without a declaration and others in any order. The size is linear in the number of properties.
import type { Compilation } from "./compilation.js";
import type { Facts } from "./facts.js";
import {
  type Expression,
  type Rule,
  choice,
  emptyText,
  newRule,
  nothing,
  optional,
  reference,
  repeat,
  sequence,
} from "./gbnf.js";
import { schemaError } from "./schema-document.js";

export interface Property {
  readonly member: Expression;
  readonly isRequired: boolean;
  /** Whether `properties` has it; otherwise its place among the additional ones is free. */
  readonly isDeclared: boolean;
}

const infinity = Number.POSITIVE_INFINITY;
/** Rules of one object. */
const maxStates = 12_000;
/** Names whose place is free: their rules are as many as the subsets. More names keep their order. */
const maxFree = 5;

/** `other`: one member that is none of the properties. */
export function membersExpression(
  properties: readonly Property[],
  other: Expression,
  facts: Facts,
  compiler: Compilation,
): Expression {
  const free = properties.filter(({ isDeclared }) => !isDeclared);
  const hasFree = free.length <= maxFree;
  const ordered = hasFree ? properties.filter(({ isDeclared }) => isDeclared) : properties;
  return new Members(ordered, hasFree ? free : [], other, facts, compiler).build();
}

/** How far the members are. */
interface Progress {
  /** Properties in order that are decided. */
  readonly place: number;
  /** Members so far, up to the number from which on it does not matter. */
  readonly count: number;
  /** Bits of the free properties among the members. */
  readonly seen: number;
}

class Members {
  readonly #min: number;
  readonly #max: number;
  readonly #cap: number;
  readonly #more: Expression;
  readonly #rules = new Map<string, Rule>();
  readonly #pending: { progress: Progress; rule: Rule }[] = [];

  constructor(
    private readonly ordered: readonly Property[],
    private readonly free: readonly Property[],
    private readonly other: Expression,
    private readonly facts: Facts,
    private readonly compiler: Compilation,
  ) {
    this.#min = facts.minProperties;
    this.#max = facts.maxProperties;
    this.#cap = Math.max(1, this.#min, this.#max === infinity ? 0 : this.#max);
    this.#more = reference(newRule("more", sequence(compiler.json.comma, other)));
  }

  build(): Expression {
    const start = this.#after({ place: 0, count: 0, seen: 0 });
    for (let next = this.#pending.pop(); next; next = this.#pending.pop()) {
      this.compiler.meter(4);
      next.rule.body = this.#body(next.progress);
    }
    return start;
  }

  #after({ place, count, seen }: Progress): Expression {
    if (count > this.#max) return nothing;
    const known = Math.min(count, this.#cap);
    const key = `${place} ${known} ${seen}`;
    let rule = this.#rules.get(key);
    if (!rule) {
      if (this.#rules.size >= maxStates) {
        const problem = "The object has too many properties, or too large bounds of their number";
        throw schemaError(problem, this.facts.nodes[0]?.path);
      }
      rule = newRule("members");
      this.#rules.set(key, rule);
      this.#pending.push({ progress: { place, count: known, seen }, rule });
    }
    return reference(rule);
  }

  #body(progress: Progress): Expression {
    const { place, count, seen } = progress;
    const property = this.ordered[place];
    if (!property) return this.#unordered(progress);
    const { member, isRequired } = property;
    const comma = count > 0 ? this.compiler.json.comma : emptyText;
    const without = { place: place + 1, count, seen };
    if (!isRequired && Math.min(count + 1, this.#cap) === count && this.#max === infinity)
      return sequence(optional(sequence(comma, member)), this.#after(without));
    const withMember = sequence(comma, member, this.#after({ ...without, count: count + 1 }));
    return isRequired ? withMember : choice([withMember, this.#after(without)]);
  }

  /** The free properties that are missing, between others. */
  #unordered({ place, count, seen }: Progress): Expression {
    const all = (1 << this.free.length) - 1;
    if (seen === all) return this.#others(count);
    const comma = count > 0 ? this.compiler.json.comma : emptyText;
    const alternatives = this.free.map(({ member }, i) =>
      (seen >> i) & 1
        ? nothing
        : sequence(comma, member, this.#after({ place, count: count + 1, seen: seen | (1 << i) })),
    );
    alternatives.push(sequence(comma, this.other, this.#after({ place, count: count + 1, seen })));
    return choice(alternatives.filter((item) => item !== nothing));
  }

  #others(count: number): Expression {
    const [low, high] = [Math.max(0, this.#min - count), this.#max - count];
    if (high < low) return nothing;
    if (count > 0) return repeat(this.#more, low, high);
    if (high === 0) return emptyText;
    const all = sequence(this.other, repeat(this.#more, Math.max(0, low - 1), high - 1));
    return low === 0 ? optional(all) : all;
  }
}
