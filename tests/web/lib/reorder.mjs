// Puts the keys of an instance into the order that a schema's grammar wants: those of `properties` in their order, as
// $ref, allOf, anyOf and the others list them, then the rest.

import { isDeepStrictEqual } from "node:util";

/** Returns a copy of `value` with ordered keys. */
export function reorder(value, schema, root = schema, depth = 0) {
  if (typeof value !== "object" || value === null || depth > 60) return value;
  const schemas = applying(schema, root);
  const constants = schemas.flatMap((s) => [...(Array.isArray(s.enum) ? s.enum : []), s.const]);
  const equal = constants.find((other) => isDeepStrictEqual(other, value));
  if (equal !== undefined) return equal;
  if (Array.isArray(value)) {
    return value.map((item, i) => reorder(item, { allOf: schemas.flatMap((s) => itemSchema(s, i)) }, root, depth + 1));
  }
  const names = new Set(schemas.flatMap((s) => Object.keys(s.properties ?? {})));
  for (const s of schemas) for (const name of Array.isArray(s.required) ? s.required : []) names.add(name);
  const ordered = [...names].filter((name) => Object.hasOwn(value, name));
  const rest = Object.keys(value).filter((name) => !names.has(name));
  const entries = [...ordered, ...rest].map((name) => {
    const all = schemas.flatMap((s) => propertySchema(s, name));
    return [name, reorder(value[name], { allOf: all }, root, depth + 1)];
  });
  return Object.fromEntries(entries);
}

function itemSchema(schema, i) {
  const prefix = Array.isArray(schema.items) ? schema.items : (schema.prefixItems ?? []);
  const rest = Array.isArray(schema.items) ? schema.additionalItems : schema.items;
  return [prefix[i] ?? rest, schema.contains].filter((x) => x !== undefined);
}

function propertySchema(schema, name) {
  const found = [];
  if (Object.hasOwn(schema.properties ?? {}, name)) found.push(schema.properties[name]);
  for (const [pattern, item] of Object.entries(schema.patternProperties ?? {}))
    if (new RegExp(pattern).test(name)) found.push(item);
  if (found.length === 0 && schema.additionalProperties !== undefined) found.push(schema.additionalProperties);
  return found;
}

/** All schemas that may apply to the same value, in the order in which they are found. */
function applying(schema, root) {
  const found = new Set();
  const visit = (item) => {
    if (typeof item !== "object" || item === null || found.has(item)) return;
    found.add(item);
    if (typeof item.$ref === "string") visit(resolve(item.$ref, root));
    for (const keyword of ["allOf", "anyOf", "oneOf"]) if (Array.isArray(item[keyword])) item[keyword].forEach(visit);
    for (const keyword of ["if", "then", "else"]) visit(item[keyword]);
    for (const keyword of ["dependentSchemas", "dependencies"]) Object.values(item[keyword] ?? {}).forEach(visit);
  };
  visit(schema);
  return [...found];
}

/** A pointer, or the schema with the name or address; what is not found has no order. */
function resolve(target, root) {
  const [address, fragment = ""] = target.split("#");
  if (address === "" && (fragment === "" || fragment.startsWith("/"))) {
    return decodeURIComponent(fragment)
      .split("/")
      .slice(1)
      .reduce((value, key) => value?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], root);
  }
  return findNamed(root, target, fragment);
}

function findNamed(root, target, fragment) {
  const pending = [root];
  for (const value of pending) {
    if (typeof value !== "object" || value === null) continue;
    if (value.$anchor && value.$anchor === fragment) return value;
    const id = value.$id ?? value.id;
    if (typeof id === "string" && (id.endsWith(target) || id.endsWith(`/${target.split("#")[0]}`))) return value;
    pending.push(...Object.values(value));
  }
  return undefined;
}
