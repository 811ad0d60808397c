// Models that do not fit: the header says so, and nothing but the header is downloaded. The file of 5.4 GB is made while it is sent.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { gebModel } from "../../geb/model.mjs";
import { serveModels } from "../../geb/server.mjs";
import { rejectsWith } from "../lib/model.mjs";

const path = "/geb-f32.gguf";

describe("a file of F32 with 1.3 billion parameters", () => {
  const model = gebModel("F32", { contextLength: 131_072 });
  let server;
  before(async () => {
    server = await serveModels({ [path]: model });
  });
  after(() => server.close());

  /** What `work` gives, which must not have taken more of the file than its header and what networks hold ready. */
  const withHeaderAlone = async (work) => {
    const before = server.sent(path);
    const result = await work(`${server.url}${path}`);
    const closed = Date.now() + 5000;
    while (server.sent(path) === before && Date.now() < closed) await new Promise((resolve) => setTimeout(resolve, 10));
    const sent = server.sent(path) - before;
    assert.ok(sent >= model.headerBytes && sent < model.headerBytes + 32e6, `${sent} bytes of ${model.bytes} were sent`);
    return result;
  };

  test("does not fit with a long context: an error with the plan, before the download", async () => {
    const options = { contextLength: 65_536 };
    for (const worker of [true, false]) {
      const error = await withHeaderAlone((url) => rejectsWith("out-of-memory", CamelGPTInference.load(url, { ...options, worker })));
      assert.match(error.message, /takes 6\d\d\d MB/);
      assert.match(error.expected, /below 4294 MB/);
      assert.match(error.found, /weights 2\d\d\d MB, keys and values of 65536 positions 3\d\d\d MB/); // as halves, and still too large
      assert.match(error.hint, /smaller quantisation, a shorter contextLength/);
    }
    await withHeaderAlone((url) => rejectsWith("out-of-memory", CamelGPTInference.inspect(url, options)));
  });

  test("fits as halves, which are not taken where exact weights are asked for", async () => {
    const { memoryPlan, parameters, tensors } = await withHeaderAlone((url) => CamelGPTInference.inspect(url));
    assert.equal(memoryPlan.weights, "f16");
    assert.equal(memoryPlan.contextLength, 4096);
    assert.ok(memoryPlan.weightBytes > 2 * parameters && memoryPlan.weightBytes < 2.01 * parameters);
    assert.equal(tensors.find(({ name }) => name === "output.weight").panel, "half");
    assert.equal(tensors.find(({ name }) => name === "output_norm.weight").panel, "float");
    const error = await withHeaderAlone((url) => rejectsWith("out-of-memory", CamelGPTInference.inspect(url, { weights: "exact" })));
    assert.match(error.hint, /weights "f16"/);
  });
});
