// camelgpt batch: a run that is killed, at whatever moment and byte, continues; each request has one answer, and the
// same text as without an interruption.
import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { batch, bytesOf, finish, parse, request, sameTexts, textsOf, writeRequests } from "../lib/batch.mjs";
import { isFull, modelPath } from "../lib/model.mjs";
import { randomNumbers } from "../lib/random.mjs";
import { importSource } from "../lib/source.mjs";

let folder;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "camelgpt-batch-test-"));
});
after(() => rmSync(folder, { recursive: true }));

const file = (name) => join(folder, name);

/** Runs a batch until it is done, and kills it each time after a random number of bytes. Returns the kills. */
async function runWithKills(args, output, random, perRun) {
  for (let kills = 0; ; kills++) {
    const end = bytesOf(output) + 1 + Math.floor(random() * perRun);
    const { status, signal, stderr } = await batch(args, { until: () => bytesOf(output) >= end });
    if (status === 0) return kills;
    assert.equal(signal, "SIGKILL", stderr);
    // A loss of power can leave a file that ends at any byte.
    truncateSync(output, Math.max(0, bytesOf(output) - Math.floor(random() * 300)));
  }
}

describe("camelgpt batch that is interrupted", () => {
  test("continues with CamelGPT-mini after each of several kills", async (t) => {
    const count = isFull ? 2000 : 100;
    const [input, whole, output] = [file("mini.jsonl"), file("mini-whole.jsonl"), file("mini-out.jsonl")];
    writeRequests(
      input,
      Array.from({ length: count }, (_, i) => request(i)),
    );
    await finish([input, whole, "--concurrency", "1"]);
    const expected = textsOf(whole);
    assert.equal(expected.size, count);
    const perRun = bytesOf(whole) / (isFull ? 30 : 4);
    const kills = await runWithKills([input, output], output, randomNumbers(1), perRun);
    t.diagnostic(`${kills} kills`);
    assert.ok(kills >= 3, `${kills} kills`);
    sameTexts(textsOf(output), expected);
    assert.ok(!existsSync(`${output}.lock`));
  });

  test("continues with SmolLM2, and chats give the same answers", async () => {
    const [input, whole, output] = [file("chat.jsonl"), file("chat-whole.jsonl"), file("chat-out.jsonl")];
    const chat = (i) => ({
      custom_id: `chat ${i}`,
      method: "POST",
      url: "/v1/chat/completions",
      body: { messages: [{ role: "user", content: `Name ${i + 2} colours.` }], max_completion_tokens: 8 },
    });
    writeRequests(
      input,
      Array.from({ length: isFull ? 100 : 8 }, (_, i) => chat(i)),
    );
    const model = ["--model", modelPath, "--context", "256"];
    await finish([input, whole, ...model, "--concurrency", "1"]);
    const answers = (path) =>
      new Map(
        parse(readFileSync(path, "utf8"))
          .map((each) => [each.custom_id, each.response.body.choices[0].message.content])
          .sort(),
      );
    const kills = await runWithKills([input, output, ...model], output, randomNumbers(2), bytesOf(whole) / 2);
    assert.ok(kills >= 1, `${kills} kills`);
    assert.deepEqual(answers(output), answers(whole));
  });

  test("stops at Ctrl-C, says how to continue, and continues", async () => {
    const [input, output] = [file("stop.jsonl"), file("stop-out.jsonl")];
    writeRequests(
      input,
      Array.from({ length: 120 }, (_, i) => request(i)),
    );
    const until = () => bytesOf(output) > 3000;
    const { status, stderr } = await batch([input, output], { until, kill: "SIGINT" });
    assert.equal(status, 130, stderr);
    const [, done] = /Stopped after (\d+) of 120 requests: .*\. The same command continues\.\n$/.exec(stderr) ?? [];
    assert.equal(textsOf(output).size, Number(done), stderr);
    const resumed = await finish([input, output, "--json"]);
    assert.match(resumed.stderr, new RegExp(`has ${done} of 120 answers already`));
    const { requests, answered, failed, open, earlier } = JSON.parse(resumed.stdout);
    assert.deepEqual(
      { requests, answered, failed, open, earlier },
      {
        ...{ requests: 120, answered: 120, failed: 0, open: 0, earlier: Number(done) },
      },
    );
    assert.equal(textsOf(output).size, 120);
  });

  test("is continued by a second process only after the first", async () => {
    const [input, output] = [file("two.jsonl"), file("two-out.jsonl")];
    writeRequests(
      input,
      Array.from({ length: 40 }, (_, i) => request(i)),
    );
    let second;
    const until = () => {
      if (bytesOf(output) > 0) second ??= batch([input, output]);
      return false;
    };
    await finish([input, output], 0, { until });
    const { status, stderr } = await second;
    assert.equal(status, 0, stderr);
    assert.match(stderr, /Another process writes .*: waiting for it\.\n.*has 40 of 40 answers already/);
    assert.equal(textsOf(output).size, 40);
  });

  test("keeps all whole answers of an output that ends at any byte", async () => {
    const [{ OutputFile }, { answerTo }] = await Promise.all([
      importSource("npm/src/cli/batch/output.ts", "node"),
      importSource("npm/src/cli/batch/answer.ts", "node"),
    ]);
    const lines = ["ä", "𝄞 and more", ""].map((text, i) => {
      const line = { customId: `${text}${i}`, hash: `${i}`.padStart(24, "0") };
      return `${JSON.stringify(answerTo(line, { status: 200, body: { text } }))}\n`;
    });
    const bytes = Buffer.from(lines.join(""));
    const path = file("torn.jsonl");
    for (let end = 0; end <= bytes.length; end++) {
      for (const zeros of end % 8 === 0 ? [0, 5] : [0]) {
        writeFileSync(path, Buffer.concat([bytes.subarray(0, end), Buffer.alloc(zeros)]));
        const output = await OutputFile.open(path, new AbortController().signal, () => assert.fail("no other process"));
        const names = [];
        await output.recover(({ name }) => names.push(name));
        const whole = bytes.subarray(0, end).toString("latin1").split("\n").length - 1;
        assert.equal(names.length, whole, `the first ${end} bytes`);
        await output.append("x\n");
        await output.close();
        assert.equal(readFileSync(path, "utf8"), `${lines.slice(0, whole).join("")}x\n`);
      }
    }
  });

  test("a disk without space ends the run, and the same command continues", async () => {
    const [input, output] = [file("full.jsonl"), file("full-out.jsonl")];
    writeRequests(
      input,
      Array.from({ length: 60 }, (_, i) => request(i)),
    );
    const { status, stderr } = await batch([input, output], { shell: "ulimit -f 8" }); // blocks of 512 bytes
    assert.equal(status, 1, stderr);
    assert.match(stderr, /camelgpt: .*full-out.jsonl cannot be written: .* The same command continues/);
    assert.equal(bytesOf(output), 4096);
    await finish([input, output]);
    assert.equal(textsOf(output).size, 60);
  });
});

describe("the table of requests", () => {
  test("keeps what it is told of many names", async () => {
    const { RequestTable } = await importSource("npm/src/cli/batch/request-table.ts", "node");
    const table = new RequestTable();
    const count = 50_000;
    const entry = (i) => ({
      line: i + 1,
      check: (i * 2_654_435_761) >>> 0,
      isAnswered: i % 3 > 0,
      hasFailed: i % 3 > 1,
    });
    for (let i = 0; i < count; i++) table.set(`id ${i}`, { ...entry(i), line: 0 });
    for (let i = 0; i < count; i++) table.set(`id ${i}`, entry(i));
    for (let i = 0; i < count; i++) assert.deepEqual(table.get(`id ${i}`), entry(i));
    assert.equal(table.get("id -1"), undefined);
  });
});

describe("the lines of a file", () => {
  test("are read as they are at any size of a line, and skipped if they are too long", async () => {
    const { readLines } = await importSource("npm/src/cli/batch/lines.ts", "node");
    const path = file("lines.txt");
    const texts = ["", "a", "ö".repeat(200_000), "b".repeat(256 << 10), "c".repeat((256 << 10) - 1), "d\r", "last"];
    writeFileSync(path, texts.join("\n"));
    const handle = await open(path);
    const read = async (maxBytes) => {
      const lines = [];
      for await (const line of readLines(handle, bytesOf(path), maxBytes)) lines.push(line);
      return lines;
    };
    const lines = await read(1 << 20);
    assert.deepEqual(
      lines.map(({ text }) => text),
      texts,
    );
    assert.deepEqual(
      lines.map(({ isComplete }) => isComplete),
      texts.map((_, i) => i < texts.length - 1),
    );
    assert.equal(lines.at(-1).end, bytesOf(path));
    const short = await read(4);
    assert.deepEqual(
      short.map(({ text, fault, number }) => text ?? `${fault} ${number}`),
      ["", "a", "too-long 3", "too-long 4", "too-long 5", "d\r", "last"],
    );
    appendFileSync(path, Buffer.from([0x0a, 0xff, 0x0a]));
    assert.equal((await read(1 << 20)).at(-1).fault, "not-utf8");
    await handle.close();
  });
});
