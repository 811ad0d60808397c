// Objects: the declared properties in the order of the schema, then others. The size is linear in their number.
import { type CodePoints, difference, everyCodePoint, toCodePoints } from "./code-points.js";
import { type Facts, isFreeObject } from "./facts.js";
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
  text,
} from "./gbnf.js";
import { charText } from "./json-text.js";
import type { Regular } from "./regular.js";
import { regularExpression } from "./regular-grammar.js";
import type { Compilation } from "./compilation.js";
import { type SchemaNode, schemaError } from "./schema-document.js";
import { namesLanguage } from "./string-language.js";
import { isValidNode } from "./validate.js";

const infinity = Number.POSITIVE_INFINITY;
/** Rules that count properties, of one object. */
const maxCounted = 20_000;

interface Property {
  readonly member: Expression;
  readonly isRequired: boolean;
}

interface Pattern {
  readonly language: Regular;
  readonly source: number;
  readonly node: SchemaNode;
}

export function objectExpression(facts: Facts, compiler: Compilation): Expression {
  const { json } = compiler;
  if (isFreeObject(facts)) return json.object;
  if (facts.minProperties > facts.maxProperties) return nothing;
  const reader = new ObjectReader(facts, compiler);
  const properties = reader.properties();
  const others = reader.otherMembers();
  return json.braces(members(properties, others, facts, compiler));
}

class ObjectReader {
  readonly #patterns: readonly Pattern[];
  /** In the order of the schema; required names without a declaration come last. */
  readonly #names: ReadonlySet<string>;

  constructor(
    private readonly facts: Facts,
    private readonly compiler: Compilation,
  ) {
    const names = new Set<string>();
    for (const { properties } of facts.objects) for (const name of properties.keys()) names.add(name);
    for (const name of facts.required.keys()) names.add(name);
    this.#names = names;
    this.#patterns = facts.objects.flatMap(({ patterns }, source) =>
      patterns.map(({ pattern, node }) => ({
        language: compiler.patternLanguage(pattern, node, "patternProperties"),
        source,
        node,
      })),
    );
    compiler.meter(names.size * (1 + this.#patterns.length + facts.objects.length));
  }

  properties(): Property[] {
    const { facts } = this;
    return [...this.#names].map((name) => ({
      member: this.#isAllowed(name) ? this.#member(name) : nothing,
      isRequired: facts.required.has(name),
    }));
  }

  #member(name: string): Expression {
    const { json } = this.compiler;
    return sequence(text(JSON.stringify(name)), json.colon, this.compiler.valueOf(this.#schemasOf(name)));
  }

  #isAllowed(name: string): boolean {
    return this.facts.propertyNames.every((node) => isValidNode(name, node, this.compiler));
  }

  #schemasOf(name: string): SchemaNode[] {
    const { regulars } = this.compiler;
    const matching = this.#patterns.filter(({ language }) => regulars.matches(language, name));
    return this.facts.objects.flatMap(({ properties, additional }, source) => {
      const declared = properties.get(name);
      const found = matching.filter((pattern) => pattern.source === source).map(({ node }) => node);
      if (declared) found.unshift(declared);
      return found.length === 0 && additional ? [additional] : found;
    });
  }

  /** One member with a name that is not declared. */
  otherMembers(): Expression {
    const { facts, compiler } = this;
    const { json, regulars } = compiler;
    const additional = (sources: ReadonlySet<number>) =>
      facts.objects.flatMap((source, i) => (source.additional && !sources.has(i) ? [source.additional] : []));
    if (this.#patterns.length === 0 && facts.propertyNames.length === 0) {
      const value = compiler.valueOf(additional(new Set()));
      return sequence(nameOutside([...this.#names], compiler), json.colon, value);
    }
    const allowed = facts.propertyNames.map((node) => namesLanguage(node, compiler));
    // Each region has the names that match the same patterns.
    interface Region {
      language: readonly Regular[];
      nodes: readonly SchemaNode[];
      sources: ReadonlySet<number>;
    }
    let regions: Region[] = [{ language: allowed, nodes: [], sources: new Set() }];
    for (const { language, source, node } of this.#patterns) {
      regions = regions.flatMap((region) => [
        {
          language: [...region.language, language],
          nodes: [...region.nodes, node],
          sources: new Set([...region.sources, source]),
        },
        { ...region, language: [...region.language, regulars.not(language)] },
      ]);
      regions = regions.filter((region) => region.language.length < 3 || compiler.isPossible(region.language));
      if (regions.length > 64)
        throw schemaError("patternProperties has too many patterns that overlap", facts.objects[source]?.node.path);
    }
    const names = [...this.#names];
    const alternatives = regions.map(({ language, nodes, sources }) => {
      const schemas = [...nodes, ...additional(sources)];
      if (schemas.some(({ schema }) => schema === false)) return nothing;
      const all = regulars.all(language);
      const declared = names.filter((name) => regulars.matches(all, name)).map((name) => regulars.text(name));
      const free = declared.length === 0 ? all : regulars.all([all, regulars.not(regulars.choice(declared))]);
      const name = compiler.guarded("patternProperties", facts, () =>
        regularExpression(regulars, free, (set) => json.set(set), "name"),
      );
      return sequence(json.quoted(name), json.colon, compiler.valueOf(schemas));
    });
    return choice(alternatives);
  }
}

/** The members with their commas. A rule for each place and each number of members so far that matters. */
function members(properties: readonly Property[], other: Expression, facts: Facts, compiler: Compilation): Expression {
  const { json } = compiler;
  const { minProperties: min, maxProperties: max } = facts;
  // From `cap` members on, their number does not matter.
  const cap = Math.max(1, min, max === infinity ? 0 : max);
  if (cap * (properties.length + 1) > maxCounted && properties.some(({ isRequired }) => !isRequired)) {
    throw schemaError("minProperties or maxProperties is too large beside these properties", facts.nodes[0]?.path);
  }
  const withComma = reference(newRule("more", sequence(json.comma, other)));
  const end = (count: number): Expression => {
    const [low, high] = [Math.max(0, min - count), max - count];
    if (high < low || high < 0) return nothing;
    if (count > 0) return repeat(withComma, low, max === infinity ? infinity : high);
    if (high === 0) return emptyText;
    const all = sequence(other, repeat(withComma, Math.max(0, low - 1), high - 1));
    return low === 0 ? optional(all) : all;
  };
  const rules = new Map<number, Rule>();
  const pending: { place: number; count: number; rule: Rule }[] = [];
  const at = (place: number, count: number): Expression => {
    const known = Math.min(count, cap);
    const isFull = max !== infinity && count > max;
    if (isFull) return nothing;
    const key = place * (cap + 1) + known;
    let rule = rules.get(key);
    if (!rule) {
      rule = newRule("members");
      rules.set(key, rule);
      pending.push({ place, count: known, rule });
    }
    return reference(rule);
  };
  const start = at(0, 0);
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { place, count, rule } = next;
    compiler.meter(1);
    const property = properties[place];
    if (!property) {
      rule.body = end(count);
      continue;
    }
    const { member, isRequired } = property;
    if (!isRequired && Math.min(count + 1, cap) === count) {
      rule.body = sequence(optional(sequence(json.comma, member)), at(place + 1, count));
      continue;
    }
    const withMember = sequence(count > 0 ? json.comma : emptyText, member, at(place + 1, count + 1));
    rule.body = isRequired ? withMember : choice([withMember, at(place + 1, count)]);
  }
  return start;
}

// --------------------------------------------------------------------------------------------------------------- names

/** A quoted name that is none of `names`. */
function nameOutside(names: readonly string[], compiler: Compilation): Expression {
  const { json } = compiler;
  if (names.length === 0) return json.string;
  return sequence(
    text('"'),
    restOutside(
      names.map((name) => [...name]),
      compiler,
      0,
    ),
  );
}

/** What may follow a beginning that `names` share, including the closing quote. */
function restOutside(names: readonly (readonly string[])[], compiler: Compilation, depth: number): Expression {
  const { json } = compiler;
  compiler.meter(1);
  const following = new Map<string, (readonly string[])[]>();
  let isName = false;
  for (const chars of names) {
    const [first, ...rest] = chars;
    if (first === undefined) isName = true;
    else {
      const group = following.get(first);
      if (group) group.push(rest);
      else following.set(first, [rest]);
    }
  }
  const taken: CodePoints = toCodePoints(
    [...following.keys()].flatMap((c) => [c.codePointAt(0) as number, c.codePointAt(0) as number]),
  );
  const others = sequence(json.set(difference(everyCodePoint, taken)), json.tail);
  const alternatives = [others, ...(isName ? [] : [text('"')])];
  for (const [char, group] of following)
    alternatives.push(sequence(charText(char.codePointAt(0) as number), restOutside(group, compiler, depth + 1)));
  const result = choice(alternatives);
  return depth % 30 === 29 ? reference(newRule("name", result)) : result;
}
