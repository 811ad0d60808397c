// The methods of str, list, tuple and dict that a sandbox without changes allows.
import { countMatches, spend } from "./budget.js";
import { align, format } from "./format.js";
import type { Runtime } from "./runtime.js";
import { countOf, indexOf, lastIndexOf } from "./search.js";
import {
  characters,
  concat,
  derived,
  empty,
  join,
  mapText,
  plain,
  pointIndex,
  replace,
  slice,
  slicePoints,
  split,
  splitLines,
  Str,
  strip,
} from "./strings.js";
import { type Arguments, Callable, Dict, equals, fail, iterate, List, Tuple, typeName, type Value } from "./values.js";

type Method<T> = (self: T, args: Arguments, interpreter: Runtime) => Value;

/** The value of a parameter by position or name. */
export function argument(args: Arguments, index: number, name: string): Value | undefined {
  const value = args.positional[index];
  return value === undefined ? args.named.get(name) : value;
}

function textArgument(args: Arguments, index: number, name: string): Str {
  const value = argument(args, index, name);
  return value instanceof Str ? value : fail(`must be str, not ${value === undefined ? "missing" : typeName(value)}`);
}

function optionalText(args: Arguments, index: number, name: string): Str | undefined {
  const value = argument(args, index, name);
  return value === undefined || value === null ? undefined : textArgument(args, index, name);
}

export function integerArgument(args: Arguments, index: number, name: string, byDefault: number): number {
  const value = argument(args, index, name);
  if (value === undefined || value === null) return byDefault;
  if (typeof value === "number" || typeof value === "boolean") return Number(value);
  return fail(`'${typeName(value)}' object cannot be interpreted as an integer`);
}

function all(self: Str, pattern: RegExp): boolean {
  for (const character of self.text) {
    spend(1);
    if (!pattern.test(character)) return false;
  }
  return self.size > 0;
}

function isCased(text: string): boolean {
  spend(text.length);
  return text.toUpperCase() !== text.toLowerCase();
}

/** Whether the text, or the part between the bounds, starts or ends with one of some texts. */
function hasEdge(self: Str, args: Arguments, isEdge: (text: string, edge: string) => boolean): boolean {
  const [wanted] = args.positional;
  const part = bounded(self, args);
  const edges = wanted instanceof Tuple ? wanted.items : [wanted];
  return edges.some((edge) => {
    if (!(edge instanceof Str)) return fail("first arg must be str or a tuple of str");
    spend(1 + (edge.size >> 5));
    return isEdge(part.text, edge.text);
  });
}

/** The part between the code points that the second and third argument name. */
function bounded(self: Str, args: Arguments): Str {
  if (args.positional.length < 2) return self;
  const { length } = self;
  const at = (value: number) => Math.min(Math.max(value < 0 ? value + length : value, 0), length);
  return slicePoints(self, at(integerArgument(args, 1, "start", 0)), at(integerArgument(args, 2, "end", length)));
}

function find(self: Str, args: Arguments, last: boolean): number {
  const part = bounded(self, args);
  const wanted = textArgument(args, 0, "sub").text;
  const unit = last ? lastIndexOf(part.text, wanted) : indexOf(part.text, wanted);
  const start = args.positional.length > 1 ? integerArgument(args, 1, "start", 0) : 0;
  const offset = Math.max(0, start < 0 ? start + self.length : start);
  return unit < 0 ? -1 : offset + pointIndex(part, unit);
}

const titled = (text: string) => text.replace(/\p{L}+/gu, (word) => capitalized(word));
export const capitalized = (text: string): string => {
  const first = String.fromCodePoint(text.codePointAt(0) ?? 0);
  const [capital = "", ...folded] = first.toUpperCase(); // "ß" becomes "Ss"
  return text && capital + (folded.join("") + text.slice(first.length)).toLowerCase();
};

/** Text with a change that looks beyond the borders between the caller's text and the template's. */
function whole(self: Str, change: (text: string) => string): Str {
  countMatches(self.size >> 1);
  return derived(change(self.text), self);
}

const maxIdentifierLength = 10_000;

const strMethods: Record<string, Method<Str>> = {
  upper: (self) => mapText(self, (text) => text.toUpperCase()),
  lower: (self) => mapText(self, (text) => text.toLowerCase()),
  casefold: (self) => mapText(self, (text) => text.toLowerCase().replaceAll("ß", "ss")),
  capitalize: (self) => whole(self, capitalized),
  title: (self) => whole(self, titled),
  swapcase: (self) => {
    countMatches(self.size);
    const swap = (c: string) => (c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase());
    return mapText(self, (text) => text.replace(/[\s\S]/gu, swap));
  },
  strip: (self, args) => strip(self, optionalText(args, 0, "chars"), true, true),
  lstrip: (self, args) => strip(self, optionalText(args, 0, "chars"), true, false),
  rstrip: (self, args) => strip(self, optionalText(args, 0, "chars"), false, true),
  split: (self, args) => new List(split(self, separator(args), integerArgument(args, 1, "maxsplit", -1), false)),
  rsplit: (self, args) => new List(split(self, separator(args), integerArgument(args, 1, "maxsplit", -1), true)),
  splitlines: (self, args) => new List(splitLines(self, argument(args, 0, "keepends") === true)),
  replace: (self, args) =>
    replace(self, textArgument(args, 0, "old"), textArgument(args, 1, "new"), integerArgument(args, 2, "count", -1)),
  startswith: (self, args) => hasEdge(self, args, (text, edge) => text.startsWith(edge)),
  endswith: (self, args) => hasEdge(self, args, (text, edge) => text.endsWith(edge)),
  removeprefix: (self, args) => {
    const prefix = textArgument(args, 0, "prefix").text;
    spend(1 + (prefix.length >> 5));
    return self.text.startsWith(prefix) ? slice(self, prefix.length) : self;
  },
  removesuffix: (self, args) => {
    const suffix = textArgument(args, 0, "suffix").text;
    spend(1 + (suffix.length >> 5));
    return suffix !== "" && self.text.endsWith(suffix) ? slice(self, 0, self.text.length - suffix.length) : self;
  },
  find: (self, args) => find(self, args, false),
  rfind: (self, args) => find(self, args, true),
  index: (self, args) => found(find(self, args, false)),
  rindex: (self, args) => found(find(self, args, true)),
  count: (self, args) => {
    const part = bounded(self, args);
    const wanted = textArgument(args, 0, "sub").text;
    return wanted === "" ? part.length + 1 : countOf(part.text, wanted);
  },
  partition: (self, args) =>
    partition(self, textArgument(args, 0, "sep"), indexOf(self.text, textArgument(args, 0, "sep").text), false),
  rpartition: (self, args) =>
    partition(self, textArgument(args, 0, "sep"), lastIndexOf(self.text, textArgument(args, 0, "sep").text), true),
  join: (self, args) => {
    const parts = iterate(args.positional[0] ?? null).map((item) =>
      item instanceof Str ? item : fail(`sequence item: expected str instance, ${typeName(item)} found`),
    );
    return join(parts, self);
  },
  format: (self, args, interpreter) => format(interpreter, self, args),
  center: (self, args) => {
    const width = integerArgument(args, 0, "width", 0);
    const fill = optionalText(args, 1, "fillchar")?.text ?? " ";
    const missing = Math.max(0, width - self.length);
    const left = Math.floor(missing / 2) + (missing & width & 1);
    return align(align(self, self.length + left, ">", fill), width, "<", fill);
  },
  ljust: (self, args) =>
    align(self, integerArgument(args, 0, "width", 0), "<", optionalText(args, 1, "fillchar")?.text ?? " "),
  rjust: (self, args) =>
    align(self, integerArgument(args, 0, "width", 0), ">", optionalText(args, 1, "fillchar")?.text ?? " "),
  zfill: (self, args) => align(self, integerArgument(args, 0, "width", 0), /^[-+]/.test(self.text) ? "=" : ">", "0"),
  expandtabs: (self, args) => {
    const size = integerArgument(args, 0, "tabsize", 8);
    let column = 0;
    return concat(
      characters(self).map((character) => {
        if (character.text !== "\t") {
          column = /[\r\n]/.test(character.text) ? 0 : column + 1;
          return character;
        }
        const width = size > 0 ? size - (column % size) : 0;
        column += width;
        return plain(" ".repeat(Math.min(width, 100)));
      }),
    );
  },
  isdigit: (self) => all(self, /\p{Nd}|[²³¹⁰-⁹₀-₉]/u),
  isdecimal: (self) => all(self, /\p{Nd}/u),
  isnumeric: (self) => all(self, /\p{N}/u),
  isalpha: (self) => all(self, /\p{L}/u),
  isalnum: (self) => all(self, /[\p{L}\p{N}]/u),
  isspace: (self) => all(self, /[\s\x1c-\x1f\x85]/u),
  isupper: (self) => isCased(self.text) && self.text === self.text.toUpperCase(),
  islower: (self) => isCased(self.text) && self.text === self.text.toLowerCase(),
  istitle: (self) => isCased(self.text) && self.text === titled(self.text),
  isascii: (self) => all(self, /[\0-\x7f]/) || self.size === 0,
  isidentifier: (self) =>
    self.size <= maxIdentifierLength && /^[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*$/u.test(self.text),
};

function separator(args: Arguments): Str | undefined {
  const value = optionalText(args, 0, "sep");
  return value?.text === "" ? fail("empty separator") : value;
}

const found = (index: number) => (index < 0 ? fail("substring not found") : index);

function partition(self: Str, cut: Str, at: number, fromRight: boolean): Tuple {
  if (cut.text === "") fail("empty separator");
  if (at < 0) return new Tuple(fromRight ? [empty, empty, self] : [self, empty, empty]);
  const end = at + cut.text.length;
  return new Tuple([slice(self, 0, at), slice(self, at, end), slice(self, end)]);
}

const listMethods: Record<string, Method<List | Tuple>> = {
  count: (self, args) => self.items.filter((item) => equals(item, args.positional[0] ?? null)).length,
  index: (self, args) => {
    const index = self.items.findIndex((item) => equals(item, args.positional[0] ?? null));
    return index < 0 ? fail("the value is not in the list") : index;
  },
};

const dictMethods: Record<string, Method<Dict>> = {
  get: (self, args) => {
    const value = self.get(args.positional[0] ?? null);
    return value === undefined ? (args.positional[1] ?? null) : value;
  },
  items: (self) => new List(self.entries().map(([key, value]) => new Tuple([key, value]))),
  keys: (self) => new List(self.entries().map(([key]) => key)),
  values: (self) => new List(self.entries().map(([, value]) => value)),
  copy: (self) => new Dict(self.entries()),
};

/** Methods that would change their object. */
const forbidden: Record<"list" | "dict", readonly string[]> = {
  list: ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"],
  dict: ["clear", "pop", "popitem", "setdefault", "update", "fromkeys"],
};

export function methodOf(interpreter: Runtime, self: Value, name: string): Value | undefined {
  spend(1);
  if (self instanceof Dict) return bound(interpreter, self, name, dictMethods, forbidden.dict);
  if (self instanceof Str) return bound(interpreter, self, name, strMethods);
  if (self instanceof List && name === "copy") return new Callable(name, () => new List(self.items));
  if (self instanceof List) return bound<List | Tuple>(interpreter, self, name, listMethods, forbidden.list);
  return self instanceof Tuple ? bound<List | Tuple>(interpreter, self, name, listMethods) : undefined;
}

function bound<T extends Value>(
  interpreter: Runtime,
  object: T,
  name: string,
  methods: Record<string, Method<T>>,
  refused: readonly string[] = [],
): Value | undefined {
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (method) return new Callable(name, (args) => method(object, args, interpreter));
  if (!refused.includes(name)) return undefined;
  return new Callable(name, () => fail(`access to attribute '${name}' of '${typeName(object)}' object is unsafe.`));
}
