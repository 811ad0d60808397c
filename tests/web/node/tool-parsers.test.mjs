// Calls of tools in the notations of all families of models: read from pieces, and damaged in every way.
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { startClock } from "../lib/processor-time.mjs";
import { randomNumbers } from "../lib/random.mjs";
import { importSource } from "../lib/source.mjs";

const parameters = {
  type: "object",
  properties: {
    city: { type: "string" },
    days: { type: "integer" },
    exact: { type: "boolean" },
    tags: { type: "array", items: { type: "string" } },
    at: { type: "object", properties: { lat: { type: "number" }, name: { type: "string" } } },
  },
  required: ["city"],
};
const tools = [
  { name: "weather", parameters },
  { name: "time_now", parameters: { type: "object", properties: {} } },
];

const weather = { name: "weather", arguments: { city: "São Paulo", days: 3 } };
const time = { name: "time_now", arguments: {} };
const rich = {
  name: "weather",
  arguments: {
    city: 'a "quoted" </tag>\n\\ ☃ 😀',
    days: -2,
    exact: true,
    tags: ["x", "y, z]"],
    at: { lat: 1.5, name: "{}" },
  },
};

/** Answers as models of each family write them. */
const recorded = {
  hermes: [
    ['<tool_call>\n{"name": "weather", "arguments": {"city": "São Paulo", "days": 3}}\n</tool_call>', [weather]],
    [
      'I look.\n\n<tool_call>\n{"name": "weather", "arguments": {"city": "São Paulo", "days": 3}}\n</tool_call>\n' +
        '<tool_call>\n{"name": "time_now", "arguments": {}}\n</tool_call>',
      ["I look.", weather, time],
    ],
    ['<tool_call>{"arguments": {}, "name": "time_now"}</tool_call> ', [time]],
    ['<tool_call>{"name":"time_now"}', [time]],
    ['<tool_call>[{"name": "time_now"}, {"name": "time_now", "parameters": {}}]</tool_call>', [time, time]],
    ['<tool_call>{"function": {"name": "time_now", "arguments": "{}"}}</tool_call>after', [time, "after"]],
  ],
  "qwen-xml": [
    [
      "Sure.\n\n<tool_call>\n<function=weather>\n<parameter=city>\nSão Paulo\n</parameter>\n<parameter=days>\n3\n" +
        "</parameter>\n</function>\n</tool_call>",
      ["Sure.", weather],
    ],
    ["<function=time_now>\n</function>\n</tool_call>", [time]],
    [
      "<tool_call>\n<function=weather>\n<parameter=city>\n\nx\n\n</parameter>\n<parameter=exact>\nTrue\n" +
        "</parameter>\n</function>\n</tool_call>",
      [{ name: "weather", arguments: { city: "\nx\n", exact: true } }],
    ],
  ],
  glm: [
    [
      "\n<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>São Paulo</arg_value>\n<arg_key>days</arg_key>\n" +
        "<arg_value>3</arg_value>\n</tool_call>",
      [weather],
    ],
    ["<tool_call>time_now\n</tool_call>\n<tool_call>time_now</tool_call>", [time, time]],
  ],
  minimax: [
    [
      '<minimax:tool_call>\n<invoke name="weather">\n<parameter name="city">São Paulo</parameter>\n' +
        '<parameter name="days">3</parameter>\n</invoke>\n<invoke name="time_now">\n</invoke>\n</minimax:tool_call>',
      [weather, time],
    ],
  ],
  seed: [
    [
      "<seed:tool_call>\n<function=weather>\n<parameter=city>São Paulo</parameter>\n<parameter=days>3</parameter>\n" +
        "</function>\n</seed:tool_call>",
      [weather],
    ],
  ],
  minicpm: [
    ['<function name="weather"><param name="city">São Paulo</param><param name="days">3</param></function>', [weather]],
    [
      '<function name="weather"><param name="city"><![CDATA[a < b\n&</param>]]></param></function>\n' +
        '<function name="time_now"></function>',
      [{ name: "weather", arguments: { city: "a < b\n&</param>" } }, time],
    ],
  ],
  "llama-json": [
    ['{"name": "weather", "parameters": {"city": "São Paulo", "days": 3}}', [weather]],
    ['<|python_tag|>{"name": "time_now", "parameters": {}}; {"name": "time_now", "parameters": {}}', [time, time]],
    ['{"type": "function", "name": "time_now", "parameters": {}}', [time]],
    ['{"answer": 42}', ['{"answer": 42}']],
    ['{"name": "nothing", "parameters": {}} is JSON', ['{"name": "nothing", "parameters": {}}', " is JSON"]],
  ],
  python: [
    ['[weather(city="São Paulo", days=3), time_now()]', [weather, time]],
    ["[weather(city='São Paulo', days=+3)]", [weather]],
    ["[1] is the first source", ["[1]", " is the first source"]],
  ],
  lfm2: [
    ['<|tool_call_start|>[weather(city="São Paulo", days=3)]<|tool_call_end|>Checking.', [weather, "Checking."]],
    [
      "<|tool_call_start|>[weather(city='it\\'s', exact=True, tags=['a', \"b\"], at={'lat': 1e1, 'name': None})]" +
        "<|tool_call_end|>",
      [
        {
          name: "weather",
          arguments: { city: "it's", exact: true, tags: ["a", "b"], at: { lat: 10, name: null } },
        },
      ],
    ],
    ['<|tool_call_start|>{"name": "time_now", "arguments": {}}<|tool_call_end|>', [time]],
    ["<|tool_call_start|>time_now()<|tool_call_end|>", [time]],
  ],
  mistral: [
    ['[TOOL_CALLS]weather[ARGS]{"city": "São Paulo", "days": 3}[TOOL_CALLS]time_now[ARGS]{}', [weather, time]],
    ['[TOOL_CALLS]weather[CALL_ID]abcdef123[ARGS]{"city": "São Paulo", "days": 3}', [weather]],
    ["[TOOL_CALLS]time_now{}", [time]],
    ['[TOOL_CALLS] [{"name": "time_now", "arguments": {}}]', [time]],
  ],
  "mistral-list": [
    [
      '[TOOL_CALLS][{"name": "weather", "arguments": {"city": "São Paulo", "days": 3}, "id": "abcdef123"}, ' +
        '{"name": "time_now", "arguments": {}}]',
      [weather, time],
    ],
  ],
  granite: [['<|tool_call|>[{"name": "time_now", "arguments": {}}]', [time]]],
  phi: [['<|tool_call|>[{"name": "time_now", "arguments": {}}]<|/tool_call|>', [time]]],
  functools: [[' functools[{"name": "time_now", "arguments": {}}]', [time]]],
  nemotron: [['<TOOLCALL>[{"name": "time_now", "arguments": {}}]</TOOLCALL>', [time]]],
  apriel: [['\n<tool_calls>[{"name": "time_now", "arguments": {}, "id": "1"}]</tool_calls>', [time]]],
  apertus: [
    [
      '<|tools_prefix|>[{"time_now": {}}, {"weather": {"city": "São Paulo", "days": 3}}]<|tools_suffix|>',
      [time, weather],
    ],
  ],
  "command-r": [
    [
      '<|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "weather", "parameters": ' +
        '{"city": "São Paulo", "days": 3}}\n]' +
        "<|END_ACTION|>",
      [weather],
    ],
  ],
  "command-r-plus": [['Action:\n```json\n[\n{"tool_name": "time_now", "parameters": {}}\n]\n```', [time]]],
  functionary: [['<function=weather>{"city": "São Paulo", "days": 3}</function>', [weather]]],
  deepseek: [
    [
      "Let me see.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weather<｜tool▁sep｜>" +
        '{"city": "São Paulo", "days": 3}<｜tool▁call▁end｜><｜tool▁call▁begin｜>time_now<｜tool▁sep｜>{}' +
        "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
      ["Let me see.", weather, time],
    ],
  ],
  "deepseek-r1": [
    [
      "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n" +
        '{"city": "São Paulo",\n"days": 3}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>time_now\n' +
        "```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
      [weather, time],
    ],
  ],
  kimi: [
    [
      "<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>" +
        '{"city": "São Paulo", "days": 3}<|tool_call_end|><|tool_call_begin|>functions.time_now:1' +
        "<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
      [weather, time],
    ],
  ],
  "gpt-oss": [
    [
      '<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"city": "São Paulo", "days": 3}<|call|>',
      [weather],
    ],
    [" to=functions.time_now<|channel|>commentary json<|message|>{}", [time]],
  ],
  functiongemma: [
    [
      "<start_function_call>call:weather{city:<escape>São Paulo<escape>,days:3}<end_function_call>" +
        "<start_function_call>call:time_now{}<end_function_call>",
      [weather, time],
    ],
    [
      "<start_function_call>call:weather{city:<escape>a{b}, c<escape>,exact:true,tags:[<escape>x<escape>]," +
        "at:{lat:1.5}}" +
        "<end_function_call>",
      [{ name: "weather", arguments: { city: "a{b}, c", exact: true, tags: ["x"], at: { lat: 1.5 } } }],
    ],
  ],
  gemma4: [['<|tool_call>call:weather{city:<|"|>São Paulo<|"|>,days:3}<tool_call|>', [weather]]],
  generic: [
    ['{"tool_call": {"name": "weather", "arguments": {"city": "São Paulo", "days": 3}}}', [weather]],
    ['{"response": "Hi \\"you\\"\\n\\u00e9\\ud83d\\ude00"}', ['Hi "you"\né😀']],
    ['{"other": 1}', ['{"other": 1}']],
    ["Hello", ["Hello"]],
  ],
};

const { ToolCallParser, allFamilies } = await importSource("npm/src/tools/tools.ts");
const { AnswerReader } = await importSource("npm/src/chat/answer/reader.ts");
const families = new Map(allFamilies.map((family) => [family.name, family]));

describe("parsers of tool calls", () => {
  function read(name, pieces) {
    let count = 0;
    const calls = new ToolCallParser(families.get(name).syntax, tools, () => `call_${++count}`);
    const reader = new AnswerReader({ calls });
    const parts = [...pieces].flatMap((piece) => reader.put(piece));
    return [...parts, ...reader.finish()];
  }

  /** The parts with texts joined, and of calls the name and the arguments or the error. */
  function brief(parts) {
    const joined = [];
    for (const part of parts) {
      if (typeof part !== "string") {
        const { name, arguments: values, error } = part.toolCall;
        joined.push(error === undefined ? { name, arguments: values } : { name, error });
      } else if (typeof joined.at(-1) === "string") joined[joined.length - 1] += part;
      else joined.push(part);
    }
    return joined;
  }

  const joinTexts = (parts) => brief(parts.map((part) => (typeof part === "string" ? part : { toolCall: part })));

  test("each family has recorded answers", () => {
    assert.deepEqual([...families.keys()].sort(), Object.keys(recorded).sort());
  });

  for (const [name, answers] of Object.entries(recorded)) {
    test(`${name}: recorded answers, whole, in single characters, and cut in two anywhere`, () => {
      for (const [text, expected] of answers) {
        const wanted = joinTexts(expected);
        assert.deepEqual(brief(read(name, [text])), wanted, text);
        assert.deepEqual(brief(read(name, text)), wanted, `${text} by characters`);
        for (let at = 1; at < text.length; at++) {
          assert.deepEqual(brief(read(name, [text.slice(0, at), text.slice(at)])), wanted, `${text} cut at ${at}`);
        }
      }
    });

    test(`${name}: reads what it writes`, () => {
      const { syntax } = families.get(name);
      const calls = [rich, time, weather].slice(0, syntax.isParallel ? 3 : 1);
      const text = syntax.write(calls.map((call, i) => ({ id: `abcdef12${i}`, ...call })));
      // XML and Gemma's marks have no escapes.
      const isPlain =
        ["gemma4", "functiongemma"].includes(name) || text.includes("<parameter") || text.includes("<arg_");
      if (isPlain && rich.arguments.city.includes(syntax.markers[0])) return;
      assert.deepEqual(brief(read(name, [text])), calls);
    });

    test(`${name}: an answer that ends within a call is an error of that call`, () => {
      for (const [text, expected] of answers) {
        if (!expected.some((part) => typeof part !== "string")) continue;
        for (let at = 1; at < text.length; at++) {
          const parts = brief(read(name, [text.slice(0, at)]));
          for (const part of parts) {
            if (typeof part === "string") continue;
            if (part.error)
              assert.match(part.error, /^(The answer ended|There is no tool|The call has no)/, text.slice(0, at));
            else assert.ok(tools.some((tool) => tool.name === part.name));
          }
        }
      }
    });
  }

  test("a closing marker that is cut is no text", () => {
    for (const [name, { syntax }] of families) {
      const whole = syntax.write([{ id: "abcdef123", ...weather }]);
      for (let end = whole.length - 1; end > whole.length - 5; end--) {
        const texts = read(name, [whole.slice(0, end)]).filter((part) => typeof part === "string");
        assert.deepEqual(texts, [], `${name}: ${whole.slice(0, end)}`);
      }
    }
  });

  const errorOf = (parts) => {
    const call = parts.find((part) => typeof part !== "string");
    return call?.toolCall.error;
  };

  test("arguments that are not JSON are an error, and the next call is read", () => {
    const text = '<tool_call>{"name": "weather", "arguments": {"city": oops}}</tool_call>';
    const [bad, good] = read("hermes", [text, text.replace("oops", '"x"')]);
    assert.match(bad.toolCall.error, /not JSON/);
    assert.equal(bad.toolCall.name, "weather");
    assert.match(bad.toolCall.argumentsText, /oops/);
    assert.deepEqual(good.toolCall.arguments, { city: "x" });
  });

  test("brackets and quotes that never close end at the closing marker", () => {
    const bad = '<tool_call>{"name": "weather", "arguments": {"city": "x}</tool_call>';
    const good = '<tool_call>{"name": "time_now", "arguments": {}}</tool_call>';
    const parts = read("hermes", [bad, good, bad, good, "end"]);
    assert.deepEqual(
      parts.map((part) => (typeof part === "string" ? part : part.toolCall.error === undefined)),
      [false, true, false, true, "end"],
    );
  });

  test("an unknown tool is an error that names the tools", () => {
    const parts = read("hermes", ['<tool_call>{"name": "sum", "arguments": {}}</tool_call>']);
    assert.equal(errorOf(parts), 'There is no tool "sum". The tools are weather, time_now.');
  });

  test("arguments that are not an object, nest too deep or are half a character are errors", () => {
    const call = (values) => [`<tool_call>{"name": "weather", "arguments": ${values}}</tool_call>`];
    assert.match(errorOf(read("hermes", call("[1]"))), /not an object/);
    assert.match(errorOf(read("hermes", call(`{"a": ${"[".repeat(100)}${"]".repeat(100)}}`))), /64 levels/);
    assert.match(errorOf(read("hermes", call(`{"a": ${"[".repeat(200_000)}`))), /ended within|not JSON|levels/);
    assert.match(errorOf(read("hermes", call('{"a": "\\ud800"}'))), /Unicode/);
    const nested = `{"a": ${"[".repeat(20_000)}${"]".repeat(20_000)}}`;
    assert.match(errorOf(read("hermes", call(JSON.stringify(nested)))), /64 levels/);
    // After a call whose brackets never close, the closing marker ends a call.
    const [, afterOpen] = read("hermes", [...call('{"a": "x}'), ...call(nested)]);
    assert.match(errorOf([afterOpen]), /64 levels/);
    const deep = `<|tool_call_start|>[weather(city=${"[".repeat(50_000)})]<|tool_call_end|>`;
    assert.match(errorOf(read("lfm2", [deep])), /levels/);
    const braces = `<start_function_call>call:weather{at:${"{a:".repeat(50_000)}`;
    assert.match(errorOf(read("functiongemma", [braces])), /levels|ended/);
  });

  test("the key __proto__ is an argument like any other", () => {
    const [part] = read("qwen-xml", [
      "<tool_call><function=weather><parameter=__proto__>\n{}\n</parameter></function></tool_call>",
    ]);
    assert.deepEqual(Object.keys(part.toolCall.arguments), ["__proto__"]);
  });

  test("names of arguments can have spaces and any letters", () => {
    for (const [name, { syntax }] of families) {
      const given = { "größe in cm": 3, "größe-2": 4 };
      const text = syntax.write([{ id: "abcdef123", name: "weather", arguments: given }]);
      const [part] = read(name, [text]);
      assert.deepEqual(part.toolCall?.arguments, given, `${name}: ${text}`);
    }
  });

  test("an argument can have the name of a property of all objects as its text", () => {
    const [part] = read("qwen-xml", [
      "<tool_call><function=weather><parameter=other>\nconstructor\n</parameter></function></tool_call>",
    ]);
    assert.deepEqual(part.toolCall.arguments, { other: "constructor" });
  });

  test("1 MB of arguments in small pieces is read in linear time", () => {
    for (const name of ["hermes", "qwen-xml", "generic", "lfm2", "functiongemma", "mistral"]) {
      const { syntax } = families.get(name);
      const city = "all work and no play ".repeat(50_000);
      const text = syntax.write([{ id: "abcdef123", name: "weather", arguments: { city } }]);
      const pieces = text.match(/[\s\S]{1,5}/g);
      const clock = startClock();
      const [part] = read(name, pieces);
      assert.equal(part.toolCall.arguments.city, city);
      clock.expectBelow(2000, name);
    }
  });

  test("without a form for tools, an answer in a format of its own is text", () => {
    const text = '{"response": "x", "n": 1}';
    const calls = new ToolCallParser(families.get("generic").syntax, tools, () => "id", true);
    const reader = new AnswerReader({ calls });
    assert.deepEqual([...reader.put(text), ...reader.finish()], [text]);
  });

  test("damaged answers are read without an exception, and alike in all pieces", () => {
    const random = randomNumbers(1);
    const below = (count) => Math.floor(random() * count);
    const bits = ["{", "}", "[", "]", '"', "\\", "'", "<", ">", ",", ":", "=", "(", ")", " ", "\n", "\ud83d", "name"];
    for (const [name, answers] of Object.entries(recorded)) {
      const texts = answers.map(([text]) => text);
      for (let i = 0; i < 60; i++) {
        let text = texts[below(texts.length)] + (random() < 0.3 ? texts[below(texts.length)] : "");
        for (let edits = 1 + below(4); edits > 0; edits--) {
          const at = below(text.length);
          const added = random() < 0.5 ? bits[below(bits.length)] : text.slice(at, at + below(12));
          text = text.slice(0, at) + added + text.slice(at + below(6));
        }
        const whole = brief(read(name, [text]));
        assert.deepEqual(brief(read(name, text)), whole, JSON.stringify(text));
        const at = below(text.length);
        assert.deepEqual(brief(read(name, [text.slice(0, at), text.slice(at)])), whole, JSON.stringify(text));
      }
    }
  });

  test("thousands of broken calls are read in linear time", () => {
    const text = '<tool_call>{"name": "weather", "arguments": {"city": "x}</tool_call>'.repeat(20_000);
    const clock = startClock();
    assert.equal(read("hermes", [text]).length, 20_000);
    clock.expectBelow(2000);
  });
});
