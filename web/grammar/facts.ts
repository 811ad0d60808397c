// Facts about one value: all that the schemas that apply to it say together, sorted by the type of the value.
import type { SchemaNode } from "./schema-document.js";

/** Types of values as bits. A number is an integer or a fraction. */
export const typeBits = { null: 1, boolean: 2, integer: 4, fraction: 8, string: 16, array: 32, object: 64 } as const;
export const anyType = 127;
export const numberBits = typeBits.integer | typeBits.fraction;

export interface Bound {
  value: number;
  isExclusive: boolean;
}

/** The keywords of one schema that say which properties an object has; `additionalProperties` depends on the others. */
export interface ObjectSource {
  readonly node: SchemaNode;
  readonly properties: ReadonlyMap<string, SchemaNode>;
  readonly patterns: readonly { readonly pattern: string; readonly node: SchemaNode }[];
  readonly additional: SchemaNode | undefined;
  /** Comes from a negation, which evaluates no property. */
  readonly isNegated?: boolean;
}

export interface ArraySource {
  readonly node: SchemaNode;
  readonly prefix: readonly SchemaNode[];
  readonly items: SchemaNode | undefined;
  /** Comes from a negation, which evaluates no item. */
  readonly isNegated?: boolean;
}

/** A keyword of a node, for messages. */
export interface Place {
  readonly node: SchemaNode;
  readonly keyword: string;
}

/** One of several schemas applies. */
export interface Disjunction {
  readonly key: string;
  readonly owner: SchemaNode;
  readonly alternatives: readonly SchemaNode[];
}

export interface Facts {
  types: number;
  /** All nodes that say something. */
  nodes: SchemaNode[];
  enumValues: readonly unknown[] | undefined;
  excluded: unknown[];
  minimum: Bound | undefined;
  maximum: Bound | undefined;
  multiples: number[];
  minLength: number;
  maxLength: number;
  patterns: (Place & { pattern: string; isExcluded: boolean })[];
  formats: (Place & { format: string })[];
  objects: ObjectSource[];
  required: Map<string, Place>;
  propertyNames: SchemaNode[];
  minProperties: number;
  maxProperties: number;
  arrays: ArraySource[];
  minItems: number;
  maxItems: number;
  contains: SchemaNode[];
  uniqueItems: Place | undefined;
  /** Keywords that no grammar here expresses, with the types that they concern. */
  unsupported: (Place & { types: number })[];
  disjunctions: Disjunction[];
}

export const noFacts = (): Facts => ({
  types: anyType,
  nodes: [],
  enumValues: undefined,
  excluded: [],
  minimum: undefined,
  maximum: undefined,
  multiples: [],
  minLength: 0,
  maxLength: Number.POSITIVE_INFINITY,
  patterns: [],
  formats: [],
  objects: [],
  required: new Map(),
  propertyNames: [],
  minProperties: 0,
  maxProperties: Number.POSITIVE_INFINITY,
  arrays: [],
  minItems: 0,
  maxItems: Number.POSITIVE_INFINITY,
  contains: [],
  uniqueItems: undefined,
  unsupported: [],
  disjunctions: [],
});

/** Whether nothing is known of objects. */
export const isFreeObject = (facts: Facts): boolean =>
  facts.objects.length === 0 &&
  facts.required.size === 0 &&
  facts.propertyNames.length === 0 &&
  facts.minProperties === 0 &&
  facts.maxProperties === Number.POSITIVE_INFINITY;

/** Whether nothing is known of arrays. */
export const isFreeArray = (facts: Facts): boolean =>
  facts.arrays.length === 0 &&
  facts.contains.length === 0 &&
  facts.uniqueItems === undefined &&
  facts.minItems === 0 &&
  facts.maxItems === Number.POSITIVE_INFINITY;

/** The length of the longest prefix. */
export const longestPrefix = (arrays: readonly ArraySource[]): number =>
  arrays.reduce((length, { prefix }) => Math.max(length, prefix.length), 0);
