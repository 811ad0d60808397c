// The value of a JSON text while it arrives.
import assert from "node:assert/strict";
import { test } from "node:test";

import { randomNumbers } from "../lib/random.mjs";
import { importSource } from "../lib/source.mjs";

const { PartialJson } = await importSource("web/text/partial-json.ts");

/** The values of a text that arrives in these pieces, one for each piece that changes it. */
function valuesOf(pieces) {
  const json = new PartialJson();
  return [...pieces].flatMap((piece) => {
    json.add(piece);
    const next = json.snapshot();
    return next ? [next.value] : [];
  });
}

test("texts appear while they arrive; numbers, words and keys when they are complete", () => {
  const text = '{"ab": "x\\u00e9\\ud83d\\ude00", "n": -1.5e2, "t": [true, null]}';
  assert.deepEqual(valuesOf(text), [
    {},
    { ab: "" },
    { ab: "x" },
    { ab: "xé" },
    { ab: "xé😀" },
    { ab: "xé😀" },
    { ab: "xé😀", n: -150 },
    { ab: "xé😀", n: -150, t: [] },
    { ab: "xé😀", n: -150, t: [true] },
    { ab: "xé😀", n: -150, t: [true, null] },
    { ab: "xé😀", n: -150, t: [true, null] },
    { ab: "xé😀", n: -150, t: [true, null] },
  ]);
});

test("a value that was returned does not change, and shares what is complete with later ones", () => {
  const [, , first, second] = valuesOf(['{"a":', '{"b":[1,2]}', ',"c":[1,', "2,", "3]}"]);
  assert.deepEqual(first, { a: { b: [1, 2] }, c: [1] });
  assert.deepEqual(second, { a: { b: [1, 2] }, c: [1, 2] });
  assert.equal(first.a, second.a);
});

test("the complete value is the one of JSON.parse, and each value extends the one before", () => {
  const random = randomNumbers(1);
  for (let round = 0; round < 400; round++) {
    const value = randomValue(random, 4);
    const text = JSON.stringify(value, undefined, round % 2);
    const json = new PartialJson();
    let last;
    for (let at = 0; at < text.length; ) {
      const size = 1 + Math.floor(random() * 6);
      json.add(text.slice(at, at + size));
      const next = json.snapshot();
      if (next && last) assert.ok(extendsValue(next.value, last.value), text);
      last = next ?? last;
      at += size;
    }
    json.add("\n"); // ends a number
    assert.deepEqual((json.snapshot() ?? last).value, value, text);
    assert.equal(json.isBroken, false);
  }
});

test("keys of JavaScript's own are properties like others, and a repeated key has its last value", () => {
  const value = valuesOf(['{"__proto__": {"a": 1}, "constructor": 2, "x": 1, "x": "yes"}']).at(-1);
  assert.deepEqual(Object.keys(value), ["__proto__", "constructor", "x"]);
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.equal(value.x, "yes");
});

test("a text that is not JSON stops at the first wrong character", () => {
  for (const text of [
    "{a}",
    '{"a" 1}',
    "[1,]",
    '{"a":1,}',
    "[01]",
    "[tru]",
    "nul!",
    '["\n"]',
    '["\\x"]',
    "[1}",
    "1 2",
    "]",
  ]) {
    const json = new PartialJson();
    json.add(`${text} `);
    assert.equal(json.isBroken, true, text);
  }
});

test("what the values copy is linear in the length of the text, and small ones are never left out", () => {
  const count = 6000;
  const texts = [
    `[${Array.from({ length: count }, (_, i) => i).join(",")}]`,
    `{${Array.from({ length: count }, (_, i) => `"k${i}":1`).join(",")}}`,
    `"${"a".repeat(count)}"`,
    `[${"1".repeat(count)}]`,
    "[".repeat(count),
  ];
  for (const text of texts) {
    const json = new PartialJson();
    let copied = 0;
    for (const char of text) {
      json.add(char);
      const value = json.snapshot()?.value;
      if (typeof value === "object") copied += Object.keys(value).length;
    }
    assert.ok(copied <= 2 ** 18 + 16 * text.length + count, `${text.slice(0, 10)}: ${copied}`);
  }
  assert.equal(valuesOf(`[${"1,".repeat(500)}1]`).length, 502);
});

/** Whether `next` is `last` with more at its end. */
function extendsValue(next, last) {
  if (typeof last === "string") return typeof next === "string" && next.startsWith(last);
  if (Array.isArray(last)) return Array.isArray(next) && last.every((each, i) => extendsValue(next[i], each));
  if (typeof last !== "object" || last === null) return Object.is(next, last);
  return Object.keys(last).every((key) => Object.hasOwn(next, key) && extendsValue(next[key], last[key]));
}

function randomValue(random, depth) {
  const kind = Math.floor(random() * (depth > 0 ? 7 : 5));
  const length = Math.floor(random() * 4);
  if (kind === 0) return random() < 0.5;
  if (kind === 1) return null;
  if (kind === 2) return Math.floor(random() * 2000) - 1000;
  if (kind === 3) return random() * 10 ** (30 * random() - 15);
  if (kind === 4)
    return Array.from({ length: length * 3 }, () => 'a"\\\n\u0001é😀/{}[],: '[Math.floor(random() * 17)]).join("");
  if (kind === 5) return Array.from({ length }, () => randomValue(random, depth - 1));
  return Object.fromEntries(Array.from({ length }, (_, i) => [`k${i}"${i}`, randomValue(random, depth - 1)]));
}
