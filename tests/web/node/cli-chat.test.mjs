// camelgpt chat, on a pseudo-terminal as people use it, and in a pipe.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { modelPath, repository } from "../lib/model.mjs";
import { hasPseudoTerminal, key, PseudoTerminal } from "../lib/pseudo-terminal.mjs";
import { tinyModel, tokenType } from "../lib/tiny-model.mjs";

const command = join(repository, "npm/bin/camelgpt.js");
const model = ["--model", modelPath, "--context", "512", "--epdp", "off", "--temperature", "0"];

/** Runs `camelgpt chat` with a question in a pipe. */
function pipe(input, ...args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [command, "chat", ...args]);
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (data) => (stdout += data));
    child.stderr.setEncoding("utf8").on("data", (data) => (stderr += data));
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    child.on("close", (status) => resolve({ status, stdout, stderr }));
  });
}

describe("camelgpt chat in a pipe", () => {
  test("answers the question and ends", async () => {
    const { status, stdout, stderr } = await pipe("What is the capital of France?\n", ...model, "-n", "12");
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^[^\x1b]*Paris[^\x1b]*\n$/);
    assert.match(stderr, /tok\/s/);
  });

  test("answers as JSON, with a system text", async () => {
    const { stdout } = await pipe("Hello", ...model, "-n", "4", "--system", "Be brief.", "--json");
    const { text, usage, turn } = JSON.parse(stdout);
    assert.ok(text.length > 0 && usage.completionTokens === 4 && turn.prefilledTokens > 0, stdout);
  });

  test("refuses what it cannot do", async () => {
    assert.match((await pipe("", ...model)).stderr, /^camelgpt: The question on standard input is empty\./);
    assert.match((await pipe("Hi", "a", "b")).stderr, /chat takes one argument/);
    const { status, stderr } = await pipe("Hi", "camelgpt-mini");
    assert.equal(status, 1, stderr);
    assert.match(stderr, /cannot chat.*camelgpt pull smollm2-135m/);
  });
});

describe("camelgpt chat on a terminal", { skip: !hasPseudoTerminal && "no pseudo-terminal" }, () => {
  let folder;
  const open = [];
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "camelgpt-chat-"));
  });
  after(async () => {
    for (const terminal of open) await terminal.close();
    rmSync(folder, { recursive: true });
  });

  async function start(...args) {
    const options = { env: { XDG_CACHE_HOME: folder, NO_COLOR: undefined, CI: undefined } };
    const terminal = new PseudoTerminal(process.execPath, [command, "chat", ...model, ...args], options);
    open.push(terminal);
    await terminal.waitFor(/is ready[^\n]*\n/);
    await terminal.waitFor(/> /);
    return terminal;
  }

  /** Types a line, and returns what is printed until the next prompt. */
  async function say(terminal, line) {
    terminal.type(`${line}${key.enter}`);
    const [, printed] = await terminal.waitFor(/\n([\s\S]*?)\x1b\[1G\x1b\[0J> /);
    return printed;
  }

  test("answers, stops at Ctrl-C, saves, loads, and keeps the conversation", async () => {
    const terminal = await start("-n", "200");
    assert.match(await say(terminal, "What is the capital of France? Answer in one short sentence."), /Paris/);
    terminal.type(`Tell me a very long story about a river.${key.enter}`);
    await terminal.waitFor(/\n[^\n]{20}/);
    terminal.type(key.ctrlC);
    await terminal.waitFor(/\[stopped\]\n[\s\S]*> /);
    const saved = join(folder, "talk.chat");
    assert.match(await say(terminal, `/save ${saved}`), /Saved 4 messages/);
    assert.equal(statSync(saved).mode & 0o777, 0o600);
    assert.match(await say(terminal, "/clear"), /empty/);
    assert.match(await say(terminal, "/retry"), /no message|messages/i);
    assert.match(await say(terminal, `/load ${saved}`), /Loaded 4 messages/);
    assert.match(await say(terminal, "/stats"), /context +\d+ of 512 tokens[\s\S]*pruning +off/);
    assert.match(await say(terminal, `/load ${join(folder, "none")}`), /cannot be read/);
    assert.match(await say(terminal, "/sav x"), /no command \/sav\. Did you mean \/save\?/);
    terminal.type(key.ctrlD);
    assert.equal(await terminal.ended, 0);
    const again = await start("--load", saved, "-n", "8");
    assert.match(await say(again, "/stats"), /context +[1-9]\d* of 512/);
    await say(again, "And of Italy?");
    again.type(key.ctrlC);
    assert.equal(await again.ended, 0);
  });

  test("takes several lines, pasted text, and lines of earlier chats", async () => {
    const terminal = await start("-n", "4", "--plain");
    terminal.type(`first \\${key.enter}second${key.enter}`);
    await terminal.waitFor(/… [\s\S]*second\n[\s\S]*> /);
    terminal.type(`"""${key.enter}third${key.enter}fourth"""${key.enter}`);
    await terminal.waitFor(/fourth"""\n[\s\S]*> /);
    terminal.type(`\x1b[200~fifth\nsixth\n\x1b[201~`);
    await terminal.waitFor(/fifth↵sixth/);
    terminal.type(key.enter);
    await terminal.waitFor(/\n[\s\S]*> /);
    terminal.type(key.up);
    await terminal.waitFor(/fifth↵sixth/);
    terminal.type(key.ctrlC); // clears the line
    await terminal.waitFor(/> /);
    terminal.type(key.ctrlC);
    assert.equal(await terminal.ended, 0);
    const history = join(folder, "camelgpt/chat-history");
    assert.equal(statSync(history).mode & 0o777, 0o600);
    assert.match(readFileSync(history, "utf8"), /first ↵second\nthird↵fourth\nfifth↵sixth\n$/);
    const again = await start("-n", "4");
    again.type(key.up);
    await again.waitFor(/fifth↵sixth/);
    again.type(key.up);
    await again.waitFor(/third↵fourth/);
    again.type(key.ctrlC);
    again.type(key.ctrlD);
    await again.ended;
    const without = await start("--no-history");
    without.type(`${key.up}x`);
    await without.waitFor(/x/);
    assert.doesNotMatch(without.output, /fifth/);
  });

  test("changes the system text, the pruning and the model, and completes commands", async () => {
    const terminal = await start("-n", "6");
    assert.match(await say(terminal, "/system You are a pirate."), /System text: You are a pirate\./);
    await say(terminal, "Hello");
    assert.match(await say(terminal, "/epdp"), /Dynamic pruning: off/);
    assert.match(await say(terminal, "/epdp fast"), /--epdp is not valid/);
    assert.match(await say(terminal, "/epdp exact"), /Dynamic pruning: exact/);
    assert.match(await say(terminal, "/system"), /System text: You are a pirate\./);
    assert.match(await say(terminal, "/model /no/such.gguf"), /no file/);
    assert.match(await say(terminal, `/model ${modelPath}`), /llama, 134\.5 M parameters/);
    await say(terminal, "And now?");
    assert.match(await say(terminal, "/help"), /\/retry [\s\S]*Ctrl-C/);
    terminal.type(`/sy${key.tab}`);
    await terminal.waitFor(/\/system/);
    terminal.type(`\x15/exit${key.enter}`);
    assert.equal(await terminal.ended, 0);
  });
});

describe("camelgpt with a model that reasons", () => {
  let folder;
  let file;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "camelgpt-reasoning-"));
    file = join(folder, "thinks.gguf");
    const template =
      "{{ messages[-1].content }}{% if enable_thinking is false %}<think></think>{% else %}<think>{% endif %}";
    writeFileSync(
      file,
      tinyModel(
        [
          ["<think>", tokenType.control],
          ["</think>", tokenType.control],
        ],
        {
          "tokenizer.chat_template": template,
        },
      ),
    );
  });
  after(() => rmSync(folder, { recursive: true }));
  const options = ["--regex", "[a-z]{3}", "--temperature", "0"];

  test("prints the text in a pipe, and JSON with the reasoning", async () => {
    const { stdout, stderr } = await pipe("Hi", file, ...options, "--reasoning", "4");
    assert.match(stdout, /^[a-z]{3}\n$/);
    assert.match(stderr, /4 of them reasoning/);
    const answer = JSON.parse((await pipe("Hi", file, ...options, "--reasoning", "4", "--json")).stdout);
    assert.match(answer.text, /^[a-z]{3}$/);
    assert.equal(answer.usage.reasoningTokens, 4);
    assert.notEqual(answer.reasoning, "");
    const none = JSON.parse((await pipe("Hi", file, ...options, "--reasoning", "none", "--json")).stdout);
    assert.deepEqual([none.reasoning, none.usage.reasoningTokens], [undefined, undefined]);
    const same = await pipe("Hi", file, ...options, "--template-option", "enable_thinking=false", "--json");
    assert.equal(JSON.parse(same.stdout).text, none.text);
  });

  test("refuses what is no reasoning", async () => {
    for (const args of [
      ["--reasoning", "much"],
      ["--reasoning", "-1"],
      ["--template-option", "enable_thinking"],
    ]) {
      assert.equal((await pipe("Hi", file, ...args)).status, 2, args.join(" "));
    }
  });

  test("shows reasoning dimmed on a terminal", { skip: !hasPseudoTerminal }, async () => {
    const args = [command, "generate", "--chat", "--model", file, "-p", "Hi", ...options, "--reasoning", "4"];
    const terminal = new PseudoTerminal(process.execPath, args, {
      env: { ...process.env, NO_COLOR: "", TERM: "xterm" },
    });
    await terminal.ended;
    assert.match(terminal.output, /\x1b\[2m.*\x1b\[22m\n\n[a-z]{3}\n/s);
  });
});
