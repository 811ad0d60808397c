// Regular expressions as grammars: the language is that of JavaScript's own.
import assert from "node:assert/strict";
import { test } from "node:test";

import { parseGrammar } from "../lib/gbnf.mjs";
import { sampler } from "../lib/gbnf-sample.mjs";
import { grammars, recogniser } from "../lib/json-schema.mjs";
import { isFull } from "../lib/model.mjs";
import { randomNumbers } from "../lib/random.mjs";

const { regexGrammar, regexRules, choiceGrammar, textWithout, quote, withRoot } = grammars;

const patterns = [
  ["abc"],
  ["a|b*|(cd)+?"],
  ["^(\\+\\d{1,3} )?\\(?\\d{3}\\)?[- .]\\d{3}[- .]\\d{4}$"],
  ["[^\\s\"'<>]+@[\\w.-]+\\.[a-z]{2,6}", "iu"],
  ["[a-f]k?[^x]s", "i"],
  ["(?<year>\\d{4})-(?<month>0[1-9]|1[0-2])"],
  ["(?=.*\\d)(?=.*[a-z])[\\w!]{4,9}"],
  ["(?!.*--)[a-z-]+"],
  ["(?!admin$|root$)[a-z]{3,8}"],
  ["(?:(?!-)[a-z0-9-]{1,6}(?<!-)\\.)+[a-z]{2,3}"],
  ["[\\w-]+(?:\\.[\\w-]+)*"],
  ["\\p{Lu}\\p{Ll}{0,4}", "u"],
  [".", "s"],
  ["x.{0,3}y"],
  ["\\u{1F600}|\\u0041\\x42\\cJ\\t", "u"],
  ["[\\u{1F600}-\\u{1F64F}]{1,2}", "u"],
  ["(a?){3}(b{0,2}){1,3}"],
  ["((a|b)*c)*"],
  ["(|a)b(|c)"],
  ["[]a|[^]"],
  ["a{,3}b{2}"],
  ["(^a|b)c(d$|e)"],
  ["(?:^|,)a(?:,|$)"],
  ["\\/\\.\\-\\$\\^"],
  ["[a\\-z][\\]\\\\][.^-]"],
  ["K|s", "iu"],
  ["$|(?!a)"],
  ["[^](?=b)b?|$"],
  ["(?:(?!ab)[a-c]{2}|x)$"],
  ["(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)(?:\\.\\d){2}"],
];

/** The pattern as it is used in a schema, which has Unicode semantics, or without them if its syntax needs that. */
function native(pattern, flags = "", whole = false) {
  const source = whole ? `^(?:${pattern})$` : pattern;
  if (flags === "i") return new RegExp(source, flags);
  try {
    return new RegExp(source, flags.includes("u") ? flags : `${flags}u`);
  } catch {
    return new RegExp(source, flags);
  }
}

/** Changes a text a little. */
function mutate(text, random, alphabet) {
  const chars = [...text];
  for (let changes = 1 + Math.floor(random() * 2); changes > 0; changes--) {
    const at = Math.floor(random() * (chars.length + 1));
    const char = alphabet[Math.floor(random() * alphabet.length)];
    chars.splice(at, random() < 0.6 ? 1 : 0, ...(random() < 0.7 ? [char] : []));
  }
  return chars.join("");
}

const rounds = isFull ? 400 : 40;
for (const [pattern, flags] of patterns) {
  test(`/${pattern}/${flags ?? ""} matches as in JavaScript`, () => {
    const random = randomNumbers(pattern.length);
    const grammar = regexGrammar(pattern, flags);
    const parsed = parseGrammar(grammar);
    const sample = sampler(grammar, random, { budget: 60 });
    const expected = native(pattern, flags, true);
    const isByUnits = flags === "i"; // JavaScript sees halves of characters without u
    const alphabet = [...pattern, ..."abAB01-. \néK", "\u2028", isByUnits ? "x" : "😀"].filter((char) => char !== "\\");
    for (let i = 0; i < rounds; i++) {
      const text = sample();
      assert.ok(expected.test(text), `JavaScript matches ${JSON.stringify(text)}`);
      for (const other of [text, mutate(text, random, alphabet), mutate("", random, alphabet)])
        assert.equal(parsed.accepts(other), expected.test(other), JSON.stringify(other));
    }
  });

  if (flags) continue;
  test(`pattern ${pattern} in a schema finds what JavaScript finds`, () => {
    const random = randomNumbers(pattern.length);
    const parsed = recogniser({ type: "string", pattern });
    const expected = native(pattern);
    const sample = sampler(regexGrammar(pattern), random, { budget: 60 });
    const alphabet = [...pattern, ...'abAB01-. \n"\\😀é'];
    for (let i = 0; i < rounds; i++) {
      const text = mutate(sample(), random, alphabet);
      assert.equal(parsed.accepts(JSON.stringify(text)), expected.test(text), JSON.stringify(text));
    }
  });
}

const refused = [
  ["(", /has a \( without a \)/],
  ["a)", /has a \) without a \(/],
  ["[a", /has a \[ without a \]/],
  ["a**", /repeats a repetition/],
  ["+", /nothing to repeat/],
  ["a{3,1}", /upper bound is below/],
  ["a{1000000}", /repeats too often/],
  ["[b-a]", /range that ends before/],
  ["(a)\\1", /refers to what a group matched/],
  ["(?<n>a)\\k<n>", /refers to what a group matched/],
  ["\\bword\\b", /word boundary/],
  ["\\p{Nonsense}", /unknown property/],
  ["(?i)a", /unknown kind/],
  ["a\\", /ends in a backslash/],
  ["(?:a(?=bc)){2}d", /reaches out of its group/],
  ["(^a|b){2}", /in a repetition/],
  ["a(?!b)b", undefined], // allowed, but matches nothing
  ["x".repeat(30_000), /too long/],
  ["(".repeat(5000) + ")".repeat(5000), /inside each other/],
];
for (const [pattern, message] of refused) {
  test(`bad-grammar: ${pattern.slice(0, 30)}`, () => {
    assert.throws(
      () => regexGrammar(pattern),
      (error) => error.code === "bad-grammar" && (message ?? /matches no text/).test(error.message),
    );
  });
}

test("bad-grammar: an unknown flag, and anchors of lines", () => {
  assert.throws(() => regexGrammar("a", "x"), { code: "bad-grammar" });
  assert.throws(() => regexGrammar("^a", "m"), { code: "bad-grammar" });
  assert.ok(regexGrammar("a", "gm"));
});

test("a choice has the texts unchanged, and shares their beginnings", () => {
  const options = ["yes", "no", "north", 'nor"th\n', "nowhere", "", "😀", "é"];
  const parsed = parseGrammar(choiceGrammar(options));
  for (const option of options) assert.ok(parsed.accepts(option), option);
  for (const other of ["ye", "nor", "x", "yesno"]) assert.ok(!parsed.accepts(other), other);
  assert.throws(() => choiceGrammar([]), { code: "bad-grammar" });
  const beginnings = Array.from({ length: 3000 }, (_, i) => "x".repeat(i));
  assert.throws(() => choiceGrammar(beginnings), { code: "bad-grammar" }); // the text would have megabytes
  assert.throws(() => choiceGrammar(["\ud800"]), { code: "bad-grammar" });
});

test("a text without stops, with rules of a prefix", () => {
  const { root, rules } = textWithout(["<tool_call>", "</s>"], { prefix: "t-" });
  assert.match(root, /^t-/);
  const parsed = parseGrammar(withRoot({ root, rules }));
  for (const text of ["", "a < b", "<tool_cal", "<<tool", "</", "é\n😀"]) assert.ok(parsed.accepts(text), text);
  for (const text of ["<tool_call>", "a</s>b", "<<tool_call>"]) assert.ok(!parsed.accepts(text), text);
});

test("quote escapes what a string of GBNF needs", () => {
  const text = 'a"b\\c\n\r\t\u0000\u007f]é😀';
  assert.ok(parseGrammar(`root ::= ${quote(text)}`).accepts(text));
  const { root, rules } = regexRules("a+", "", { prefix: "p-" });
  assert.equal(parseGrammar(`root ::= "x" ${root}\n${rules}`).match("xaa").state, "complete");
});
