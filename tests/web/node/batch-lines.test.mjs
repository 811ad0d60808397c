// camelgpt batch: what it makes of its input, of wrong lines, and of files that do not belong together.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFileSync, copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { bytesOf, finish, parse, request, textsOf, writeRequests } from "../lib/batch.mjs";
import { isFull, repository } from "../lib/model.mjs";

let folder;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "camelgpt-batch-lines-"));
});
after(() => rmSync(folder, { recursive: true }));

const file = (name) => join(folder, name);
const answersOf = (path) => parse(readFileSync(path, "utf8"));

const messages = [{ role: "user", content: "Hello" }];

describe("camelgpt batch", () => {
  test("answers in OpenAI's format, and records what is wrong with a line in its answer", async () => {
    const [input, output] = [file("in.jsonl"), file("out.jsonl")];
    writeRequests(input, [
      `\ufeff${JSON.stringify(request(1))}\r`,
      "",
      { custom_id: "vector", method: "POST", url: "/v1/embeddings", body: { input: "a dog" } },
      "{bad",
      "[1]",
      { method: "POST", url: "/v1/completions", body: {} },
      { custom_id: 7, method: "POST", url: "/v1/completions", body: {} },
      { custom_id: "get", method: "GET", url: "/v1/models", body: {} },
      { custom_id: "no url", method: "POST", body: {} },
      { custom_id: "elsewhere", method: "POST", url: "//example.org/v1/completions", body: {} },
      { custom_id: "no body", method: "POST", url: "/v1/completions" },
      { custom_id: "streams", method: "POST", url: "/v1/completions", body: { prompt: "a", stream: true } },
      { custom_id: "unknown", method: "POST", url: "/v1/nothing", body: {} },
      { custom_id: "wrong", method: "POST", url: "/v1/chat/completions", body: { messages, max_tokens: "many" } },
      { custom_id: "long", method: "POST", url: "/v1/completions", body: { prompt: "a ".repeat(9000) } },
      `{"custom_id": "${"x".repeat(20_000)}"}`,
    ]);
    appendFileSync(input, Buffer.from([0x22, 0xff, 0x22])); // and no line break at the end
    const { stderr } = await finish([input, output, "--max-line-bytes", "19000"], 3);
    assert.match(stderr, /Line 4 is not JSON: /);
    assert.match(stderr, /16 of 16 requests .* 14 failed\n.*--retry-failed/);
    const answers = answersOf(output);
    assert.equal(answers.length, 16);
    const byId = new Map(answers.map((each) => [each.custom_id ?? `line ${each.error.line}`, each]));
    for (const each of answers) assert.deepEqual(Object.keys(each), ["id", "custom_id", "response", "error"]);
    assert.equal(byId.get("r1").response.body.object, "text_completion");
    assert.equal(byId.get("vector").response.body.data[0].embedding.length, 32);
    const errors = {
      "line 4": ["invalid_json_line", null],
      "line 5": ["invalid_json_line", null],
      "line 6": ["missing_required_parameter", "custom_id"],
      "line 7": ["missing_required_parameter", "custom_id"],
      get: ["invalid_method", "method"],
      "no url": ["invalid_url", "url"],
      elsewhere: ["invalid_url", "url"],
      "no body": ["missing_required_parameter", "body"],
      streams: ["unsupported_value", "body.stream"],
      "line 16": ["line_too_long", null],
      "line 17": ["invalid_encoding", null],
    };
    for (const [name, [code, param]] of Object.entries(errors)) {
      const { response, error } = byId.get(name) ?? assert.fail(`no answer to ${name}`);
      assert.equal(response, null);
      assert.deepEqual([error.code, error.param], [code, param]);
      assert.match(error.message, new RegExp(`^Line ${error.line} `));
    }
    const statuses = {
      unknown: [404, "unknown_url"],
      wrong: [400, "invalid_type"],
      long: [400, "context_length_exceeded"],
    };
    for (const [name, [status, code]] of Object.entries(statuses)) {
      const { response, error } = byId.get(name);
      assert.equal(error, null);
      assert.deepEqual([response.status_code, response.body.error.code], [status, code]);
    }
    const again = await finish([input, output, "--max-line-bytes", "19000"], 3);
    assert.match(again.stderr, /has 16 of 16 answers already/);
    assert.equal(answersOf(output).length, 16);
  });

  test("sends only failed requests again with --retry-failed, and keeps the other answers", async () => {
    const [input, output] = [file("retry.jsonl"), file("retry-out.jsonl")];
    const wrong = { ...request(1), body: { prompt: "a", max_tokens: -5 } };
    writeRequests(input, [request(0), wrong, "{", request(3)]);
    await finish([input, output], 3);
    const first = new Map(answersOf(output).map((each) => [each.custom_id, each]));
    writeRequests(input, [request(0), request(1), request(2), request(3)]);
    const { stderr } = await finish([input, output, "--retry-failed"]);
    assert.match(stderr, /has 2 of 4 answers already/);
    assert.deepEqual([...textsOf(output).keys()].sort(), ["r0", "r1", "r2", "r3"]);
    for (const each of answersOf(output)) {
      if (first.get(each.custom_id)?.response.status_code === 200) assert.deepEqual(each, first.get(each.custom_id));
    }
  });

  test("gives a request the same text in each run, and another one with another seed", async () => {
    const input = file("seed.jsonl");
    const sampling = { temperature: 1.5, max_tokens: 12 };
    writeRequests(
      input,
      Array.from({ length: 12 }, (_, i) => request(i, sampling)),
    );
    const run = async (name, ...args) => {
      await finish([input, file(name), ...args]);
      return new Map([...textsOf(file(name))].sort());
    };
    const texts = await run("seed-1.jsonl", "--concurrency", "1");
    assert.deepEqual(await run("seed-2.jsonl", "--concurrency", "8"), texts);
    assert.notDeepEqual(await run("seed-3.jsonl", "--seed", "5"), texts);
    const { stderr } = await finish([input, file("seed-1.jsonl"), "--seed", "5"], 1);
    assert.match(stderr, /Line 1 of .* is another request than the one that .* answers.*--seed/);
  });

  test("reads standard input and writes to standard output", async () => {
    const input = `${JSON.stringify(request(0))}\n${JSON.stringify(request(1))}\n`;
    const before = readdirSync(tmpdir()).length;
    const { stdout } = await finish(["-", "-"], 0, { input });
    assert.deepEqual(
      parse(stdout)
        .map((each) => each.custom_id)
        .sort(),
      ["r0", "r1"],
    );
    await finish(["-", file("piped.jsonl")], 0, { input });
    assert.equal(textsOf(file("piped.jsonl")).size, 2);
    assert.ok(readdirSync(tmpdir()).filter((name) => name.startsWith("camelgpt-batch-")).length <= before);
    const { stdout: nothing } = await finish(["-", "-"], 0);
    assert.equal(nothing, "");
  });
});

describe("camelgpt batch refuses", () => {
  test("a custom_id that occurs twice, with both lines, before anything is sent", async () => {
    const [input, output] = [file("twice.jsonl"), file("twice-out.jsonl")];
    writeRequests(input, [request(0), request(1), "", request(0)]);
    const { stderr } = await finish([input, output, "--model", "/nowhere.gguf"], 1);
    assert.match(stderr, /^camelgpt: Lines 1 and 4 of .*twice\.jsonl have the same custom_id "r0"\./);
    assert.equal(bytesOf(output), 0);
  });

  test("an output of another batch, of changed requests, or of something else, and does not change it", async () => {
    const [input, output] = [file("mine.jsonl"), file("mine-out.jsonl")];
    writeRequests(input, [request(0), request(1)]);
    await finish([input, output]);
    const unchanged = async (path, pattern, requests, ...args) => {
      const before = readFileSync(path);
      writeRequests(input, requests);
      const { stderr } = await finish([input, path, ...args], 1);
      assert.match(stderr, pattern);
      assert.deepEqual(readFileSync(path), before);
    };
    await unchanged(output, /has an answer to a request that .* does not have/, [request(1), request(2)]);
    const changed = request(1, { max_tokens: 7 });
    await unchanged(output, /Line 2 of .* is another request than the one that/, [request(0), changed]);
    await unchanged(output, /another request/, [request(0), changed], "--retry-failed");
    for (const text of ["notes without a line break", "notes\n", '{"id":"batch_req_1"}\n', '{"id": 1}']) {
      const path = file("notes.txt");
      writeFileSync(path, text);
      await unchanged(path, /Line 1 of .*notes\.txt is not an answer of camelgpt batch/, [request(0)]);
    }
    const twice = file("doubled.jsonl");
    copyFileSync(output, twice);
    appendFileSync(twice, readFileSync(output));
    await unchanged(twice, /line 3 of .* is there twice/, [request(0), request(1)]);
  });

  test("wrong arguments", async () => {
    const input = file("args.jsonl");
    writeRequests(input, [request(0)]);
    const cases = [
      [[], /two files/],
      [[input], /two files/],
      [[input, "a", "b"], /two files/],
      [[input, input], /args\.jsonl itself/],
      [[input, "-", "--json"], /--json/],
      [[input, "x", "--concurrency", "0"], /--concurrency wants a whole number from 1 to 256/],
      [[input, "x", "--concurrency", "1.5"], /whole number/],
      [[input, "x", "--seed=-1"], /--seed/],
    ];
    for (const [args, pattern] of cases) assert.match((await finish(args, 2)).stderr, pattern);
    assert.match((await finish([file("none"), "x"], 1)).stderr, /none cannot be read/);
    assert.match((await finish([folder, "x"], 1)).stderr, /is not a file|cannot be read/);
    assert.match((await finish([input, join(folder, "no/folder/x")], 1)).stderr, /cannot be written/);
  });
});

test("memory does not grow with the input", { skip: !isFull && "slow" }, async (t) => {
  const [input, output] = [file("large.jsonl"), file("large-out.jsonl")];
  const padding = "x".repeat(1 << 20);
  rmSync(input, { force: true });
  for (let i = 0; i < 600; i++) {
    const body = { input: "a dog", user: padding };
    appendFileSync(input, `${JSON.stringify({ custom_id: `${i}`, method: "POST", url: "/v1/embeddings", body })}\n`);
  }
  appendFileSync(input, "y".repeat(100 << 20));
  const child = spawn(process.execPath, [join(repository, "npm/bin/camelgpt.js"), "batch", input, output]);
  let peak = 0;
  const timer = setInterval(() => {
    const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readStatus(child.pid)) ?? [];
    if (kilobytes) peak = Number(kilobytes) / 1024;
  }, 20);
  assert.equal(await new Promise((resolve) => child.on("close", resolve)), 3);
  clearInterval(timer);
  t.diagnostic(`${peak.toFixed(0)} MiB for an input of ${(bytesOf(input) / 2 ** 20).toFixed(0)} MiB`);
  assert.ok(peak < 350, `${peak} MiB`);
  assert.equal(answersOf(output).length, 601);
});

function readStatus(pid) {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "";
  }
}
