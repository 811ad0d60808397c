// The values of templates, with Python's types, and what Python does with them.
import { characters, concat, derived, join, plain, Str, slicePoints } from "./strings.js";

/** A float; whole numbers are JavaScript numbers. */
export class Float {
  constructor(readonly value: number) {}
}
export class List {
  constructor(readonly items: readonly Value[]) {}
}
export class Tuple {
  constructor(readonly items: readonly Value[]) {}
}
/** A dict in the order of insertion. Keys that are equal in Python (1, 1.0 and True) are one key. */
export class Dict {
  readonly #entries = new Map<string, [key: Value, value: Value]>();
  constructor(entries: Iterable<readonly [Value, Value]> = []) {
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
    return this.#entries.get(`s${key}`)?.[1];
  }
  has(key: Value): boolean {
    return this.#entries.has(hash(key));
  }
  set(key: Value, value: Value): void {
    const id = hash(key);
    this.#entries.set(id, [this.#entries.get(id)?.[0] ?? key, value]);
  }
  entries(): [Value, Value][] {
    return [...this.#entries.values()];
  }
}
/** `namespace(…)`, whose attributes templates may set; also the variable `loop`. */
export class Namespace {
  readonly values = new Map<string, Value>();
  get(name: string): Value | undefined {
    return this.values.get(name);
  }
}
/** Jinja's default Undefined: prints nothing, is empty and false; every other use is an error. */
export class Undefined {
  constructor(readonly message: string) {}
}
export interface Arguments {
  positional: Value[];
  named: Map<string, Value>;
}
export class Callable {
  constructor(
    readonly name: string,
    readonly call: (args: Arguments) => Value,
    /** Names of a macro's parameters. */
    readonly attributes: ReadonlyMap<string, Value> = new Map(),
  ) {}
}
export type Value = null | boolean | number | Float | Str | List | Tuple | Dict | Namespace | Undefined | Callable;

let spend: (steps: number) => void = () => {};

/** Tells the functions below where to count their work. Rendering is synchronous, so one place serves all. */
export function countWork(by: (steps: number) => void): void {
  spend = by;
}

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

function hash(key: Value): string {
  spend(2);
  if (key instanceof Str) return `s${key.text}`;
  const number = numberOf(key);
  if (number !== undefined) return `n${number}`;
  if (key === null) return "None";
  if (key instanceof Tuple) return `t(${key.items.map((item) => JSON.stringify(hash(item))).join()})`;
  return fail(`unhashable type: '${typeName(key)}'`);
}

export function isTrue(value: Value): boolean {
  if (value === null || value instanceof Undefined) return false;
  const number = numberOf(value);
  if (number !== undefined) return number !== 0;
  if (value instanceof Str) return value.text !== "";
  if (value instanceof List || value instanceof Tuple) return value.items.length > 0;
  return value instanceof Dict ? value.size > 0 : true;
}

export function equals(a: Value, b: Value): boolean {
  spend(1);
  if (a === b) return true;
  if (a instanceof Str || b instanceof Str) {
    if (!(a instanceof Str && b instanceof Str) || a.text.length !== b.text.length) return false;
    spend(a.text.length >> 3);
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
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== undefined && y !== undefined) return x < y ? -1 : x === y ? 0 : x > y ? 1 : Number.NaN;
  spend(1);
  if (a instanceof Str && b instanceof Str) {
    spend(a.text.length + b.text.length);
    const [left, right] = [[...a.text], [...b.text]];
    const at = left.findIndex((point, i) => point !== right[i]);
    if (at < 0) return left.length - right.length;
    return at >= right.length ? 1 : (left[at]?.codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? 0);
  }
  if ((a instanceof List && b instanceof List) || (a instanceof Tuple && b instanceof Tuple)) {
    const at = a.items.findIndex((item, i) => i >= b.items.length || !equals(item, b.items[i] ?? null));
    if (at < 0) return a.items.length - b.items.length;
    return at >= b.items.length ? 1 : compare(a.items[at] ?? null, b.items[at] ?? null, operator);
  }
  return fail(`'${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

/** The elements that a loop over the value visits. */
export function iterate(value: Value): readonly Value[] {
  if (value instanceof List || value instanceof Tuple) {
    spend(value.items.length);
    return value.items;
  }
  if (value instanceof Str) {
    spend(value.text.length);
    return characters(value);
  }
  if (value instanceof Dict) {
    spend(value.size);
    return value.entries().map(([key]) => key);
  }
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
    spend(container.text.length >> 3);
    return container.text.includes(item.text);
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
  if (by === 1 && value instanceof Str) {
    spend(value.text.length >> 3);
    return slicePoints(value, first, Math.max(first, last));
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
  if (value instanceof Undefined) return plain("");
  return reprOf(value);
}

/** repr(value) */
export function reprOf(value: Value, depth = 0): Str {
  if (depth > 200) fail("maximum recursion depth exceeded");
  spend(8);
  const inner = (each: Value) => reprOf(each, depth + 1);
  const list = (items: readonly Str[], open: string, close: string) =>
    concat([plain(open), join(items, plain(", ")), plain(close)]);
  if (value === null) return plain("None");
  if (typeof value === "boolean") return plain(value ? "True" : "False");
  if (typeof value === "number") return plain(String(value));
  if (value instanceof Float) return plain(floatText(value.value));
  if (value instanceof Str) return quoted(value);
  if (value instanceof List) return list(value.items.map(inner), "[", "]");
  if (value instanceof Tuple) return list(value.items.map(inner), "(", value.items.length === 1 ? ",)" : ")");
  if (value instanceof Dict) {
    const entries = value.entries().map(([key, each]) => concat([inner(key), plain(": "), inner(each)]));
    return list(entries, "{", "}");
  }
  if (value instanceof Undefined) return plain("Undefined");
  return plain(`<${typeName(value)}>`);
}

function quoted(value: Str): Str {
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
  return concat([plain(quote), derived(text, value), plain(quote)]);
}
