// The command camelgpt: JSON output, text output, exit codes.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { hasRelaxedSimd, isFull, modelPath, repository } from "../lib/model.mjs";

const command = join(repository, "npm/bin/camelgpt.js");

/** Runs the command to its end. After `stopAfter` characters on stdout it sends SIGINT. */
function camelgpt(args, { input, stopAfter = Infinity, env } = {}) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [command, ...args], { env: { ...process.env, ...env } });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (data) => {
      stdout += data;
      if (stdout.length > stopAfter) {
        stopAfter = Infinity; // a second signal would kill it
        child.kill("SIGINT");
      }
    });
    child.stderr.setEncoding("utf8").on("data", (data) => (stderr += data));
    child.stdin.on("error", () => {}); // it may exit without reading
    child.stdin.end(input);
    child.on("close", (status) => resolve({ status, stdout, stderr }));
  });
}

async function json(args, expectedStatus = 0, options) {
  const { status, stdout, stderr } = await camelgpt([...args, "--json"], options);
  assert.equal(status, expectedStatus, stderr + stdout);
  return JSON.parse(stdout);
}

const model = ["--model", modelPath, "--context", "256"];
const skipCalibration = isFull || hasRelaxedSimd ? false : "only in Node 24, and with --full";

describe("camelgpt", () => {
  let folder;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "camelgpt-cli-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  test("generate --json has the documented form", async () => {
    const result = await json([
      "generate",
      ...model,
      "--prompt",
      "The capital of France is",
      "--max-tokens",
      "6",
      "--ignore-eos",
      "--threads",
      "1",
      "--epdp",
      "off",
    ]);
    assert.match(result.text, /Paris/);
    assert.equal(result.tokens.length, 6);
    assert.equal(result.finishReason, "length");
    assert.deepEqual(result.usage, { promptTokens: 5, completionTokens: 6 });
    for (const name of ["loadMs", "prefillTokensPerSecond", "decodeTokensPerSecond"])
      assert.ok(result.timings[name] > 0, name);
    assert.ok(result.memory.modelBytes > 50e6);
    assert.ok(result.memory.peakBytes > result.memory.modelBytes);
    assert.equal(result.epdp.mode, "off");
    for (const name of [
      "headRows",
      "ffnKept",
      "kvTokens",
      "macsPerToken",
      "macsPerTokenDense",
      "driftChecks",
      "driftEvents",
    ]) {
      assert.equal(typeof result.epdp[name], "number", name);
    }
    assert.match(result.engine.flavour, /^(simd|relaxed)$/);
    assert.equal(result.engine.threads, 1);
  });

  test("peak memory stays within the plan", async () => {
    const { memory } = await json(["generate", "--model", modelPath, "--prompt", "Hello", "--max-tokens", "4"]);
    const { memoryPlan } = await json(["inspect", modelPath]);
    const maximum = 1.1 * memoryPlan.fileBytes + memoryPlan.cacheBytes;
    assert.ok(memory.peakBytes <= maximum, `${memory.peakBytes} of at most ${maximum}`);
  });

  test("besides the plan, memory holds only workers and the compiled engine, and no copy of the model", async () => {
    const { memory, engine } = await json(["generate", ...model, "--prompt", "Hello", "--max-tokens", "4"]);
    const { memoryPlan } = await json(["inspect", modelPath, "--context", "256"]);
    // A worker of Node 24 takes 18 MB: the engine's, and one for each helper thread.
    const maximum = memoryPlan.totalBytes + 22e6 + 18e6 * engine.threads;
    assert.ok(memory.peakBytes <= maximum, `${memory.peakBytes} of at most ${maximum}`);
  });

  test("generate saves a state and continues from it in another process", async () => {
    const state = join(folder, "text.state");
    const options = ["--ignore-eos", "--epdp", "off"];
    const first = await json([
      "generate",
      ...model,
      "--prompt",
      "The capital of France is",
      "--max-tokens",
      "6",
      "--save-state",
      state,
      ...options,
    ]);
    const text = `The capital of France is${first.text}`;
    const plain = await json(["generate", ...model, "--prompt", text, "--max-tokens", "6", ...options]);
    const resumed = await json([
      "generate",
      ...model,
      "--prompt",
      text,
      "--max-tokens",
      "6",
      "--load-state",
      state,
      ...options,
    ]);
    assert.deepEqual(resumed.tokens, plain.tokens);
    assert.equal(plain.usage.cachedTokens, undefined);
    assert.equal(resumed.usage.cachedTokens, resumed.usage.promptTokens - 1);
    assert.match(
      (await camelgpt(["generate", ...model, "--prompt", text, "--max-tokens", "1", "--load-state", state])).stderr,
      /\(10 of them kept\)/,
    );
    assert.equal(
      (await json(["generate", ...model, "--prompt", "a", "--load-state", join(folder, "none")], 1)).error.code,
      "not-found",
    );
    writeFileSync(state, "no state");
    assert.equal(
      (await json(["generate", ...model, "--prompt", "a", "--load-state", state], 1)).error.code,
      "truncated",
    );
  });

  test("generate --chat answers; the prompt may be positional or come from stdin", async () => {
    const named = await json([
      "generate",
      ...model,
      "--chat",
      "--prompt",
      "What is the capital of France?",
      "--max-tokens",
      "12",
      "--temperature",
      "0",
    ]);
    assert.match(named.text, /Paris/);
    const piped = await json(["generate", ...model, "--chat", "-", "--max-tokens", "12", "--temperature", "0"], 0, {
      input: "What is the capital of France?",
    });
    assert.equal(piped.text, named.text);
    const system = await json([
      "generate",
      ...model,
      "--chat",
      "--system",
      "Be brief.",
      "What is the capital of France?",
      "--max-tokens",
      "12",
    ]);
    assert.notEqual(system.usage.promptTokens, named.usage.promptTokens);
  });

  test("generate streams text to stdout and a summary to stderr", async () => {
    const { status, stdout, stderr } = await camelgpt([
      "generate",
      ...model,
      "The capital of France is",
      "--max-tokens",
      "6",
    ]);
    assert.equal(status, 0);
    assert.match(stdout, /Paris.*\n$/s);
    assert.match(stderr, /6 tokens · [\d.]+ tok\/s/);
    assert.match(stderr, /simd|relaxed/);
  });

  test("sampling options reach the engine", async () => {
    const sample = (...more) =>
      json([
        "generate",
        ...model,
        "A list:",
        "--max-tokens",
        "12",
        "--temperature",
        "1.5",
        "--top-k",
        "0",
        "--top-p",
        "1",
        "--min-p",
        "0",
        ...more,
      ]);
    const first = await sample("--seed", "7");
    assert.equal(first.seed, 7);
    assert.equal((await sample("--seed", "7")).text, first.text);
    assert.notEqual((await sample("--seed", "8")).text, first.text);
    const biased = await sample("--logit-bias", `${first.tokens[0]}=-Infinity`, "--seed", "7", "--logprobs", "2");
    assert.ok(!biased.tokens.includes(first.tokens[0]));
    assert.equal(biased.logprobs[0].top.length, 2);
    const stopped = await json(["generate", ...model, "1, 2, 3, 4,", "--stop", "7", "--stop", "never"]);
    assert.equal(stopped.finishReason, "stop");
    assert.ok(!stopped.text.includes("7"));
  });

  test("the worker and the main thread give the same text", async () => {
    const args = ["generate", ...model, "The sky is", "--max-tokens", "8", "--flavour", "simd"];
    const inline = await json([...args, "--no-worker"]);
    assert.equal(inline.engine.worker, false);
    assert.equal(inline.engine.flavour, "simd");
    assert.equal(inline.text, (await json(args)).text);
  });

  test("score", async () => {
    const file = join(folder, "text.txt");
    writeFileSync(file, "The city lies on a river, and a bridge of stone crosses it. ".repeat(8));
    const result = await json(["score", ...model, "--file", file, "--max-tokens", "64"]);
    assert.deepEqual(Object.keys(result).sort(), ["nll", "perplexity", "tokens"]);
    assert.equal(result.tokens, 63);
    const { stdout } = await camelgpt(
      ["score", "--model", modelPath, "--context", "32", "--file", "-", "--max-tokens", "64"],
      { input: "The city lies on a river, and a bridge crosses it. ".repeat(9) },
    );
    assert.match(stdout, /perplexity [\d.]+ .*62 tokens/);
  });

  test("tokenize", async () => {
    const { tokens, pieces } = await json(["tokenize", ...model, "--text", "Hello, world! <|im_end|>"]);
    assert.equal(pieces.join(""), "Hello, world! <|im_end|>");
    assert.equal(tokens.at(-1), 2);
    const { stdout } = await camelgpt(["tokenize", ...model, "Hello"]);
    assert.match(stdout, /^\s*\d+ {2}"Hello"\n$/);
  });

  test("inspect", async () => {
    const result = await json(["inspect", modelPath]);
    const keys = ["architecture", "memoryPlan", "metadata", "parameters", "sampling", "tensors"];
    assert.deepEqual(Object.keys(result).sort(), keys);
    assert.deepEqual(result.sampling, { temperature: 0.7, minP: 0.05 });
    assert.equal(result.architecture, "llama");
    const { stdout } = await camelgpt(["inspect", modelPath]);
    assert.match(stdout, /architecture +llama/);
    assert.match(stdout, /chat sampling +temperature 0.7, minP 0.05/);
    assert.match(stdout, /tokenizer.ggml.pre = "smollm"/);
  });

  test("a faulty model or input: exit code 1, one line, and the error in JSON", async () => {
    const faults = {
      "not-found": ["generate", "--model", "/nowhere.gguf", "--prompt", "a"],
      "bad-format": ["inspect", join(repository, "npm/dist/wasm/camelgpt-simd.wasm")],
      "context-overflow": [
        "generate",
        "--model",
        modelPath,
        "--context",
        "8",
        "--prompt",
        "a b c d e f g h i j k l m n",
      ],
      "bad-input": ["generate", ...model, "--prompt", ""],
      network: ["tokenize", "--model", "http://127.0.0.1:1/model.gguf", "--text", "a"],
    };
    const check = async ([code, args]) => {
      const [{ error }, { status, stdout, stderr }] = await Promise.all([json(args, 1), camelgpt(args)]);
      assert.equal(error.code, code, JSON.stringify(error));
      assert.deepEqual(Object.keys(error), ["code", "message", "expected", "found", "hint"]);
      assert.equal(status, 1);
      assert.equal(stdout, "");
      assert.match(stderr, /^camelgpt: .+\n$/);
      assert.equal(stderr.trim().split("\n").length, 1, stderr);
    };
    await Promise.all(Object.entries(faults).map(check));
    writeFileSync(join(folder, "latin.txt"), Buffer.from([0x61, 0xe9, 0x62]));
    assert.equal((await json(["score", ...model, "--file", join(folder, "latin.txt")], 1)).error.code, "bad-input");
    assert.equal((await json(["score", ...model, "--file", join(folder, "none.txt")], 1)).error.code, "not-found");
  });

  test("calibrate writes a sidecar, and generate and score use it", { skip: skipCalibration }, async () => {
    const out = join(folder, "model.epdp");
    const prose = join(folder, "prose.txt"); // a fifth of the built-in text
    writeFileSync(prose, readFileSync(join(repository, "README.md"), "utf8").slice(0, 5000));
    const made = await json(["calibrate", ...model, "--out", out, ...(isFull ? [] : ["--file", prose])]);
    assert.equal(made.sidecar, out);
    assert.equal(made.bytes, statSync(out).size);
    assert.ok(made.costs.balanced.kl < 0.05 && made.costs.balanced.top1 > 0.9, JSON.stringify(made.costs));
    const pruned = [...model, "--epdp", "balanced", "--sidecar", out];
    const answer = await json([
      "generate",
      ...pruned,
      "--prompt",
      "The capital of France is",
      "--max-tokens",
      "6",
      "--ignore-eos",
    ]);
    assert.match(answer.text, /Paris/);
    assert.equal(answer.epdp.mode, "balanced");
    assert.equal(answer.epdp.headRows, made.costs.balanced.headRows);
    assert.ok(answer.epdp.macsPerToken < answer.epdp.macsPerTokenDense);
    const file = join(folder, "text.txt");
    writeFileSync(file, "Water boils at one hundred degrees Celsius, and it freezes at zero degrees.");
    const score = await json(["score", ...pruned, "--file", file, "--against", "dense"]);
    assert.ok(
      score.kl >= 0 && score.kl < 0.1 && score.top1 > 0.9 && Math.abs(score.perplexityRatio - 1) < 0.3,
      JSON.stringify(score),
    );
    writeFileSync(out, "EPDP, and nothing else");
    const { error } = await json(["generate", ...pruned, "--prompt", "a"], 1);
    assert.equal(error.code, "truncated");
  });

  test("wrong usage: exit code 2", async () => {
    const wrong = [
      ["generat"],
      ["generate"],
      ["generate", "--promt", "a"],
      ["generate", "--prompt"],
      ["generate", "a", "b"],
      ["generate", "a", "--max-tokens", "many"],
      ["generate", "a", "--max-tokens", "0", ...model],
      ["generate", "a", "--temperature=-1", ...model],
      ["generate", "a", "--epdp", "fast", ...model],
      ["generate", "a", "--epdp", "{", ...model],
      ["generate", "a", "--system", "b"],
      ["generate", "a", "--logit-bias", "b"],
      ["generate", "a", "--flavour", "quick", ...model],
      ["score"],
      ["inspect"],
    ];
    const check = async (args) => {
      const { status, stdout, stderr } = await camelgpt(args);
      assert.equal(status, 2, `${args.join(" ")}: ${stderr}`);
      assert.equal(stdout, "");
      assert.equal(stderr.trim().split("\n").length, 1, stderr);
    };
    await Promise.all(wrong.map(check));
    assert.match((await camelgpt(["generate", "--promt", "a"])).stderr, /--prompt/);
    assert.equal((await json(["generate"], 2)).error.code, "bad-option");
  });

  test("help and version", async () => {
    for (const args of [
      [],
      ["--help"],
      ["generate", "--help"],
      ["score", "--help"],
      ["tokenize", "--help"],
      ["inspect", "--help"],
    ]) {
      const { status, stdout } = await camelgpt(args);
      assert.equal(status, 0);
      assert.match(stdout, /Usage: camelgpt/);
    }
    assert.match((await camelgpt(["--version"])).stdout, /^\d+\.\d+\.\d+\n$/);
  });

  test("Ctrl-C ends the text and the command", async () => {
    const { status, stdout } = await camelgpt(
      ["generate", "--model", modelPath, "Once upon a time,", "--max-tokens", "3000", "--ignore-eos"],
      { stopAfter: 40 },
    );
    assert.equal(status, 130);
    assert.ok(stdout.length > 40);
  });

  test("a model that is not here is an error with --offline, and says what to do", async () => {
    const { error } = await json(["generate", "--model", "smollm2-135m", "--offline", "--prompt", "a"], 1, {
      env: { XDG_CACHE_HOME: folder },
    });
    assert.equal(error.code, "offline");
    assert.match(error.hint, /camelgpt pull/);
  });

  test("the default model is the packaged one, and names another for tasks it cannot do", async () => {
    mkdirSync(join(folder, "camelgpt/models"), { recursive: true });
    symlinkSync(modelPath, join(folder, "camelgpt/models/smollm2-135m.gguf"));
    const nowhere = { env: { XDG_CACHE_HOME: folder } };
    for (const args of [["generate", "--chat", "a"], ["score", "--file", join(repository, "LICENSE")], ["calibrate"]]) {
      const { error } = await json(args, 1, nowhere);
      assert.match(error.message, /default model, camelgpt-mini/);
      assert.match(error.hint, /camelgpt pull smollm2-135m.*--model smollm2-135m/);
    }
    const named = { env: { XDG_CACHE_HOME: folder, CAMELGPT_MODEL: "smollm2-135m" } };
    assert.equal((await json(["tokenize", "capital"], 0, named)).tokens.length, 1);
    const { usage, epdp } = await json(
      ["generate", "--prompt", "a dog runs . german :", "--max-tokens", "6", "--steps", "2"],
      0,
      nowhere,
    );
    assert.ok(usage.completionTokens >= 1 && usage.completionTokens <= 6);
    assert.equal(epdp.mode, "balanced");
    const labels = await json(["classify", "--labels", "negative,positive", "A warm and funny story."], 0, nowhere);
    assert.equal(labels.label, labels.candidates[0].text);
    assert.deepEqual(labels.candidates.map(({ text }) => text).sort(), ["negative", "positive"]);
    const { candidates, masks, text } = await json(
      ["fill-mask", "--text", "a man in a [MASK] shirt and a [MASK]", "--top-k", "3"],
      0,
      nowhere,
    );
    assert.equal(candidates.length, 3);
    assert.equal(masks.length, 2);
    assert.deepEqual(Object.keys(candidates[0]), ["token", "text", "probability"]);
    assert.ok(text.startsWith("a man in a"), text);
    const { embeddings } = await json(["embed", "--text", "one text", "--text", "another"], 0, nowhere);
    assert.deepEqual(
      embeddings.map(({ length }) => length),
      [32, 32],
    );
  });

  test("missing arguments are a usage error", async () => {
    const { error } = await json(["classify", "some text"], 2);
    assert.match(error.message, /labels/);
    assert.equal((await json(["embed"], 2)).error.code, "bad-option");
  });
});
