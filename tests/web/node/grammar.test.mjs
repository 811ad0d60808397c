// Answers that follow a grammar, through the calls of the worker.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { startEngine } from "../lib/engine-calls.mjs";
import { modelPath } from "../lib/model.mjs";

const prompt = "<|im_start|>user\nDescribe a river as JSON.<|im_end|>\n<|im_start|>assistant\n";

const person = String.raw`
root ::= "{\"name\": " string ", \"length_in_kilometres\": " number ", \"countries\": [" countries? "]}"
countries ::= string (", " string){0,3}
string ::= "\"" [^"\\\x00-\x1f]{1,40} "\""
number ::= "0" | [1-9] [0-9]{0,4}
`;
const json = String.raw`
root ::= object
value ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" ws (pair ("," ws pair)*)? "}"
pair ::= string ":" ws value
array ::= "[" ws (value ("," ws value)*)? "]"
string ::= "\"" ([^"\\\x00-\x1f] | "\\" ["\\/bfnrt] | "\\u" [0-9a-fA-F]{4})* "\""
number ::= "-"? ("0" | [1-9] [0-9]*) ("." [0-9]+)? ([eE] [-+]? [0-9]+)?
ws ::= [ \n]?
`;

describe("grammars", () => {
  let engine;
  before(async () => {
    engine = await startEngine(modelPath, { memory: { contextLength: 512 } });
  });
  after(() => engine.end());

  test("an answer has the form that the grammar gives, and ends there", async () => {
    const { text, finishReason, usage, tokens } = await engine.generate(prompt, { grammar: person });
    const value = JSON.parse(text);
    assert.deepEqual(Object.keys(value), ["name", "length_in_kilometres", "countries"]);
    assert.equal(finishReason, "stop");
    assert.equal(usage.completionTokens, tokens.length);
    assert.equal((await engine.match(text, person)).state, "complete");
  });

  test("forced stretches have the tokens that the model's tokenizer gives them", async () => {
    const { tokens, text } = await engine.generate(prompt, { grammar: person });
    const whole = await engine.call("tokenize", { text, addSpecial: false, parseSpecial: false });
    assert.deepEqual(tokens.slice(0, 3), whole.slice(0, 3));
    const same = tokens.filter((token) => whole.includes(token));
    assert.ok(same.length > 0.8 * tokens.length, `${tokens} ${whole}`);
  });

  test("a forced stretch is written without the tokens that a bias forbids", async () => {
    const grammar = `root ::= "The answer, as always, is: " [a-z]{3}`;
    const forced = await engine.generate(prompt, { grammar });
    const [, token] = forced.tokens;
    const { text, tokens } = await engine.generate(prompt, { grammar, logitBias: [[token, -Infinity]] });
    assert.ok(text.startsWith("The answer, as always, is: "), text);
    assert.ok(!tokens.includes(token), `${tokens}`);
  });

  test("sampled answers are in the language, whatever their seed", async () => {
    for (let seed = 0; seed < 12; seed++) {
      const grammar = seed % 2 ? json : person;
      const options = { grammar, seed, temperature: 1.5, topP: 1, minP: 0, topK: seed % 3 ? 0 : 40, maxTokens: 96 };
      const { text, finishReason } = await engine.generate(prompt, options);
      const { state } = await engine.match(text, grammar);
      if (finishReason === "stop") {
        assert.equal(state, "complete", text);
        JSON.parse(text);
      } else if (!text.endsWith("\ufffd")) assert.equal(state, "prefix", text);
    }
  });

  test("a choice is the most probable of its options that the greedy path meets", async () => {
    const question = "<|im_start|>user\nIs the sky blue? Answer yes or no.<|im_end|>\n<|im_start|>assistant\n";
    const { text, tokens } = await engine.generate(question, { grammar: `root ::= "Yes" | "No" | "Perhaps"` });
    assert.ok(["Yes", "No", "Perhaps"].includes(text), text);
    assert.ok(tokens.length <= 2);
  });

  test("the pieces of the text arrive in order, and logprobs are reported without a jump", async () => {
    let pieces = "";
    const { text } = await engine.generate(prompt, { grammar: person }, (piece) => (pieces += piece));
    assert.equal(pieces, text);
    const reported = await engine.generate(prompt, { grammar: `root ::= "forced " [a-z]{3}`, logprobs: 2 });
    assert.equal(reported.logprobs.length, reported.tokens.length);
    assert.ok(reported.logprobs.every(({ logprob, top }) => logprob <= 0 && top.length === 2));
  });

  test("an answer can be empty", async () => {
    const { text, tokens, finishReason } = await engine.generate(prompt, { grammar: `root ::= ""` });
    assert.deepEqual({ text, tokens, finishReason }, { text: "", tokens: [], finishReason: "stop" });
  });

  test("control tokens are part of the text on request", async () => {
    const grammar = `root ::= <|im_start|> [a-z]{2} " "? <|im_start|> "."`;
    const { text } = await engine.generate(prompt, { grammar, keepControl: true });
    assert.match(text, /^<\|im_start\|>[a-z]{2} ?<\|im_start\|>\.$/);
    assert.match((await engine.generate(prompt, { grammar })).text, /^[a-z]{2} ?\.$/);
  });

  test("maxTokens and stop strings end an answer within a forced stretch", async () => {
    const grammar = `root ::= "one two three four five six seven"`;
    const cut = await engine.generate(prompt, { grammar, maxTokens: 3 });
    assert.equal(cut.text, "one two three");
    assert.equal(cut.finishReason, "length");
    const stopped = await engine.generate(prompt, { grammar, stop: ["four"] });
    assert.equal(stopped.text, "one two three ");
    assert.equal(stopped.finishReason, "stop");
  });

  test("the same prompt is not evaluated again", async () => {
    const first = await engine.generate(prompt, { grammar: person, seed: 1, temperature: 1 });
    const second = await engine.generate(prompt, { grammar: person, seed: 2, temperature: 1 });
    assert.equal(second.usage.cachedTokens, first.usage.promptTokens - 1);
  });

  test("a text is compared with a language, by UTF-16 positions", async () => {
    const grammar = `root ::= "ä" [0-9]+ "€😀"?`;
    assert.deepEqual(await engine.match("ä12", grammar), { state: "complete", at: 3 });
    assert.deepEqual(await engine.match("ä", grammar), { state: "prefix", at: 1 });
    assert.deepEqual(await engine.match("ä1€😀", grammar), { state: "complete", at: 5 });
    assert.deepEqual(await engine.match("ä1€😁", grammar), { state: "mismatch", at: 3 });
    assert.deepEqual(await engine.match("ö", grammar), { state: "mismatch", at: 0 });
  });

  test("a language that the vocabulary cannot write is an error that says so", async () => {
    const grammar = `root ::= "a" "\u{40000}"`; // no token has the first byte
    await assert.rejects(engine.generate(prompt, { grammar }), (error) => {
      assert.equal(error.code, "bad-grammar");
      assert.match(error.message, /^No token of the model continues the text/);
      return true;
    });
  });

  test("a malformed grammar is refused, and the next call works", async () => {
    await assert.rejects(engine.generate(prompt, { grammar: "root ::= missing" }), { code: "bad-grammar" });
    assert.equal((await engine.generate(prompt, { grammar: `root ::= "a"` })).text, "a");
  });
});
