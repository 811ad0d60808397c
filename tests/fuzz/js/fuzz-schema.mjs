// JSON schemas and regular expressions: any input ends in a grammar that the reference parser reads, or in a typed
// error, within bounded work. Grammars of random schemas write JSON that ajv accepts.
import Ajv from "ajv/dist/2020.js";

import { parseGrammar } from "../../web/lib/gbnf.mjs";
import { sampler } from "../../web/lib/gbnf-sample.mjs";
import { importSource } from "../../web/lib/source.mjs";
import { committedSeeds, outcomeOf, require, runHarness } from "./harness.mjs";
import { mutate, mutateJson } from "./mutator.mjs";

const { schemaGrammar, regexGrammar } = await importSource("web/grammar/json-schema.ts");
const maxMilliseconds = 2500; // of work, on a slow machine; grammars have to be ready within a second on a usual one
const maxCheckedText = 20_000;

const names = ["a", "b", "ab", "kind", "x1", "__proto__", "", "é"];
const patterns = [
  "^[a-c]{2,4}$",
  "b+",
  "^(?!ab)\\w*$",
  "^(?=.*\\d)[a-d\\d]{3,6}$",
  "(a|b)*c",
  "^\\p{Lu}",
  "x?$",
  '[^"\\\\]',
];
const formats = ["date", "time", "date-time", "uuid", "ipv4", "unknown"];

/** A random schema, mostly of a sensible form. */
function randomSchema(pick, depth = 0) {
  const one = (list) => list[pick(list.length)];
  const inner = () => (depth > 3 ? one([true, { type: "null" }, { type: "integer" }]) : randomSchema(pick, depth + 1));
  const list = (max, make) => Array.from({ length: pick(max + 1) }, make);
  const number = () => one([0, 1, -1, 2.5, 10, -3.75, 100, 1e3, 0.001, 7]);
  const count = () => pick(4);
  const map = () => Object.fromEntries(list(4, () => [one(names), inner()]));
  const value = () => one([null, true, 1, 2.5, "a", "ab", "", [1], { a: 1 }]);
  const makers = {
    type: () => one(["string", "integer", "number", "object", "array", "null", "boolean", ["string", "null"]]),
    properties: map,
    required: () => list(2, () => one(names)),
    additionalProperties: () => one([false, inner()]),
    patternProperties: () => ({ [one(patterns)]: inner() }),
    propertyNames: () => one([{ pattern: one(patterns) }, { maxLength: 2 }, { enum: names }]),
    minProperties: count,
    maxProperties: () => 2 + count(),
    items: inner,
    prefixItems: () => [inner(), ...list(2, inner)],
    minItems: count,
    maxItems: () => 1 + count(),
    contains: inner,
    minimum: number,
    maximum: number,
    exclusiveMinimum: number,
    exclusiveMaximum: number,
    multipleOf: () => one([2, 3, 7, 0.5, 10]),
    minLength: count,
    maxLength: () => 2 + count(),
    pattern: () => one(patterns),
    format: () => one(formats),
    enum: () => [value(), ...list(3, value)],
    const: value,
    anyOf: () => [inner(), ...list(2, inner)],
    oneOf: () => [inner(), ...list(2, inner)],
    allOf: () => [inner(), ...list(2, inner)],
    not: inner,
    $ref: () => one(["#", "#/$defs/d0", "#/$defs/d1", "#d", "#/$defs/none"]),
    dependentRequired: () => ({ [one(names)]: [one(names)] }),
    if: inner,
    then: inner,
    else: inner,
  };
  const schema = Object.fromEntries(
    list(4, () => one(Object.keys(makers))).map((keyword) => [keyword, makers[keyword]()]),
  );
  if (depth === 0)
    schema.$defs = { d0: inner(), d1: { $anchor: "d", ...(inner() === true ? {} : { type: "object" }) } };
  return schema;
}

function randomPattern(pick, depth = 0) {
  const one = (list) => list[pick(list.length)];
  const part = () => {
    switch (pick(depth > 3 ? 3 : 6)) {
      case 0:
        return one(["a", "b", "-", "é", "\\d", "\\w", ".", "\\s", "\\p{L}", "\\.", "\\u{1F600}"]);
      case 1:
        return one(["[a-c]", "[^a]", "[\\w.-]", "[\\d\\s]", "[^\\W_]", "[]", "[^]"]);
      case 2:
        return one(["^", "$", "a{2,3}", "b?", "c*", "\\d+?", "(?!a)", "(?=b)", "(?<!a)"]);
      default: {
        const group = `${one(["(", "(?:", "(?<n>", "(?!", "(?="])}${randomPattern(pick, depth + 1)})`;
        return group + one(["", "?", "*", "{1,3}", "{40}"]);
      }
    }
  };
  const sequences = Array.from({ length: 1 + pick(3) }, () => Array.from({ length: 1 + pick(4) }, part).join(""));
  return sequences.join("|");
}

const seeds = () => [
  ...committedSeeds("fuzz-schema"),
  ...[
    { type: "object", properties: { a: { $ref: "#" } } },
    { pattern: "^(a|b)*$", maxLength: 3 },
  ].map((schema) => Buffer.from(JSON.stringify(schema))),
];

/** The input is JSON: a schema, or a text that is a regular expression. */
function change(bytes, pick, options) {
  const kind = pick(8);
  if (kind < 4) return Buffer.from(JSON.stringify(randomSchema(pick)));
  if (kind < 6) return Buffer.from(JSON.stringify(randomPattern(pick)));
  if (kind < 7) return mutate(bytes, pick, { ...options, maxBytes: 1 << 14 });
  try {
    return Buffer.from(JSON.stringify(mutateJson(JSON.parse(bytes.toString("utf8")), pick)) ?? "").subarray(0, 1 << 14);
  } catch {
    return mutate(bytes, pick, options);
  }
}

function execute(input, pick) {
  let value;
  try {
    value = JSON.parse(input.toString("utf8"));
  } catch {
    value = input.toString("utf8");
  }
  const before = process.cpuUsage();
  const isPattern = typeof value === "string";
  let grammar;
  let outcome;
  try {
    grammar = isPattern ? regexGrammar(value) : schemaGrammar(value).grammar;
    outcome = "grammar";
  } catch (error) {
    outcome = outcomeOf(error);
    const codes = isPattern ? ["bad-grammar"] : ["bad-schema"];
    require(codes.includes(error.code), `an error of the kind ${codes}: ${error.code}`);
  }
  const { user } = process.cpuUsage(before);
  require(user < maxMilliseconds * 1000, `work of ${user / 1000} ms`);
  if (grammar === undefined || grammar.length > maxCheckedText) return outcome;
  parseGrammar(grammar);
  const sample = sampler(grammar, () => pick(1 << 20) / (1 << 20), { budget: 80 });
  const isValid = isPattern ? matcher(value) : judge(value);
  for (let i = 0; i < 5 && isValid; i++) {
    const text = sample();
    require(isValid(text), `the text ${JSON.stringify(text)} is valid`);
  }
  return isPattern ? "grammar of a pattern" : "grammar of a schema";
}

/** Undefined: JavaScript reads the pattern in another way, or would not end. */
function matcher(pattern) {
  if (/\{\d\d|[*+}][^)]*\)[*+{]/.test(pattern)) return undefined; // may take JavaScript for ever
  try {
    const native = new RegExp(`^(?:${pattern})$`, "u");
    return (text) => native.test(text);
  } catch {
    return undefined;
  }
}

/** Undefined: ajv does not compile the schema. Alternatives of oneOf that overlap are accepted. */
function judge(schema) {
  const written = JSON.stringify(schema);
  if (written.includes("__proto__")) return undefined; // ajv takes it for the prototype
  if (/"required":\[[^\]]*""/.test(written)) return undefined; // ajv does not require the empty name
  let isValid;
  try {
    isValid = new Ajv.default({ strict: false, allErrors: true, logger: false, validateFormats: false }).compile(
      schema,
    );
  } catch {
    return undefined;
  }
  return (text) => {
    const value = JSON.parse(text);
    if (text.includes("__proto__") || hasDuplicates(text)) return true;
    try {
      return (
        isValid(value) || isValid.errors.some(({ keyword, params }) => keyword === "oneOf" && params.passingSchemas)
      );
    } catch {
      return true; // endless recursion in ajv
    }
  };
}

/** Whether an object has a name twice, which grammars cannot rule out for names that are not declared. */
function hasDuplicates(text) {
  const open = [];
  for (const [token] of text.matchAll(/[{}]|"(?:\\.|[^"\\])*"\s*:?/g)) {
    if (token === "{") open.push(new Set());
    else if (token === "}") open.pop();
    else if (token.endsWith(":")) {
      const name = JSON.parse(token.slice(0, -1));
      if (open.at(-1).has(name)) return true;
      open.at(-1).add(name);
    }
  }
  return false;
}

await runHarness({ url: import.meta.url, seeds, execute, change });
