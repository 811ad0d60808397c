// Conversations in the form that a template accepts: tools, roles and fields that it lacks.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import { importSource } from "../lib/source.mjs";

const call = (id, name, given) => ({ id, type: "function", function: { name, arguments: given } });
const user = (content) => ({ role: "user", content });
const tools = [{ type: "function", function: { name: "clock", description: "The time.", parameters: {} } }];
const conversation = [
  user("What time is it?"),
  { role: "assistant", content: null, tool_calls: [call("call_1", "clock", '{"zone": "UTC"}')] },
  { role: "tool", tool_call_id: "call_1", content: "noon" },
];
const knowsTools = `{%- for t in tools or [] %}{{ t | tojson }}|{% endfor -%}
{%- for m in messages -%}
{{ m.role }}:{{ m.content }}
{%- for c in m.tool_calls or [] %}[{{ c.id }} {{ c.function.name }} ARGUMENTS]{% endfor %};
{%- endfor -%}`;
const template = (given) => knowsTools.replace("ARGUMENTS", given);

describe("forms of messages", () => {
  let renderChat;
  before(async () => {
    ({ renderChat } = await importSource("web/text/chat-template.ts"));
  });

  const render = (chatTemplate, messages, more = {}) => {
    const notes = [];
    const input = { template: chatTemplate, messages, addGenerationPrompt: true, bosText: "", eosText: "", ...more };
    const { text, literal } = renderChat(input, (note) => notes.push(note));
    return { text, literal, notes };
  };

  test("arguments are an object for templates, whether they are given as JSON or as an object", () => {
    for (const given of ['{"zone": "UTC"}', { zone: "UTC" }]) {
      const messages = [conversation[0], { ...conversation[1], tool_calls: [call("call_1", "clock", given)] }];
      const { text, notes } = render(
        template("{{ c.function.arguments.zone }} {{ c.function.arguments | tojson }}"),
        messages,
      );
      assert.equal(text, 'user:What time is it?;assistant:[call_1 clock UTC {"zone": "UTC"}];');
      assert.deepEqual(notes, []);
    }
  });

  test("arguments are JSON for templates that expect a text", () => {
    const expected = 'user:What time is it?;assistant:[call_1 clock {"zone": "UTC"}];tool:noon;';
    for (const given of ["{{ c.function.arguments }}", "{{ '' + c.function.arguments }}"]) {
      assert.equal(render(template(given), conversation).text, expected);
    }
  });

  test("arguments that are no JSON stay a text, and empty ones are no arguments", () => {
    const rendered = (given) => {
      const messages = [user("a"), { role: "assistant", tool_calls: [call("1", "f", given)] }];
      return render(template("{{ c.function.arguments | tojson }}"), messages).text;
    };
    assert.equal(rendered("{zone:"), 'user:a;assistant:[1 f "{zone:"];');
    for (const given of ["", null, undefined, {}]) assert.equal(rendered(given), "user:a;assistant:[1 f {}];");
  });

  test("templates without tools get them as texts", () => {
    const plain = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}";
    const { text, notes, literal } = render(plain, conversation, { tools });
    assert.match(text, /^<system>.*\{"type": "function", "function": \{"name": "clock".*<\/system><user>What/s);
    const calls = '<assistant><tool_call>\n{"name": "clock", "arguments": {"zone": "UTC"}}\n</tool_call></assistant>';
    const result = "<user><tool_response>\nnoon\n</tool_response></user>";
    assert.ok(text.endsWith(calls + result), text);
    assert.match(notes.join(), /has no tools/);
    const at = text.indexOf("<tool_call>\n");
    assert.ok(literal.some(([from, to]) => from <= at && at < to));
  });

  test("templates that drop or refuse results get them as texts", () => {
    const drops = "{% for m in messages if m.role != 'tool' %}{{ m.role }}:{{ m.content }};{% endfor %}";
    assert.match(render(drops, conversation).text, /;user:<tool_response>\nnoon\n<\/tool_response>;$/);
    const refuses =
      "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tool role') }}{% endif %}" +
      "{{ m.role }}:{{ m.content }};{% endfor %}";
    assert.match(render(refuses, conversation).text, /;user:<tool_response>\nnoon\n<\/tool_response>;$/);
  });

  test("results that follow each other are one text of the user", () => {
    const plain = "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}";
    const messages = [...conversation, { role: "tool", tool_call_id: "call_2", content: "two" }];
    const { text } = render(plain, messages);
    assert.equal(text.split("user:").length, 3);
    assert.match(text, /noon\n<\/tool_response>\n<tool_response>\ntwo/);
  });

  test("ids are shortened for templates that want nine letters", () => {
    const strict = template("").replace(
      "{{ m.role }}",
      "{% if m.role == 'tool' and m.tool_call_id | length != 9 %}" +
        "{{ raise_exception('ids have length 9') }}{% endif %}" +
        "{{ m.role }}{{ m.tool_call_id }}",
    );
    assert.equal(
      render(strict, conversation).text,
      "user:What time is it?;assistant:[call00000 clock ];toolcall00000:noon;",
    );
  });

  test("parallel calls follow each other in templates that take a single one", () => {
    const single = template("").replace(
      "{{ m.role }}",
      "{% if m.tool_calls | default([]) | length > 1 %}{{ raise_exception('only single tool-calls') }}{% endif %}" +
        "{{ m.role }}",
    );
    const messages = [
      user("a"),
      { role: "assistant", content: "b", tool_calls: [call("1", "f", "{}"), call("2", "g", "{}")] },
      { role: "tool", tool_call_id: "2", content: "two" },
      { role: "tool", tool_call_id: "1", content: "one" },
      user("c"),
    ];
    assert.equal(render(single, messages).text, "user:a;assistant:b[1 f ];tool:one;assistant:[2 g ];tool:two;user:c;");
  });

  test("developer is a name of system where the template does not know it", () => {
    const messages = [{ role: "developer", content: "s" }, user("a")];
    assert.equal(render(template(""), messages).text, "system:s;user:a;");
    assert.equal(render(`${template("")}{# developer #}`, messages).text, "developer:s;user:a;");
  });

  test("templates that know no documents say so", () => {
    const documents = [{ title: "T", text: "x" }];
    assert.match(render(template(""), [user("a")], { documents }).notes.join(), /no documents/);
    const reads = "{{ documents[0].title }}{{ messages[0].content }}";
    assert.deepEqual(render(reads, [user("a")], { documents }).notes, []);
    assert.equal(render(reads, [user("a")], { documents }).text, "Ta");
  });

  test("variables reach the template, and their texts are not the template's", () => {
    const reads = "{{ date }}{{ flag is true }}{{ list | length }}{{ missing is defined }}{{ messages[0].content }}";
    const variables = { date: "<|im_end|>", flag: true, list: [1, 2] };
    const { text, literal } = render(reads, [user("a")], { variables });
    assert.equal(text, "<|im_end|>True2Falsea");
    assert.deepEqual(literal[0], [0, 10]);
  });

  test("a prompt can end with the beginning of the answer", () => {
    const ends =
      "{% for m in messages %}[{{ m.role }}]{{ m.content | trim }}<end>{% endfor %}" +
      "{% if add_generation_prompt %}[assistant]{% endif %}";
    const continued = (content) =>
      render(ends, [user("is"), { role: "assistant", content }], { continueFinalMessage: true });
    assert.equal(continued("is").text, "[user]is<end>[assistant]is");
    assert.equal(continued(" It is ").text, "[user]is<end>[assistant]It is");
    assert.equal(continued("").text, "[user]is<end>[assistant]");
    // A template that drops a part of the content.
    const cuts = ends.replace("m.content | trim", "m.content.split('</think>')[-1]");
    const prompt = render(cuts, [user("a"), { role: "assistant", content: "x</think>y" }], {
      continueFinalMessage: true,
    });
    assert.equal(prompt.text, "[user]a<end>[assistant]x</think>y");
    assert.deepEqual(prompt.literal.at(-1), [prompt.text.length - 10, prompt.text.length]);
  });
});
