// Markdown that arrives in pieces, as camelgpt chat prints it on a terminal.
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { startClock } from "../lib/processor-time.mjs";
import { randomNumbers } from "../lib/random.mjs";
import { importSource } from "../lib/source.mjs";

const { MarkdownText } = await importSource("npm/src/cli/chat-markdown.ts", "node");

const random = randomNumbers(5);

/** The text that is printed, with styles, if the source arrives in pieces of a length. */
function printed(source, length = Infinity) {
  const markdown = new MarkdownText();
  let text = "";
  for (let at = 0; at < source.length; at += length) text += markdown.add(source.slice(at, at + length));
  return text + markdown.end();
}

const withoutStyles = (text) => text.replace(/\x1b\[\d+m/g, "");

/** The styles of a text as tags: <1> for bold, and </> for the end of any. */
const tagged = (text) => text.replace(/\x1b\[(\d+)m/g, (_, code) => (/^(2[2-9]|39)$/.test(code) ? "</>" : `<${code}>`));

const answer = `# Rivers

The **longest** is the *Nile*: \`6650\` km, see [a list](https://x.org/r) or https://x.org.
Names like snake_case_name, arr[1], vec![1, 2] and 2 * 3 are text.

- first
- second **item**
  1. nested

> a quote
> of two lines

\`\`\`js
const a = [1, 2];

| not | a table |
\`\`\`

| river | km |
|---|---|
| Nile | **6650** |

---
- [x] done
`;

describe("Markdown on a terminal", () => {
  test("has styles and no marks", () => {
    assert.equal(tagged(printed("# A\n\n**b** *c* `d` ~~e~~")), "<1>A</>\n\n<1>b</> <3>c</> <36>d</> <9>e</>");
    assert.equal(tagged(printed("[a](http://b) http://c")), "<4>a</><2> (http://b)</> <4>http://c</>");
    assert.equal(
      withoutStyles(printed(answer)),
      `Rivers

The longest is the Nile: 6650 km, see a list (https://x.org/r) or https://x.org.
Names like snake_case_name, arr[1], vec![1, 2] and 2 * 3 are text.

• first
• second item
  1. nested

│ a quote
│ of two lines

\`\`\`js
const a = [1, 2];

| not | a table |
\`\`\`

river │ km  
──────┼─────
Nile  │ 6650

────────────────────
• [x] done`,
    );
  });

  test("is the same, however it is cut into pieces", () => {
    for (const length of [1, 2, 3, 5, 17, 100])
      assert.equal(withoutStyles(printed(answer, length)), withoutStyles(printed(answer)));
  });

  test("is printed while it arrives: only the word after an open mark waits", () => {
    const markdown = new MarkdownText();
    const prints = (piece, expected) => assert.equal(tagged(markdown.add(piece)), expected, piece);
    prints("The", "The");
    prints(" capital", " capital");
    prints(" of **Fra", " of");
    prints("nce**", "");
    prints(" is", " <1>France</> is");
    prints(" Paris.\n", " Paris.");
    prints("\n- ", "");
    prints("one", "\n\n<2>• </>one");
    prints(" 2 * 3", " 2 * 3");
    assert.equal(markdown.end(), "");
  });

  test("loses no letter of any text, and repeats a block if a mark changed what was printed", () => {
    const marks = [
      "*",
      "**",
      "_",
      "`",
      "```",
      "\n",
      "\n\n",
      "> ",
      "- ",
      "1. ",
      "    ",
      "[",
      "](",
      "~",
      "#",
      "\\",
      "---",
      "\t",
      "===",
    ];
    const pick = (list) => list[Math.floor(random() * list.length)];
    for (let i = 0; i < 300; i++) {
      const text = Array.from({ length: 30 }, () => pick([...marks, "ab", "c "])).join("");
      const letters = (found) => (found.match(/[abc]/g) ?? []).length;
      const shown = withoutStyles(printed(text, 1 + Math.floor(random() * 4)));
      assert.ok(letters(shown) >= letters(text), JSON.stringify([text, shown]));
    }
  });

  test("without end, depth or line breaks is printed plainly, in time", () => {
    for (const text of [
      `${"> ".repeat(5000)}deep`,
      "word ".repeat(20_000),
      "- a\n".repeat(8000),
      "*a ".repeat(10_000),
    ]) {
      const clock = startClock();
      const letters = (found) => (found.match(/[a-z]/g) ?? []).length;
      assert.equal(letters(withoutStyles(printed(text, 40))), letters(text));
      clock.expectBelow(2000, text.slice(0, 20));
    }
  });
});
