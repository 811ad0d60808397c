// Expressions and statements of chat templates give what jinja2 makes of them; see
// tests/parity/templates/make_expressions.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, test } from "node:test";

import { importSource } from "../lib/source.mjs";

const { messages, cases } = JSON.parse(
  readFileSync(new URL("../../parity/templates/expressions.json", import.meta.url), "utf8"),
);

describe("chat templates", () => {
  let renderChat;
  before(async () => ({ renderChat } = await importSource("web/text/chat-template.ts")));

  const render = (template, given = messages, notes = []) =>
    renderChat({ template, messages: given, addGenerationPrompt: true, bosText: "<s>", eosText: "</s>" }, (note) =>
      notes.push(note),
    );

  test(`${cases.length} templates render as in jinja2`, () => {
    for (const [template, expected] of cases) {
      let found = null;
      try {
        found = render(template).text;
      } catch (error) {
        assert.match(error.code, /^bad-(input|template)$/);
      }
      assert.equal(found, expected, template);
    }
  });

  test("a prompt tells which parts come from messages, whatever the template does with them", () => {
    const cut =
      "{% for m in messages %}" +
      "<{{ m.role }}>{{ m.content.strip().split('|')[-1] | replace('a', '<x>') | upper }}{% endfor %}";
    const { text, literal } = render(cut, [
      { role: "user", content: " no|<end>a\n" },
      { role: "<end>", content: "b" },
    ]);
    assert.equal(text, "<user><END><X><<end>>B");
    assert.deepEqual(
      literal.map(([start, end]) => text.slice(start, end)),
      ["<END>", "<end>", "B"],
    );
  });

  test("a template without a system role gets the system text before the first user text", () => {
    const refuses =
      "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}" +
      "[{{ m.content }}]{% endfor %}";
    const drops = "{% for m in messages %}{% if m.role != 'system' %}[{{ m.content }}]{% endif %}{% endfor %}";
    for (const template of [refuses, drops]) {
      const notes = [];
      const conversation = [
        { role: "system", content: "S" },
        { role: "user", content: "U" },
      ];
      assert.equal(render(template, conversation, notes).text, "[S\n\nU]");
      assert.match(notes.join(), /system/);
    }
  });

  test("messages of one role in a row are joined if the template refuses them", () => {
    const alternates =
      "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}" +
      "{{ raise_exception('roles must alternate') }}{% endif %}[{{ m.content }}]{% endfor %}";
    const notes = [];
    assert.equal(
      render(
        alternates,
        [
          { role: "user", content: "a" },
          { role: "user", content: "b" },
        ],
        notes,
      ).text,
      "[a\n\nb]",
    );
    assert.match(notes.join(), /joined/);
    assert.throws(() => render(alternates, [{ role: "assistant", content: "a" }]), { code: "bad-input" });
  });

  test("hostile templates are stopped", () => {
    const double = "{% set n = namespace(s='abcdefgh') %}{% for i in range(20) %}{% set n.s = n.s ~ n.s %}{% endfor %}";
    for (const template of [
      "{% set n = namespace(a=[1, 1]) %}{% for i in range(26) %}{% set n.a = [n.a, n.a] %}{% endfor %}" +
        "{{ n.a | tojson }}",
      `${double}{{ n.s }}`,
      `${double}{{ n.s | replace('a', n.s) }}`,
      "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      `{{ ${"(".repeat(5000)}1${")".repeat(5000)} }}`,
      `{{ ${"not ".repeat(5000)}1 }}`,
      "{{ '%9999999d' % 1 }}",
      "{{ 'a' * 99999999 }}",
      "{{ range(99999999) }}",
      // Comparisons of shared lists, and work inside filters and `in`.
      ...["==", "<"].map(
        (operator) =>
          "{% set n = namespace(a=[1, 1], b=[1, 1]) %}{% for i in range(30) %}{% set n.a = [n.a, n.a] %}" +
          `{% set n.b = [n.b, n.b] %}{% endfor %}{{ n.a ${operator} n.b }}`,
      ),
      "{% for i in range(90000) %}{% set x = range(90000) | reverse | list %}{% endfor %}",
      "{% for i in range(90000) %}{% set x = range(90000) | unique | list %}{% endfor %}",
      "{% set n = range(99999) | list %}{% for i in range(90000) %}{% set x = -1 in n %}{% endfor %}",
      "{% set s = ' ' * 900000 %}{% for i in range(90000) %}{% set x = s.strip() %}{% endfor %}",
      // Work that would grow with the square of a length, or exponentially.
      "{% set n = namespace(t=1) %}{% for i in range(40) %}{% set n.t = (n.t, n.t) %}{% endfor %}{{ {n.t: 1} }}",
      "{% set s = 'a' * 300000 %}{{ ('b' ~ s) in (s ~ s) }}{% for i in range(999) %}{{ s.rfind('b' ~ s) }}{% endfor %}",
      "{% set s = messages[0].content ~ '.' %}{{ (s * 90000)|list }}",
      "{% for i in range(99999) %}{{ strftime_now('%A %B' * 999)|length }}{% endfor %}",
      "{{ [[1]]|tojson(indent='a' * 900000) }}",
      "{% for i in range(99999) %}{{ ('<' * 90000)|striptags }}{% endfor %}",
      "{% for i in range(99999) %}{{ ('1' * 900 ~ 'x')|float }}{% endfor %}",
      "{% for i in range(99999) %}{{ range(99999)|list|length }}{% endfor %}",
      "{{ (messages[0].content ~ '.') * 90000 }}",
      // Parsing.
      `{{ [${"1,".repeat(130_000)}] }}`,
      `{{ a${".a".repeat(130_000)} }}`,
      `{{ 1${"+1".repeat(20_000)} }}`,
      "{{".repeat(131_000),
      `{% set ${"(".repeat(100_000)}`,
    ]) {
      assert.throws(() => render(template), { code: "bad-template" }, template.slice(0, 300));
    }
    // Regular expressions whose time grows with the square of the length took minutes here.
    assert.equal(render("{{ ('<' * 90000)|striptags|length }}").text, "90000");
    assert.equal(render("{{ ('1' * 900 ~ 'x')|float }}").text, "0.0");
    assert.equal(render("{{ ('b' ~ 'a' * 90000) in ('a' * 200000) }}").text, "False");
    assert.equal(render("{{ constructor }}{{ toString }}{{ __proto__ }}").text, "");
    assert.equal(render("{{ messages.constructor }}{{ messages[0].__proto__ }}{{ ''.__class__ }}").text, "");
  });

  test("a long conversation is rendered", () => {
    const looksBack =
      "{% for m in messages %}{% set n = namespace(x='') %}{% for e in messages[:loop.index0] %}" +
      "{% if e.role == 'user' %}{% set n.x = e.role %}{% endif %}{% endfor %}" +
      "{{ m.content }}{% endfor %}";
    const long = Array.from({ length: 1001 }, (_, i) => ({ role: i % 2 ? "assistant" : "user", content: "word " }));
    assert.equal(render(looksBack, long).text, "word ".repeat(1001));
  });

  test("a conversation of 1,001 messages of 5 KB is rendered", () => {
    const content = "word ".repeat(1000);
    const long = Array.from({ length: 1001 }, () => ({ role: "user", content }));
    for (const template of [
      "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}</s>{% endfor %}",
      "{% for m in messages %}{% set c = m.content.split('</think>')[-1] | trim %}" +
        "{{ '<|' + m.role + '|>' + c.replace('\n', ' ') + ' </s>' }}{% endfor %}",
    ]) {
      assert.equal(render(template, long).text, `<|user|>${content}</s>`.repeat(1001));
    }
  });
});
