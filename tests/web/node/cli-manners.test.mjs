// The manners of the command camelgpt: help, short flags, words of errors, folders as models, completions.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { modelPath, repository } from "../lib/model.mjs";
import { hasPseudoTerminal, key, PseudoTerminal } from "../lib/pseudo-terminal.mjs";
import { randomNumbers } from "../lib/random.mjs";
import { importSource } from "../lib/source.mjs";
import { tinyModel } from "../lib/tiny-model.mjs";

const command = join(repository, "npm/bin/camelgpt.js");
const mini = join(repository, "models/camelgpt-mini/camelgpt-mini.gguf");

function camelgpt(...args) {
  return new Promise((resolve) =>
    execFile(process.execPath, [command, ...args], (error, stdout, stderr) =>
      resolve({ status: error?.code ?? 0, stdout, stderr }),
    ),
  );
}

async function output(...args) {
  const { status, stdout, stderr } = await camelgpt(...args);
  assert.equal(status, 0, stderr);
  return stdout;
}

async function refusal(...args) {
  const { stderr } = await camelgpt(...args);
  assert.match(stderr, /^camelgpt: .+\n$/);
  return stderr;
}

describe("help", () => {
  test("of a command is its --help and its -h", async () => {
    for (const name of ["generate", "score", "cache", "completion"]) {
      const help = await output("help", name);
      assert.ok(help.startsWith(`camelgpt ${name}: `));
      assert.equal(await output(name, "--help"), help);
      assert.equal(await output(name, "-h"), help);
    }
    assert.equal(await output("help"), await output());
    assert.match(await refusal("help", "generat"), /Did you mean generate\?/);
  });

  test("explains shared options once, in a topic, after a command's own", async () => {
    const generate = await output("help", "generate");
    const topic = await output("help", "model-options");
    assert.ok(generate.indexOf("--prompt P") < generate.indexOf("--model M ·"), generate);
    assert.match(generate, /camelgpt help model-options/);
    assert.doesNotMatch(generate, /Base URL of named releases/);
    assert.match(topic, /Base URL of named releases/);
    assert.match(topic, /^Options of the model, for camelgpt .*chat, generate, /);
  });

  test("as JSON has every flag, with its short form and its option of the API", async () => {
    const { commands, topics } = JSON.parse(await output("help", "--json"));
    const generate = commands.find(({ name }) => name === "generate");
    const [generation, model] = ["generation-options", "model-options"].map((topic) =>
      topics.find(({ name }) => name === topic),
    );
    const flagOf = (option, { options }) => options.find((each) => each.option === option);
    assert.equal(flagOf("maxTokens", generation).flag, "--max-tokens");
    assert.equal(flagOf("maxTokens", generation).short, "-n");
    assert.equal(flagOf("prompt", generate).short, "-p");
    assert.deepEqual(generate.topics, ["generation-options", "model-options"]);
    assert.equal(flagOf("contextLength", model).flag, "--context");
    assert.equal(flagOf("contextLength", model).short, "-c");
  });

  test("has lines of at most 100 columns, and no option of the API", async () => {
    const { commands, topics } = JSON.parse(await output("help", "--json"));
    for (const { name } of [...commands, ...topics]) {
      const help = await output("help", name);
      for (const line of help.split("\n")) assert.ok(line.length <= 100, line);
      assert.doesNotMatch(help.replaceAll("camelgpt", ""), /\b(?!simd)[a-z]+[A-Z][a-z]\w*|info\(\)/, name);
    }
  });
});

describe("flags", () => {
  test("have the letters that users of llama.cpp know", async () => {
    const long = ["generate", "--model", modelPath, "--prompt", "One, two,", "--max-tokens", "4", "--threads", "1"];
    const short = ["generate", "-m", modelPath, "-p", "One, two,", "-n", "4", "-t", "1", "-c", "256", "-s", "3"];
    const { text, tokens } = JSON.parse(await output(...short, "--json"));
    assert.equal(tokens.length, 4);
    assert.equal(JSON.parse(await output(...long, "--context", "256", "--json")).text, text);
  });

  test("take values that begin with a minus sign", async () => {
    const pieces = (...args) =>
      output("tokenize", "-m", mini, ...args, "--json").then((text) => JSON.parse(text).pieces);
    assert.deepEqual(await pieces("--text", "- a list"), await pieces("--text=- a list"));
    assert.match(await refusal("generate", "a", "--temperature", "-1", "-m", mini), /--temperature .*found -1/);
    assert.match(
      await refusal("generate", "--prompt", "--json"),
      /--prompt wants a value\. For a value that begins with a minus sign: --prompt=P/,
    );
  });

  test("that do not exist name the nearest one, or the short ones", async () => {
    assert.match(await refusal("generate", "a", "--temp", "1"), /no option --temp\. Did you mean --temperature\?/);
    assert.match(await refusal("generate", "a", "-x"), /no option -x\. Short options: -p \(--prompt\)/);
  });
});

describe("errors", () => {
  let folder;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "camelgpt-manners-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  test("name flags instead of options of the API", async () => {
    assert.match(
      await refusal("generate", "a", "-m", modelPath, "-c", "99999"),
      /^camelgpt: --context is out of range/,
    );
    const small = await refusal("generate", "a", "-m", modelPath, "--max-memory", "50000000");
    assert.match(small, /more than --max-memory permits/);
    assert.match(small, /a shorter --context, fewer sequences, --kv-cache "q8"/);
    assert.match(await refusal("embed", "a", "--pooling", "best"), /^camelgpt: --pooling is not valid/);
    assert.match(await refusal("inspect", mini, "--min-version", "1"), /options? --|--expect|--min-version/);
    const { error } = JSON.parse((await camelgpt("generate", "a", "-m", mini, "--top-p", "2", "--json")).stdout);
    assert.equal(error.message, "--top-p is not valid.");
  });

  test("translate only names of options", async () => {
    const { namingFlags, withUnits } = await importSource("npm/src/cli/error-words.ts", "node");
    const flags = new Map([
      ["contextLength", "--context"],
      ["model", "--model"],
      ["weights", "--weights"],
      ["trustedKeys", "--trust"],
      ["releases", "--releases"],
    ]);
    const words = (message) => namingFlags({ code: "bad-option", message }, flags).message;
    assert.equal(words("Load the model with a larger contextLength."), "Load the model with a larger --context.");
    assert.equal(words("The option weights is not valid."), "--weights is not valid.");
    assert.equal(words("The options weights and trustedKeys do it."), "The options --weights and --trust do it.");
    assert.equal(words("Give the option `releases`, or a URL."), "Give --releases, or a URL.");
    assert.equal(
      words("/home/me/contextLength.gguf, contextLength(), unknownOption"),
      "/home/me/contextLength.gguf, contextLength(), unknownOption",
    );
    assert.equal(words("The weights of the model"), "The weights of the model");
    assert.equal(withUnits("at 48362432 bytes, 10240 bytes, 512 bytes"), "at 48.4 MB, 10.2 KB, 512 bytes");
  });

  test("tell sizes in units, and how much of a file is missing", async () => {
    const beginning = readFileSync(mini).subarray(0, 60_000);
    await assert.rejects(CamelGPTInference.load(new Blob([beginning]).stream()), {
      code: "truncated",
      found: /^60000 bytes, without the last \d+ bytes$/,
    });
    const half = join(folder, "half.gguf");
    writeFileSync(half, readFileSync(modelPath).subarray(0, 49_000_000));
    const words = await refusal("tokenize", "a", "-m", half);
    assert.match(words, /expected \d+\.\d MB, found a file of 49\.0 MB/);
  });

  test("for a folder with several models name them; one model of a folder loads", async () => {
    const one = join(folder, "one");
    mkdirSync(one);
    writeFileSync(join(one, "README.md"), "text");
    await assert.rejects(CamelGPTInference.load(one), { code: "not-found" });
    copyFileSync(mini, join(one, "model.gguf"));
    const tokens = await output("tokenize", "a dog", "-m", one);
    assert.equal(tokens, await output("tokenize", "a dog", "-m", mini));
    writeFileSync(join(one, "other.gguf"), tinyModel());
    const { status, stderr } = await camelgpt("tokenize", "a", "-m", one);
    assert.equal(status, 2);
    assert.match(stderr, /has 2 models.*found model\.gguf, other\.gguf/);
    await assert.rejects(CamelGPTInference.load(one, { allow: { folders: [join(folder, "no")] } }), {
      code: "not-allowed",
    });
  });
});

describe("embed", () => {
  test("prints the digits of a float32", async () => {
    const [numbers, { embeddings }] = await Promise.all([
      output("embed", "a dog", "-m", mini),
      output("embed", "a dog", "-m", mini, "--json").then(JSON.parse),
    ]);
    const model = await CamelGPTInference.load(mini);
    const [vector] = await model.embed(["a dog"]);
    await model.dispose();
    assert.deepEqual(Float32Array.from(embeddings[0]), vector);
    assert.deepEqual(numbers.trim().split(" ").map(Number), embeddings[0]);
    for (const digits of numbers.trim().split(" "))
      assert.ok(digits.replace(/^-?0\.0*|e.*|\D/g, "").length <= 9, digits);
  });

  test("with the fewest digits", async () => {
    const { shortestFloat32 } = await importSource("npm/src/cli/float32.ts");
    for (const value of [0, 1, -2, 0.1, 1 / 3, 16777216, 1e-40, 3.4028235e38, -0.7])
      assert.ok(String(shortestFloat32(Math.fround(value))).length <= String(Math.fround(value)).length);
    assert.equal(shortestFloat32(Math.fround(0.1)), 0.1);
    assert.equal(shortestFloat32(Math.fround(3.4028235e38)), 3.4028235e38);
    const random = randomNumbers(3);
    for (let i = 0; i < 2000; i++) {
      const value = Math.fround((random() - 0.5) * 10 ** Math.floor(random() * 60 - 30));
      assert.equal(Math.fround(shortestFloat32(value)), value);
    }
  });
});

describe("completion", () => {
  let bin;
  before(async () => {
    bin = mkdtempSync(join(tmpdir(), "camelgpt-bin-"));
    symlinkSync(command, join(bin, "camelgpt"));
    for (const shell of ["bash", "zsh"]) writeFileSync(join(bin, shell), await output("completion", shell));
    writeFileSync(join(bin, "typed"), "");
    chmodSync(join(bin, "typed"), 0o755);
  });
  after(() => rmSync(bin, { recursive: true }));

  const has = (shell) => spawnSync(shell, ["-c", ":"]).status === 0;

  /** The completions that bash finds for a command line, of which the last word is incomplete. */
  function bashCompletions(...words) {
    const script = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _camelgpt; echo "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync("bash", ["-c", script, join(bin, "bash"), "camelgpt", ...words]);
    assert.equal(String(stderr), "");
    return String(stdout).trim().split(/\s+/).filter(Boolean);
  }

  test("in bash: commands, flags, values of flags, topics", { skip: !has("bash") && "no bash" }, () => {
    assert.deepEqual(bashCompletions("cla"), ["classify"]);
    assert.deepEqual(bashCompletions("generate", "--max-t"), ["--max-tokens"]);
    assert.deepEqual(bashCompletions("generate", "--epdp", "ba"), ["balanced"]);
    assert.deepEqual(bashCompletions("generate", "--kv-cache", "=", "q1"), ["q16"]);
    assert.deepEqual(bashCompletions("generate", "--kv-cache", "="), ["q16", "q8"]);
    assert.deepEqual(bashCompletions("generate", "-m", ""), []); // bash completes files
    assert.deepEqual(bashCompletions("help", "model"), ["model-options"]);
    assert.deepEqual(bashCompletions("completion", ""), ["bash", "zsh"]);
    assert.ok(bashCompletions("score", "--").includes("--against"));
    assert.ok(!bashCompletions("score", "--").includes("--labels"));
  });

  test("in zsh", { skip: !(has("zsh") && hasPseudoTerminal) && "no zsh" }, async () => {
    const terminal = new PseudoTerminal("zsh", ["-f"], { env: { PS1: "% " }, cwd: bin });
    terminal.type(`autoload -Uz compinit; compinit -D -u; source ${join(bin, "zsh")}; echo rea''dy\r`);
    await terminal.waitFor(/ready\n/);
    terminal.type(`camelgpt classi${key.tab}`);
    await terminal.waitFor(/classify/);
    terminal.type(`--tempe${key.tab}`);
    terminal.type(`\x15camelgpt generate --kv-cache q1${key.tab}`);
    await terminal.waitFor(/q16/);
    terminal.type(`\x15camelgpt generate --dry-ra${key.tab}`);
    await terminal.waitFor(/--dry-range/);
    await terminal.close();
  });
});
