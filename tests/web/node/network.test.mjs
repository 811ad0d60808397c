// Downloads over unreliable connections: they resume if that is safe, and otherwise end in a typed error.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { CamelGPTError, CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { repositoryRoot } from "../../../scripts/lib/run.mjs";
import { startFaultyServer } from "../lib/faulty-server.mjs";
import { modelPath, rejectsWith } from "../lib/model.mjs";

const mini = readFileSync(join(repositoryRoot, "models/camelgpt-mini/camelgpt-mini.gguf"));
const labels = ["negative", "positive"];

async function probabilities(source, options) {
  const model = await CamelGPTInference.load(source, { worker: false, epdp: "off", ...options });
  try {
    return (await model.classify("A warm and funny story.", { labels })).candidates;
  } finally {
    await model.dispose();
  }
}

// The client has read some bytes: a client without any may restart with another version of the file.
const cut = { kind: "close", at: 50_000, wait: "read" };

/** Short where the server falls silent, and otherwise long enough for a busy machine. */
const timeoutFor = (faults) => (faults.some(({ kind }) => kind === "stall") ? 2000 : 30_000);

describe("a bad network", () => {
  let server;
  let expected;
  before(async () => {
    server = await startFaultyServer(mini);
    expected = await probabilities(mini);
  });
  after(() => server.close());

  const loads = (faults, options, settings) => {
    const { url, script, onProgress } = server.serve(faults, settings);
    return { script, answer: probabilities(url, { timeout: timeoutFor(faults), onProgress, ...options }) };
  };
  const survives = async (...args) => {
    const { script, answer } = loads(...args);
    assert.deepEqual(await answer, expected);
    return script;
  };
  const fails = (code, ...args) => rejectsWith(code, loads(...args).answer);

  test("a connection that closes, resets or stalls: the rest arrives over another one", async () => {
    const resumes = async (kind) => {
      const script = await survives([
        { kind, at: 30_000, wait: "read" },
        { kind, at: 60_000 },
      ]);
      assert.equal(script.requests, 3, kind);
      assert.equal(script.missing[0], mini.length);
      assert.ok(script.missing[2] < mini.length, `${kind}: the third request asks for a range`);
    };
    await Promise.all(["close", "reset", "stall"].map(resumes));
  });

  test("a server that is busy or refuses connections at first", async () => {
    const [, , error] = await Promise.all([
      survives([{ kind: "busy" }, { kind: "refuse" }]),
      survives([
        { kind: "close", at: 1000, wait: "read" },
        { kind: "busy" },
        { kind: "refuse" },
        { kind: "close", at: 2000 },
      ]),
      fails("http-error", Array(9).fill({ kind: "busy" })),
      fails("network", Array(9).fill({ kind: "refuse" })),
    ]);
    assert.match(error.found, /503/);
  });

  test("a server without ranges sends the whole file again", async () => {
    const script = await survives([{ kind: "close", at: 50_000 }], {}, { ranges: false });
    assert.equal(script.requests, 2);
  });

  test("a file that changed in between is not mixed with the first version", async () => {
    const other = (fault, settings) => fails("network", [cut, { kind: fault }], {}, settings);
    const [partial, whole, swapped, restarted, longer] = await Promise.all([
      other("change"),
      other("change", { ranges: false }),
      other("swap", { validator: false }),
      other("swap", { validator: false, ranges: false, length: false }),
      other("grow", { validator: false }),
    ]);
    assert.match(partial.found, /another version/);
    assert.match(whole.found, /another version/);
    assert.match(swapped.found, /other bytes/);
    assert.match(restarted.found, /other bytes/);
    assert.match(longer.found, /another size/);
  });

  test("unexpected responses while resuming are typed errors", async () => {
    const [shifted] = await Promise.all([
      fails("network", [cut, { kind: "shift" }]),
      fails("not-a-model", [cut, { kind: "html" }]),
      survives([{ kind: "lie" }]), // the whole file arrives nevertheless
      fails("network", Array(99).fill({ kind: "loop" })),
    ]);
    assert.match(shifted.found, /another part/);
  });

  test("the options retries and timeout are respected", async () => {
    await fails("network", [{ kind: "close", at: 50_000 }], { retries: 0 });
    await fails("network", Array(3).fill({ kind: "close", at: 50_000 }), { retries: 2 });
    await survives(Array(2).fill({ kind: "close", at: 50_000 }), { retries: 2 });
    await rejectsWith("bad-option", probabilities(mini, { retries: -1 }));
    await rejectsWith("bad-option", probabilities(mini, { timeout: 0 }));
  });

  test("an abort takes effect between two attempts", async () => {
    const abort = new AbortController();
    const load = fails("aborted", Array(20).fill({ kind: "close", at: 50_000 }), { retries: 20, signal: abort.signal });
    setTimeout(() => abort.abort(), 400);
    await load;
  });

  test("200 faults at random positions: the same answer, or a typed error", async (t) => {
    let state = 7;
    const random = (limit) => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % limit;
    const harmless = ["close", "reset", "stall", "busy", "refuse"];
    const others = ["html", "shift", "change", "lie", "loop"];
    const runs = Array.from({ length: 100 }, (_, i) => {
      const kinds = [
        harmless[random(harmless.length)],
        i % 2 === 0 ? harmless[random(harmless.length)] : others[random(others.length)],
      ];
      return {
        kinds,
        faults: kinds.map((kind) => ({ kind, at: random(mini.length) })),
        settings: { ranges: random(5) > 0, validator: random(8) > 0, length: random(8) > 0 },
      };
    });
    const ends = { answered: 0 };
    const run = async ({ kinds, faults, settings }) => {
      try {
        await survives(faults, {}, settings);
        ends.answered++;
      } catch (error) {
        assert.ok(error instanceof CamelGPTError, `${kinds}: ${error.stack}`);
        assert.ok(
          ["network", "http-error", "not-a-model"].includes(error.code),
          `${kinds}: ${error.code} ${error.message}`,
        );
        const isSafe = kinds.every((kind) => harmless.includes(kind));
        assert.ok(!isSafe, `${kinds} should have succeeded: ${error.message}`);
        ends[error.code] = (ends[error.code] ?? 0) + 1;
      }
    };
    // Runs with a silent server mostly wait.
    const isSilent = ({ kinds }) => kinds.includes("stall");
    const queues = [runs.filter(isSilent), runs.filter((each) => !isSilent(each))];
    await Promise.all(
      Array.from({ length: 16 }, async (_, i) => {
        for (const queue = queues[i % 2]; queue.length > 0; ) await run(queue.shift());
      }),
    );
    t.diagnostic(JSON.stringify(ends));
    assert.ok(ends.answered >= 40);
  });
});

test("a large file over twelve connections: hardly any byte is sent twice", async (t) => {
  const file = readFileSync(modelPath);
  const server = await startFaultyServer(file);
  t.after(() => server.close());
  const { url, script } = server.serve(
    Array.from({ length: 11 }, (_, i) => ({ kind: "close", at: (i + 1) * 8_000_000 + i })),
  );
  const model = await CamelGPTInference.load(url, { contextLength: 64 });
  t.after(() => model.dispose());
  assert.match(await model.generateText("The capital of France is", 6), /Paris/);
  assert.equal(script.requests, 12);
  t.diagnostic(`${script.sent} bytes sent of ${file.length}`);
  assert.ok(script.sent <= 1.05 * file.length);
});
