// Merges all schemas that apply to one value: $ref, allOf, chosen alternatives. Alternatives that remain (anyOf,
// oneOf, if, dependencies, not) become disjunctions.
import { type Disjunction, type Facts, noFacts, typeBits } from "./facts.js";
import { addKeywords, checkDepth, schemaOf, valueKey } from "./keywords.js";
import { negationOf, negationSize } from "./negation.js";
import {
  type SchemaDocument,
  type SchemaNode,
  type SchemaObject,
  isObject,
  schemaError,
  typeOf,
} from "./schema-document.js";
import { type Mark, addUnevaluated, markOf } from "./unevaluated.js";

/** Schemas that apply together. */
export interface Goal {
  readonly nodes: readonly SchemaNode[];
  /** The alternatives chosen so far, by the key of their disjunction. */
  readonly chosen: ReadonlyMap<string, SchemaNode>;
}

/** Called where work is done; throws if it becomes too much. */
export type Meter = (units: number) => void;

/** Merges the schemas that apply to a value with a node, without its alternatives. */
export const mergeWithoutAlternatives = (node: SchemaNode, document: SchemaDocument, meter: Meter): Facts | undefined =>
  mergeGoal({ nodes: [node], chosen: new Map() }, document, meter, false);

/** Merges a goal. Undefined: nothing is allowed. */
export function mergeGoal(
  goal: Goal,
  document: SchemaDocument,
  meter: Meter,
  hasAlternatives = true,
): Facts | undefined {
  const facts = noFacts();
  const active = new Set<SchemaNode>();
  const done = new Set<SchemaNode>();
  // A node stays active until all schemas that apply with it are done; meeting it again before that is a cycle.
  const stack: { node: SchemaNode; mark?: Mark }[] = [];
  for (const node of [...goal.nodes].reverse()) stack.push({ node });
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { node, mark } = top;
    if (mark) {
      addUnevaluated(facts, node, mark, document);
      active.delete(node);
      done.add(node);
      continue;
    }
    if (active.has(node)) throw schemaError("The schema refers to itself without an end", node.path);
    if (done.has(node) || node.schema === true) continue;
    if (node.schema === false) return undefined;
    meter(1 + Object.keys(node.schema).length);
    active.add(node);
    stack.push({ node, mark: markOf(facts) });
    addKeywords(facts, node, document);
    const applied = appliedSchemas(node, document);
    for (const disjunction of hasAlternatives ? disjunctionsOf(node, document, meter) : []) {
      const choice = goal.chosen.get(disjunction.key);
      if (disjunction.alternatives.length === 0) return undefined;
      if (disjunction.alternatives.length === 1) applied.push(disjunction.alternatives[0] as SchemaNode);
      else if (choice) applied.push(choice);
      else facts.disjunctions.push(disjunction);
    }
    for (const other of applied.reverse()) stack.push({ node: other });
  }
  return facts;
}

function appliedSchemas(node: SchemaNode, document: SchemaDocument): SchemaNode[] {
  const schema = schemaOf(node);
  const applied: SchemaNode[] = [];
  for (const keyword of ["$ref", "$dynamicRef", "$recursiveRef"])
    if (schema[keyword] !== undefined) applied.push(document.resolve(node, keyword, schema[keyword]));
  if (schema["allOf"] !== undefined) for (const other of listOf(node, "allOf", document)) applied.push(other);
  return applied;
}

export function listOf(node: SchemaNode, keyword: string, document: SchemaDocument): SchemaNode[] {
  const value = schemaOf(node)[keyword];
  if (!Array.isArray(value))
    throw schemaError(`${keyword} has to be a list, not ${typeOf(value)}`, { parent: node.path, key: keyword });
  return value.map((item, i) => document.child(node, item, keyword, String(i)));
}

const knownDisjunctions = new WeakMap<SchemaNode, readonly Disjunction[]>();

function disjunctionsOf(node: SchemaNode, document: SchemaDocument, meter: Meter): readonly Disjunction[] {
  const known = knownDisjunctions.get(node);
  if (known) return known;
  const made = makeDisjunctions(node, document, meter);
  knownDisjunctions.set(node, made);
  return made;
}

function makeDisjunctions(node: SchemaNode, document: SchemaDocument, meter: Meter): Disjunction[] {
  const schema = schemaOf(node);
  const found: Disjunction[] = [];
  const add = (name: string, alternatives: readonly SchemaNode[]) =>
    found.push({ key: `${node.id} ${name}`, owner: node, alternatives });
  if (schema["anyOf"] !== undefined) add("anyOf", listOf(node, "anyOf", document));
  if (schema["oneOf"] !== undefined) add("oneOf", exclusive(listOf(node, "oneOf", document), node, document, meter));
  if (schema["not"] !== undefined)
    add("not", negationOf(document.child(node, schema["not"], "not"), node, "not", document));
  addConditional(node, schema, document, add);
  addDependencies(node, schema, document, add);
  return found;
}

/** Combinations that the exclusions of one alternative may cause, and schemas that are excluded. */
const maxCombinations = 40;
const maxExclusive = 20;

/** The alternatives of `oneOf`, each without the others, as far as these overlap and are easy to negate. */
function exclusive(
  alternatives: readonly SchemaNode[],
  owner: SchemaNode,
  document: SchemaDocument,
  meter: Meter,
): readonly SchemaNode[] {
  if (alternatives.length > maxExclusive) return alternatives;
  const sizes = alternatives.map((node) => negationSize(node, document));
  if (!sizes.some(Number.isFinite)) return alternatives;
  const facts = alternatives.map((node) => mergeWithoutAlternatives(node, document, meter));
  return alternatives.map((node, i) => {
    const exclusions: SchemaObject[] = [];
    let combinations = 1;
    alternatives.forEach(({ schema }, j) => {
      const size = sizes[j] as number;
      if (j === i || combinations * size > maxCombinations || areDisjoint(facts[i], facts[j])) return;
      combinations *= Math.max(1, size);
      exclusions.push({ not: schema });
    });
    return exclusions.length === 0 ? node : document.derived(owner, { allOf: [node.schema, ...exclusions] });
  });
}

/** Whether the types, or the constants of a property that both require, tell that no value satisfies both. */
function areDisjoint(a: Facts | undefined, b: Facts | undefined): boolean {
  if (!a || !b || (a.types & b.types) === 0) return true;
  if ((a.types & b.types) !== typeBits.object) return false;
  for (const name of a.required.keys()) {
    const [first, second] = b.required.has(name) ? [constantsOf(a, name), constantsOf(b, name)] : [];
    if (first && second && ![...first].some((key) => second.has(key))) return true;
  }
  return false;
}

function constantsOf(facts: Facts, name: string): ReadonlySet<string> | undefined {
  for (const { properties } of facts.objects) {
    const schema = properties.get(name)?.schema;
    if (!isObject(schema)) continue;
    const keyword = "const" in schema ? "const" : "enum";
    const values = keyword === "const" ? [schema[keyword]] : schema[keyword];
    checkDepth(values, keyword, properties.get(name) as SchemaNode);
    if (Array.isArray(values) && values.length < 100) return new Set(values.map(valueKey));
  }
  return undefined;
}

type Add = (name: string, alternatives: readonly SchemaNode[]) => void;

/** `if` and `then`, or not `if` and `else`. */
function addConditional(node: SchemaNode, schema: SchemaObject, document: SchemaDocument, add: Add): void {
  const { if: condition, then: consequence, else: otherwise } = schema;
  if (condition === undefined || (consequence === undefined && otherwise === undefined)) return;
  const child = document.child(node, condition, "if");
  const yes = consequence === undefined ? [condition] : [condition, consequence];
  if (consequence !== undefined) document.child(node, consequence, "then");
  if (otherwise !== undefined) document.child(node, otherwise, "else");
  const no = negationOf(child, node, "if", document).map((alternative) =>
    document.derived(node, { allOf: otherwise === undefined ? [alternative.schema] : [alternative.schema, otherwise] }),
  );
  add("if", [document.derived(node, { allOf: yes }), ...no]);
}

/** Without the property, or with what it asks for. */
function addDependencies(node: SchemaNode, schema: SchemaObject, document: SchemaDocument, add: Add): void {
  for (const keyword of ["dependentRequired", "dependentSchemas", "dependencies"]) {
    const value = schema[keyword];
    if (value === undefined) continue;
    const path = { parent: node.path, key: keyword };
    if (!isObject(value)) throw schemaError(`${keyword} has to be an object, not ${typeOf(value)}`, path);
    for (const [name, wanted] of Object.entries(value)) {
      if (!Array.isArray(wanted)) document.child(node, wanted, keyword, name);
      const more = Array.isArray(wanted) ? { required: wanted } : wanted;
      const without = document.derived(node, { properties: { [name]: false } });
      add(`${keyword} ${name}`, [without, document.derived(node, { required: [name], allOf: [more] })]);
    }
  }
}
