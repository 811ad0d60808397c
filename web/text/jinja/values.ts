// The values of templates, with Python's types, and what Python does with them.
import { allocate, countMatches, createText, spend } from "./budget.js";
import { indexOf } from "./search.js";
import { characters, concat, derived, empty, join, plain, shared, Str, slicePoints } from "./strings.js";

/** A float; whole numbers are JavaScript numbers. */
export class Float {
  constructor(readonly value: number) {
    allocate(16);
  }
}
export class List {
  constructor(readonly items: readonly Value[]) {
    allocate(80 + 8 * items.length);
  }
}
export class Tuple {
  constructor(readonly items: readonly Value[]) {
    allocate(80 + 8 * items.length);
  }
}
/** A dict in the order of insertion. Keys that are equal in Python (1, 1.0 and True) are one key. */
export class Dict {
  readonly #entries = new Map<string, [key: Value, value: Value]>();
  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    allocate(200);
    for (const [key, value] of entries) this.set(key, value);
  }
  get size(): number {
    return this.#entries.size;
  }
  get(key: Value): Value | undefined {
    return this.#entries.get(hash(key))?.[1];
  }
  /** The value of a text key. */
  named(key: string): Value | undefined {
    return this.#entries.get(textHash(key))?.[1];
  }
  has(key: Value): boolean {
    return this.#entries.has(hash(key));
  }
  set(key: Value, value: Value): void {
    const id = hash(key);
    const entry = this.#entries.get(id);
    if (entry) entry[1] = value;
    else {
      allocate(160 + 2 * id.length);
      this.#entries.set(id, [key, value]);
    }
  }
  entries(): [Value, Value][] {
    spend(1 + this.size);
    allocate(8 * this.size);
    return [...this.#entries.values()];
  }
}
/** `namespace(…)`, whose attributes templates may set; also the variable `loop`. */
export class Namespace {
  readonly #values = new Map<string, Value>();
  constructor() {
    allocate(240);
  }
  get(name: string): Value | undefined {
    return this.#values.get(name);
  }
  set(name: string, value: Value): void {
    if (!this.#values.has(name)) allocate(64);
    this.#values.set(name, value);
  }
}
/** Jinja's default Undefined: prints nothing, is empty and false; every other use is an error. */
export class Undefined {
  constructor(readonly message: string) {
    allocate(64);
  }
}
export interface Arguments {
  positional: Value[];
  named: Map<string, Value>;
}
const noAttributes: ReadonlyMap<string, Value> = new Map();
export class Callable {
  constructor(
    readonly name: string,
    readonly call: (args: Arguments) => Value,
    /** Names of a macro's parameters. */
    readonly attributes: ReadonlyMap<string, Value> = noAttributes,
  ) {
    allocate(128);
  }
}
export type Value = null | boolean | number | Float | Str | List | Tuple | Dict | Namespace | Undefined | Callable;

/** An error that Python would raise. */
export class TemplateError extends Error {}

export function fail(message: string): never {
  throw new TemplateError(message);
}

export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return "int";
  if (value instanceof Float) return "float";
  if (value instanceof Str) return "str";
  if (value instanceof List) return "list";
  if (value instanceof Tuple) return "tuple";
  if (value instanceof Dict) return "dict";
  return value instanceof Undefined ? "Undefined" : value instanceof Callable ? "function" : "Namespace";
}

/** The number of an int, float or bool. */
export function numberOf(value: Value): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  return value instanceof Float ? value.value : undefined;
}

export function whole(value: number): number {
  if (!Number.isSafeInteger(value)) fail("a whole number beyond 2^53");
  return value === 0 ? 0 : value; // no -0
}

/** The identity of a text in a dict: the text itself, since others begin with a null character. */
const textHash = (text: string): string => (text.charCodeAt(0) === 0 ? `\0s${text}` : text);

function hash(key: Value): string {
  spend(2);
  if (key instanceof Str) {
    spend(key.size >> 1); // V8 compares long keys in full
    return textHash(key.text);
  }
  const number = numberOf(key);
  if (number !== undefined) return `\0n${number}`;
  if (key === null) return "\0None";
  if (key instanceof Tuple) {
    let id = "\0t";
    for (const item of key.items) {
      const each = hash(item);
      createText(each.length);
      id += `${each.length}:${each}`;
    }
    return id;
  }
  return fail(`unhashable type: '${typeName(key)}'`);
}

export function isTrue(value: Value): boolean {
  if (value === null || value instanceof Undefined) return false;
  const number = numberOf(value);
  if (number !== undefined) return number !== 0;
  if (value instanceof Str) return value.size > 0;
  if (value instanceof List || value instanceof Tuple) return value.items.length > 0;
  return value instanceof Dict ? value.size > 0 : true;
}

export function equals(a: Value, b: Value): boolean {
  spend(1);
  if (a === b) return true;
  if (a instanceof Str || b instanceof Str) {
    if (!(a instanceof Str && b instanceof Str) || a.size !== b.size) return false;
    spend(a.size >> 5);
    return a.text === b.text;
  }
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== undefined || y !== undefined) return x === y;
  if ((a instanceof List && b instanceof List) || (a instanceof Tuple && b instanceof Tuple)) {
    return a.items.length === b.items.length && a.items.every((item, i) => equals(item, b.items[i] ?? null));
  }
  if (a instanceof Dict && b instanceof Dict) {
    return (
      a.size === b.size &&
      a.entries().every(([key, value]) => {
        const other = b.get(key);
        return other !== undefined && equals(value, other);
      })
    );
  }
  return a instanceof Undefined && b instanceof Undefined;
}

/** Negative, 0 or positive as a is less than, equal to or greater than b. */
export function compare(a: Value, b: Value, operator = "<"): number {
  if (a instanceof Undefined) fail(a.message);
  if (b instanceof Undefined) fail(b.message);
  spend(2);
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== undefined && y !== undefined) return x < y ? -1 : x === y ? 0 : x > y ? 1 : Number.NaN;
  if (a instanceof Str && b instanceof Str) return compareTexts(a.text, b.text);
  if ((a instanceof List && b instanceof List) || (a instanceof Tuple && b instanceof Tuple)) {
    const at = a.items.findIndex((item, i) => i >= b.items.length || !equals(item, b.items[i] ?? null));
    if (at < 0) return a.items.length - b.items.length;
    return at >= b.items.length ? 1 : compare(a.items[at] ?? null, b.items[at] ?? null, operator);
  }
  return fail(`'${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

/** Compares by code points. */
function compareTexts(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  spend(length >> 5);
  let at = 0;
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  spend(at >> 5);
  if (at === length) return a.length - b.length;
  // Surrogates, which form the code points beyond U+FFFF, follow all other units.
  const rank = (unit: number) => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit);
  return rank(a.charCodeAt(at)) - rank(b.charCodeAt(at));
}

/** The elements that a loop over the value visits. */
export function iterate(value: Value): readonly Value[] {
  if (value instanceof List || value instanceof Tuple) {
    spend(value.items.length);
    return value.items;
  }
  if (value instanceof Str) return characters(value);
  if (value instanceof Dict) return value.entries().map(([key]) => key);
  if (value instanceof Undefined) return [];
  return fail(`'${typeName(value)}' object is not iterable`);
}

export function lengthOf(value: Value): number {
  if (value instanceof Str) return value.length;
  if (value instanceof Dict) return value.size;
  if (value instanceof List || value instanceof Tuple) return value.items.length;
  if (value instanceof Undefined) return 0;
  return fail(`object of type '${typeName(value)}' has no len()`);
}

export function contains(container: Value, item: Value): boolean {
  if (container instanceof Str) {
    if (!(item instanceof Str)) fail(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    return indexOf(container.text, item.text) >= 0;
  }
  if (container instanceof Dict) return container.has(item);
  return iterate(container).some((each) => equals(each, item));
}

/** Python's x[start:stop:step]. */
export function sliceOf(value: Value, start: Value, stop: Value, step: Value): Value {
  const bound = (given: Value): number | undefined => {
    if (given === null) return undefined;
    if (typeof given === "number" || typeof given === "boolean") return Number(given);
    return fail("slice indices must be integers or None or have an __index__ method");
  };
  if (!(value instanceof Str || value instanceof List || value instanceof Tuple)) return fail("cannot be sliced");
  const length = lengthOf(value);
  const by = bound(step) ?? 1;
  if (by === 0) fail("slice step cannot be zero");
  const clamp = (given: number | undefined, byDefault: number): number => {
    if (given === undefined) return byDefault;
    const at = given < 0 ? given + length : given;
    return by > 0 ? Math.min(Math.max(at, 0), length) : Math.min(Math.max(at, -1), length - 1);
  };
  const first = clamp(bound(start), by > 0 ? 0 : length - 1);
  const last = clamp(bound(stop), by > 0 ? length : -1);
  if (by === 1 && value instanceof Str) return slicePoints(value, first, Math.max(first, last));
  if (by === 1 && !(value instanceof Str)) {
    const part = value.items.slice(first, Math.max(first, last));
    spend(1 + (part.length >> 3));
    return value instanceof List ? new List(part) : new Tuple(part);
  }
  const items = iterate(value);
  const picked: Value[] = [];
  for (let i = first; by > 0 ? i < last : i > last; i += by) picked.push(items[i] ?? null);
  if (value instanceof Str) return concat(picked as Str[]);
  return value instanceof List ? new List(picked) : new Tuple(picked);
}

/** repr() of a float. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) {
    const [digits = "", exponent = ""] = value.toExponential().split("e");
    const number = Number(exponent);
    return `${digits}e${number < 0 ? "-" : "+"}${String(Math.abs(number)).padStart(2, "0")}`;
  }
  const text = String(value);
  return Object.is(value, -0) ? "-0.0" : /[.e]/.test(text) ? text : `${text}.0`;
}

/** str(value) */
export function textOf(value: Value): Str {
  if (value instanceof Str) return value;
  if (value instanceof Undefined) return empty;
  return reprOf(value);
}

const [none, yes, no, comma, colon] = [plain("None"), plain("True"), plain("False"), plain(", "), plain(": ")];

/** repr(value) */
export function reprOf(value: Value, depth = 0): Str {
  if (depth > 200) fail("maximum recursion depth exceeded");
  spend(8);
  const inner = (each: Value) => reprOf(each, depth + 1);
  const list = (items: readonly Str[], open: string, close: string) =>
    concat([shared(open), join(items, comma), shared(close)]);
  if (value === null) return none;
  if (typeof value === "boolean") return value ? yes : no;
  if (typeof value === "number") return plain(String(value));
  if (value instanceof Float) return plain(floatText(value.value));
  if (value instanceof Str) return quoted(value);
  if (value instanceof List) return list(value.items.map(inner), "[", "]");
  if (value instanceof Tuple) return list(value.items.map(inner), "(", value.items.length === 1 ? ",)" : ")");
  if (value instanceof Dict) {
    const entries = value.entries().map(([key, each]) => concat([inner(key), colon, inner(each)]));
    return list(entries, "{", "}");
  }
  if (value instanceof Undefined) return plain("Undefined");
  return plain(`<${typeName(value)}>`);
}

function quoted(value: Str): Str {
  countMatches(value.size >> 1);
  const quote = value.text.includes("'") && !value.text.includes('"') ? '"' : "'";
  const names: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", [quote]: `\\${quote}` };
  const text = value.text.replace(/[\\'"]|\p{C}|\p{Z}/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (character === " " || ((character === "'" || character === '"') && character !== quote)) return character;
    const name = names[character];
    if (name !== undefined) return name;
    const hex = code.toString(16);
    return code < 256
      ? `\\x${hex.padStart(2, "0")}`
      : code < 65536
        ? `\\u${hex.padStart(4, "0")}`
        : `\\U${hex.padStart(8, "0")}`;
  });
  return concat([shared(quote), derived(text, value), shared(quote)]);
}
