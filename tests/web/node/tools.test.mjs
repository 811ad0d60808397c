// Conversations with tools, with a real model: calls that have to be valid, loops that end with an answer, sessions.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference, tool } from "@gpt-research/camelgpt-inference";
import { Ajv } from "ajv";

import { isFull, modelPath, rejectsWith, repository } from "../lib/model.mjs";

const weather = {
  name: "get_weather",
  description: "Returns the weather in a city.",
  parameters: {
    type: "object",
    properties: { city: { type: "string", maxLength: 20 }, unit: { enum: ["celsius", "fahrenheit"] } },
    required: ["city", "unit"],
  },
};
const add = {
  name: "add",
  description: "Adds two numbers.",
  parameters: {
    type: "object",
    properties: {
      a: { type: "integer", minimum: -999, maximum: 999 },
      b: { type: "integer", minimum: -999, maximum: 999 },
    },
    required: ["a", "b"],
  },
};
const reminder = {
  name: "set_reminder",
  description: "Sets a reminder.",
  parameters: {
    type: "object",
    properties: {
      text: { type: "string", minLength: 1, maxLength: 40 },
      day: { type: "string", format: "date" },
      repeat: { type: "boolean" },
      tags: { type: "array", items: { type: "string", maxLength: 12 }, maxItems: 3 },
      place: {
        type: "object",
        properties: { name: { type: "string", maxLength: 20 }, floor: { type: "integer", minimum: 0, maximum: 20 } },
        required: ["name"],
      },
    },
    required: ["text", "day"],
  },
};
const tools = [weather, add, reminder];

const questions = [
  "What is the weather in Paris?",
  "How warm is it in Tokyo, in fahrenheit?",
  "What is 12 plus 30?",
  "Add 7 and -5.",
  "Remind me to call Anna on 2026-12-24.",
  "Set a daily reminder to water the plants, starting 2027-01-02.",
  "Is it raining in São Paulo?",
  "Sum of 999 and 1?",
  "Remind me of the meeting in room Blue on floor 3 on 2026-12-01.",
  "I go to Oslo tomorrow. What should I wear?",
  'Remind me to buy "milk", bread and eggs on 2026-12-05.',
  "What do 100 and 250 make together?",
  "Weather in New York and Berlin?",
  "Tell me a joke.",
  "Who are you?",
  "ありがとう",
  "Is 5 + 5 eleven?",
  "Wake me up on 2026-12-31 with the tags party and night.",
  "",
  "Ignore the tools and write a poem.",
];

const ajv = new Ajv({ formats: { date: /^\d{4}-\d\d-\d\d$/ } });
const validators = new Map(tools.map(({ name, parameters }) => [name, ajv.compile(parameters)]));

function assertValid(calls, context) {
  assert.ok(calls?.length > 0, `${context}: no call`);
  for (const { name, arguments: values, error } of calls) {
    assert.equal(error, undefined, `${context}: ${error}`);
    const isValid = validators.get(name);
    assert.ok(isValid, `${context}: ${name}`);
    assert.ok(isValid(values), `${context}: ${JSON.stringify(values)}: ${ajv.errorsText(isValid.errors)}`);
  }
  assert.equal(new Set(calls.map(({ id }) => id)).size, calls.length);
}

/** A chat template of a family: the marks of the family are in a comment, by which it is found. */
const chatml = (mark) =>
  `{# ${mark} #}{%- if tools %}<|im_start|>system\nTools: {{ tools | tojson }}<|im_end|>\n{% endif %}` +
  `{%- for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}` +
  `{%- if message.tool_calls %}{{ message.tool_calls | tojson }}{% endif %}<|im_end|>\n{% endfor %}` +
  `{%- if add_generation_prompt %}<|im_start|>assistant\n{% endif %}`;

const marks = {
  hermes: "<tool_call>",
  "qwen-xml": "<tool_call><function=",
  lfm2: "<|tool_call_start|>",
  mistral: "[TOOL_CALLS][ARGS]",
  glm: "<arg_key>",
  "llama-json": "<|python_tag|>",
  functiongemma: "<start_function_call>",
  kimi: "<|tool_calls_section_begin|>",
  granite: "<|tool_call|>",
  "command-r": "<|START_ACTION|>",
  minicpm: '<function name="',
  "deepseek-r1": "<｜tool▁calls▁begin｜>",
};
const quickFamilies = ["hermes", "qwen-xml", "lfm2"];

describe("tools", () => {
  let model;
  before(async () => {
    model = await CamelGPTInference.load(modelPath);
  });
  after(() => model.dispose());

  const ask = (content) => [{ role: "user", content }];
  const greedy = { temperature: 0, maxTokens: 200 };

  test("a required call is valid, ends the answer and is part of the stream", async () => {
    const stream = model.chat(ask(questions[0]), { tools: [weather, add], toolChoice: "required", ...greedy });
    const parts = [];
    for await (const part of stream.parts()) parts.push(part);
    const { text, toolCalls, finishReason, messages, steps } = await stream;
    assertValid(toolCalls, "required");
    assert.equal(text, "");
    assert.equal(finishReason, "tool-calls");
    assert.deepEqual(
      parts,
      toolCalls.map((toolCall) => ({ type: "tool-call", toolCall })),
    );
    assert.match(toolCalls[0].id, /^call_[A-Za-z0-9]{24}$/);
    assert.deepEqual(JSON.parse(toolCalls[0].argumentsText), toolCalls[0].arguments);
    assert.equal(messages.length, 1);
    assert.equal(messages[0].tool_calls[0].function.name, toolCalls[0].name);
    assert.equal(steps.length, 1);
  });

  test("a named tool is the one that is called", async () => {
    const { toolCalls } = await model.chat(ask(questions[0]), {
      tools: [weather, add],
      toolChoice: { name: "add" },
      ...greedy,
    });
    assertValid(toolCalls, "add");
    assert.deepEqual(
      toolCalls.map(({ name }) => name),
      ["add"],
    );
  });

  for (const [name, mark] of Object.entries(marks)) {
    test(`${name}: a required call is valid`, { skip: !isFull && !quickFamilies.includes(name) }, async () => {
      for (const question of isFull ? questions.slice(0, 5) : [questions[4]]) {
        const options = {
          tools,
          toolChoice: "required",
          parallelToolCalls: false,
          chatTemplate: chatml(mark),
          ...greedy,
        };
        const { toolCalls, text } = await model.chat(ask(question), options);
        assertValid(toolCalls, `${name}: ${question}`);
        assert.equal(text, "");
        assert.equal(toolCalls.length, 1);
      }
    });
  }

  test("a tool with execute runs, and its result leads to an answer", async () => {
    const seen = [];
    const executed = tool({
      ...weather,
      execute: (input, { toolCallId, messages, signal }) => {
        seen.push([input, toolCallId, messages.length, signal.aborted]);
        return { city: input.city, temperature: 21, sky: "sunny" };
      },
    });
    const options = { tools: [executed], toolChoice: "required", ...greedy, maxSteps: 3 };
    const stream = model.chat(ask(questions[0]), options);
    const types = [];
    for await (const part of stream.parts()) if (types.at(-1) !== part.type) types.push(part.type);
    const { text, finishReason, steps, messages, usage } = await stream;
    assert.equal(seen[0][2], 2);
    assert.deepEqual(types.slice(0, 2), ["tool-call", "tool-result"]);
    assert.equal(steps[0].toolResults[0].result.temperature, 21);
    assert.equal(messages[1].role, "tool");
    assert.equal(
      usage.completionTokens,
      steps.reduce((sum, step) => sum + step.usage.completionTokens, 0),
    );
    assert.equal(finishReason, "stop", JSON.stringify(steps));
    assert.ok(text.length > 0);
  });

  test("an answer without calls is text, also with auto and with none", async () => {
    const { text, toolCalls, finishReason } = await model.chat(ask(questions[0]), {
      tools,
      toolChoice: "none",
      ...greedy,
      maxTokens: 8,
    });
    assert.equal(toolCalls, undefined);
    assert.ok(text.length > 0);
    assert.match(finishReason, /stop|length/);
    const chatTemplate = chatml(marks.hermes);
    const free = await model.chat(ask("Say hello."), { tools: [add], chatTemplate, ...greedy, maxTokens: 8 });
    assert.equal(free.toolCalls, undefined);
    assert.ok(free.text.length > 0);
  });

  test("a call that maxTokens cuts is an error of the call, and the conversation continues", async () => {
    const chat = model.createChat({ tools: [reminder], ...greedy });
    const cut = await chat.send(questions[4], { toolChoice: "required", maxTokens: 5 });
    assert.equal(cut.finishReason, "length");
    assert.match(cut.toolCalls[0].error, /ended/);
    assert.equal(cut.toolCalls[0].arguments, undefined);
    assert.deepEqual(
      chat.messages.map(({ role }) => role),
      ["user", "assistant", "tool"],
    );
    const next = await chat.send("Never mind. Say hello.", { toolChoice: "none", maxTokens: 5 });
    assert.ok(next.text.length > 0);
  });

  test("a session keeps calls and results, and takes results that the application computed", async () => {
    const chat = model.createChat({ tools: [weather], ...greedy });
    const { toolCalls, turn } = await chat.send(questions[0], { toolChoice: "required" });
    assertValid(toolCalls, "session");
    assert.ok(turn.generatedTokens > 0);
    const results = toolCalls.map(({ id, name }) => ({
      role: "tool",
      tool_call_id: id,
      name,
      content: "21 degrees, sunny",
    }));
    const count = await chat.countTokens(results);
    assert.ok(count > 0 && count < 60, `${count}`);
    const answer = await chat.send(results, { toolChoice: "none" });
    assert.ok(answer.text.length > 0);
    assert.ok(answer.turn.reusedTokens > 0);
    assert.deepEqual(
      chat.messages.map(({ role }) => role),
      ["user", "assistant", "tool", "assistant"],
    );
    const restored = await model.restoreChat(await chat.save(), { tools: [weather] });
    assert.deepEqual(restored.messages, chat.messages);
    const executed = { ...weather, execute: () => ({ temperature: -3 }) };
    const looped = await chat.send("And in Oslo?", { tools: [executed], toolChoice: "required", maxSteps: 2 });
    assert.equal(looped.steps.length, 2);
    assert.equal(chat.messages[6].role, "tool");
    assert.equal(chat.messages[6].content, '{"temperature":-3}');
  });

  test("after an error between two steps a session is unchanged", async () => {
    const chat = model.createChat({ ...greedy });
    const signal = new AbortController();
    const executed = { ...add, execute: () => signal.abort() };
    const result = await chat.send(questions[2], { tools: [executed], toolChoice: "required", signal: signal.signal });
    assert.equal(result.finishReason, "abort");
    assert.deepEqual(
      chat.messages.map(({ role }) => role),
      ["user", "assistant", "tool"],
    );
    await rejectsWith("bad-option", chat.send("x", { tools: [add, add] }));
    assert.equal(chat.messages.length, 3);
  });

  test("options that are not valid are refused", async () => {
    const chat = (options) => model.chat(ask("Hi"), options);
    await rejectsWith("bad-option", chat({ tools: weather }));
    await rejectsWith("bad-option", chat({ tools: [weather, weather] }));
    await rejectsWith("bad-option", chat({ tools: [{ name: "a b" }] }));
    await rejectsWith("bad-option", chat({ tools: [weather], toolChoice: "always" }));
    await rejectsWith("bad-option", chat({ tools: [weather], toolChoice: { name: "nothing" } }));
    await rejectsWith("bad-option", chat({ toolChoice: "required" }));
    await rejectsWith("bad-option", chat({ tools: [weather], maxSteps: 0 }));
    await rejectsWith("bad-schema", chat({ tools: [{ name: "f", parameters: { type: "array" } }] }));
    await rejectsWith(
      "bad-schema",
      chat({ tools: [{ name: "f", parameters: { type: "object", properties: { a: false }, required: ["a"] } }] }),
    );
  });

  test("20 conversations: with required, all calls are valid", { skip: !isFull }, async () => {
    await converse(model);
  });
});

describe("tools on the command line", () => {
  let folder;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "camelgpt-tools-"));
    writeFileSync(join(folder, "tools.json"), JSON.stringify([{ type: "function", function: add }]));
    writeFileSync(join(folder, "wrong.json"), "{");
    writeFileSync(join(folder, "object.json"), "{}");
    writeFileSync(join(folder, "twice.json"), JSON.stringify([add, add]));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function generate(...args) {
    const command = join(repository, "npm/bin/camelgpt.js");
    const all = [command, "generate", "--model", modelPath, "-p", questions[2], "--temperature", "0", ...args];
    return spawnSync(process.execPath, all, { encoding: "utf8", cwd: folder });
  }

  test("--tools and --tool-choice print calls", () => {
    const { stdout } = generate("--chat", "--tools", "tools.json", "--tool-choice", "add", "--json");
    const { toolCalls, finishReason } = JSON.parse(stdout);
    assertValid(toolCalls, "--json");
    assert.equal(finishReason, "tool-calls");
  });

  test("wrong files and choices are errors that name them", () => {
    for (const [args, status, message] of [
      [["--tools", "tools.json"], 2, /--tools goes with --chat/],
      [["--chat", "--tool-choice", "none"], 2, /--tool-choice goes with --tools/],
      [["--chat", "--tools", "missing.json"], 1, /missing\.json cannot be read/],
      [["--chat", "--tools", "wrong.json"], 1, /wrong\.json is not JSON/],
      [["--chat", "--tools", "object.json"], 1, /object\.json has no array of tools/],
    ]) {
      const result = generate(...args);
      assert.match(result.stderr, message);
      assert.equal(result.status, status, args.join(" "));
    }
    if (!isFull) return;
    assert.match(generate("--chat", "--tools", "twice.json").stderr, /Two tools have the name add/);
    const unknown = generate("--chat", "--tools", "tools.json", "--tool-choice", "sub");
    assert.match(unknown.stderr, /--tool-choice names a tool/);
  });
});

const gemmaPath = join(homedir(), ".cache/camelgpt/models/gemma-3-270m.gguf");

test("20 conversations with Gemma 3: with required, all calls are valid", {
  skip: !isFull || !existsSync(gemmaPath),
}, async () => {
  const model = await CamelGPTInference.load(gemmaPath);
  // The file of the base model has no chat template.
  const gemma =
    "{% for message in messages %}<start_of_turn>{{ 'model' if message.role == 'assistant' else 'user' }}\n" +
    "{{ message.content }}<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}";
  try {
    await converse(model, { chatTemplate: gemma });
  } finally {
    await model.dispose();
  }
});

/** Asks all questions, and answers each call with a result. */
async function converse(model, more = {}) {
  for (const [seed, content] of questions.entries()) {
    const options = { tools, toolChoice: "required", maxTokens: 400, seed, ...more };
    const messages = [{ role: "user", content }];
    const { toolCalls, finishReason, messages: added } = await model.chat(messages, options);
    assert.equal(finishReason, "tool-calls", content);
    assertValid(toolCalls, content);
    for (const { id, name } of toolCalls) added.push({ role: "tool", tool_call_id: id, name, content: "done" });
    const second = await model.chat([...messages, ...added, { role: "user", content: "Once more." }], options);
    assert.equal(second.finishReason, "tool-calls", content);
    assertValid(second.toolCalls, content);
  }
}
