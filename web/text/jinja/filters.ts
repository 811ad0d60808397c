// Jinja's filters and tests.
import { binary } from "./arithmetic.js";
import { allocate, countMatches, createText, spend } from "./budget.js";
import { printf, toJson } from "./format.js";
import { argument, capitalized, integerArgument, methodOf } from "./methods.js";
import { roundHalfEven, toFloat, toInteger } from "./numbers.js";
import type { Runtime } from "./runtime.js";
import {
  asMarkup,
  characterAt,
  concat,
  derived,
  empty,
  escapeHtml,
  join,
  mapText,
  Markup,
  markup,
  plain,
  replace,
  slicePoints,
  splitLines,
  Str,
  strip,
  withoutTags,
} from "./strings.js";
import {
  type Arguments,
  Callable,
  compare,
  contains,
  Dict,
  equals,
  fail,
  Float,
  isTrue,
  iterate,
  lengthOf,
  List,
  Namespace,
  numberOf,
  reprOf,
  Tuple,
  typeName,
  Undefined,
  type Value,
  whole,
} from "./values.js";

type Filter = (interpreter: Runtime, input: Value, args: Arguments) => Value;

const noArguments: Arguments = { positional: [], named: new Map() };
const text = (interpreter: Runtime, value: Value | undefined, byDefault = "") =>
  value === undefined ? plain(byDefault) : interpreter.text(value);
const flag = (args: Arguments, index: number, name: string, byDefault: boolean) => {
  const value = argument(args, index, name);
  return value === undefined ? byDefault : isTrue(value);
};
function lowered(value: Value): Value {
  if (!(value instanceof Str)) return value;
  spend(value.size >> 2);
  return plain(value.text.toLowerCase());
}

function partsOf(value: Str, separator: string): string[] {
  spend(value.size);
  allocate(32 * value.size);
  return value.text.split(separator);
}

/** The value at a path such as "a.0.b". */
function attributeAt(interpreter: Runtime, value: Value, path: Value, byDefault?: Value): Value {
  const keys = typeof path === "number" ? [path] : partsOf(interpreter.text(path), ".");
  return keys.reduce<Value>((object, key) => {
    const found = interpreter.item(object, /^\d+$/.test(String(key)) ? Number(key) : plain(String(key)));
    return found instanceof Undefined && byDefault !== undefined ? byDefault : found;
  }, value);
}

/** The key by which min, max and unique compare. */
function keyOf(interpreter: Runtime, args: Arguments, index: number, caseIndex: number): (value: Value) => Value {
  const path = argument(args, index, "attribute");
  const isCaseSensitive = flag(args, caseIndex, "case_sensitive", false);
  return (value) => {
    const key = path === undefined || path === null ? value : attributeAt(interpreter, value, path);
    return isCaseSensitive ? key : lowered(key);
  };
}

function sorted(items: readonly Value[], key: (value: Value) => Value, isReversed: boolean): Value[] {
  spend(items.length * 4);
  allocate(items.length * 64);
  const pairs = items.map((item) => ({ item, key: key(item) }));
  pairs.sort((a, b) => (isReversed ? compare(b.key, a.key) : compare(a.key, b.key)));
  return pairs.map(({ item }) => item);
}

/** select, reject, selectattr, rejectattr */
const selection =
  (wanted: boolean, hasAttribute: boolean): Filter =>
  (interpreter, input, args) => {
    const [path, ...rest] = hasAttribute ? args.positional : [null, ...args.positional];
    if (hasAttribute && path === undefined) fail("Missing parameter for attribute name");
    const [name, ...given] = rest;
    const accepts = (item: Value): boolean => {
      const value = hasAttribute ? attributeAt(interpreter, item, path as Value) : item;
      if (name === undefined) return isTrue(value);
      return callTest(interpreter, interpreter.text(name).text, value, { positional: given, named: args.named });
    };
    const items = isTrue(input) ? iterate(input) : []; // None too, as in Jinja
    return new List(items.filter((item) => accepts(item) === wanted));
  };

const extreme =
  (sign: number): Filter =>
  (interpreter, input, args) => {
    const key = keyOf(interpreter, args, 1, 0);
    const [first, ...others] = iterate(input);
    if (first === undefined) return new Undefined("No aggregated item, sequence was empty.");
    return others.reduce((best, item) => (compare(key(item), key(best)) * sign > 0 ? item : best), first);
  };

const escaped: Filter = (interpreter, input) => asMarkup(input instanceof Str ? input : interpreter.text(input));

const length: Filter = (_, input) => lengthOf(input);
const byDefault: Filter = (_, input, args) => {
  const value = argument(args, 0, "default_value");
  const isMissing = input instanceof Undefined || (flag(args, 1, "boolean", false) && !isTrue(input));
  return isMissing ? (value === undefined ? empty : value) : input;
};
const asText =
  (change: (value: Str) => Value): Filter =>
  (interpreter, input) =>
    change(interpreter.text(input));

/** The first or the last element. */
function edgeOf(value: Value, index: 0 | -1): Value | undefined {
  if (value instanceof List || value instanceof Tuple) return value.items.at(index);
  return value instanceof Str ? characterAt(value, index) : iterate(value).at(index);
}

const filters: Record<string, Filter> = {
  abs: (_, input) => {
    const number = numberOf(input);
    if (number === undefined) return fail(`bad operand type for abs(): '${typeName(input)}'`);
    return input instanceof Float ? new Float(Math.abs(number)) : Math.abs(number);
  },
  attr: (interpreter, input, args) => {
    const name = interpreter.text(argument(args, 0, "name") ?? null).text;
    if (input instanceof Namespace) return interpreter.attribute(input, name);
    const method = methodOf(interpreter, input, name);
    return method === undefined ? new Undefined(`'${typeName(input)} object' has no attribute '${name}'`) : method;
  },
  batch: (_, input, args) => {
    const size = integerArgument(args, 0, "linecount", 1);
    if (size < 1) fail("a batch has at least one item");
    const fill = argument(args, 1, "fill_with");
    const rows: List[] = [];
    const items = iterate(input);
    for (let i = 0; i < items.length; i += size) {
      const row = items.slice(i, i + size);
      spend(2);
      while (fill !== undefined && fill !== null && row.length < size && row.length < 10_000) row.push(fill);
      rows.push(new List(row));
    }
    return new List(rows);
  },
  capitalize: asText((value) => {
    spend(value.size >> 2);
    return derived(capitalized(value.text), value);
  }),
  center: (interpreter, input, args) => {
    const center = interpreter.attribute(interpreter.text(input), "center");
    return interpreter.call(center, { positional: [integerArgument(args, 0, "width", 80)], named: new Map() });
  },
  count: length,
  d: byDefault,
  default: byDefault,
  dictsort: (interpreter, input, args) => {
    if (!(input instanceof Dict)) return fail("dictsort needs a dict");
    const by = text(interpreter, argument(args, 1, "by"), "key").text;
    if (by !== "key" && by !== "value") fail('You can only sort by either "key" or "value"');
    const isCaseSensitive = flag(args, 0, "case_sensitive", false);
    const key = (pair: Value) => {
      const value = (pair as Tuple).items[by === "key" ? 0 : 1] as Value;
      return isCaseSensitive ? value : lowered(value);
    };
    const pairs = input.entries().map(([name, value]) => new Tuple([name, value]));
    return new List(sorted(pairs, key, flag(args, 2, "reverse", false)));
  },
  e: escaped,
  escape: escaped,
  first: (_, input) => {
    const first = edgeOf(input, 0);
    return first === undefined ? new Undefined("No first item, sequence was empty.") : first;
  },
  float: (_, input, args) => {
    if (input instanceof Undefined) fail(input.message);
    return new Float(toFloat(input) ?? numberOf(argument(args, 0, "default") ?? 0) ?? 0);
  },
  forceescape: (interpreter, input) => markup(escapeHtml(interpreter.text(input))),
  format: (interpreter, input, args) => {
    if (args.named.size > 0 && args.positional.length > 0)
      fail("can't handle positional and keyword arguments at the same time");
    const values =
      args.named.size > 0
        ? new Dict([...args.named].map(([key, value]) => [plain(key), value]))
        : new Tuple(args.positional);
    return printf(interpreter, interpreter.text(input), values);
  },
  groupby: (interpreter, input, args) => {
    const path = argument(args, 0, "attribute");
    if (path === undefined) return fail("groupby needs an attribute");
    const missing = argument(args, 1, "default");
    const isCaseSensitive = flag(args, 2, "case_sensitive", false);
    const value = (item: Value) => attributeAt(interpreter, item, path, missing);
    const key = (item: Value) => (isCaseSensitive ? value(item) : lowered(value(item)));
    const groups: { key: Value; items: Value[] }[] = [];
    for (const item of sorted(iterate(input), key, false)) {
      const last = groups.at(-1);
      if (last && equals(last.key, key(item))) last.items.push(item);
      else groups.push({ key: key(item), items: [item] });
    }
    return new List(groups.map(({ items }) => new Tuple([value(items[0] as Value), new List(items)])));
  },
  indent: (_, input, args) => {
    if (!(input instanceof Str)) return fail(`indent needs a text, not ${typeName(input)}`);
    const width = argument(args, 0, "width") ?? 4;
    const indentation =
      width instanceof Str ? width : plain(" ".repeat(Math.min(Math.max(Number(numberOf(width) ?? 0), 0), 10_000)));
    const [first = empty, ...rest] = splitLines(concat([input, plain("\n")]), false);
    const isBlank = flag(args, 2, "blank", false);
    const lines = [first, ...rest.map((line) => (line.text !== "" || isBlank ? concat([indentation, line]) : line))];
    const indented = join(lines, plain("\n"));
    return flag(args, 1, "first", false) ? concat([indentation, indented]) : indented;
  },
  int: (_, input, args) => {
    if (input instanceof Undefined) fail(input.message);
    return toInteger(input, argument(args, 0, "default") ?? 0, integerArgument(args, 1, "base", 10));
  },
  items: (_, input) => {
    if (input instanceof Undefined) return new List([]);
    return input instanceof Dict
      ? new List(input.entries().map(([key, value]) => new Tuple([key, value])))
      : fail("Can only get item pairs from a mapping.");
  },
  join: (interpreter, input, args) => {
    const path = argument(args, 1, "attribute");
    const separator = text(interpreter, argument(args, 0, "d"));
    const items = iterate(input);
    const parts = items.map((item) =>
      interpreter.text(path === undefined || path === null ? item : attributeAt(interpreter, item, path)),
    );
    return join(parts, separator);
  },
  last: (_, input) => {
    const last = edgeOf(input, -1);
    return last === undefined ? new Undefined("No last item, sequence was empty.") : last;
  },
  length,
  list: (_, input) => new List(iterate(input)),
  lower: asText((value) => mapText(value, (part) => part.toLowerCase())),
  map: (interpreter, input, args) => {
    const items = isTrue(input) ? iterate(input) : []; // None too, as in Jinja
    const path = args.named.get("attribute");
    if (path !== undefined && args.positional.length === 0) {
      return new List(items.map((item) => attributeAt(interpreter, item, path, args.named.get("default"))));
    }
    const [name, ...rest] = args.positional;
    if (name === undefined) return fail("map requires a filter argument");
    const given = { positional: rest, named: args.named };
    return new List(items.map((item) => callFilter(interpreter, interpreter.text(name).text, item, given)));
  },
  max: extreme(1),
  min: extreme(-1),
  pprint: (_, input) => reprOf(input),
  random: (_, input) => {
    const items = iterate(input);
    return items[Math.floor(Math.random() * items.length)] ?? new Undefined("No random item, sequence was empty.");
  },
  reject: selection(false, false),
  rejectattr: selection(false, true),
  replace: (interpreter, input, args) => {
    const [old, by] = [argument(args, 0, "old"), argument(args, 1, "new")];
    if (old === undefined || by === undefined) return fail("replace needs the old and the new text");
    const limit = integerArgument(args, 2, "count", -1);
    return replace(interpreter.text(input), interpreter.text(old), interpreter.text(by), limit);
  },
  reverse: (_, input) => {
    const items = [...iterate(input)].reverse();
    return input instanceof Str ? concat(items as Str[]) : new List(items);
  },
  round: (_, input, args) => {
    const number = numberOf(input);
    if (number === undefined) return fail(`type ${typeName(input)} doesn't define __round__ method`);
    const precision = integerArgument(args, 0, "precision", 0);
    const method = argument(args, 1, "method");
    const name = method instanceof Str ? method.text : "common";
    if (name === "common")
      return input instanceof Float
        ? new Float(roundHalfEven(number, precision))
        : whole(roundHalfEven(number, Math.min(precision, 0)));
    const scale = 10 ** precision;
    if (name === "ceil") return new Float(Math.ceil(number * scale) / scale);
    return name === "floor"
      ? new Float(Math.floor(number * scale) / scale)
      : fail("method must be common, ceil or floor");
  },
  safe: (interpreter, input) => markup(interpreter.text(input)),
  select: selection(true, false),
  selectattr: selection(true, true),
  slice: (_, input, args) => {
    const items = iterate(input);
    const count = integerArgument(args, 0, "slices", 1);
    if (count < 1 || count > 10_000) fail("the number of slices is out of range");
    const fill = argument(args, 1, "fill_with");
    const [size, longer] = [Math.floor(items.length / count), items.length % count];
    let at = 0;
    const slices = Array.from({ length: count }, (_each, i) => {
      const row = items.slice(at, at + size + (i < longer ? 1 : 0));
      at += row.length;
      if (fill !== undefined && fill !== null && i >= longer) row.push(fill);
      return new List(row);
    });
    return new List(slices);
  },
  sort: (interpreter, input, args) => {
    const path = argument(args, 2, "attribute");
    const isCaseSensitive = flag(args, 1, "case_sensitive", false);
    const paths = path === undefined || path === null ? [undefined] : partsOf(interpreter.text(path), ",");
    const key = (value: Value) => {
      const keys = paths.map((each) => (each === undefined ? value : attributeAt(interpreter, value, plain(each))));
      return new Tuple(isCaseSensitive ? keys : keys.map(lowered));
    };
    return new List(sorted(iterate(input), key, flag(args, 0, "reverse", false)));
  },
  string: asText((value) => value),
  striptags: asText((value) => {
    spend(value.size >> 1);
    createText(value.size);
    return derived(withoutTags(value.text).trim().replace(/\s+/g, " "), value);
  }),
  sum: (interpreter, input, args) => {
    const path = argument(args, 0, "attribute");
    const start = argument(args, 1, "start") ?? 0;
    return iterate(input).reduce<Value>((sum, item) => {
      const value = path === undefined || path === null ? item : attributeAt(interpreter, item, path);
      return binary(interpreter, "+", sum, value);
    }, start);
  },
  title: asText((value) => {
    countMatches(value.size >> 1);
    return derived(value.text.replace(/[^-\s({[<]+/g, capitalized), value);
  }),
  tojson: (interpreter, input, args) => {
    const indent = argument(args, 1, "indent") ?? null;
    const separators = argument(args, 2, "separators") ?? null;
    const [item, key] = separators === null ? [] : iterate(separators).map((each) => interpreter.text(each).text);
    if (input instanceof Undefined) fail("Object of type Undefined is not JSON serializable");
    return toJson(interpreter, input, {
      indent:
        indent === null
          ? undefined
          : indent instanceof Str
            ? indent.text
            : " ".repeat(Math.min(100, Math.max(0, numberOf(indent) ?? 0))),
      separators: [item ?? (indent === null ? ", " : ","), key ?? ": "],
      sortKeys: flag(args, 3, "sort_keys", false),
      asciiOnly: flag(args, 0, "ensure_ascii", false),
    });
  },
  trim: (interpreter, input, args) => {
    const set = argument(args, 0, "chars");
    return strip(interpreter.text(input), set instanceof Str ? set : undefined, true, true);
  },
  truncate: (interpreter, input, args) => {
    const value = interpreter.text(input);
    const size = integerArgument(args, 0, "length", 255);
    const end = text(interpreter, argument(args, 2, "end"), "...");
    const leeway = integerArgument(args, 3, "leeway", 5);
    if (lengthOf(input) <= size + leeway) return input;
    const cut = slicePoints(value, 0, Math.max(0, size - end.length));
    if (flag(args, 1, "killwords", false)) return concat([cut, end]);
    const at = cut.text.lastIndexOf(" ");
    return concat([at < 0 ? cut : derived(cut.text.slice(0, at), cut), end]);
  },
  unique: (interpreter, input, args) => {
    const key = keyOf(interpreter, args, 1, 0);
    const seen = new Dict();
    return new List(
      iterate(input).filter((item) => {
        const size = seen.size;
        seen.set(key(item), null);
        return seen.size > size;
      }),
    );
  },
  upper: asText((value) => mapText(value, (part) => part.toUpperCase())),
  urlencode: asText((value) => {
    countMatches(value.size);
    createText(4 * value.size);
    const encoded = encodeURIComponent(value.text).replace(
      /[!'()*]/g,
      (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
    );
    return derived(encoded.replaceAll("%2F", "/"), value);
  }),
  wordcount: asText((value) => {
    countMatches(value.size >> 1);
    return (value.text.match(/[\p{L}\p{N}_\p{M}]+/gu) ?? []).length;
  }),
};

export function callFilter(interpreter: Runtime, name: string, input: Value, args: Arguments): Value {
  const filter = Object.hasOwn(filters, name) ? filters[name] : undefined;
  if (!filter) return fail(`No filter named '${name}'.`);
  spend(1);
  return filter(interpreter, input, args);
}

const isInteger = (value: Value) => typeof value === "number";
const ordered = (test: (order: number) => boolean, operator: string) => (_: Runtime, value: Value, args: Arguments) =>
  test(compare(value, args.positional[0] ?? null, operator));
const equalTo: Test = (_, value, args) => equals(value, args.positional[0] ?? null);
const modulo = (value: Value, divisor: number): number => {
  const number = numberOf(value);
  return number === undefined
    ? fail(`unsupported operand type for %: '${typeName(value)}'`)
    : number - divisor * Math.floor(number / divisor);
};

type Test = (interpreter: Runtime, value: Value, args: Arguments) => boolean;
const tests: Record<string, Test> = {
  boolean: (_, value) => typeof value === "boolean",
  callable: (_, value) => value instanceof Callable || value instanceof Undefined,
  defined: (_, value) => !(value instanceof Undefined),
  divisibleby: (_, value, args) => modulo(value, numberOf(args.positional[0] ?? 0) || fail("division by zero")) === 0,
  eq: equalTo,
  equalto: equalTo,
  "==": equalTo,
  escaped: (_, value) => value instanceof Markup,
  even: (_, value) => modulo(value, 2) === 0,
  false: (_, value) => value === false,
  filter: (interpreter, value) => Object.hasOwn(filters, interpreter.text(value).text),
  float: (_, value) => value instanceof Float,
  ge: ordered((order) => order >= 0, ">="),
  ">=": ordered((order) => order >= 0, ">="),
  gt: ordered((order) => order > 0, ">"),
  ">": ordered((order) => order > 0, ">"),
  greaterthan: ordered((order) => order > 0, ">"),
  in: (_, value, args) => contains(args.positional[0] ?? null, value),
  integer: (_, value) => isInteger(value),
  iterable: (_, value) =>
    value instanceof Str ||
    value instanceof List ||
    value instanceof Tuple ||
    value instanceof Dict ||
    value instanceof Undefined,
  le: ordered((order) => order <= 0, "<="),
  "<=": ordered((order) => order <= 0, "<="),
  lower: (interpreter, value) =>
    isTrue(interpreter.call(interpreter.attribute(interpreter.text(value), "islower"), noArguments)),
  lt: ordered((order) => order < 0, "<"),
  "<": ordered((order) => order < 0, "<"),
  lessthan: ordered((order) => order < 0, "<"),
  mapping: (_, value) => value instanceof Dict,
  ne: (_, value, args) => !equals(value, args.positional[0] ?? null),
  "!=": (_, value, args) => !equals(value, args.positional[0] ?? null),
  none: (_, value) => value === null,
  number: (_, value) => numberOf(value) !== undefined,
  odd: (_, value) => modulo(value, 2) === 1,
  sameas: (_, value, args) => value === args.positional[0],
  sequence: (_, value) =>
    value instanceof Str ||
    value instanceof List ||
    value instanceof Tuple ||
    value instanceof Dict ||
    value instanceof Undefined,
  string: (_, value) => value instanceof Str,
  test: (interpreter, value) => Object.hasOwn(tests, interpreter.text(value).text),
  true: (_, value) => value === true,
  undefined: (_, value) => value instanceof Undefined,
  upper: (interpreter, value) =>
    isTrue(interpreter.call(interpreter.attribute(interpreter.text(value), "isupper"), noArguments)),
};

export function callTest(interpreter: Runtime, name: string, value: Value, args: Arguments): boolean {
  const test = Object.hasOwn(tests, name) ? tests[name] : undefined;
  if (!test) return fail(`No test named '${name}'.`);
  spend(1);
  return test(interpreter, value, args);
}
