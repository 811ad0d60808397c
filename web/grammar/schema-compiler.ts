// Compiles a JSON schema to rules. Each set of schemas that apply to one value becomes a rule; a list of rules to make
// replaces recursion.
import { CamelGPTError, excerpt } from "../errors.js";
import { arrayExpression } from "./array.js";
import { automatonExpression, automatonOf } from "./automaton.js";
import type { Compilation, GrammarNote } from "./compilation.js";
import { type Facts, anyType, isFreeArray, isFreeObject, numberBits, typeBits } from "./facts.js";
import { type Expression, type Rule, choice, manyOf, newRule, nothing, oneOf, reference, text } from "./gbnf.js";
import { JsonRules, type Whitespace, textChoice } from "./json-text.js";
import { isOnlyReference, schemaOf, valueKey } from "./keywords.js";
import { type Goal, type Meter, mergeGoal, mergeWithoutAlternatives } from "./merge.js";
import { NumberLanguages } from "./number-range.js";
import { objectExpression } from "./object.js";
import { searchLanguage } from "./regex-language.js";
import { type Regular, Regulars, TooComplex } from "./regular.js";
import { regularExpression } from "./regular-grammar.js";
import {
  type JsonSchema,
  type Path,
  SchemaDocument,
  type SchemaNode,
  pathText,
  schemaError,
} from "./schema-document.js";
import { isConstrainedString, stringLanguage } from "./string-language.js";
import { isValid } from "./validate.js";

/** Limits of one schema, which keep the work below a second. */
const maxRules = 20_000;
const maxWork = 600_000;
const maxSplits = 5000;

export class SchemaCompiler implements Compilation {
  readonly document: SchemaDocument;
  readonly json: JsonRules;
  readonly regulars = new Regulars();
  readonly notes: GrammarNote[] = [];
  readonly #numbers = new NumberLanguages(this.regulars);
  readonly #rules = new Map<string, Rule>();
  readonly #pending: { rule: Rule; goal: Goal }[] = [];
  readonly #expressions = new Map<string, Expression>();
  readonly #languages = new Map<string, Regular>();
  readonly #isStrict: boolean;
  #work = 0;
  #splits = 0;

  constructor(schema: JsonSchema, whitespace: Whitespace, isStrict: boolean) {
    this.document = new SchemaDocument(schema);
    this.json = new JsonRules(whitespace);
    this.#isStrict = isStrict;
  }

  compile(): Rule {
    const root = this.valueOf([this.document.root]);
    for (let next = this.#pending.pop(); next; next = this.#pending.pop()) next.rule.body = this.#expand(next.goal);
    return newRule("json", root);
  }

  /** Counts work, so that no schema takes long. */
  readonly meter: Meter = (units) => {
    this.#work += units;
    if (this.#work > maxWork)
      throw schemaError("The schema combines too many alternatives, properties or references", undefined);
  };

  /** Leaves a keyword out with a note, or throws if the schema is strict. */
  leaveOut(keyword: string, path: Path | undefined, message: string): void {
    const error = schemaError(message, { parent: path, key: keyword }, "Use strict: false to leave the keyword out.");
    if (this.#isStrict) throw error;
    const place = pathText(path);
    if (!this.notes.some((note) => note.keyword === keyword && note.path === place))
      this.notes.push({ keyword, path: place, message });
  }

  /** A value to which all of the schemas apply. */
  valueOf(nodes: readonly SchemaNode[]): Expression {
    return this.#goalRule({ nodes, chosen: new Map() });
  }

  #goalRule(goal: Goal): Expression {
    const asked = [...new Set(goal.nodes.map((node) => this.#target(node)))].filter(({ schema }) => schema !== true);
    if (asked.some(({ schema }) => schema === false)) return nothing;
    if (asked.length === 0) return this.json.value;
    const chosen = [...goal.chosen].map(([key, node]) => `${key}=${node.id}`).sort();
    const key = `${asked.map(({ id }) => id).sort((a, b) => a - b)} ${chosen}`;
    let rule = this.#rules.get(key);
    if (!rule) {
      if (this.#rules.size >= maxRules) throw schemaError(`The schema needs more than ${maxRules} rules`, undefined);
      rule = newRule("value");
      this.#rules.set(key, rule);
      this.#pending.push({ rule, goal: { ...goal, nodes: asked } });
    }
    return reference(rule);
  }

  /** The target of a schema that is only a reference. */
  #target(node: SchemaNode): SchemaNode {
    let current = node;
    for (let steps = 0; steps < 20 && isOnlyReference(current); steps++)
      current = this.document.resolve(current, "$ref", schemaOf(current)["$ref"]);
    return current;
  }

  #expand(goal: Goal): Expression {
    const facts = mergeGoal(goal, this.document, this.meter);
    if (!facts || facts.types === 0) return nothing;
    if (facts.enumValues) return this.#literals(facts.enumValues, facts);
    const [first] = facts.disjunctions;
    if (!first) return this.#valueOfFacts(facts);
    const alternatives = first.alternatives.filter((node) => node.schema !== false && this.#mayApply(node, facts));
    // Alternatives by themselves are harmless; beside each other they multiply.
    if (facts.disjunctions.length > 1) this.#splits += alternatives.length;
    if (this.#splits > maxSplits)
      throw schemaError(
        "The schema combines too many alternatives",
        first.owner.path,
        "Write fewer anyOf and oneOf beside each other.",
      );
    return choice(
      alternatives.map((node) =>
        this.#goalRule({ nodes: goal.nodes, chosen: new Map([...goal.chosen, [first.key, node]]) }),
      ),
    );
  }

  /** A cheap test that drops alternatives of another type. */
  #mayApply(node: SchemaNode, facts: Facts): boolean {
    const own = mergeWithoutAlternatives(node, this.document, this.meter);
    return own !== undefined && (own.types & facts.types) !== 0;
  }

  #literals(values: readonly unknown[], facts: Facts): Expression {
    const texts: string[] = [];
    const compound: Expression[] = [];
    const others = { ...facts, enumValues: undefined };
    for (const value of values) {
      this.meter(1);
      if (!isValid(value, others, this)) continue;
      if (typeof value === "object" && value !== null) {
        compound.push(this.json.literal(value));
      } else texts.push(JSON.stringify(value));
    }
    return choice([...(texts.length > 0 ? [textChoice(texts)] : []), ...compound]);
  }

  #valueOfFacts(facts: Facts): Expression {
    const { json } = this;
    for (const { keyword, node, types } of facts.unsupported)
      if ((types & facts.types) !== 0) this.leaveOut(keyword, node.path, `${keyword} is not supported`);
    const has = (bits: number) => (facts.types & bits) !== 0;
    const isExcluded = (value: unknown) => facts.excluded.includes(value);
    if (facts.types === anyType && isFree(facts)) return json.value;
    const alternatives: Expression[] = [];
    if (has(typeBits.object)) alternatives.push(objectExpression(facts, this));
    if (has(typeBits.array)) alternatives.push(arrayExpression(facts, this));
    if (has(typeBits.string)) alternatives.push(this.#string(facts));
    if (has(numberBits)) alternatives.push(this.#number(facts));
    if (has(typeBits.boolean))
      alternatives.push(...[true, false].filter((x) => !isExcluded(x)).map((x) => text(String(x))));
    if (has(typeBits.null) && !isExcluded(null)) alternatives.push(text("null"));
    const compound = facts.excluded.find((value) => typeof value === "object" && value !== null);
    if (compound !== undefined && has(typeBits.object | typeBits.array))
      this.leaveOut("not", facts.nodes[0]?.path, "not with an object or array as a value is not supported");
    return choice(alternatives);
  }

  #string(facts: Facts): Expression {
    if (!isConstrainedString(facts)) return this.json.string;
    const { patterns, formats, minLength, maxLength, excluded } = facts;
    const key = `string ${JSON.stringify([
      patterns.map((x) => [x.pattern, x.isExcluded]),
      formats.map((x) => x.format),
      [minLength, maxLength, excluded.filter((x) => typeof x === "string")],
    ])}`;
    return this.once(key, "string", () => this.json.quoted(this.#text(facts)));
  }

  /** Without the length, and then without everything, if that becomes too large and the schema is not strict. */
  #text(facts: Facts): Expression {
    const place = facts.patterns[0] ?? facts.formats[0];
    const length = facts.maxLength !== Number.POSITIVE_INFINITY ? "maxLength" : "minLength";
    const without = { ...facts, minLength: 0, maxLength: Number.POSITIVE_INFINITY };
    const leaveOut = (keyword: string) => {
      const message = `${keyword} becomes too large together with the keywords beside it`;
      this.leaveOut(keyword, (place?.node ?? facts.nodes[0])?.path, message);
    };
    const whole = this.#textOrNothing(facts);
    if (whole) return whole;
    const hasLength = facts.minLength > 0 || facts.maxLength !== Number.POSITIVE_INFINITY;
    if (hasLength) leaveOut(length);
    const unbounded = hasLength ? this.#textOrNothing(without) : undefined;
    if (unbounded) return unbounded;
    leaveOut(place?.keyword ?? "not");
    return manyOf(this.json.char);
  }

  /** Undefined: it becomes too large. */
  #textOrNothing(facts: Facts): Expression | undefined {
    try {
      return regularExpression(this.regulars, stringLanguage(facts, this), (set) => this.json.set(set), "text");
    } catch (error) {
      if (!(error instanceof TooComplex)) throw error;
      this.regulars.refill();
      return undefined;
    }
  }

  /** Names the schema if an automaton becomes too large. */
  guarded<T>(keyword: string, facts: Facts, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof TooComplex)) throw error;
      throw schemaError(`${keyword} becomes too large together with the keywords beside it`, facts.nodes[0]?.path);
    }
  }

  #number(facts: Facts): Expression {
    const { minimum, maximum, multiples, types } = facts;
    const kinds = { integers: (types & typeBits.integer) !== 0, fractions: (types & typeBits.fraction) !== 0 };
    const excluded = facts.excluded.filter((x): x is number => typeof x === "number");
    const isBounded = minimum !== undefined || maximum !== undefined || multiples.length > 0 || excluded.length > 0;
    if (!isBounded && kinds.integers) return kinds.fractions ? this.json.number : this.json.integer;
    if (
      multiples.length === 0 &&
      excluded.length === 0 &&
      kinds.integers &&
      kinds.fractions &&
      !maximum &&
      minimum?.value === 0 &&
      !minimum.isExclusive
    )
      return this.json.unsignedNumber;
    const key = `number ${JSON.stringify([minimum, maximum, multiples, kinds, excluded])}`;
    return this.once(key, "number", () =>
      this.guarded(multiples.length > 0 ? "multipleOf" : excluded.length > 0 ? "not" : "minimum", facts, () => {
        const { regulars } = this;
        const parts = [this.#numbers.within({ minimum, maximum, ...kinds, isUncounted: multiples.length > 0 })];
        this.meter(50 * excluded.length);
        for (const value of excluded) {
          const bound = { value, isExclusive: false };
          const only = this.#numbers.within({ minimum: bound, maximum: bound, integers: true, fractions: true });
          parts.push(regulars.not(only));
        }
        const language = regulars.all(parts);
        if (multiples.length === 0) return regularExpression(regulars, language, oneOf, "number");
        const automaton = this.#numbers.multiples(language, multiples);
        if (automaton) return automatonExpression(automaton, oneOf, "number");
        this.leaveOut(
          "multipleOf",
          facts.nodes[0]?.path,
          `multipleOf ${excerpt(String(multiples))} is not supported: the step has too many digits`,
        );
        return regularExpression(regulars, language, oneOf, "number");
      }),
    );
  }

  once(key: string, hint: string, make: () => Expression): Expression {
    const known = this.#expressions.get(key);
    if (known) return known;
    const result = reference(newRule(hint, make()));
    this.#expressions.set(key, result);
    return result;
  }

  constantsOf(nodes: readonly SchemaNode[]): readonly unknown[] | undefined {
    const facts = mergeGoal({ nodes, chosen: new Map() }, this.document, this.meter);
    if (!facts?.enumValues) return undefined;
    const others = { ...facts, enumValues: undefined };
    const valid = facts.enumValues.filter((value) => isValid(value, others, this));
    return [...new Map(valid.map((value) => [valueKey(value), value])).values()];
  }

  /** The texts in which a pattern of the schema is found. */
  patternLanguage(pattern: string, node: SchemaNode, keyword: string): Regular {
    let language = this.#languages.get(pattern);
    if (language) return language;
    this.meter(pattern.length);
    try {
      language = searchLanguage(this.regulars, pattern);
    } catch (error) {
      const path = { parent: node.path, key: keyword };
      if (error instanceof TooComplex) throw schemaError(`The pattern ${excerpt(pattern)} becomes too large`, path);
      if (!(error instanceof CamelGPTError)) throw error;
      throw schemaError(error.message.replace(/\.$/, ""), path, error.hint);
    }
    this.#languages.set(pattern, language);
    return language;
  }

  /** Whether some text is in all of the languages. */
  isPossible(languages: readonly Regular[]): boolean {
    try {
      return automatonOf(this.regulars, this.regulars.all(languages)).length > 0;
    } catch (error) {
      if (error instanceof TooComplex) return true; // the caller meets it again, and says where
      throw error;
    }
  }
}

/** Whether nothing but the type is known. */
function isFree(facts: Facts): boolean {
  return (
    !isConstrainedString(facts) &&
    !facts.minimum &&
    !facts.maximum &&
    facts.multiples.length === 0 &&
    facts.excluded.length === 0 &&
    isFreeObject(facts) &&
    isFreeArray(facts)
  );
}
