// JSON schemas as grammars: accepted and refused texts, errors, notes, bounds.
import assert from "node:assert/strict";
import { test } from "node:test";

import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

import { sampler } from "../lib/gbnf-sample.mjs";
import { grammars, recogniser } from "../lib/json-schema.mjs";
import { startClock } from "../lib/processor-time.mjs";
import { randomNumbers } from "../lib/random.mjs";

const { schemaGrammar, schemaRules, anyJsonRules, anyJsonObjectRules, withRoot } = grammars;

function expectTexts(schema, { accepts = [], refuses = [] }, options) {
  const grammar = recogniser(schema, options);
  for (const text of accepts) assert.equal(grammar.match(text).state, "complete", `accepts ${text}`);
  for (const text of refuses) assert.notEqual(grammar.match(text).state, "complete", `refuses ${text}`);
}

const person = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer", minimum: 0 }, tags: { type: "array" } },
  required: ["name"],
  additionalProperties: false,
};

test("properties come in the order of the schema, optional ones may be missing", () => {
  expectTexts(person, {
    accepts: ['{"name":"A"}', '{"name":"A","age":3}', '{"name":"A","age":3,"tags":[]}', '{"name":"A","tags":[1]}'],
    refuses: ["{}", '{"age":3}', '{"age":3,"name":"A"}', '{"name":"A","x":1}', '{"name":"A",}', '{"name":1}', "[]"],
  });
});

test("text of JSON.stringify, with and without indentation, and of Python's json.dumps is accepted", () => {
  const value = { name: 'a"\\\n\u0001é😀', age: 12, tags: [1.5, -2e-7, 1e21, { deep: [[], {}, null, true] }] };
  const python = '{"name": "a", "age": 12, "tags": [1.5, -2e-07, 1e+21, {"deep": [[], {}, null, true]}]}';
  const texts = [JSON.stringify(value), JSON.stringify(value, null, 2), JSON.stringify(value, null, "\t"), python];
  expectTexts(person, {
    accepts: texts,
    refuses: [` ${texts[0]}`, '{"name":  "A"}', '{"name" :"A"}', '{\n\n"name":"A"}'],
  });
  expectTexts(person, { accepts: [texts[0]], refuses: texts.slice(1) }, { whitespace: "compact" });
});

test("whitespace is bounded", () => {
  const longest = Math.max(40, 20) + 1;
  const grammar = recogniser({ type: "array", items: { type: "null" } });
  assert.equal(grammar.match(`[\n${" ".repeat(longest - 1)}null]`).state, "complete");
  assert.equal(grammar.match(`[\n${" ".repeat(longest)}`).state, "mismatch");
});

test("a prefix of a valid text can be completed, and the first wrong byte is found", () => {
  const grammar = recogniser(person);
  const text = '{"name":"Ada","age":36}';
  for (let i = 0; i < text.length; i++) assert.equal(grammar.match(text.slice(0, i)).state, "prefix", text.slice(0, i));
  assert.deepEqual(grammar.match('{"name":1}'), { state: "mismatch", at: 8 });
});

test("strings: lengths count code points, also escaped ones", () => {
  expectTexts(
    { type: "string", minLength: 2, maxLength: 3 },
    {
      accepts: ['"ab"', '"abc"', '"😀😀"', '"\\u00e9\\n"', '"\\ud83d\\ude00a"'],
      refuses: ['"a"', '"abcd"', '"😀"', '"\\ud83d\\ude00"', '"\\ud83d"', '"a\nb"', '"a\\x"'],
    },
  );
  expectTexts({ type: "string", pattern: '^["\\\\\\n]+$' }, { accepts: ['"\\"\\\\\\n"'], refuses: ['"a"', '""'] });
  expectTexts({ type: "string" }, { accepts: ['"\\ud83d"', '"\\/\\u00E9\\b"'], refuses: ['"\\u12"', '"\t"', '"'] });
  expectTexts({ type: "string", pattern: "b" }, { accepts: ['"abc"', '"b"'], refuses: ['"ac"'] });
  expectTexts(
    { type: "string", pattern: "^[a-z]+(-[a-z]+)*$", maxLength: 5 },
    { accepts: ['"abcde"', '"a-b-c"'], refuses: ['"abcdef"', '"a-b-cd"', '"a-"'] },
  );
  expectTexts(
    { allOf: [{ pattern: "a" }, { pattern: "b" }], type: "string" },
    { accepts: ['"ab"', '"ba"', '"xbya"'], refuses: ['"a"', '"b"'] },
  );
});

test("numbers: bounds are exact", () => {
  const cases = [
    [
      { minimum: -12.5, maximum: 1000 },
      ["-12.5", "-12.49", "0", "0.001", "999.99", "1000", "1000.0"],
      ["-12.51", "1000.1"],
    ],
    [{ exclusiveMinimum: 0.001, exclusiveMaximum: 0.1 }, ["0.0011", "0.05"], ["0.001", "0.1", "0.0010", "0.10", "1"]],
    [{ type: "integer", minimum: 95, maximum: 1e3 }, ["95", "99", "100", "999", "1000"], ["94", "1001", "95.5", "095"]],
    [{ type: "integer", exclusiveMaximum: -7 }, ["-8", "-70", "-123456"], ["-7", "-1", "0", "8"]],
    [{ type: "integer", multipleOf: 12 }, ["0", "12", "144", "-24"], ["13", "2", "1"]],
    [{ multipleOf: 0.05, minimum: 1 }, ["1", "1.05", "2.5", "10.10"], ["1.01", "0.95", "1.051"]],
    [{ minimum: 0 }, ["0", "1e-7", "1.5e300"], ["-1"]],
    [{ minimum: 5, exclusiveMinimum: true }, ["6", "5.1"], ["5"]], // draft 4
  ];
  for (const [schema, accepts, refuses] of cases) expectTexts({ type: "number", ...schema }, { accepts, refuses });
});

test("enum and const are filtered by the keywords beside them", () => {
  expectTexts(
    {
      enum: ["a", 1, 2.5, null, { b: [true] }, "long"],
      type: ["string", "number", "object"],
      maxLength: 3,
      minimum: 2,
    },
    { accepts: ['"a"', "2.5", '{"b":[true]}', '{ "b": [ true ] }'], refuses: ["1", "null", '"long"'] },
  );
});

test("required names without a declaration come anywhere among additional ones", () => {
  expectTexts(
    { type: "object", required: ["a", "b"], properties: { c: { type: "null" } } },
    { accepts: ['{"c":null,"b":1,"a":2}', '{"a":1,"x":2,"b":3,"y":4}'], refuses: ['{"a":1}', '{"a":1,"b":2,"a":3}'] },
  );
});

test("additional names are none of the declared ones, also if escaped", () => {
  expectTexts(
    { type: "object", properties: { ab: { type: "null" } } },
    {
      accepts: ['{"ab":null}', '{"a":1}', '{"abc":1}', '{"":1}', '{"b":1}', '{"ab":null,"ac":2}'],
      refuses: ['{"ab":1}', '{"\\u0061b":1}', '{"ab":null,"ab":null}'],
    },
  );
  expectTexts(
    {
      type: "object",
      patternProperties: { "^x": { type: "null" }, y$: { type: "boolean" } },
      additionalProperties: false,
    },
    { accepts: ['{"x1":null,"1y":true}', "{}"], refuses: ['{"x":1}', '{"xy":null}', '{"xy":true}', '{"z":1}'] },
  );
});

test("counts of properties, with optional ones", () => {
  const names = ["a", "b", "c"];
  const properties = Object.fromEntries(names.map((name) => [name, { type: "null" }]));
  expectTexts(
    { type: "object", properties, additionalProperties: false, minProperties: 2, maxProperties: 2 },
    {
      accepts: ['{"a":null,"b":null}', '{"b":null,"c":null}'],
      refuses: ["{}", '{"a":null}', '{"a":null,"b":null,"c":null}'],
    },
  );
});

test("references with siblings, recursion, definitions and anchors", () => {
  const tree = {
    $ref: "#/$defs/node",
    $defs: {
      node: {
        type: "object",
        properties: { value: { type: "integer" }, next: { $ref: "#n" } },
        required: ["value"],
        additionalProperties: false,
      },
      link: { $anchor: "n", anyOf: [{ $ref: "#/$defs/node" }, { type: "null" }] },
    },
  };
  expectTexts(tree, {
    accepts: ['{"value":1}', '{"value":1,"next":null}', '{"value":1,"next":{"value":2,"next":{"value":3}}}'],
    refuses: ['{"value":1,"next":{}}', '{"value":1,"next":1}'],
  });
  expectTexts(
    { $ref: "#/definitions/a", maxLength: 1, definitions: { a: { type: "string" } } },
    { accepts: ['"a"'], refuses: ['"ab"'] },
  );
});

test("conditions, dependencies and negations become alternatives", () => {
  const schema = {
    type: "object",
    properties: { kind: { enum: ["card", "cash"] }, number: { type: "string" } },
    required: ["kind"],
    if: { properties: { kind: { const: "card" } } },
    then: { required: ["number"] },
    else: { not: { required: ["number"] } },
    additionalProperties: false,
  };
  expectTexts(schema, {
    accepts: ['{"kind":"card","number":"1"}', '{"kind":"cash"}'],
    refuses: ['{"kind":"card"}', '{"kind":"cash","number":"1"}'],
  });
  expectTexts({ not: { type: ["string", "object"] } }, { accepts: ["1", "[]", "null"], refuses: ['"a"', "{}"] });
  expectTexts({ type: "string", not: { enum: ["no"] } }, { accepts: ['"yes"', '"nope"', '""'], refuses: ['"no"'] });
  expectTexts(
    { type: "object", oneOf: [{ required: ["a"] }, { required: ["b"] }] },
    { accepts: ['{"a":1}', '{"b":1}'], refuses: ['{"a":1,"b":2}', "{}"] },
  );
});

test("arrays: prefix, items, bounds, contains", () => {
  expectTexts(
    {
      type: "array",
      prefixItems: [{ type: "integer" }, { type: "string" }],
      items: { type: "null" },
      minItems: 1,
      maxItems: 3,
    },
    { accepts: ["[1]", '[1,"a"]', '[1, "a", null]'], refuses: ["[]", '["a"]', '[1,"a",null,null]', "[1,2]"] },
  );
  expectTexts(
    { items: [{ type: "null" }], additionalItems: false, type: "array" },
    { accepts: ["[]", "[null]"], refuses: ["[1]", "[null,1]"] },
  );
  expectTexts(
    { type: "array", items: { type: "integer" }, contains: { const: 7 } },
    { accepts: ["[7]", "[1,7,2]"], refuses: ["[]", "[1]", '[7,"a"]'] },
  );
});

test("uniqueItems of a few constants, and what nothing else evaluates", () => {
  expectTexts(
    { type: "array", items: { enum: ["a", "b", "c"] }, uniqueItems: true, minItems: 1 },
    { accepts: ['["a"]', '["c","a","b"]'], refuses: ["[]", '["a","a"]', '["a","b","a"]', '["d"]'] },
  );
  const schema = {
    type: "object",
    allOf: [{ properties: { a: { type: "null" } } }],
    anyOf: [
      { properties: { b: { const: 1 } }, required: ["b"] },
      { properties: { c: { const: 2 } }, required: ["c"] },
    ],
    unevaluatedProperties: false,
  };
  expectTexts(schema, {
    accepts: ['{"a":null,"b":1}', '{"c":2}'],
    refuses: ['{"a":null}', '{"b":1,"x":1}', '{"d":1}'],
  });
});

test("prefix and root name the rules, and equal schemas have equal grammars", () => {
  const { root, rules, notes } = schemaRules(person, { prefix: "tool1-" });
  assert.ok(rules.split("\n").every((line) => line === "" || line.startsWith("tool1-")));
  assert.ok(rules.startsWith(`${root} ::= `));
  assert.deepEqual(notes, []);
  assert.equal(schemaGrammar(person).grammar, schemaGrammar(structuredClone(person)).grammar);
});

test("any JSON value, and any object", async () => {
  const { parseGrammar } = await import("../lib/gbnf.mjs");
  const value = parseGrammar(withRoot(anyJsonRules()));
  const object = parseGrammar(withRoot(anyJsonObjectRules({ prefix: "x-" })));
  for (const text of ["1", "[]", '"a"']) assert.ok(value.accepts(text) && !object.accepts(text), text);
  for (const text of ["{}", '{"a": [1, {"b": null}]}']) assert.ok(value.accepts(text) && object.accepts(text), text);
});

const failures = [
  [
    "a keyword that is not supported",
    { properties: { a: { type: "array", uniqueItems: true } } },
    /uniqueItems is supported for .*at \/properties\/a\/uniqueItems/,
  ],
  [
    "a remote reference",
    { items: { $ref: "https://example.com/x.json" } },
    /outside of this schema.*at \/items\/\$ref/,
  ],
  ["a reference to nothing", { $ref: "#/$defs/x" }, /refers to nothing/],
  ["a reference to itself", { allOf: [{ $ref: "#" }] }, /refers to itself/],
  ["a constant beside a choice of itself", { const: 1, anyOf: [{ $ref: "#" }, {}] }, /refers to itself/],
  ["an unknown type", { type: "strng" }, /type has an unknown name, "strng"/],
  ["a value of another type", { maxLength: "3" }, /maxLength has to be a number/],
  [
    "a pattern with an error",
    { properties: { "a/b": { pattern: "(" } } },
    /has a \( without a \).*at \/properties\/a~1b\/pattern/,
  ],
  ["a schema that allows nothing", { type: "string", enum: [1] }, /empty language/],
  ["a required property that allows nothing", { type: "object", properties: { a: false }, required: ["a"] }, /empty/],
  [
    "an object that has to contain itself",
    { type: "object", properties: { a: { $ref: "#" } }, required: ["a"] },
    /empty/,
  ],
  ["no schema", null, /object or a boolean/],
];
for (const [name, schema, message] of failures) {
  test(`bad-schema: ${name}`, () => {
    assert.throws(
      () => schemaGrammar(schema),
      (error) => error.code === "bad-schema" && message.test(error.message),
    );
  });
}

test("strict: false leaves keywords out, with a note", () => {
  const schema = { type: "object", properties: { a: { type: "array", items: { type: "null" }, uniqueItems: true } } };
  const { grammar, notes } = schemaGrammar(schema, { strict: false });
  assert.ok(grammar.length > 0);
  assert.deepEqual(notes, [
    {
      keyword: "uniqueItems",
      path: "#/properties/a",
      message: "uniqueItems is supported for items of at most 8 constants only",
    },
  ]);
});

const repeatNested = (count, wrap, inner) => {
  let schema = inner;
  for (let i = 0; i < count; i++) schema = wrap(schema);
  return schema;
};
const list = (count, make) => Array.from({ length: count }, (_, i) => make(i));
const object = (count, entry) => Object.fromEntries(list(count, entry));
const hostile = {
  "100,000 levels": () => repeatNested(100_000, (inner) => ({ properties: { a: inner } }), {}),
  "100,000 levels of a constant": () => ({ const: repeatNested(100_000, (inner) => [inner], 1) }),
  "a megabyte of text": () => ({ type: "string", description: "x".repeat(1 << 20), pattern: "x".repeat(1 << 20) }),
  "50,000 values": () => ({ enum: list(50_000, (i) => `value ${i}`) }),
  "20,000 values without 20,000 others": () => ({
    enum: list(20_000, (i) => `value ${i}`),
    not: { enum: list(20_000, (i) => `other ${i}`) },
  }),
  "any number but 50,000": () => ({ type: "integer", not: { enum: list(50_000, (i) => i) } }),
  "anything but 150,000 values": () => ({ not: { enum: list(150_000, (i) => `value ${i}`) } }),
  "a constant of 150,000 items": () => ({ const: list(150_000, (i) => i) }),
  "deep constants of alternatives": () => ({
    oneOf: list(2, (i) => ({
      type: "object",
      required: ["a"],
      properties: { a: { const: repeatNested(20_000 + i, (inner) => [inner], 1) } },
    })),
  }),
  "values without a deep one": () => ({ enum: [1, [2]], not: { const: repeatNested(20_000, (inner) => [inner], 1) } }),
  "150,000 schemas together": () => ({ allOf: list(150_000, (i) => ({ prefixItems: [{ minLength: i % 3 }] })) }),
  "alternatives beside each other": () => ({
    allOf: list(20, (i) => ({ anyOf: [{ required: [`a${i}`] }, { required: [`b${i}`] }] })),
  }),
  "references that double": () => ({
    $ref: "#/$defs/d0",
    $defs: object(30, (i) => [
      `d${i}`,
      i === 29 ? {} : { allOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] },
    ]),
  }),
  "30 conditions": () => ({ allOf: list(30, (i) => ({ if: { required: [`a${i}`] }, then: { required: [`b${i}`] } })) }),
  "names of 50,000 characters": () => ({ properties: { ["x".repeat(50_000)]: {}, [`${"x".repeat(49_000)}y`]: {} } }),
  "10,000 properties": () => ({ properties: object(10_000, (i) => [`p${i}`, {}]) }),
  "a count of 10^15": () => ({ type: "string", maxLength: 1e15, minLength: 1e14 }),
  "an exponential automaton": () => ({ type: "string", pattern: "^(?!(a|b)*a(a|b){20}$)" }),
  "nested quantifiers": () => ({ type: "string", pattern: "^((((a*)*)*)*b)*$", maxLength: 300, minLength: 3 }),
  "huge counts inside each other": () => ({
    type: "string",
    pattern: "^((a{1,1000}b{1,1000}){1,1000})$",
    maxLength: 500,
  }),
  "patterns of names that overlap": () => ({ patternProperties: object(12, (i) => [`a.*${i}`, { minLength: i }]) }),
  "3,000 definitions that refer to each other": () => ({
    $ref: "#/$defs/d0",
    $defs: object(3000, (i) => [
      `d${i}`,
      { properties: object(20, (j) => [`p${j}`, { $ref: `#/$defs/d${(i * 7 + j) % 3000}` }]) },
    ]),
  }),
  "an object that is its own property": () => {
    const schema = { type: "object", properties: {} };
    schema.properties.a = schema;
    return schema;
  },
};
for (const [name, make] of Object.entries(hostile)) {
  test(`hostile: ${name} ends in a grammar or a typed error, soon`, () => {
    const schema = make();
    const clock = startClock();
    try {
      assert.ok(schemaGrammar(schema).grammar.length <= 4 << 20);
    } catch (error) {
      assert.equal(error.code, "bad-schema", String(error.stack));
    }
    clock.expectBelow(1000);
  });
}

test("random texts of the grammar are valid by ajv", () => {
  const schemas = [
    { ...person, additionalProperties: true, minProperties: 2 },
    { type: "array", items: { type: "number", minimum: -3.25, exclusiveMaximum: 17 }, minItems: 2, maxItems: 5 },
    { type: "string", pattern: "^(?=.*\\d)(?!.*xx)[a-z\\d]{4,8}$" },
    {
      type: "object",
      properties: object(12, (i) => [`p${i}`, { type: i % 2 ? "integer" : "string", multipleOf: 3, minLength: 2 }]),
    },
    ...[
      "date",
      "time",
      "date-time",
      "uuid",
      "email",
      "ipv4",
      "ipv6",
      "uri",
      "hostname",
      "duration",
      "uri-reference",
    ].map((format) => ({ type: "string", format })),
    { type: "string", format: "email", maxLength: 30 },
    { type: "object", required: ["k"], properties: { k: { type: "string" } }, propertyNames: { pattern: "^[a-k]+$" } },
    {
      oneOf: [
        { type: "integer", minimum: 5 },
        { type: "number", maximum: 10 },
      ],
    },
  ];
  const ajv = addFormats.default(new Ajv.default({ strict: false }));
  for (const schema of schemas) {
    const isValid = ajv.compile(schema);
    const sample = sampler(schemaGrammar(schema).grammar, randomNumbers(3));
    for (let i = 0; i < 60; i++) {
      const text = sample();
      assert.ok(isValid(JSON.parse(text)), `${JSON.stringify(schema)}: ${text} ${JSON.stringify(isValid.errors)}`);
    }
  }
});
