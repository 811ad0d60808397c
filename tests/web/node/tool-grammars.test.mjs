// Grammars and parsers of calls agree: a text that the grammar of a family allows is read as a call that its schema
// allows.
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { parseGrammar } from "../lib/gbnf.mjs";
import { importSource } from "../lib/source.mjs";

const { ToolCallParser, allFamilies, checkTools, toolGrammar } = await importSource("npm/src/tools/tools.ts");
const { AnswerReader } = await importSource("npm/src/chat/answer/reader.ts");
const noTokens = new Map();

const weather = {
  name: "get_weather",
  parameters: {
    type: "object",
    properties: {
      city: { type: "string", minLength: 1 },
      unit: { enum: ["C", "F"] },
      days: { type: "integer", minimum: 1, maximum: 14 },
      exact: { type: "boolean" },
      tags: { type: "array", items: { type: "string" }, maxItems: 3 },
      place: {
        type: "object",
        properties: { lat: { type: "number" }, label: { type: ["string", "null"] } },
        required: ["lat"],
      },
    },
    required: ["city", "days"],
  },
};
const clock = { name: "clock", parameters: { type: "object", properties: {} } };

const valid = [
  { city: "Oslo", days: 3 },
  { city: 'a "b" \\ {c} [d], e=f ☃ 😀', unit: "F", days: 14, exact: false },
  { city: "two\nlines", days: 1, tags: [], place: { lat: -1.5 } },
  { city: "x", days: 2, tags: ["p", "q"], place: { lat: 10, label: null } },
];
const invalid = [
  {},
  { days: 3 },
  { city: "", days: 3 },
  { city: "x", days: 15 },
  { city: "x", days: 1.5 },
  { city: "x", unit: "K", days: 1 },
  { city: "x", days: 1, more: 1 },
  { city: "x", days: 1, tags: ["1", "2", "3", "4"] },
  { city: "x", days: 1, place: {} },
];

function grammarOf(family, options = {}) {
  const { tools, ...others } = { tools: [weather, clock], choice: "required", isParallel: true, ...options };
  const checked = checkTools({ tools });
  const all = { syntax: family.syntax, tools: checked.tools, tokens: noTokens, isAfterReasoning: false, ...others };
  return parseGrammar(toolGrammar(all).grammar);
}

function read({ syntax }, text, tools = [weather, clock]) {
  const calls = new ToolCallParser(syntax, tools, () => "id");
  const reader = new AnswerReader({ calls });
  const parts = [...reader.put(text), ...reader.finish()];
  return parts.map((part) => (typeof part === "string" ? part : [part.toolCall.name, part.toolCall.arguments]));
}

/** End tokens that a grammar does not contain. */
const withoutEnd = (text) => text.replace(/<\|call\|>$/, "");

describe("grammars of tool calls", () => {
  for (const family of allFamilies) {
    const { name, syntax } = family;
    const write = (values, tool = weather.name) =>
      withoutEnd(syntax.write([{ id: "abcdef123", name: tool, arguments: values }]));

    test(`${name}: valid calls are allowed and read back, invalid ones are not`, () => {
      const grammar = grammarOf(family);
      for (const values of valid) {
        const text = write(values);
        assert.equal(grammar.match(text).state, "complete", `${text} at ${grammar.match(text).at}`);
        assert.deepEqual(read(family, text), [[weather.name, values]], text);
        for (const at of [1, text.length >> 1, text.length - 1]) {
          assert.notEqual(grammar.match(text.slice(0, at)).state, "mismatch", text.slice(0, at));
        }
      }
      for (const values of invalid) assert.equal(grammar.accepts(write(values)), false, write(values));
      assert.equal(grammar.accepts(write({}, clock.name)), true);
      assert.equal(grammar.accepts(write({}, "other")), false);
      assert.equal(grammar.accepts("Hello"), false);
      assert.equal(grammar.accepts(""), false);
    });

    test(`${name}: a choice of one tool allows no other`, () => {
      const grammar = grammarOf(family, { choice: { name: "clock" } });
      assert.equal(grammar.accepts(write({}, clock.name)), true);
      assert.equal(grammar.accepts(write(valid[0])), false);
    });

    test(`${name}: auto allows a text, a call, and in most families a text before a call`, () => {
      const grammar = grammarOf(family, { choice: "auto" });
      const call = write({}, clock.name);
      assert.equal(grammar.accepts(call), true);
      assert.equal(grammar.accepts(write(invalid[1])), false);
      const answer = syntax.isWhole ? '{"response": "Hello \\"you\\""}' : 'Hello "you"';
      assert.equal(grammar.accepts(answer), true);
      assert.deepEqual(read(family, answer).join(""), 'Hello "you"');
      if (syntax.bareStart !== undefined) return;
      assert.equal(grammar.accepts(`Let me see. ${call}`), true);
      assert.deepEqual(read(family, `Let me see. ${call}`), ["Let me see.", [clock.name, {}]]);
      assert.equal(grammar.accepts(`Let me see. ${write(invalid[1])}`), false);
    });

    test(`${name}: several calls only if they are allowed`, () => {
      const two = withoutEnd(
        syntax.write([
          { id: "abcdef123", name: clock.name, arguments: {} },
          { id: "abcdef124", name: weather.name, arguments: valid[0] },
        ]),
      ).replace('"tool_call_id": "1"', '"tool_call_id": "0"');
      assert.equal(grammarOf(family).accepts(two), syntax.isParallel);
      assert.equal(grammarOf(family, { isParallel: false }).accepts(two), false);
      if (syntax.isParallel) assert.equal(read(family, two).length, 2);
    });
  }

  const family = (name) => allFamilies.find((each) => each.name === name);

  test("references of an argument begin at the root of the parameters", () => {
    const point = { type: "object", properties: { x: { type: "integer" } }, required: ["x"] };
    const properties = { at: point, to: { $ref: "#/properties/at" }, then: { $ref: "#" } };
    for (const more of [{}, { $id: "https://example.com/move" }]) {
      const { tools } = checkTools({ tools: [{ name: "move", parameters: { type: "object", properties, ...more } }] });
      for (const name of ["hermes", "qwen-xml", "lfm2", "functiongemma"]) {
        const grammar = grammarOf(family(name), { tools });
        const accepts = (values) =>
          grammar.accepts(family(name).syntax.write([{ id: "", name: "move", arguments: values }]));
        assert.equal(accepts({ at: { x: 1 }, to: { x: 2 }, then: { to: { x: 3 } } }), true, name);
        assert.equal(accepts({ to: { x: true } }), false, name);
        assert.equal(accepts({ then: { to: 3 } }), false, name);
      }
    }
  });

  test("markers that are tokens are written as tokens", () => {
    const { tools } = checkTools({ tools: [clock] });
    const tokens = new Map([
      ["<tool_call>", 7],
      ["</tool_call>", 8],
    ]);
    const { syntax } = family("hermes");
    const options = { syntax, tools, tokens, isAfterReasoning: false, isParallel: false };
    const { grammar } = toolGrammar({ ...options, choice: "required" });
    assert.match(grammar, /<\[7\]> "\\n"/);
    assert.match(grammar, /"\\n" <\[8\]>/);
    assert.doesNotMatch(grammar, /"<tool_call>/);
  });

  test("an answer has the format that is asked for, or is a call", () => {
    const answer = 'root ::= "yes" | [r] "root" | "(" root ")"\n';
    const grammar = grammarOf(family("hermes"), { choice: "auto", answer });
    for (const text of ["yes", "rroot", "(yes)"]) assert.equal(grammar.accepts(text), true, text);
    assert.equal(grammar.accepts("no"), false);
    assert.equal(grammar.accepts('<tool_call>\n{"name": "clock", "arguments": {}}\n</tool_call>'), true);
  });

  test("references, patterns, formats and recursion hold in every notation", () => {
    const parameters = {
      type: "object",
      $defs: {
        node: {
          type: "object",
          properties: { id: { type: "integer" }, next: { $ref: "#/$defs/node" } },
          required: ["id"],
        },
      },
      properties: {
        node: { $ref: "#/$defs/node" },
        code: { type: "string", pattern: "^[A-Z]{2}$" },
        day: { type: "string", format: "date" },
      },
      required: ["node", "code", "day"],
    };
    const tools = [{ name: "save", parameters }];
    const good = { node: { id: 1, next: { id: 2 } }, code: "AB", day: "2026-11-30" };
    for (const each of allFamilies) {
      const grammar = grammarOf(each, { tools });
      const write = (values) => withoutEnd(each.syntax.write([{ id: "abcdef123", name: "save", arguments: values }]));
      assert.equal(grammar.accepts(write(good)), true, `${each.name}: ${write(good)}`);
      assert.deepEqual(read(each, write(good), tools), [["save", good]], each.name);
      for (const bad of [
        { ...good, code: "abc" },
        { ...good, day: "today" },
        { ...good, node: { next: { id: 2 } } },
      ]) {
        assert.equal(grammar.accepts(write(bad)), false, `${each.name}: ${write(bad)}`);
      }
    }
  });

  test("a schema that allows nothing is an error that names the tool; what is not supported is a note", () => {
    const make = (parameters) => grammarNotes({ name: "odd", parameters });
    const grammarNotes = (tool) =>
      toolGrammar({
        syntax: family("hermes").syntax,
        tools: checkTools({ tools: [tool] }).tools,
        tokens: noTokens,
        choice: "auto",
        isParallel: true,
        isAfterReasoning: false,
      }).notes;
    assert.throws(
      () => make({ type: "object", properties: { a: false }, required: ["a"] }),
      ({ code, message }) => code === "bad-schema" && /tool odd/.test(message),
    );
    const notes = make({ type: "object", properties: { a: { type: "array", uniqueItems: true } } });
    assert.equal(notes.length, 1);
    assert.match(notes[0].path, /odd.*properties\/a/);
  });
});
