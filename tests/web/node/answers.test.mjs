// The text of the engine → the parts of an answer, wherever its pieces are cut.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import { importSource } from "../lib/source.mjs";
import { randomNumbers } from "../lib/random.mjs";

/** Templates reduced to what tells their families apart, with an answer, its reasoning and its text. */
const families = {
  "think tags": [
    "{{ m.split('</think>') }}",
    "<think>\nI see.\n\nSo\n</think>\n\nIt is 4.\n",
    "I see.\n\nSo",
    "It is 4.\n",
  ],
  "no reasoning": ["{{ m.split('</think>') }}", "  It <think>is</think> 4. ", "", "  It <think>is</think> 4. "],
  "an empty block": ["{{ m.split('</think>') }}", "<think>\n\n</think>\n\nIt is 4.", "", "It is 4."],
  "other tags": ["{{ '</seed:think>' }}", "<seed:think>a <b> c</seed:think>d", "a <b> c", "d"],
  "tags with a suffix": [
    "{% set HYTK = ':x' %}{{ '</think{}>'.format(HYTK) }}",
    "<think:x>a</think>b</think:x>c",
    "a</think>b",
    "c",
  ],
  "a response in tags": [
    "<think></think> <response></response>",
    "<think>a</think><response>It is 4.</response>",
    "a",
    "It is 4.",
  ],
  channels: [
    "<|channel|>analysis",
    "<|channel|>analysis<|message|>a < b<|end|><|start|>assistant<|channel|>final<|message|>It is 4.",
    "a < b",
    "It is 4.",
  ],
  "reasoning twice": [
    "<|channel>thought",
    "<|channel>thought\na<channel|>Let me see.<|channel>thought\nb<channel|> So.",
    "a\nb",
    "Let me see.So.",
  ],
  brackets: ["[THINK]", "[THINK]a[b[/THINK]c[d]", "a[b", "c[d]"],
  "a cut block": ["{{ '</think>' }}", "<think>\nso </thin", "so </thin", ""],
};

describe("answers", () => {
  let AnswerReader;
  let answerFormat;
  before(async () => {
    ({ AnswerReader } = await importSource("npm/src/chat/answer/reader.ts"));
    ({ answerFormat } = await importSource("npm/src/chat/answer/format.ts"));
  });

  const read = (options, pieces) => {
    const reader = new AnswerReader(options);
    const parts = [...pieces.flatMap((piece) => reader.put(piece)), ...reader.finish()];
    const shown = (type) =>
      parts
        .map((part) => (typeof part === "string" ? { type: "text", text: part } : part))
        .filter((part) => part.type === type)
        .map((part) => part.text)
        .join("");
    assert.equal(shown("text"), reader.text);
    return { text: reader.text, reasoning: reader.reasoning, shown: shown("reasoning"), parts };
  };

  for (const [name, [template, answer, reasoning, text]] of Object.entries(families)) {
    test(`${name}: the reasoning is split from the text, wherever pieces are cut`, () => {
      const options = answerFormat(template);
      const random = randomNumbers(7);
      const cuts = [1, 2, 3, 5, 8, 1000].map((size) => answer.match(new RegExp(`[^]{1,${size}}`, "g")));
      for (let i = 0; i < 30; i++) {
        const pieces = [];
        for (let at = 0; at < answer.length; ) {
          const end = at + 1 + Math.floor(random() * 9);
          pieces.push(answer.slice(at, end));
          at = end;
        }
        cuts.push(pieces);
      }
      for (const pieces of cuts) {
        const found = read(options, pieces);
        assert.deepEqual([found.reasoning, found.text], [reasoning, text], JSON.stringify(pieces));
        assert.equal(found.shown.replaceAll("\n", ""), reasoning.replaceAll("\n", ""));
      }
    });
  }

  test("a text is shown as soon as it cannot become a marker", () => {
    const reader = new AnswerReader(answerFormat("</think>"));
    assert.deepEqual(reader.put("<thi"), []);
    assert.deepEqual(reader.put("nk>so"), [{ type: "reasoning", text: "so" }]);
    assert.deepEqual(reader.put(" a <"), [{ type: "reasoning", text: " a" }]);
    assert.deepEqual(reader.put("b"), [{ type: "reasoning", text: " <b" }]);
    assert.deepEqual(reader.put("</think>\n"), []);
    assert.deepEqual(reader.put("\nIt"), ["It"]);
    assert.deepEqual(reader.put(" is <think>"), [" is <think>"]);
  });

  test("an answer can begin within the reasoning, or within the text", () => {
    const { reasoning } = answerFormat("</think>");
    assert.deepEqual(read({ reasoning, startsOpen: true }, ["a</think>b"]).text, "b");
    assert.deepEqual(read({ reasoning, continuesText: true }, ["<think>a"]).text, "<think>a");
  });

  test("templates without reasoning need no reader", () => {
    for (const template of ["{{ messages[0].content }}", "<thinking out loud>", "{{ think }}"]) {
      assert.equal(answerFormat(template), undefined);
    }
  });

  test("calls go to their parser, and white space around them is not text", () => {
    const { reasoning } = answerFormat("</think>");
    const parser = () => {
      let text = "";
      return {
        opens(given) {
          const at = given.indexOf("[call:");
          if (at >= 0) return { at, isCertain: true };
          const possible = given.lastIndexOf("[");
          return possible >= 0 && "[call:".startsWith(given.slice(possible))
            ? { at: possible, isCertain: false }
            : undefined;
        },
        put(piece) {
          text += piece;
          const end = text.indexOf("]");
          if (end < 0) return { parts: [] };
          const toolCall = { id: "1", name: text.slice(6, end), argumentsText: "{}" };
          const rest = text.slice(end + 1);
          text = "";
          return { parts: [{ type: "tool-call", toolCall }], rest };
        },
        finish: () => [text],
      };
    };
    const answer = "<think>x [call:no]</think>\nLet me see [it].\n\n[call:a]\n [call:b]\n";
    for (const size of [1, 2, 4, 100]) {
      const pieces = answer.match(new RegExp(`[^]{1,${size}}`, "g"));
      const { text, reasoning: thought, parts } = read({ reasoning, calls: parser() }, pieces);
      assert.deepEqual([text, thought], ["Let me see [it].", "x [call:no]"]);
      const names = parts.filter(({ type }) => type === "tool-call").map(({ toolCall }) => toolCall.name);
      assert.deepEqual(names, ["a", "b"]);
    }
    assert.equal(read({ calls: parser() }, ["Hm [ca", "ll:cut"]).text, "Hm[call:cut");
    assert.equal(read({ calls: parser() }, ["Hm [ca", "t "]).text, "Hm [cat ");
  });
});
