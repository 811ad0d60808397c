// F32 files: unchanged, converted to halves, and too large for either. The header decides, before anything else is
// downloaded. The file of 5.4 GB is generated while it is sent.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { tokens } from "../../architectures/compare.mjs";
import { makeModels } from "../../architectures/make-models.mjs";
import { rows } from "../../architectures/rows.mjs";
import { gebModel } from "../../geb/model.mjs";
import { serveModels } from "../../geb/server.mjs";
import { rejectsWith } from "../lib/model.mjs";

const path = "/geb-f32.gguf";

test("F32 matrices become halves on request", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "camelgpt-halves-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [{ path: file }] = makeModels(
    folder,
    rows.filter(({ name }) => name === "llama"),
  );
  const ask = async (weights) => {
    const model = await CamelGPTInference.load(file, { weights, epdp: "off" });
    const { memoryPlan, engine } = await model.info();
    const { logprobs } = await model.score(tokens, { logprobs: true });
    await model.dispose();
    return { memoryPlan, notes: engine.notes, logprobs };
  };
  const [plain, exact, halves] = [await ask(undefined), await ask("exact"), await ask("f16")];
  assert.deepEqual(plain, exact);
  assert.equal(exact.memoryPlan.weights, "exact");
  assert.equal(halves.memoryPlan.weights, "f16");
  assert.deepEqual(halves.notes, plain.notes); // no note, since it was requested
  assert.ok(halves.memoryPlan.weightBytes < 0.52 * exact.memoryPlan.weightBytes);
  const largest = (values) => Math.max(...values.map(Math.abs));
  const share = largest(exact.logprobs.map((value, i) => value - halves.logprobs[i])) / largest(exact.logprobs);
  t.diagnostic(`largest error ${share.toExponential(1)} of the largest log-probability`);
  assert.ok(share > 0 && share < 2e-3);
});

describe("a file of F32 with 1.3 billion parameters", () => {
  const model = gebModel("F32", { contextLength: 131_072 });
  let server;
  before(async () => {
    server = await serveModels({ [path]: model });
  });
  after(() => server.close());

  /** The result of `work`, which may download only the header of the file and what network buffers hold. */
  const withHeaderAlone = async (work) => {
    const before = server.sent(path);
    const result = await work(`${server.url}${path}`);
    const closed = Date.now() + 5000;
    while (server.sent(path) === before && Date.now() < closed) await new Promise((resolve) => setTimeout(resolve, 10));
    const sent = server.sent(path) - before;
    assert.ok(
      sent >= model.headerBytes && sent < model.headerBytes + 32e6,
      `${sent} bytes of ${model.bytes} were sent`,
    );
    return result;
  };

  test("does not fit with a long context: an error with the plan, before the download", async () => {
    const options = { contextLength: 65_536 };
    for (const worker of [true, false]) {
      const error = await withHeaderAlone((url) =>
        rejectsWith("out-of-memory", CamelGPTInference.load(url, { ...options, worker })),
      );
      assert.match(error.message, /needs 6\d\d\d MB/);
      assert.match(error.expected, /below 4294 MB/);
      // As halves it is still too large.
      assert.match(error.found, /weights 2\d\d\d MB, keys and values of 65536 positions 3\d\d\d MB/);
      assert.match(error.hint, /smaller quantisation, a shorter contextLength/);
    }
    await withHeaderAlone((url) => rejectsWith("out-of-memory", CamelGPTInference.inspect(url, options)));
  });

  test("fits as halves, which are refused if exact weights are requested", async () => {
    const { memoryPlan, parameters, tensors } = await withHeaderAlone((url) => CamelGPTInference.inspect(url));
    assert.equal(memoryPlan.weights, "f16");
    assert.equal(memoryPlan.contextLength, 4096);
    assert.ok(memoryPlan.weightBytes > 2 * parameters && memoryPlan.weightBytes < 2.01 * parameters);
    assert.equal(tensors.find(({ name }) => name === "output.weight").panel, "half");
    assert.equal(tensors.find(({ name }) => name === "output_norm.weight").panel, "float");
    const error = await withHeaderAlone((url) =>
      rejectsWith("out-of-memory", CamelGPTInference.inspect(url, { weights: "exact" })),
    );
    assert.match(error.hint, /weights "f16"/);
  });
});
