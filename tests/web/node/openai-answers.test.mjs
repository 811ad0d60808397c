// Formats, tools and reasoning through OpenAI's API for a model in this process.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { createOpenAI } from "@gpt-research/camelgpt-inference/openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

import { all, failsWith, openModel } from "../lib/completions.mjs";

let model;
let local;
let client;
before(async () => {
  ({ model, local, client } = await openModel());
});
after(() => model?.dispose());

const messages = [{ role: "user", content: "What is the capital of France?" }];
const exact = { model: "smollm2", messages, temperature: 0, max_tokens: 20 };
/** SmolLM2's form of messages, with reasoning that `enable_thinking` turns off. */
const thinkTemplate =
  "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}" +
  "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n" +
  "{% if enable_thinking is defined and not enable_thinking %}\n</think>\n\n{% endif %}{% endif %}";
describe("reasoning", () => {
  const request = { ...exact, max_tokens: 24, reasoning_budget: 8 };
  let reasoning;
  before(() => (reasoning = createOpenAI(model, { chat: { chatTemplate: thinkTemplate } })));

  test("is apart from the content, in answers and chunks", async () => {
    const { choices, usage } = await reasoning.chat.completions.create(request);
    const { content, reasoning_content } = choices[0].message;
    assert.ok(reasoning_content.length > 0 && content.length > 0, JSON.stringify(choices));
    assert.ok(usage.completion_tokens_details.reasoning_tokens >= 8, JSON.stringify(usage));
    const chunks = await all(await reasoning.chat.completions.create({ ...request, stream: true }));
    const joined = (name) => chunks.map(({ choices }) => choices[0].delta[name] ?? "").join("");
    assert.deepEqual([joined("reasoning_content"), joined("content")], [reasoning_content, content]);
    const inline = { ...request, reasoning_format: "none" };
    const whole = (await reasoning.chat.completions.create(inline)).choices[0].message;
    assert.equal(whole.content, `<think>\n${reasoning_content}\n</think>\n\n${content}`);
    const streamed = await all(await reasoning.chat.completions.create({ ...inline, stream: true }));
    assert.equal(streamed.map(({ choices }) => choices[0].delta.content ?? "").join(""), whole.content);
    assert.ok(!("reasoning_content" in whole));
  });

  test("can be turned off, and template variables set", async () => {
    const off = await reasoning.chat.completions.create({ ...exact, reasoning_effort: "none" });
    assert.ok(!("reasoning_content" in off.choices[0].message));
    const variables = { ...exact, chat_template_kwargs: { enable_thinking: false } };
    assert.deepEqual((await reasoning.chat.completions.create(variables)).choices[0].message, off.choices[0].message);
  });
});

describe("answers in a format", () => {
  const Capital = z.object({ country: z.string().max(20), capital: z.string().max(20), people: z.int().min(0) });
  const ask = { ...exact, max_tokens: 80 };

  test("are parsed by the client", async () => {
    const response_format = zodResponseFormat(Capital, "capital");
    const { choices } = await client.chat.completions.parse({ ...ask, response_format });
    const { parsed } = choices[0].message;
    assert.deepEqual(parsed, Capital.parse(JSON.parse(choices[0].message.content)));
    assert.equal(choices[0].finish_reason, "stop");
    const final = await client.chat.completions.stream({ ...ask, response_format }).finalChatCompletion();
    assert.deepEqual(final.choices[0].message.parsed, parsed);
    const { choices: direct } = await local.chat.completions.create({ ...ask, response_format });
    assert.equal(direct[0].message.content, choices[0].message.content);
  });

  test("are JSON objects, or match a schema or a grammar", async () => {
    const contentOf = async (fields) =>
      (await local.chat.completions.create({ ...ask, ...fields })).choices[0].message.content;
    const schema = { type: "object", properties: { n: { enum: [1, 2] } }, required: ["n"] };
    const schemas = [
      { json_schema: schema },
      { response_format: { type: "json_schema", json_schema: { name: "n", schema } } },
      { response_format: { type: "json_object", schema } },
    ];
    for (const fields of schemas) assert.match(await contentOf(fields), /^\{\s*"n"\s*:\s*[12]\s*\}$/);
    assert.match(await contentOf({ grammar: 'root ::= "yes" | "no"' }), /^(yes|no)$/);
    assert.match(await contentOf({ response_format: { type: "json_object" }, max_tokens: 8 }), /^\{/);
    const { choices } = await local.completions.create({ prompt: "Is it?", grammar: 'root ::= "yes" | "no"' });
    assert.match(choices[0].text, /^(yes|no)$/);
  });

  test("are refused if the schema cannot be kept", async () => {
    const wrong = (fields) => client.chat.completions.create({ ...ask, ...fields });
    const schema = { type: "array", items: { type: "integer" }, uniqueItems: true };
    const format = (strict) => ({ type: "json_schema", json_schema: { name: "n", schema, strict } });
    const error = await failsWith(400, "response_format", wrong({ response_format: format(true) }));
    assert.equal(error.code, "bad_schema");
    assert.match(error.message, /uniqueItems/);
    await wrong({ response_format: format(false), max_tokens: 1 });
    await failsWith(400, "grammar", wrong({ grammar: "root ::= missing" }));
    await failsWith(400, "response_format", wrong({ grammar: "root ::= .", response_format: { type: "json_object" } }));
  });
});

describe("tools", () => {
  const parameters = {
    type: "object",
    properties: { city: { enum: ["Paris", "Rome"] } },
    required: ["city"],
    additionalProperties: false,
  };
  const weather = {
    type: "function",
    function: { name: "weather", description: "The weather of a city.", parameters },
  };
  const time = { type: "function", function: { name: "time", description: "The time of day." } };
  const ask = {
    ...exact,
    messages: [{ role: "user", content: "What is the weather in Paris?" }],
    tools: [weather, time],
    max_tokens: 60,
  };
  const named = { type: "function", function: { name: "weather" } };

  test("are called, with arguments that match the schema", async () => {
    const { choices } = await client.chat.completions.create({ ...ask, tool_choice: named });
    const { finish_reason, message } = choices[0];
    assert.equal(finish_reason, "tool_calls");
    assert.equal(message.content, null);
    const [call] = message.tool_calls;
    assert.equal(call.type, "function");
    assert.equal(call.function.name, "weather");
    assert.match(JSON.parse(call.function.arguments).city, /^(Paris|Rome)$/);
    const allowed = { mode: "required", tools: [{ type: "function", function: { name: "time" } }] };
    const tool_choice = { type: "allowed_tools", allowed_tools: allowed };
    const other = await client.chat.completions.create({ ...ask, tool_choice, parallel_tool_calls: false });
    assert.equal(other.choices[0].message.tool_calls[0].function.name, "time");
    const none = (await client.chat.completions.create({ ...ask, tool_choice: "none" })).choices[0];
    assert.equal(none.message.tool_calls, undefined);
    assert.ok(none.message.content.length > 0);
  });

  test("are called in a stream, with an index and arguments as text", async () => {
    const chunks = await all(await client.chat.completions.create({ ...ask, tool_choice: named, stream: true }));
    const deltas = chunks.flatMap(({ choices }) => choices[0].delta.tool_calls ?? []);
    assert.equal(deltas[0].index, 0);
    assert.equal(deltas[0].function.name, "weather");
    assert.match(JSON.parse(deltas.map((delta) => delta.function.arguments).join("")).city, /^(Paris|Rome)$/);
    assert.equal(chunks.at(-1).choices[0].finish_reason, "tool_calls");
  });

  test("are run by the client", async () => {
    const cities = [];
    const run = ({ city }) => {
      cities.push(city);
      return "It is sunny.";
    };
    const tool = { type: "function", function: { ...weather.function, function: run, parse: JSON.parse } };
    const runner = client.chat.completions.runTools({ ...ask, tools: [tool], tool_choice: named });
    assert.equal(await runner.finalFunctionToolCallResult(), "It is sunny.");
    assert.equal(cities.length, 1);
    // The conversation continues with the result.
    const { choices } = await client.chat.completions.create({
      ...exact,
      messages: [...runner.messages, { role: "user", content: "So is it sunny?" }],
      tools: [weather],
      tool_choice: "none",
    });
    assert.ok(choices[0].message.content.length > 0);
  });

  test("are refused if they are not valid", async () => {
    const wrong = (fields) => client.chat.completions.create({ ...ask, ...fields });
    const bad = (name, parameters) => ({ type: "function", function: { name, parameters } });
    await failsWith(400, "tools", wrong({ tools: [bad("a b", parameters)] }));
    await failsWith(400, "tools", wrong({ tools: [weather, weather] }));
    await failsWith(400, "tools", wrong({ tools: [bad("a", { type: "array" })] }));
    await failsWith(400, "tool_choice", wrong({ tool_choice: { type: "function", function: { name: "none" } } }));
  });
});
