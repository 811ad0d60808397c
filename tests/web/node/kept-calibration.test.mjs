// Calibrations that the package keeps: with a download or a file, until they no longer fit.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { useDownloads } from "../lib/downloads.mjs";
import { rejectsWith } from "../lib/model.mjs";
import { prunableModel } from "../lib/tiny-model.mjs";

const file = prunableModel();

async function withModel(source, options, use) {
  const model = await CamelGPTInference.load(source, { threads: 1, contextLength: 256, ...options });
  try {
    return await use(model);
  } finally {
    await model.dispose();
  }
}

/** Loads a model and returns its first report. */
const reportOf = (source, options) =>
  withModel(source, options, async (model) => {
    const { mode, calibrated } = await model.report();
    return `${mode}, ${calibrated ? "calibrated" : "not calibrated"}`;
  });

const calibrate = (source, options) =>
  withModel(source, { epdp: "balanced", ...options }, (model) => model.calibrate({ keep: true }));

/** Waits for the calibration in idle time. A call interrupts it, so the pauses grow. */
const idle = (source, options) =>
  withModel(source, options, async (model) => {
    for (let pause = 100; !(await model.report()).calibrated; pause *= 2) await setTimeout(pause);
  });

describe("kept calibrations", () => {
  const downloads = useDownloads(file);
  const sidecars = () => downloads.kept().filter((name) => name.endsWith(".epdp"));
  let path;
  beforeEach(() => {
    path = join(downloads.folder, "model.gguf");
    writeFileSync(path, file);
  });

  test("a download's is used by default, and goes with the download", async () => {
    const { url } = downloads.server.serve([]);
    assert.equal(await reportOf(url, { cache: true }), "off, not calibrated");
    await calibrate(url, { cache: true });
    assert.equal(sidecars().length, 1);
    for (const [options, expected] of [
      [{}, "balanced, calibrated"],
      [{ epdp: "exact" }, "exact, calibrated"],
      [{ epdp: "off" }, "off, not calibrated"],
    ])
      assert.equal(await reportOf(url, { cache: true, ...options }), expected);
    await CamelGPTInference.deleteCached(url);
    assert.deepEqual(downloads.kept(), []);
  });

  test("one made in idle time is kept", async () => {
    const { url } = downloads.server.serve([]);
    await idle(url, { cache: true, epdp: "balanced" });
    while (sidecars().length === 0) await setTimeout(20);
    assert.equal(await reportOf(url, { cache: true }), "balanced, calibrated");
  });

  test("a file's is used only if pruning is asked for", async () => {
    await calibrate(path);
    assert.equal(await reportOf(path, { epdp: "balanced" }), "balanced, calibrated");
    assert.equal(await reportOf(path), "off, not calibrated");
  });

  test("one of another model, or a damaged one, becomes a note, and the next calibration replaces it", async () => {
    await calibrate(path);
    const [name] = sidecars();
    const kept = join(downloads.folder, "camelgpt/downloads", name);
    const right = readFileSync(kept);
    const wrong = Uint8Array.from(right);
    wrong[1000] ^= 1;
    for (const bytes of [wrong, right.subarray(0, 100), new Uint8Array()]) {
      writeFileSync(kept, bytes);
      await withModel(path, { epdp: "balanced" }, async (model) => {
        assert.match((await model.info()).engine.notes.join(), /^The calibration kept for this model is not used: /);
        assert.equal((await model.report()).calibrated, false);
      });
    }
    await calibrate(path);
    assert.deepEqual(readFileSync(kept), right);
  });

  test("none is kept or used for a model with a hash of the caller, for bytes, and with `cache: false`", async () => {
    await calibrate(path);
    const sha256 = createHash("sha256").update(file).digest("hex");
    for (const [source, options] of [
      [path, { sha256 }],
      [path, { cache: false }],
      [Uint8Array.from(file), {}],
    ]) {
      assert.equal(await reportOf(source, { epdp: "balanced", ...options }), "balanced, not calibrated");
      await rejectsWith("bad-option", calibrate(source, options));
    }
  });

  test("one that was not used for a quarter of a year is removed", async () => {
    await calibrate(path);
    const [name] = sidecars();
    const old = new Date(Date.now() - 91 * 24 * 3600 * 1000);
    utimesSync(join(downloads.folder, "camelgpt/downloads", name), old, old);
    await reportOf(downloads.server.serve([]).url, { cache: true });
    assert.deepEqual(sidecars(), []);
  });
});
