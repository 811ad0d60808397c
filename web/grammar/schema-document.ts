// A JSON schema as a graph of nodes: references, identifiers and places, for schemas that may be hostile.
import type { JsonSchema } from "../types/json-schema.js";
import { CamelGPTError, excerpt } from "../errors.js";

/** A JSON schema: an object of keywords, or true (anything) or false (nothing). */
export type { JsonSchema };
export type SchemaObject = { readonly [keyword: string]: unknown };

/** A place in the schema, from the inside out, so that deep schemas cost nothing. */
export interface Path {
  readonly parent: Path | undefined;
  readonly key: string;
}

export interface SchemaNode {
  readonly id: number;
  readonly schema: JsonSchema;
  readonly path: Path | undefined;
  readonly resource: Resource;
  readonly made: MadeFacts;
}

/** Facts that a schema made from another adds to its keywords. */
export interface MadeFacts {
  /** Bits of the types that are allowed. */
  readonly types?: number;
  /** Values that are not allowed. */
  readonly excluded?: readonly unknown[];
  /** A pattern that the text may not match. */
  readonly excludedPattern?: string;
}

/** The base of relative references. */
interface Resource {
  readonly uri: string;
  readonly root: SchemaObject;
}

/** Limits of one schema. */
const maxDepth = 500;
const maxObjects = 200_000;

const schemaMaps = new Set([
  "properties",
  "patternProperties",
  "$defs",
  "definitions",
  "dependentSchemas",
  "dependencies",
]);
const schemaLists = new Set(["allOf", "anyOf", "oneOf", "prefixItems", "items"]);
const singleSchemas = new Set([
  ...["additionalProperties", "additionalItems", "items", "contains", "not", "if", "then", "else", "propertyNames"],
  ...["unevaluatedProperties", "unevaluatedItems", "contentSchema"],
]);

/** The JSON pointer of a place, as the fragment of a URI. */
export function pathText(path: Path | undefined): string {
  const keys: string[] = [];
  for (let at = path; at; at = at.parent) keys.push(at.key.replaceAll("~", "~0").replaceAll("/", "~1"));
  return ["#", ...keys.reverse()].join("/");
}

export function schemaError(problem: string, path: Path | undefined, hint?: string): CamelGPTError {
  // Without the # of a fragment, in which long names with digits would be taken for secrets.
  const pointer = pathText(path).slice(1);
  const place = pointer.length > 300 ? `${pointer.slice(0, 300)}…` : pointer || "the root of the schema";
  return new CamelGPTError("bad-schema", `${problem}, at ${place}.`, {
    hint,
  });
}

export const isObject = (value: unknown): value is SchemaObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export class SchemaDocument {
  readonly root: SchemaNode;
  readonly #nodes = new Map<object, SchemaNode>();
  readonly #always: SchemaNode;
  readonly #never: SchemaNode;
  /** By absolute URI, with the name of an anchor as its fragment. */
  readonly #named = new Map<string, SchemaNode>();
  /** Schemas for each name of $dynamicAnchor. */
  readonly #dynamicAnchors = new Map<string, number>();
  #count = 0;

  constructor(schema: JsonSchema) {
    if (typeof schema !== "boolean" && !isObject(schema))
      throw new CamelGPTError("bad-schema", "A JSON schema is an object or a boolean.", { found: typeOf(schema) });
    const resource = { uri: "schema:///", root: isObject(schema) ? schema : {} };
    this.#always = this.#newNode(true, undefined, resource);
    this.#never = this.#newNode(false, undefined, resource);
    this.root = isObject(schema) ? this.#register(schema, undefined, resource) : this.#constant(schema);
    this.#walk();
  }

  #newNode(schema: JsonSchema, path: Path | undefined, resource: Resource, made: MadeFacts = {}): SchemaNode {
    return { id: this.#count++, schema, path, resource, made };
  }

  #constant = (value: boolean): SchemaNode => (value ? this.#always : this.#never);

  /** Makes the node of an object, which may start a resource or have names. */
  #register(schema: SchemaObject, path: Path | undefined, outer: Resource): SchemaNode {
    const id = schema["$id"] ?? schema["id"];
    let resource = outer;
    let anchor: string | undefined;
    if (typeof id === "string") {
      if (id.startsWith("#")) anchor = id.slice(1);
      else {
        const uri = absolute(id, outer.uri)?.replace(/#$/, "");
        if (uri !== undefined && !uri.includes("#")) resource = { uri, root: schema };
      }
    }
    const node = this.#newNode(schema, path, resource);
    this.#nodes.set(schema, node);
    if (resource !== outer || path === undefined) this.#name(resource.uri, node);
    for (const name of [anchor, schema["$anchor"], schema["$dynamicAnchor"]])
      if (typeof name === "string") this.#name(`${resource.uri}#${name}`, node);
    const dynamic = schema["$dynamicAnchor"];
    if (typeof dynamic === "string") this.#dynamicAnchors.set(dynamic, (this.#dynamicAnchors.get(dynamic) ?? 0) + 1);
    return node;
  }

  #name(uri: string, node: SchemaNode): void {
    if (!this.#named.has(uri)) this.#named.set(uri, node);
  }

  /** Finds every schema at its place, without recursion. */
  #walk(): void {
    if (!isObject(this.root.schema)) return;
    const pending: { node: SchemaNode; depth: number }[] = [{ node: this.root, depth: 0 }];
    for (let next = pending.pop(); next; next = pending.pop()) {
      const { node, depth } = next;
      const add = (value: unknown, path: Path) => {
        if (!isObject(value) || this.#nodes.has(value)) return;
        if (depth >= maxDepth) throw schemaError(`The schema is nested more than ${maxDepth} levels deep`, undefined);
        if (this.#nodes.size >= maxObjects)
          throw schemaError(`The schema has more than ${maxObjects} objects`, undefined);
        pending.push({ node: this.#register(value, path, node.resource), depth: depth + 1 });
      };
      for (const [keyword, value] of Object.entries(node.schema as SchemaObject)) {
        const path = { parent: node.path, key: keyword };
        if (schemaMaps.has(keyword) && isObject(value))
          for (const [name, item] of Object.entries(value)) add(item, { parent: path, key: name });
        else if (schemaLists.has(keyword) && Array.isArray(value))
          value.forEach((item, i) => add(item, { parent: path, key: String(i) }));
        else if (singleSchemas.has(keyword)) add(value, path);
      }
    }
  }

  /** The node of a schema at a keyword of another; `keys`: the names below the keyword. */
  child(parent: SchemaNode, value: unknown, ...keys: string[]): SchemaNode {
    if (typeof value === "boolean") return this.#constant(value);
    const known = isObject(value) ? this.#nodes.get(value) : undefined;
    if (known) return known;
    const path = keys.reduce<Path | undefined>((at, key) => ({ parent: at, key }), parent.path);
    if (!isObject(value)) throw schemaError(`A schema is an object or a boolean, not ${typeOf(value)}`, path);
    return this.#register(value, path, parent.resource);
  }

  /** A schema that is made from the one of `origin`, for example its negation. */
  derived(origin: SchemaNode, schema: SchemaObject, made?: MadeFacts): SchemaNode {
    const node = this.#newNode(schema, origin.path, origin.resource, made);
    this.#nodes.set(schema, node);
    return node;
  }

  resolve(from: SchemaNode, keyword: string, target: unknown): SchemaNode {
    const path = { parent: from.path, key: keyword };
    if (typeof target !== "string") throw schemaError(`${keyword} is a text, not ${typeOf(target)}`, path);
    const hash = target.indexOf("#");
    const [address, fragment] = hash < 0 ? [target, ""] : [target.slice(0, hash), target.slice(hash + 1)];
    const uri = address === "" ? from.resource.uri : absolute(address, from.resource.uri);
    const resource = uri === undefined ? undefined : this.#named.get(uri);
    const isKnown = resource !== undefined || address === "";
    if (!isKnown)
      throw schemaError(
        `${keyword} ${excerpt(target)} is outside of this schema`,
        path,
        "Copy the schema that it refers to into $defs.",
      );
    if (keyword === "$dynamicRef" && (this.#dynamicAnchors.get(fragment) ?? 0) > 1)
      throw schemaError(`${keyword} to one of several anchors is not supported`, path);
    const named = fragment === "" ? resource : this.#named.get(`${uri}#${fragment}`);
    const found = named ?? this.#atPointer(resource?.resource ?? from.resource, fragment);
    if (!found) throw schemaError(`${keyword} ${excerpt(target)} refers to nothing`, path);
    return found;
  }

  #atPointer(resource: Resource, fragment: string): SchemaNode | undefined {
    let pointer: string;
    try {
      pointer = decodeURIComponent(fragment);
    } catch {
      return undefined;
    }
    if (pointer !== "" && !pointer.startsWith("/")) return undefined;
    let value: unknown = resource.root;
    let nearest = resource;
    let path = this.#nodes.get(resource.root)?.path;
    for (const part of pointer.split("/").slice(1)) {
      const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
      value = (value as Record<string, unknown>)[key];
      path = { parent: path, key };
      if (isObject(value)) nearest = this.#nodes.get(value)?.resource ?? nearest;
    }
    if (typeof value === "boolean") return this.#constant(value);
    if (!isObject(value)) return undefined;
    return this.#nodes.get(value) ?? this.#register(value, path, nearest);
  }
}

function absolute(reference: string, base: string): string | undefined {
  try {
    return new URL(reference, base).href;
  } catch {
    return undefined;
  }
}

export function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}
