// Answers in a format: JSON, regular expressions, choices and grammars, through the API and the command line.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
import { z } from "zod";

import { modelPath, rejectsWith, repository } from "../lib/model.mjs";
import { startClock } from "../lib/processor-time.mjs";

const person = {
  type: "object",
  properties: {
    name: { type: "string", maxLength: 20 },
    age: { type: "integer", minimum: 0, maximum: 120 },
    city: { enum: ["Berlin", "Paris"] },
  },
  required: ["name", "age", "city"],
  additionalProperties: false,
};
const json = { type: "json", schema: person };
const prompt = "A person as JSON: ";

function assertIsPerson(value) {
  assert.deepEqual(Object.keys(value), ["name", "age", "city"]);
  assert.ok(typeof value.name === "string" && value.name.length <= 20, value.name);
  assert.ok(Number.isInteger(value.age) && value.age >= 0 && value.age <= 120, value.age);
  assert.ok(["Berlin", "Paris"].includes(value.city), value.city);
}

describe("responseFormat", () => {
  let model;
  before(async () => {
    model = await CamelGPTInference.load(modelPath, { contextLength: 1024 });
  });
  after(() => model.dispose());

  test("generateText returns JSON of a schema, and stream also its value", async () => {
    const text = await model.generateText(prompt, { responseFormat: json });
    assertIsPerson(JSON.parse(text));
    const result = await model.stream(prompt, { responseFormat: json, temperature: 1, seed: 7 });
    assertIsPerson(result.object);
    assert.deepEqual(result.object, JSON.parse(result.text));
    assert.equal(result.finishReason, "stop");
    assert.equal(result.objectError, undefined);
  });

  test("a JSON answer without a schema is an object", async () => {
    const { text, object, objectError } = await model.stream(prompt, {
      responseFormat: { type: "json" },
      maxTokens: 200,
    });
    if (objectError) assert.equal(objectError.code, "bad-answer");
    else assert.ok(typeof object === "object" && !Array.isArray(object) && object !== null, text);
    assert.match(text, /^\s*\{/);
  });

  test("an answer that maxTokens cuts off has no object, and says so", async () => {
    const options = { responseFormat: json, maxTokens: 4 };
    const { text, object, objectError, finishReason } = await model.stream(prompt, options);
    assert.equal(finishReason, "length");
    assert.equal(object, undefined);
    assert.equal(objectError.code, "bad-answer");
    assert.match(objectError.found, /4 tokens/);
    assert.match(objectError.hint, /`maxTokens`/);
    assert.match(text, /^\{/);
    const error = await rejectsWith("bad-answer", model.generateText(prompt, options));
    assert.equal(error.message, objectError.message);
  });

  test("objectStream returns a growing object, and the complete one last", async () => {
    const stream = model.stream(prompt, { responseFormat: json });
    const values = [];
    for await (const value of stream.objectStream()) values.push(value);
    assert.ok(values.length > 3);
    assert.deepEqual(values[0], {});
    const { object } = await stream;
    assert.deepEqual(values.at(-1), object);
    const plain = model.stream(prompt, { maxTokens: 1 });
    await rejectsWith("bad-option", plain.objectStream().next());
  });

  test("leaving objectStream cancels the generation", async () => {
    const stream = model.stream(prompt, { responseFormat: json });
    for await (const _ of stream.objectStream()) break;
    const { finishReason, object, objectError } = await stream;
    if (finishReason === "abort") assert.deepEqual([object, objectError], [undefined, undefined]);
  });

  test("a zod schema gives the answer its type, its defaults and its transformations", async () => {
    const schema = z.object({
      name: z.string().max(20),
      born: z.iso.date().transform((text) => new Date(text)),
      tags: z.array(z.enum(["a", "b"])).max(3),
      level: z.int().min(1).max(9).default(1),
    });
    const { object } = await model.stream(prompt, {
      responseFormat: { type: "json", schema },
      temperature: 1,
      seed: 3,
    });
    assert.ok(object.born instanceof Date && !Number.isNaN(object.born.getTime()));
    assert.ok(object.level >= 1 && object.level <= 9);
  });

  test("an address of zod's ends, and objects of zod's have no further properties", async () => {
    const schema = z.object({
      mail: z.email(),
      more: z.intersection(z.object({ a: z.int() }), z.object({ b: z.int() })),
    });
    const responseFormat = { type: "json", schema };
    const { object } = await model.stream("Contact: ", { responseFormat, temperature: 1, seed: 1, maxTokens: 400 });
    assert.match(object.mail, /^[^@]+@[^@]+\.\w+$/);
    const states = async (text) =>
      (await model.matchesFormat(text, { type: "json", schema: z.object({ a: z.int() }) })).state;
    assert.deepEqual([await states('{"a":1}'), await states('{"a":1,"b":2}')], ["complete", "mismatch"]);
  });

  test("an answer that its Standard Schema refuses is an error with its issues, and keeps the text", async () => {
    const schema = z.object({
      word: z
        .string()
        .max(8)
        .refine(() => false, "not this one"),
    });
    const responseFormat = { type: "json", schema };
    const { text, object, objectError } = await model.stream(prompt, { responseFormat });
    assert.equal(object, undefined);
    assert.equal(objectError.code, "bad-answer");
    assert.match(objectError.found, /word: not this one/);
    assert.equal(objectError.cause[0].message, "not this one");
    assert.ok("word" in JSON.parse(text));
    await rejectsWith("bad-answer", model.generateText(prompt, { responseFormat }));
  });

  test("a regular expression, a choice and a grammar", async () => {
    const regex = await model.stream("Time: ", { responseFormat: { type: "regex", pattern: /\d\d:[0-5]\d/ } });
    assert.match(regex.text, /^\d\d:[0-5]\d$/);
    assert.equal(regex.object, undefined);
    const options = ["positive", "negative", "neutral"];
    const choice = await model.stream("I love it. The sentiment: ", { responseFormat: { type: "choice", options } });
    assert.ok(options.includes(choice.object));
    assert.equal(choice.text, choice.object);
    const grammar = 'root ::= "a" [b-d]{2} "e"?';
    assert.match(await model.generateText("x", { responseFormat: { type: "grammar", grammar } }), /^a[b-d]{2}e?$/);
    assert.equal(typeof (await model.generateText("x", { responseFormat: { type: "text" }, maxTokens: 2 })), "string");
  });

  test("chat and sessions answer in a format, of the session or of one answer", async () => {
    const question = "Describe a person.";
    const { object } = await model.chat([{ role: "user", content: question }], {
      responseFormat: json,
      temperature: 0,
    });
    assertIsPerson(object);
    const chat = model.createChat({ responseFormat: json, maxTokens: 100 });
    const first = chat.send(question);
    let last;
    for await (const value of first.objectStream()) last = value;
    assertIsPerson(last);
    const responseFormat = { type: "choice", options: ["yes", "no"] };
    const second = await chat.send("Is it an adult?", { responseFormat });
    assert.ok(["yes", "no"].includes(second.object));
    assert.equal(chat.messages.at(-1).content, second.text);
  });

  test("a repeated format costs no time before the answer", async () => {
    const big = { type: "object", properties: {}, required: [] };
    for (let i = 0; i < 50; i++) big.properties[`p${i}`] = { type: "string", pattern: `^[a-z]{${i + 1}}$` };
    const options = { responseFormat: { type: "json", schema: big }, maxTokens: 1 };
    await model.stream("x", options);
    const clock = startClock();
    await model.stream("x", options);
    clock.expectBelow(200);
  });

  test("matchesFormat tells complete texts, beginnings and others apart", async () => {
    const match = (text, format) => model.matchesFormat(text, format);
    assert.deepEqual(await match('{"name":"A","age":3,"city":"Paris"}', json), { state: "complete", at: 35 });
    assert.deepEqual(await match('{"name":"A","ag', json), { state: "prefix", at: 15 });
    assert.deepEqual(await match('{"name":"é","city"', json), { state: "mismatch", at: 13 });
    assert.equal((await match("no", { type: "choice", options: ["yes", "no"] })).state, "complete");
    assert.equal((await match("12", { type: "regex", pattern: "\\d{3}" })).state, "prefix");
    assert.equal((await match("anything", { type: "text" })).state, "complete");
  });

  test("a wrong format is an error that names what is wrong", async () => {
    const fails = async (code, responseFormat) => rejectsWith(code, model.generateText("x", { responseFormat }));
    assert.match((await fails("bad-option", { type: "json_schema" })).hint, /type: "json", schema/);
    assert.match((await fails("bad-option", { type: "regexp", pattern: "a" })).expected, /"regex"/);
    assert.match((await fails("bad-option", { type: "regex" })).message, /`pattern`/);
    assert.match((await fails("bad-option", { type: "json", shema: person })).hint, /schema/);
    assert.match((await fails("bad-option", { type: "choice", options: [] })).expected, /array of texts/);
    await fails("bad-option", "json");
    await fails("bad-grammar", { type: "regex", pattern: "(" });
    await fails("bad-grammar", { type: "grammar", grammar: "root ::= other" });
    const schema = {
      type: "object",
      properties: { a: { type: "array", uniqueItems: true, items: { $ref: "#/nowhere" } } },
    };
    const error = await fails("bad-schema", { type: "json", schema });
    assert.match(error.message + error.found + error.expected, /properties\/a|properties\.a/);
    const circular = { type: "object", properties: {} };
    circular.properties.self = circular;
    await fails("bad-schema", { type: "json", schema: circular });
    const { text } = await model.stream("x", { responseFormat: { type: "choice", options: ["still works"] } });
    assert.equal(text, "still works");
  });

  test("a Standard Schema without a JSON schema is an error that says what to pass", async () => {
    const schema = { "~standard": { version: 1, vendor: "other", validate: (value) => ({ value }) } };
    const error = await rejectsWith(
      "bad-schema",
      model.generateText("x", { responseFormat: { type: "json", schema } }),
    );
    assert.match(error.message, /other/);
    assert.match(error.hint, /pass the JSON schema/);
    const dated = z.object({ date: z.date() });
    await rejectsWith("bad-schema", model.generateText("x", { responseFormat: { type: "json", schema: dated } }));
  });
});

describe("the command line", () => {
  let folder;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "camelgpt-format-"));
    writeFileSync(join(folder, "person.json"), JSON.stringify(person));
    writeFileSync(join(folder, "time.gbnf"), 'root ::= [0-2] [0-9] ":" [0-5] [0-9]\n');
    writeFileSync(join(folder, "wrong.json"), "{");
    writeFileSync(join(folder, "unknown.json"), '{"type": "objekt"}');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function camelgpt(args, input) {
    const command = join(repository, "npm/bin/camelgpt.js");
    return spawnSync(process.execPath, [command, ...args], { encoding: "utf8", cwd: folder, input });
  }
  const generate = (...args) => camelgpt(["generate", "--model", modelPath, "--prompt", prompt, ...args]);

  test("--json-schema, --grammar, --regex and --choice", () => {
    const { status, stdout } = generate("--json-schema", "person.json", "--json");
    assert.equal(status, 0, stdout);
    const { text, object } = JSON.parse(stdout);
    assertIsPerson(object);
    assert.deepEqual(JSON.parse(text), object);
    assert.match(generate("--grammar", "time.gbnf").stdout, /^[0-2]\d:[0-5]\d\n$/);
    assert.match(generate("--regex", "[ab]{3}").stdout, /^[ab]{3}\n$/);
    const choice = generate("--chat", "--choice", "yes, no", "--json");
    assert.ok(["yes", "no"].includes(JSON.parse(choice.stdout).object));
    const chat = camelgpt(["chat", modelPath, "--choice", "yes,no", "--json"], "Is it late?");
    assert.ok(["yes", "no"].includes(JSON.parse(chat.stdout).object), chat.stderr);
  });

  test("an answer that is cut off ends with the exit code 1", () => {
    const plain = generate("--json-schema", "person.json", "--max-tokens", "3");
    assert.equal(plain.status, 1);
    assert.match(plain.stdout, /^\{/);
    assert.match(plain.stderr, /ended before it was complete.*--max-tokens/);
    const inJson = generate("--json-schema", "person.json", "--max-tokens", "3", "--json");
    assert.equal(inJson.status, 1);
    const { object, objectError, finishReason } = JSON.parse(inJson.stdout);
    assert.deepEqual([object, objectError.code, finishReason], [undefined, "bad-answer", "length"]);
  });

  test("wrong flags, files and schemas are errors before the model is loaded", () => {
    const both = generate("--regex", "a", "--choice", "a,b");
    assert.equal(both.status, 2);
    assert.match(both.stderr, /--regex does not go with --choice/);
    const fails = (pattern, ...args) => {
      const { status, stderr } = camelgpt(["generate", "--model", "none.gguf", "--prompt", "x", ...args]);
      assert.notEqual(status, 0);
      assert.match(stderr, pattern);
    };
    fails(/missing\.json cannot be read/, "--json-schema", "missing.json");
    fails(/wrong\.json is not JSON/, "--json-schema", "wrong.json");
    fails(/unknown\.json: .*type/, "--json-schema", "unknown.json");
    fails(/--regex: /, "--regex", "(");
    fails(/--choice wants texts/, "--choice", "a,,b");
  });
});
