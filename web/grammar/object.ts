// Objects: the declared properties in the order of the schema, then others. The size is linear in their number.
import { type CodePoints, difference, everyCodePoint, toCodePoints } from "./code-points.js";
import { type Facts, isFreeObject } from "./facts.js";
import { type Expression, type Rule, choice, newRule, nothing, reference, sequence, text } from "./gbnf.js";
import { charText } from "./json-text.js";
import { type Property, membersExpression } from "./members.js";
import type { Regular } from "./regular.js";
import { regularExpression } from "./regular-grammar.js";
import type { Compilation } from "./compilation.js";
import { type SchemaNode, schemaError } from "./schema-document.js";
import { namesLanguage } from "./string-language.js";
import { isValidNode } from "./validate.js";

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
  return json.braces(membersExpression(properties, others, facts, compiler));
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
    const isDeclared = (name: string) => facts.objects.some(({ properties }) => properties.has(name));
    return [...this.#names].map((name) => ({
      member: this.#isAllowed(name) ? this.#member(name) : nothing,
      isRequired: facts.required.has(name),
      isDeclared: isDeclared(name),
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

// --------------------------------------------------------------------------------------------------------------- names

/** A quoted name that is none of `names`. */
function nameOutside(names: readonly string[], compiler: Compilation): Expression {
  const { json } = compiler;
  if (names.length === 0) return json.string;
  return compiler.once(`name ${JSON.stringify([...names].sort())}`, "name", () => {
    const lists = names.map((name) => [...name]);
    return sequence(text('"'), new NamesOutside(compiler).build(lists));
  });
}

/** Characters of a name in one rule. */
const maxInlined = 30;

class NamesOutside {
  readonly #pending: { rule: Rule; names: readonly (readonly string[])[]; at: number }[] = [];

  constructor(private readonly compiler: Compilation) {}

  build(names: readonly (readonly string[])[]): Expression {
    const start = this.#rest(names, 0, 0);
    for (let next = this.#pending.pop(); next; next = this.#pending.pop())
      next.rule.body = this.#rest(next.names, next.at, 0);
    return start;
  }

  /** The rest of a quoted name after the `at` characters that `names` share. */
  #rest(names: readonly (readonly string[])[], at: number, depth: number): Expression {
    const { json, meter } = this.compiler;
    meter(names.length);
    if (depth === maxInlined) {
      const rule = newRule("name");
      this.#pending.push({ rule, names, at });
      return reference(rule);
    }
    const following = new Map<string, (readonly string[])[]>();
    for (const chars of names) {
      const char = chars[at];
      if (char === undefined) continue;
      const group = following.get(char);
      if (group) group.push(chars);
      else following.set(char, [chars]);
    }
    const isName = names.some(({ length }) => length === at);
    const points = [...following.keys()].map((char) => char.codePointAt(0) as number);
    const taken: CodePoints = toCodePoints(points.flatMap((point) => [point, point]));
    const others = sequence(json.set(difference(everyCodePoint, taken)), json.tail);
    const alternatives = [others, ...(isName ? [] : [text('"')])];
    for (const [char, group] of following) {
      const rest = this.#rest(group, at + 1, depth + 1);
      alternatives.push(sequence(charText(char.codePointAt(0) as number), rest));
    }
    return choice(alternatives);
  }
}
