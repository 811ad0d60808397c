// The English check: which phrases it finds, on which line, and which text it leaves out.
import assert from "node:assert/strict";
import { test } from "node:test";

import { checkText } from "../../scripts/check-english.mjs";

/** The findings as "line: phrase". */
const found = (path, lines) =>
  checkText(path, [lines].flat().join("\n")).map(({ line, phrase }) => `${line}: ${phrase}`);

test("comments, strings and Markdown are read, code is not", () => {
  assert.deepEqual(found("a.cpp", ["int anew = 1;  // makes it anew", 'fail("nobody asked");', "/* of late */"]), [
    "1: anew",
    "2: nobody",
    "3: of late",
  ]);
  assert.deepEqual(found("a.py", ["anew = 1  # makes it anew", "'''", "Of late.", "'''"]), ["1: anew", "3: Of late"]);
  assert.deepEqual(found("a.mjs", ["const pattern = /anew/;", "test(`whoever calls ${anew}`);"]), ["2: whoever"]);
  assert.deepEqual(found("a.md", ["# Made anew", "", "```js", "anew(); // made anew", "```"]), ["1: anew", "4: anew"]);
});

test("a phrase is found across the lines of a comment or a paragraph", () => {
  assert.deepEqual(found("a.h", ["int a;", "// The buffer is something that it gives", "// back when it is empty."]), [
    "2: gives back",
  ]);
  assert.deepEqual(found("a.ts", ["/**", " * The download goes", " * on.", " */"]), ["2: goes on"]);
  assert.deepEqual(found("a.md", ["The download goes", "on."]), ["1: goes on"]);
  assert.deepEqual(found("a.md", ["- where it goes", "- on the way"]), []);
  assert.deepEqual(found("a.h", ["int a;  // where it goes", "int b;  // on the way"]), []);
});

test("comments must not open with What or The same, unless they ask or name their object", () => {
  assert.deepEqual(found("a.h", "// What the cache.h of a model holds, in bytes."), ["1: What …"]);
  assert.deepEqual(found("a.h", ["// The key.", "// What it holds."]), ["2: What …"]);
  assert.deepEqual(found("a.h", "// The same for rows."), ["1: The same …"]);
  for (const line of [
    "// What does the cache hold?",
    "// What is cached",
    "// The same as matvec(), but for rows.",
    "// Whatever follows.",
    'say("What a day.");',
  ])
    assert.deepEqual(found("a.ts", line), [], line);
});

test("idioms that contain an avoided word are left alone", () => {
  for (const text of [
    "a server behind a slow proxy",
    "processes left behind",
    "leaves the file alone",
    "as it is loaded",
    "the bytes given to it",
    "on the way back",
  ])
    assert.deepEqual(found("a.md", text), [], text);
  assert.deepEqual(found("a.md", "the byte behind it"), ["1: behind"]);
  assert.deepEqual(found("a.md", "left as they are."), ["1: as they are"]);
});

test("identifiers are named by maximum and minimum", () => {
  const [finding] = checkText("a.h", "constexpr int kMostRows = 4;");
  assert.equal(finding.phrase, "kMostRows");
  assert.equal(finding.advice, "kMaxRows");
  assert.equal(checkText("a.h", "return kLeastRows;")[0].advice, "kMinRows");
  assert.deepEqual(found("a.h", "constexpr int kAlmost = 4;"), []);
});

test("lines of code have at most 120 columns, those of pages any number", () => {
  const line = `// ${"é".repeat(117)}`;
  assert.deepEqual(found("a.ts", line), []);
  assert.deepEqual(found("a.ts", ["", `${line}.`]), ["2: 121 columns"]);
  assert.deepEqual(found("a.md", `${line}.`), []);
});

test("the allow list exempts the test that quotes the phrases", () => {
  assert.deepEqual(found("tests/scripts/check-english.test.mjs", "// anew"), []);
  assert.deepEqual(found("tests/scripts/other.test.mjs", "// anew"), ["1: anew"]);
});
