// The output of the command line: on a terminal texts of models, files and servers print as text; in a pipe an answer
// is byte for byte what the model gave.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { repository } from "../lib/model.mjs";
import { randomNumbers } from "../lib/random.mjs";
import { importSource } from "../lib/source.mjs";
import { firstExtra, tinyModel, tokenType } from "../lib/tiny-model.mjs";

const { AnswerText, escapeLine, escapeText, safeJson } = await importSource("npm/src/cli/output.ts");
const command = join(repository, "npm/bin/camelgpt.js");

/** Characters that must not reach a terminal, except line breaks and tabs. */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
const allowed = /[\n\t]/g;

const random = randomNumbers(9);
const pick = (list) => list[Math.floor(random() * list.length)];
const code = (from, to) => String.fromCodePoint(from + Math.floor(random() * (to - from + 1)));
const pieces = [
  () => code(0, 0x1f),
  () => code(0x7f, 0x9f),
  () =>
    pick([
      "\x1b[2J",
      "\x1b]0;title\x07",
      "\x1b]8;;http://evil\x1b\\link",
      "\x9b31m",
      "\x1bP+q\x1b\\",
      "\r",
      "\r\n",
      "\b\b",
    ]),
  () =>
    pick([
      "\u202e",
      "\u2066",
      "\u2069",
      "\u200e",
      "\u200f",
      "\u061c",
      "\ufeff",
      "\u2028",
      "\u2029",
      "\u200b",
      "\u00ad",
    ]),
  () => code(0xe0000, 0xe007f),
  () => code(0x2060, 0x206f),
  () => pick(["\ud800", "\udfff", "\u115f", "\u3164", "\ufff9", "\u{e0100}", "a\u200db", "\u200c"]),
  () => pick(["text ", "é", "日本", "😀", "\n", "\t", "ا", "क"]),
];
const hostile = Array.from({ length: 200 }, () =>
  Array.from({ length: 1 + Math.floor(random() * 20) }, () => pick(pieces)()).join(""),
);

/** The text cut into pieces of random length, which end inside characters too. */
function cut(text) {
  const parts = [];
  for (let at = 0; at < text.length; ) {
    const length = 1 + Math.floor(random() * 3);
    parts.push(text.slice(at, at + length));
    at += length;
  }
  return parts;
}

const printed = (text, escapes) => {
  const answer = new AnswerText(escapes);
  return cut(text)
    .map((piece) => answer.add(piece))
    .join("")
    .concat(answer.end());
};

describe("texts on a terminal", () => {
  test("have no unsafe character, in any of 200 hostile lines, answers and values", () => {
    for (const text of hostile) {
      assert.doesNotMatch(escapeLine(text), unsafe);
      assert.doesNotMatch(escapeText(text).replace(allowed, ""), unsafe, JSON.stringify(text));
      assert.doesNotMatch(safeJson({ [text]: [text] }), unsafe);
    }
  });

  test("are the same however an answer is cut into pieces, and unchanged in a pipe", () => {
    for (const text of [...hostile, "👩‍👩‍👧 می‌خواهم क्‍ष ❤️ 🏽‍", "می‌", "\u200d"]) {
      assert.equal(printed(text, true), escapeText(text));
      assert.equal(printed(text, false), text);
    }
  });

  test("keep line breaks, tabs, and the joiners of emoji and of scripts that have them", () => {
    const text = "a\tb\n👩‍👩‍👧 ❤️ می‌خواهم क्‍ष 日本語";
    assert.equal(escapeText(text), text);
    assert.equal(escapeText("a\r\nb\rc"), "a\nb\\rc");
    assert.equal(escapeText("\x1b[31m\x9b\u202e\u{e0041}a\u200db"), "\\x1b[31m\\x9b\\u202e\\u{e0041}a\\u200db");
    assert.equal(escapeLine("a\nb\tc"), "a\\nb\\tc");
  });

  test("are the same values in JSON", () => {
    for (const text of hostile) assert.deepEqual(JSON.parse(safeJson({ [text]: [text] })), { [text]: [text] });
  });

  test("are written by one file of the command line", () => {
    const folder = join(repository, "npm/src");
    for (const path of readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".ts"))) {
      if (path === join("cli", "output.ts")) continue;
      const source = readFileSync(join(folder, path), "utf8").replace(/^\s*\*.*$/gm, "");
      assert.doesNotMatch(source, /std(out|err)\.(write|isTTY)|console\./, path);
    }
  });
});

/** Runs the command and returns its output as bytes. On a terminal stderr is part of stdout. */
function camelgpt(args, { onTerminal = false, ...options } = {}) {
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const line = [process.execPath, command, ...args];
  const { stdout, stderr, error } = onTerminal
    ? spawnSync("script", ["-qec", line.map(quote).join(" "), "/dev/null"], { ...options, input: "" })
    : spawnSync(line[0], line.slice(1), options);
  assert.ifError(error);
  return { stdout: stdout.toString("utf8"), stderr: stderr.toString("utf8") };
}

const hasScript = process.platform === "linux" && spawnSync("script", ["--version"]).status === 0;

describe("camelgpt", () => {
  const token = "\x1b]0;owned\x07\u202e\x9b2J";
  const key = "evil\x1b[2J\nforged = line\u202e";
  let folder, model;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "camelgpt-terminal-"));
    model = join(folder, "model.gguf");
    const metadata = { [key]: token, "general.name": token };
    writeFileSync(model, tinyModel([[token, tokenType.userDefined]], metadata));
    const release = join(folder, "release");
    mkdirSync(release);
    copyFileSync(model, join(release, "model.gguf"));
    const names = ["--name", token, "--version", "1\x1b[31m", "--license", "\x9bMIT\nforged = line"];
    spawnSync(process.execPath, [command, "release", release, ...names]);
  });
  after(() => rmSync(folder, { recursive: true }));

  const generate = () => [
    "generate",
    "--model",
    model,
    "Hi",
    "--max-tokens",
    "3",
    "--temperature",
    "0",
    "--logit-bias",
    `${firstExtra}=100`,
  ];

  test("gives the answer unchanged in a pipe, and notes and tables without unsafe characters", async () => {
    const loaded = await CamelGPTInference.load(model, { threads: 1 });
    const text = await loaded.generateText("Hi", { maxTokens: 3, temperature: 0, logitBias: { [firstExtra]: 100 } });
    await loaded.dispose();
    assert.equal(text, token.repeat(3));
    const { stdout, stderr } = camelgpt(generate());
    assert.equal(stdout, `${text}\n`);
    assert.doesNotMatch(stderr.replace(/\n/g, ""), unsafe);
    for (const args of [
      ["inspect", model],
      ["tokenize", "--model", model, token],
      ["inspect", `${folder}/${key}`],
      ["verify", join(folder, "release")],
    ]) {
      for (const flags of [[], ["--json"]]) {
        const result = camelgpt([...args, ...flags]);
        assert.doesNotMatch((result.stdout + result.stderr).replace(/\n/g, ""), unsafe, args.join(" "));
        assert.doesNotMatch(result.stdout, /^forged/m);
      }
    }
  });

  test("escapes the answer on a terminal", { skip: !hasScript && "there is no program script" }, () => {
    for (const args of [generate(), ["inspect", model], ["verify", join(folder, "release")], [`${token}`]]) {
      for (const flags of [[], ["--json"]]) {
        const { stdout } = camelgpt([...args, ...flags], { onTerminal: true });
        assert.ok(stdout.length > 20, stdout);
        // The line of progress and the terminal's own line breaks.
        const text = stdout.replace(/[\r\n]/g, "");
        assert.doesNotMatch(text, unsafe, JSON.stringify(text));
      }
    }
    assert.match(camelgpt(generate(), { onTerminal: true }).stdout, /\\x1b\]0;owned\\x07\\u202e\\x9b2J/);
  });

  test("shows the progress of a long prompt and of many texts on a terminal, and removes it", {
    skip: !hasScript && "there is no program script",
  }, () => {
    const lines = join(folder, "lines.txt");
    writeFileSync(lines, "first\n\nsecond\r\nthird\n".repeat(60));
    const shown = (args) => camelgpt([...args, "--model", model], { onTerminal: true }).stdout;
    const last = (output) => output.replace(/\r\n/g, "\n").split("\r").at(-1);
    const answer = shown(["generate", "x".repeat(600), "--max-tokens", "2"]);
    assert.match(answer, /\rreading the prompt: 64 of 600 tokens/);
    assert.doesNotMatch(last(answer), /reading/);
    assert.doesNotMatch(shown(["generate", "short", "--max-tokens", "2"]), /reading the prompt/);
    const vectors = shown(["embed", "--lines", lines, "--json"]);
    assert.match(vectors, /\r\d+ of 180 texts/);
    assert.equal(JSON.parse(last(vectors)).embeddings.length, 180);
  });

  test("classifies and embeds several texts, and the lines of a file or of standard input", () => {
    const labels = ["--labels", "a,b", "--model", model, "--json"];
    const run = (args, input) => JSON.parse(camelgpt(args, { input }).stdout);
    const { results } = run(["classify", "one", "two", ...labels]);
    assert.deepEqual(run(["classify", "two", ...labels]), results[1]);
    assert.deepEqual(run(["classify", "--lines", "-", ...labels], "one\ntwo\n").results, results);
    const table = camelgpt(["classify", "one", "two", ...labels.slice(0, -1)])
      .stdout.trimEnd()
      .split("\n");
    assert.equal(table.length, 2);
    assert.match(table[1], /^ *[\d.]+ % {2}[ab] {2}two$/);
    const { embeddings } = run(["embed", "--lines", "-", "--text", "zero", "--model", model, "--json"], "one\ntwo");
    assert.equal(embeddings.length, 3);
  });

  test("repeats no secret of its arguments", () => {
    const secret = "hunter2hunter2";
    for (const args of [
      ["generate", "Hi", "--model", `https://me:${secret}@127.0.0.1:1/model.gguf`],
      ["generate", "Hi", "--model", "http://127.0.0.1:1/model.gguf", "--header", `Authorization ${secret}`],
      ["inspect", `http://127.0.0.1:1/model.gguf?token=${secret}`, "--header", `X-Key: ${secret}`],
      ["verify", `https://me:${secret}@127.0.0.1:1/`],
      ["cache", "--delete", `//me:${secret}@host`],
    ]) {
      const { stdout, stderr } = camelgpt([...args, "--json"]);
      assert.ok(stderr.startsWith("camelgpt: ") && !(stdout + stderr).includes(secret), stdout + stderr);
    }
  });
});
