// The options of tools, and the loop of answers and results, without a model.
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { startClock } from "../lib/processor-time.mjs";
import { importSource } from "../lib/source.mjs";

const { adaptMessages, allFamilies, checkTools, runSteps, toolFamily } = await importSource("npm/src/tools/tools.ts");

const throwsCode = (code, message, call) =>
  assert.throws(call, (error) => {
    assert.equal(error.code, code);
    assert.match(`${error.message} ${error.expected} ${error.found}`, message);
    return true;
  });

describe("the options of tools", () => {
  const weather = { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } };

  test("a name twice, a bad name, a bad choice and a bad schema are errors that name the tool", () => {
    throwsCode("bad-option", /Two tools have the name weather/, () => checkTools({ tools: [weather, weather] }));
    for (const name of ["", "a b", "ä", "x".repeat(65), undefined, 7]) {
      throwsCode("bad-option", /Tool 0 .* no valid name/, () => checkTools({ tools: [{ name }] }));
    }
    throwsCode("bad-option", /toolChoice names.*weather.*"time"/s, () =>
      checkTools({ tools: [weather], toolChoice: { name: "time" } }),
    );
    throwsCode("bad-option", /requires a call/, () => checkTools({ tools: [], toolChoice: "required" }));
    for (const parameters of [{ type: "string" }, [], "x", null, 1, true, { anyOf: [] }]) {
      throwsCode("bad-schema", /parameters of the tool f are no/, () =>
        checkTools({ tools: [{ name: "f", parameters }] }),
      );
    }
    throwsCode("bad-schema", /tool f are not plain data.*function/s, () =>
      checkTools({ tools: [{ name: "f", parameters: { type: "object", default: () => {} } }] }),
    );
    const cycle = { type: "object" };
    cycle.properties = { cycle };
    throwsCode("bad-schema", /100 levels/, () => checkTools({ tools: [{ name: "f", parameters: cycle }] }));
    throwsCode("bad-option", /execute of the tool f/, () => checkTools({ tools: [{ name: "f", execute: 1 }] }));
    throwsCode("bad-option", /Tool 0 .* not an object/, () => checkTools({ tools: [null] }));
  });

  test("no tools, or the choice none: nothing to call", () => {
    assert.equal(checkTools({}), undefined);
    assert.equal(checkTools({ tools: [weather], toolChoice: "none" }), undefined);
  });

  test("a Standard Schema gives its JSON schema; one that cannot is an error", () => {
    const jsonSchema = { input: ({ target }) => ({ type: "object", properties: {}, title: target }) };
    const parameters = { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }), jsonSchema } };
    const [tool] = checkTools({ tools: [{ name: "f", parameters }] }).tools;
    assert.equal(tool.parameters.title, "draft-2020-12");
    const cyclic = { ...parameters };
    cyclic.self = cyclic;
    assert.equal(checkTools({ tools: [{ name: "f", parameters: cyclic }] }).tools.length, 1);
    const bare = { "~standard": { ...parameters["~standard"], jsonSchema: undefined } };
    throwsCode("bad-schema", /tool f cannot be converted/, () =>
      checkTools({ tools: [{ name: "f", parameters: bare }] }),
    );
  });
});

describe("steps of answers and results", () => {
  const usage = { promptTokens: 10, completionTokens: 5 };
  const timings = { loadMs: 1, prefillMs: 10, decodeMs: 20, prefillTokensPerSecond: 0, decodeTokensPerSecond: 0 };
  const result = (text, ...toolCalls) => ({
    text,
    tokens: [],
    finishReason: toolCalls.length > 0 ? "tool-calls" : "stop",
    usage,
    timings,
    ...(toolCalls.length > 0 && { toolCalls }),
  });
  let ids = 0;
  const call = (name, values = {}) => ({
    id: `call_${++ids}`,
    name,
    arguments: values,
    argumentsText: JSON.stringify(values),
  });

  async function run(tools, answers, options = {}, signal = new AbortController().signal) {
    const parts = [];
    const requests = [];
    const checked = checkTools({ tools, ...options });
    const given = [...answers];
    const total = await runSteps({
      checked,
      messages: [{ role: "user", content: "hi" }],
      step: async (request) => {
        requests.push(structuredClone(request));
        return given.shift() ?? result("more", call(tools[0].name));
      },
      emit: (part) => parts.push(part),
      signal,
    });
    return { total, parts, requests };
  }

  test("calls run side by side, and their results go back to the model", async () => {
    const running = [];
    const tools = ["a", "b"].map((name) => ({
      name,
      parameters: { type: "object" },
      execute: async (input, { toolCallId, messages, signal }) => {
        running.push(name);
        assert.match(toolCallId, /^call_/);
        assert.equal(messages.at(-1).tool_calls.length, 2);
        assert.equal(signal.aborted, false);
        await new Promise((resolve) => setTimeout(resolve, name === "a" ? 20 : 1));
        running.push(name);
        return name === "a" ? { got: input } : "text";
      },
    }));
    const { total, parts, requests } = await run(
      tools,
      [result("I ask.", call("a", { x: 1 }), call("b")), result("Done.")],
      { toolChoice: "required" },
    );
    assert.deepEqual(running, ["a", "b", "b", "a"]);
    assert.deepEqual(
      parts.map(({ type, toolResult }) => [type, toolResult.name]),
      [
        ["tool-result", "b"],
        ["tool-result", "a"],
      ],
    );
    assert.equal(total.text, "Done.");
    assert.equal(total.finishReason, "stop");
    assert.deepEqual(total.usage, { promptTokens: 20, completionTokens: 10 });
    assert.equal(total.timings.prefillTokensPerSecond, 1000);
    assert.deepEqual(
      total.steps.map(({ text, toolCalls, toolResults }) => [
        text,
        toolCalls.length,
        toolResults.map((each) => each.result),
      ]),
      [
        ["I ask.", 2, [{ got: { x: 1 } }, "text"]],
        ["Done.", 0, []],
      ],
    );
    assert.deepEqual(
      total.messages.map(({ role, content }) => [role, content]),
      [
        ["assistant", "I ask."],
        ["tool", '{"got":{"x":1}}'],
        ["tool", "text"],
        ["assistant", "Done."],
      ],
    );
    assert.deepEqual(
      requests.map(({ choice, added }) => [choice, added.length]),
      [
        ["required", 0],
        ["auto", 3],
      ],
    );
  });

  test("a tool that throws, returns what is not JSON, or gets bad arguments gives an error result", async () => {
    const standard = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: () => ({ issues: [{ message: "too small", path: ["a", { key: 0 }] }] }),
        jsonSchema: { input: () => ({ type: "object" }) },
      },
    };
    const circular = {};
    circular.self = circular;
    const tools = [
      {
        name: "fails",
        execute: () => {
          throw new Error("no network");
        },
      },
      {
        name: "rejects",
        execute: async () => Promise.reject(new TypeError("fetch failed", { cause: new Error("DNS") })),
      },
      { name: "circular", execute: () => circular },
      { name: "big", execute: () => 1n },
      { name: "nothing", execute: () => undefined },
      { name: "strict", parameters: standard, execute: () => assert.fail("not called") },
    ];
    const bad = { id: "call_x", name: "fails", argumentsText: "{", error: "The arguments are not JSON." };
    const { total } = await run(tools, [result("", ...tools.map(({ name }) => call(name)), bad), result("ok")]);
    const results = total.steps[0].toolResults;
    assert.deepEqual(
      results.map(({ isError }) => isError),
      [true, true, true, true, false, true, true],
    );
    assert.equal(results[0].result, "no network");
    assert.match(results[1].result, /fetch failed/);
    assert.equal(results[5].result, "The arguments are not valid: a.0: too small");
    assert.equal(total.messages[1].content, '{"error":"no network"}');
    assert.equal(total.messages[5].content, "null");
    assert.equal(total.messages[0].tool_calls.at(-1).function.arguments, "{}");
    assert.equal(total.messages[0].content, null);
    assert.equal(total.text, "ok");
  });

  test("a full queue between two steps does not end the answer", async () => {
    const tool = { name: "f", execute: () => 1 };
    const answers = [result("", call("f")), undefined, undefined, result("done")];
    const full = Object.assign(new Error("full"), { name: "CamelGPTError", code: "queue-full", toJSON: () => ({}) });
    const total = await runSteps({
      checked: checkTools({ tools: [tool] }),
      messages: [],
      step: async () => {
        const answer = answers.shift();
        if (!answer) throw full;
        return answer;
      },
      emit: () => {},
      signal: new AbortController().signal,
    });
    assert.deepEqual([total.text, total.steps.length], ["done", 2]);
  });

  test("maxSteps bounds the loop; the last calls are returned", async () => {
    let count = 0;
    const tools = [{ name: "again", execute: () => ++count }];
    const { total } = await run(tools, [], { maxSteps: 3 });
    assert.equal(count, 2);
    assert.equal(total.steps.length, 3);
    assert.equal(total.finishReason, "tool-calls");
    assert.equal(total.toolCalls.length, 1);
    assert.equal(total.messages.at(-1).role, "assistant");
  });

  test("a step that repeats the calls and results before it is followed by an answer without tools", async () => {
    const tools = [{ name: "again", execute: () => 7 }];
    const { total, requests } = await run(tools, [
      result("", call("again", { a: 1 })),
      result("", call("again", { a: 1 })),
      result("It is 7."),
    ]);
    assert.deepEqual(
      requests.map(({ choice }) => choice),
      ["auto", "auto", "none"],
    );
    assert.equal(total.text, "It is 7.");
  });

  test("calls of a tool without execute are returned", async () => {
    const tools = [{ name: "mine" }, { name: "ours", execute: () => 1 }];
    const { total, parts } = await run(tools, [result("", call("ours"), call("mine"))]);
    assert.equal(total.finishReason, "tool-calls");
    assert.deepEqual(
      total.toolCalls.map(({ name }) => name),
      ["ours", "mine"],
    );
    assert.deepEqual(parts, []);
    assert.equal(total.messages.length, 1);
  });

  test("an abort ends a tool that does not listen; the history has a result for each call", async () => {
    const controller = new AbortController();
    const tools = [
      {
        name: "slow",
        execute: () => {
          setTimeout(() => controller.abort(), 5);
          return new Promise(() => {});
        },
      },
    ];
    const { total } = await run(tools, [result("", call("slow"))], {}, controller.signal);
    assert.equal(total.finishReason, "abort");
    assert.equal(total.steps.length, 1);
    assert.deepEqual(
      total.messages.map(({ role }) => role),
      ["assistant", "tool"],
    );
  });

  test("calls of an answer that was cut are not executed, but have results", async () => {
    const cut = {
      ...result("", { id: "call_c", name: "f", argumentsText: "{", error: "The answer ended." }),
      finishReason: "length",
    };
    const { total } = await run([{ name: "f", execute: () => assert.fail("called") }], [cut]);
    assert.equal(total.finishReason, "length");
    assert.deepEqual(
      total.messages.map(({ role }) => role),
      ["assistant", "tool"],
    );
    assert.equal(total.messages[1].content, '{"error":"The answer ended."}');
  });
});

describe("messages with calls for templates", () => {
  const family = (name) => allFamilies.find((each) => each.name === name);
  const tools = [{ name: "f", description: "Does it.", parameters: { type: "object", properties: {} } }];
  const history = [
    { role: "user", content: "go" },
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "call_abcdefghijkl", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
    },
    { role: "tool", tool_call_id: "call_abcdefghijkl", content: '{"x":2}' },
    { role: "tool", tool_call_id: "call_other", name: "g", content: "words" },
  ];

  test("a template without tools gets them in the system text, and calls and results as JSON", () => {
    const { messages, tools: variable } = adaptMessages(history, family("generic"), "", tools);
    assert.equal(variable, undefined);
    assert.deepEqual(
      messages.map(({ role }) => role),
      ["system", "user", "assistant", "user"],
    );
    assert.match(messages[0].content, /"name":"f","description":"Does it\."/);
    assert.match(messages[0].content, /"response"/);
    assert.equal(messages[2].content, '{"tool_call": {"name": "f", "arguments": {"a":1}}}');
    assert.equal(
      messages[3].content,
      'The tool f returned: {"x":2}\nThe tool g returned: words\nAnswer my question with this.',
    );
    const system = adaptMessages([{ role: "system", content: "Be brief." }], family("generic"), "", tools);
    assert.equal(system.messages.length, 1);
    assert.match(system.messages[0].content, /^Be brief\.\n\nYou have these tools/);
  });

  test("a template with tools gets them as a variable", () => {
    const hermes = adaptMessages(history, family("hermes"), "{{ tools }} {{ message.tool_calls }}", tools);
    assert.deepEqual(hermes.messages, history);
    assert.deepEqual(hermes.tools, [{ type: "function", function: { ...tools[0] } }]);
  });

  test("a template that shows only contents gets calls in the content", () => {
    const { messages } = adaptMessages(history, family("granite"), "{{ tools }}", tools);
    assert.equal(messages[1].content, '<|tool_call|>[{"name": "f", "arguments": {"a":1}}]');
  });

  test("the family of a hostile template is found in linear time", () => {
    const clock = startClock();
    assert.equal(toolFamily(`tools ${"<tool_call>".repeat(200_000)}`).name, "hermes");
    clock.expectBelow(500);
    assert.equal(toolFamily("tools <tool_call> <function=").name, "qwen-xml");
    assert.equal(toolFamily("tools <tool_call> <invoke name").name, "generic");
  });

  test("templates without tools are generic", () => {
    assert.equal(toolFamily("{{ messages }}").name, "generic");
    assert.equal(toolFamily("{{ tools }} unknown form").name, "generic");
    assert.equal(toolFamily("{% if tools %}<tool_call>").name, "hermes");
  });
});
