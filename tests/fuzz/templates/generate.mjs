// Hostile chat templates, from a seed: sentences of a grammar that favours growth, and mutations of real constructs.
import { readFileSync } from "node:fs";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const { cases } = JSON.parse(read("../../parity/templates/expressions.json"));
const maxLength = 256 << 10;

/** The names in the tables of the interpreter, so that a new filter, test or method is tried too. */
const namesIn = (path) => [...new Set([...read(path).matchAll(/^ {2}([a-z]\w*)(?=[:,])/gm)].map(([, name]) => name))];
const filters = namesIn("../../../web/text/jinja/filters.ts");
const methods = namesIn("../../../web/text/jinja/methods.ts");

const texts = [
  "",
  "a",
  " ",
  "<<",
  "<!--",
  "{a[",
  "%s",
  "%(a)s",
  "%d%%",
  "{:>99}{}",
  "{{",
  "1_1",
  "11e",
  "\\\\n",
  "ab\\\\n",
  "ß",
  "語",
  "😀a",
  "%Y%A",
  "a.a.a",
  "upper",
  "é\\\\t",
];
const numbers = [
  "0",
  "1",
  "-1",
  "2",
  "3",
  "7",
  "64",
  "999",
  "9999",
  "99999",
  "100000",
  "9007199254740991",
  "0.1",
  "1e9",
];

/** Expressions by the type of their value. T, L, D, N and A are a text, a list, a dict, a number and any value. */
const forms = {
  T: [
    ..."T ~ T|T + T|T * N|T[N]|T[N:N]|T[::-1]|(T if A else T)|f(A)|caller()|strftime_now(T)|T % A|T % (A, A)".split(
      "|",
    ),
    ...["'%s%r%99d' % (A, A, N)", "'{}{!r:>9}{:.9}'.format(A, A, A)", "'{:{}}'.format(A, N)", "A.__class__", "T ~ A"],
    ...[
      "T|upper",
      "T|lower",
      "T|trim",
      "T|trim(T)",
      "T|replace(T, T)",
      "T|replace('', T)",
      "T|replace(T, T, N)",
      "T|e",
    ],
    ...[
      "T|indent(N, true, true)",
      "T|indent(T)",
      "T|center(N)",
      "T|striptags",
      "T|title",
      "T|capitalize",
      "T|urlencode",
    ],
    ...[
      "T|truncate(N, true, T)",
      "A|tojson",
      "A|tojson(indent=N)",
      "A|tojson(indent=T)",
      "A|tojson(ensure_ascii=true)",
    ],
    ...[
      "A|tojson(separators=(T, T))",
      "A|string",
      "A|pprint",
      "L|join(T)",
      "L|join",
      "L|map('string')|join(T)",
      "T|first",
    ],
    ...[
      "T|format(A)",
      "T.join(T)",
      "T.join(L|map('string'))",
      "T.strip(T)",
      "T.rstrip()",
      "T.swapcase()",
      "T.casefold()",
    ],
    ...[
      "T.zfill(N)",
      "T.ljust(N, T)",
      "T.expandtabs(N)",
      "T.replace(T, T)",
      "T.removeprefix(T)",
      "T.title()",
      "L|last",
    ],
    ...["T.format(A, a=A)", "loop.cycle(T, T)", "cycler(T, A).next()", "joiner(T)()", "L|random", "T|safe", "T|last"],
  ],
  L: [
    ...[
      "L + L",
      "L * N",
      "[A, A]",
      "(A, A)",
      "[L, L]",
      "range(N)",
      "T|list",
      "T.split()",
      "T.split(T)",
      "T.split(T, N)",
    ],
    ...["T.rsplit(None, N)", "T.splitlines(true)", "L|sort", "L|sort(attribute=T)", "L|unique|list", "L|reverse|list"],
    ...["L|map('upper')|list", "L|map('string')|list", "L|map(attribute=T)|list", "L|map('length')|list", "D.values()"],
    ...[
      "L|select('string')|list",
      "L|reject('in', L)|list",
      "L|selectattr('role', '==', T)|list",
      "L|batch(N, A)|list",
    ],
    ...["L|slice(N, A)|list", "L|groupby('role')", "L|groupby(N)", "D|items", "D.items()", "D.keys()", "D|dictsort"],
    ...[
      "D|dictsort(by='value')",
      "L[N:N]",
      "L[::-1]",
      "L|sum(start=[])",
      "T.partition(T)",
      "T.rpartition(T)",
      "L|list",
    ],
    ...["(L if A else L)", "D|list", "T|batch(N)|list", "T|map('upper')|list", "loop.items", "varargs", "L.copy()"],
  ],
  D: [
    ...[
      "{A: A, 'a': A}",
      "{T: D}",
      "{(A, A): A}",
      "dict(a=A, b=D)",
      "dict(D)",
      "dict(L|batch(2))",
      "D.copy()",
      "L|first",
    ],
    ...["namespace(a=A)", "(D if A else D)", "{1: A, 1.0: A, true: A}", "kwargs"],
  ],
  N: [
    ...["N + N", "N - N", "N * N", "N // N", "N % N", "N ** N", "-N", "A|length", "T|int", "T|float", "T|int(0, 16)"],
    ...[
      "T.count(T)",
      "T.find(T)",
      "T.rfind(T)",
      "T.index(T)",
      "L.index(A)",
      "L.count(A)",
      "N|round(N)",
      "L|sum",
      "L|max",
    ],
    ...["A == A", "A != A", "T < T", "L < L", "T in T", "A in L", "A in D", "T not in T", "A is upper", "A is string"],
    ...[
      "T.startswith(T)",
      "T.endswith((T, T))",
      "T.isalpha()",
      "T.isupper()",
      "T.istitle()",
      "T.isidentifier()",
      "L|min",
    ],
    ...["A and A", "A or A", "not A", "T|wordcount", "loop.index", "loop.length", "loop.changed(A)", "N|abs", "N < N"],
  ],
};
const variables = {
  T: ["ns.s", "ns.s", "messages[1].content", "bos_token", "t", "x"],
  L: ["ns.l", "ns.l", "messages", "l", "x"],
  D: ["ns.d", "messages[0]", "d", "messages[2]"],
  N: ["n", "loop.index0", ...numbers.slice(0, 8), "x"],
};
const types = ["T", "T", "L", "L", "D", "N"];

/** Numbers from 0 to 1 (mulberry32). */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Returns a template of at most 256 KB. */
export function makeTemplate(seed) {
  const random = randomFrom(seed);
  const context = {
    random,
    below: (n) => Math.floor(random() * n),
    pick: (items) => items[Math.floor(random() * items.length)],
  };
  let template = random() < 0.5 ? prelude(context) + statements(context, 3) : context.pick(cases)[0];
  const count = random() < 0.5 ? context.below(5) : 0;
  for (let i = 0; i < count; i++) template = mutate(template, context).slice(0, maxLength);
  return template.slice(0, maxLength);
}

/** Variables that hold long texts, long lists and lists that share their elements. */
function prelude({ pick, below }) {
  const [text, list, dict] = [below(17), below(17), below(12)];
  return (
    "{% set x = 'x' %}{% set t = 't' %}{% set l = [3, 1, 2] %}{% set d = {'b': 2} %}{% set n = 5 %}" +
    `{% set ns = namespace(s='${pick(texts)}b', l=[1, '${pick(texts)}'], d={'a': 1}) %}` +
    `{% macro f(x, y=2) %}{{ x }}${pick(["", "{{ f(x) }}", "{{ caller() }}", "{{ varargs }}"])}{% endmacro %}` +
    `{% for i in range(${text}) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}` +
    `{% for i in range(${list}) %}{% set ns.l = ${pick(["ns.l + ns.l", "[ns.l, ns.l]", "(ns.l, ns.l)"])} %}` +
    "{% endfor %}" +
    `{% for i in range(${dict}) %}{% set ns.d = {'a': ns.d, ns.s: ns.d} %}{% endfor %}`
  );
}

function statements(context, depth) {
  return Array.from({ length: 1 + context.below(4) }, () => statement(context, depth)).join(
    context.pick(["", "\n", " text "]),
  );
}

function statement(context, depth) {
  const { pick, below } = context;
  const value = (type) => expression(context, depth, type);
  const body = () => statements(context, depth - 1);
  if (depth <= 0 || below(4) === 0) return `{{ ${value()} }}`;
  switch (below(10)) {
    case 0:
      return `{% set x = ${value()} %}{% set t = ${value("T")} %}`;
    case 1:
      return `{% set ns.s = ${value("T")} %}{% set ns.l = ${value("L")} %}{% set ns.d = ${value("D")} %}`;
    case 2:
      return `{% if ${value()} %}${body()}{% else %}${body()}{% endif %}`;
    case 3:
      return `{% set t %}${body()}{% endset %}`;
    case 4:
      return `{% filter ${pick(["upper", "replace('a', ns.s)", "indent(ns.s)", "list"])} %}${body()}{% endfilter %}`;
    case 5:
      return `{% call f(${value()}) %}${body()}{% endcall %}`;
    case 6:
      return `{% with x = ${value()} %}${body()}{% endwith %}`;
    case 7:
      return `{% for x in ${value("L")} recursive %}${body()}${pick(["", "{{ loop(x) }}", "{% break %}"])}{% endfor %}`;
    default:
      return `{% for x in ${pick(["range(99999)", "messages", value("L"), value("T")])} %}${body()}{% endfor %}`;
  }
}

function expression(context, depth, type = context.pick(types)) {
  const { pick, below } = context;
  if (depth <= 0 || below(4) === 0) {
    if (type === "T" && below(3) === 0) return `'${pick(texts)}'`;
    return type === "N" && below(2) === 0 ? pick(numbers) : pick(variables[type]);
  }
  const inner = (of) => expression(context, depth - 1, of === "A" ? pick(types) : of);
  // Rarely any filter or method with anything.
  if (below(12) === 0) return `(${inner("A")}|${pick(filters)}(${pick(["", inner("A")])}))`;
  if (below(12) === 0) return `${pick(variables[type])}.${pick(methods)}(${pick(["", inner("A"), "'a', 'b'"])})`;
  return `(${pick(forms[type]).replace(/\b[TLDNA]\b/g, inner)})`;
}

// --- mutations ---

const mutate = (template, context) =>
  context.pick([cut, duplicate, nest, multiply, swapNumber, swapText, splice, loopOver, grow])(template, context);

function cut(template, { below }) {
  const at = below(template.length);
  return template.slice(0, at) + template.slice(at + 1 + below(8));
}

function duplicate(template, { below, pick }) {
  const at = below(template.length);
  const part = template.slice(at, at + 1 + below(40));
  return template.slice(0, at) + part.repeat(pick([2, 9, 300, 9999])) + template.slice(at);
}

function nest(template, { below, pick }) {
  const [open, close] = pick([
    ["(", ")"],
    ["[", "]"],
    ["{1:", "}"],
    ["not ", ""],
    ["-", ""],
    ["{% if 1 %}", "{% endif %}"],
    ["{% for x in messages %}", "{% endfor %}"],
    ["{{", "}}"],
    ["{#", "#}"],
    ["x.a", ""],
    ["f(", ")"],
  ]);
  const times = pick([3, 50, 150, 5000, 60000]);
  const at = below(template.length);
  return `${template.slice(0, at)}${open.repeat(times)}1${close.repeat(times)}${template.slice(at)}`;
}

function multiply(template, { pick }) {
  return template.repeat(Math.ceil(Math.min(pick([2, 50, 3000]), maxLength / template.length)));
}

function swapNumber(template, { pick }) {
  return template.replace(/\d+/, pick(numbers));
}

function swapText(template, { pick }) {
  return template.replace(/'[^']*'/, () => `'${pick(texts).repeat(pick([1, 40, 20000]))}'`);
}

function splice(template, { below, pick }) {
  const [other] = pick(cases);
  const at = below(template.length);
  return template.slice(0, at) + other.slice(below(other.length)) + template.slice(at);
}

function loopOver(template, { pick }) {
  return `{% for i in range(${pick(numbers)}) %}${template}{% endfor %}`;
}

function grow(template, { pick }) {
  const variable = pick(["ns.s", "ns.l"]);
  return (
    "{% set x = 'x' %}{% set t = 't' %}{% set l = [3, 1, 2] %}{% set d = {'b': 2} %}{% set n = 5 %}" +
    `{% set ns = namespace(s='${pick(texts)}a', l=[1], d={}) %}{% for i in range(${pick(["9", "16", "26"])}) %}` +
    `{% set ${variable} = ${variable} + ${variable} %}{% endfor %}${template}`
  );
}
