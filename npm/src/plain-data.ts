// Data of a caller → plain data, which can be posted to a worker.

const maxNesting = 100;

/**
 * Copies objects and arrays, without what is undefined in an object: not every object can be posted. `leaf` copies or
 * refuses the names of fields and all other values; `refuse` makes the error for objects that nest too deep.
 */
export function copyPlain(
  data: unknown,
  leaf: (value: unknown) => unknown,
  refuse: (found: string) => Error,
  depth = 0,
): unknown {
  if (typeof data !== "object" || data === null) return leaf(data);
  if (depth > maxNesting) throw refuse(`more than ${maxNesting} levels of objects`);
  const copy = (value: unknown) => copyPlain(value, leaf, refuse, depth + 1);
  if (Array.isArray(data)) return data.map((item) => copy(item));
  const fields = Object.entries(data).filter(([, value]) => value !== undefined);
  return Object.fromEntries(fields.map(([key, value]) => [leaf(key) as string, copy(value)]));
}

/** The kinds of plain data, in words. */
export const plainData = "objects, arrays, strings, numbers, booleans and null";
