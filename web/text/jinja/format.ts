// Python's two ways to put values into a text: "%s" % value and "{}".format(value); and JSON as Python writes it.
import { allocate, checkLength, countMatches, createText, spend } from "./budget.js";
import { fixed } from "./numbers.js";
import type { Runtime } from "./runtime.js";
import { concat, derived, plain, repeat, shared, slice, slicePoints, Str } from "./strings.js";
import {
  type Arguments,
  compare,
  Dict,
  fail,
  Float,
  floatText,
  iterate,
  List,
  numberOf,
  reprOf,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "./values.js";

const maxWidth = 10_000;
const maxSpecLength = 1000;
const maxNameLength = 200;

/** `format % values` */
export function printf(interpreter: Runtime, format: Str, values: Value): Str {
  const list = values instanceof Tuple ? values.items : [values];
  let next = 0;
  const take = (): Value =>
    next < list.length ? (list[next++] as Value) : fail("not enough arguments for format string");
  const parts: Str[] = [];
  let at = 0;
  spend(format.size >> 2);
  for (const found of format.text.matchAll(/%(?:\(([^)]*)\))?([-+ #0]*)(\*|\d*)(?:\.(\*|\d*))?([a-zA-Z%])?/g)) {
    const [whole, key, flags = "", width = "", precision, type] = found;
    countMatches(1);
    spend(8 + (whole.length >> 2));
    parts.push(plain(format.text.slice(at, found.index)));
    at = found.index + whole.length;
    if (type === "%") {
      parts.push(plain("%"));
      continue;
    }
    if (type === undefined) fail("incomplete format");
    const columns = width === "*" ? (numberOf(take()) ?? 0) : Number(width);
    const digits =
      precision === undefined ? undefined : precision === "*" ? (numberOf(take()) ?? 0) : Number(precision);
    const value = key === undefined ? take() : interpreter.item(values, plain(key));
    const kind = { i: "d", u: "d", a: "r" }[type] ?? type;
    let text: Str;
    if (kind === "s" || kind === "r") {
      text = kind === "s" ? interpreter.text(value) : reprOf(value);
      if (digits !== undefined) text = derivedStart(text, digits);
    } else {
      if (numberOf(value) === undefined) fail(`%${type} format: a real number is required, not ${typeName(value)}`);
      const sign = flags.includes("+") ? "+" : flags.includes(" ") ? " " : "-";
      text = plain(numberText(value, kind === "d" ? "d" : kind, digits, sign, flags.includes("#"), "", true));
    }
    parts.push(
      align(
        text,
        columns,
        flags.includes("-") ? "<" : flags.includes("0") && kind !== "s" ? "=" : ">",
        flags.includes("0") && !flags.includes("-") && kind !== "s" ? "0" : " ",
      ),
    );
  }
  if (next < list.length && values instanceof Tuple) fail("not all arguments converted during string formatting");
  if (
    next === 0 &&
    !(values instanceof Tuple) &&
    !(values instanceof Dict) &&
    !(values instanceof List) &&
    !format.text.includes("%(")
  ) {
    fail("not all arguments converted during string formatting");
  }
  parts.push(plain(format.text.slice(at)));
  return concat(parts);
}

/** The first code points of a text. */
function derivedStart(text: Str, points: number): Str {
  const start = slicePoints(text, 0, Math.max(0, points));
  return text.marks.length === 0 ? start : derived(start.text, text);
}

/** `format.format(...)` */
export function format(interpreter: Runtime, { text }: Str, args: Arguments): Str {
  spend(text.length >> 1);
  let automatic = 0;
  const field = (name: string): Value => {
    spend(8 + name.length);
    if (name.length > maxNameLength) fail("a field name that is too long");
    const [, first = "", rest = ""] = /^([^.[]*)(.*)$/s.exec(name) ?? [];
    const index = first === "" ? automatic++ : /^\d+$/.test(first) ? Number(first) : undefined;
    let value = index === undefined ? args.named.get(first) : args.positional[index];
    if (value === undefined)
      return fail(index === undefined ? `'${first}'` : "Replacement index out of range for positional args tuple");
    for (const part of rest.matchAll(/\.([^.[]+)|\[([^\]]+)\]/g)) {
      const key = part[2] ?? "";
      value =
        part[1] !== undefined
          ? interpreter.attribute(value, part[1])
          : interpreter.item(value, /^\d+$/.test(key) ? Number(key) : plain(key));
      if (value instanceof Undefined) fail(value.message);
    }
    return value;
  };
  const parts: Str[] = [];
  let at = 0;
  for (const found of text.matchAll(
    /\{\{|\}\}|\{([^{}!:]*)(?:!([rsa]))?(?::((?:[^{}]|\{[^{}]*\}){0,1000}))?\}|[{}]/g,
  )) {
    const [whole, name, conversion, spec] = found;
    countMatches(1);
    spend(8 + whole.length);
    parts.push(plain(text.slice(at, found.index)));
    at = found.index + whole.length;
    if (whole === "{{" || whole === "}}") parts.push(plain(whole[0] as string));
    else if (name === undefined) fail("Single '{' or '}' encountered in format string");
    else {
      const value = field(name);
      let size = 0;
      const inner = (spec ?? "").replace(/\{([^{}]*)\}/g, (_, key: string) => {
        const part = interpreter.text(field(key)).text;
        if ((size += part.length) > maxSpecLength) fail("a format specifier that is too long");
        return part;
      });
      const converted =
        conversion === "r" || conversion === "a" ? reprOf(value) : conversion === "s" ? interpreter.text(value) : value;
      parts.push(formatValue(interpreter, converted, inner));
    }
  }
  parts.push(plain(text.slice(at)));
  return concat(parts);
}

/** format(value, spec) */
function formatValue(interpreter: Runtime, value: Value, spec: string): Str {
  spend(8 + spec.length);
  const found = /^(?:(.)?([<>=^]))?([-+ ]?)(#?)(0?)(\d*)([,_]?)(?:\.(\d+))?([a-zA-Z%]?)$/su.exec(spec);
  if (!found) return fail(`Invalid format specifier '${spec}'`);
  const [, fill, direction, sign = "", alternate, zero, width = "", group = "", precision, type = ""] = found;
  const digits = precision === undefined ? undefined : Number(precision);
  const isNumber =
    (numberOf(value) !== undefined && typeof value !== "boolean") ||
    (typeof value === "boolean" && type !== "" && type !== "s");
  if (!isNumber) {
    if (spec !== "" && !(value instanceof Str) && typeof value !== "boolean")
      fail(`unsupported format string passed to ${typeName(value)}.__format__`);
    if (type !== "" && type !== "s") fail(`Unknown format code '${type}' for object of type '${typeName(value)}'`);
    let text = interpreter.text(value);
    if (digits !== undefined) text = derivedStart(text, digits);
    return align(text, Number(width), direction ?? "<", fill ?? (zero ? "0" : " "));
  }
  const text = numberText(value, type, digits, sign || "-", alternate === "#", group, false);
  return align(plain(text), Number(width), direction ?? (zero ? "=" : ">"), fill ?? (zero ? "0" : " "));
}

/** A number in one of Python's presentation types. */
function numberText(
  value: Value,
  type: string,
  digits: number | undefined,
  sign: string,
  alternate: boolean,
  group: string,
  isPrintf: boolean,
): string {
  spend(30);
  const number = numberOf(value) as number;
  const size = Math.abs(number);
  const prefix = number < 0 || Object.is(number, -0) ? "-" : sign === "-" ? "" : sign;
  const grouped = (text: string) =>
    group ? text.replace(/^\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, group)) : text;
  const exponent = (text: string) => text.replace(/e([+-])(\d)$/, "e$10$2");
  if (digits !== undefined && digits > 100) fail("precision too big");
  const wholeType = type === "" && !(value instanceof Float) ? "d" : type;
  switch (wholeType) {
    case "d":
    case "x":
    case "X":
    case "o":
    case "b": {
      if (value instanceof Float && !isPrintf) fail(`Unknown format code '${type}' for object of type 'float'`);
      const base = { d: 10, x: 16, X: 16, o: 8, b: 2 }[wholeType];
      let text = Math.trunc(size).toString(base);
      if (wholeType === "X") text = text.toUpperCase();
      return prefix + (alternate && wholeType !== "d" ? `0${wholeType}` : "") + grouped(text);
    }
    case "c":
      return String.fromCodePoint(number);
    case "f":
    case "F":
      return prefix + grouped(fixed(size, digits ?? 6));
    case "%":
      return `${prefix + grouped(fixed(size * 100, digits ?? 6))}%`;
    case "e":
    case "E": {
      const text = exponent(size.toExponential(digits ?? 6));
      return prefix + (wholeType === "E" ? text.toUpperCase() : text);
    }
    case "n":
    case "g":
    case "G": {
      const significant = Math.max(1, digits ?? 6);
      const power = size === 0 ? 0 : Number(size.toExponential(significant - 1).split("e")[1]);
      const isFixed = power >= -4 && power < significant;
      const raw = isFixed ? size.toFixed(significant - 1 - power) : size.toExponential(significant - 1);
      const text = exponent(alternate ? raw : raw.replace(/\.?0+(?=e|$)/, (zeros) => (raw.includes(".") ? "" : zeros)));
      return prefix + grouped(wholeType === "G" ? text.toUpperCase() : text);
    }
    case "":
      if (digits === undefined) return prefix + grouped(floatText(size));
      return prefix + grouped(floatText(Number(size.toPrecision(Math.max(1, digits)))));
  }
  return fail(`Unknown format code '${type}' for object of type '${typeName(value)}'`);
}

/** Pads to a width in code points. "=" pads after the sign. */
export function align(text: Str, width: number, direction: string, fill: string): Str {
  if (width > maxWidth) fail(`a width of more than ${maxWidth}`);
  const missing = width - text.length;
  if (missing <= 0) return text;
  const pad = (count: number) => repeat(shared(fill), count);
  if (direction === "=") {
    const width = /^[-+ ]/.test(text.text) ? 1 : 0;
    return concat([slice(text, 0, width), pad(missing), slice(text, width)]);
  }
  const left = direction === "<" ? 0 : direction === ">" ? missing : Math.floor(missing / 2);
  return concat([pad(left), text, pad(missing - left)]);
}

export interface JsonOptions {
  indent: string | undefined;
  separators: [item: string, key: string];
  sortKeys: boolean;
  asciiOnly: boolean;
}

const quotationMark = plain('"');

/** Bytes of a piece of JSON besides its characters: an object, and its place in the list. */
const partBytes = 48;

/** json.dumps */
export function toJson(interpreter: Runtime, value: Value, options: JsonOptions): Str {
  const parts: Str[] = [];
  let size = 0;
  const write = (part: Str) => {
    size += part.size;
    checkLength(size);
    spend(1);
    allocate(partBytes);
    parts.push(part);
  };
  const key = (each: Value): Str => {
    if (each instanceof Str) return each;
    if (each === null) return plain("null");
    if (typeof each === "boolean") return plain(String(each));
    if (numberOf(each) === undefined) return fail(`keys must be str, int, float, bool or None, not ${typeName(each)}`);
    return interpreter.text(each);
  };
  const quote = (each: Str) => {
    spend(each.size >> 2);
    createText(each.size);
    let text = JSON.stringify(each.text).slice(1, -1);
    if (options.asciiOnly) {
      countMatches(each.size);
      text = text.replace(/[\x7f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
    }
    write(quotationMark);
    write(derived(text, each));
    write(quotationMark);
  };
  const visit = (each: Value, depth: number): void => {
    if (depth > 200) fail("maximum recursion depth exceeded");
    spend(1);
    const line = (level: number) => {
      if (options.indent === undefined) return "";
      createText(options.indent.length * level);
      return `\n${options.indent.repeat(level)}`;
    };
    const all = <T>(open: string, close: string, items: readonly T[], writeItem: (item: T) => void) => {
      if (items.length === 0) return write(plain(open + close));
      items.forEach((item, i) => {
        write(plain((i === 0 ? open : options.separators[0]) + line(depth + 1)));
        writeItem(item);
      });
      write(plain(line(depth) + close));
    };
    if (each === null || typeof each === "boolean" || typeof each === "number") write(plain(String(each)));
    else if (each instanceof Float)
      write(
        plain({ nan: "NaN", inf: "Infinity", "-inf": "-Infinity" }[floatText(each.value)] ?? floatText(each.value)),
      );
    else if (each instanceof Str) quote(each);
    else if (each instanceof List || each instanceof Tuple)
      all("[", "]", iterate(each), (item) => visit(item, depth + 1));
    else if (each instanceof Dict) {
      const entries = each.entries().map(([name, item]) => [key(name), item] as const);
      if (options.sortKeys) entries.sort(([a], [b]) => compare(a, b));
      all("{", "}", entries, ([name, item]) => {
        quote(name);
        write(plain(options.separators[1]));
        visit(item, depth + 1);
      });
    } else fail(`Object of type ${typeName(each)} is not JSON serializable`);
  };
  visit(value, 0);
  return concat(parts);
}
