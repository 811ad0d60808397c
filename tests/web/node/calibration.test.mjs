// Dynamic pruning: calibration, the sidecar, the work saved and its cost. Runs before the tests that need a sidecar.
import assert from "node:assert/strict";
import { copyFileSync, linkSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { isFull, modelPath, rejectsWith } from "../lib/model.mjs";
import { shareSidecar } from "../lib/sidecar.mjs";
import { prunableModel } from "../lib/tiny-model.mjs";

const question = [{ role: "user", content: "What do bees make, and how?" }];
const text =
  "The river rises in the mountains, flows through three countries and reaches the sea after eight hundred kilometres.";

describe("dynamic pruning", () => {
  let folder, cacheHome, dense, pruned, sidecar;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "camelgpt-epdp-"));
    cacheHome = process.env.XDG_CACHE_HOME;
    process.env.XDG_CACHE_HOME = folder; // where calibrations in idle time are kept
    dense = await CamelGPTInference.load(modelPath, { contextLength: 1024 });
    pruned = await CamelGPTInference.load(modelPath, { contextLength: 1024, epdp: "balanced" });
  });
  after(async () => {
    await dense.dispose();
    await pruned.dispose();
    rmSync(folder, { recursive: true });
    if (cacheHome === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = cacheHome;
  });

  test("the dense model answers until calibrated", async () => {
    const options = { maxTokens: 12, temperature: 0 };
    assert.deepEqual((await pruned.chat(question, options)).tokens, (await dense.chat(question, options)).tokens);
    const report = await pruned.report();
    assert.equal(report.calibrated, false);
    assert.equal(report.headRows, 49_152);
    assert.equal(report.costs, null);
  });

  test("a calibration reports its progress and can be aborted", async () => {
    const abort = new AbortController();
    const seen = [];
    const onProgress = (done) => {
      seen.push(done);
      if (seen.length === 3) abort.abort();
    };
    await rejectsWith("aborted", pruned.calibrate({ signal: abort.signal, onProgress }));
    assert.ok(seen[2] > 0 && seen[2] < 1);
    assert.equal((await pruned.report()).calibrated, false);
  });

  test("a calibrated model skips work and gives the same answer", async () => {
    let last = 0;
    const made = await pruned.calibrate({ onProgress: (done) => (last = done) });
    sidecar = made.sidecar;
    shareSidecar(sidecar);
    assert.equal(last, 1);
    assert.ok(made.costs.exact.kl <= made.costs.balanced.kl && made.costs.balanced.kl <= made.costs.aggressive.kl);
    const options = { maxTokens: 96, temperature: 0 }; // the first check comes after 64
    const answer = await pruned.chat(question, options);
    assert.deepEqual(answer.tokens, (await dense.chat(question, options)).tokens);
    const report = await pruned.report();
    assert.equal(report.calibrated, true);
    assert.ok(report.macsPerToken < 0.95 * report.macsPerTokenDense);
    assert.ok(report.driftChecks >= 1);
    assert.ok(report.meanKl >= 0);
  });

  test("its memory is part of the plan and at most a tenth of the model", async () => {
    const { pruneBytes, fileBytes } = (await pruned.info()).memoryPlan;
    assert.ok(pruneBytes > 3e6 && pruneBytes < fileBytes / 10, String(pruneBytes));
    assert.equal((await dense.info()).memoryPlan.pruneBytes, 0);
  });

  test("a sidecar replaces the calibration of another model object", async () => {
    const path = join(folder, "x.epdp");
    writeFileSync(path, sidecar);
    const score = await pruned.score(text, { against: "dense" });
    assert.ok(score.kl >= 0 && score.kl < 0.1 && score.top1 > 0.9, JSON.stringify(score));
    for (const named of [sidecar, path]) {
      const model = await CamelGPTInference.load(modelPath, { contextLength: 256, epdp: "balanced", sidecar: named });
      assert.deepEqual(await model.score(text, { against: "dense" }), score);
      await model.dispose();
    }
  });

  test("a sidecar next to the model is used, and a damaged one becomes a note", async () => {
    const model = join(folder, "model.gguf");
    try {
      linkSync(modelPath, model);
    } catch {
      copyFileSync(modelPath, model); // another file system
    }
    writeFileSync(join(folder, "model.epdp"), sidecar);
    const found = await CamelGPTInference.load(model, { contextLength: 256, epdp: "exact" });
    assert.equal((await found.report()).calibrated, true);
    await found.dispose();
    for (const [options, expected] of [
      [{}, "balanced"],
      [{ epdp: "off" }, "off"],
    ]) {
      const usual = await CamelGPTInference.load(model, { contextLength: 256, ...options });
      const { mode, calibrated } = await usual.report();
      assert.deepEqual({ mode, calibrated }, { mode: expected, calibrated: expected !== "off" });
      await usual.dispose();
    }
    const damaged = sidecar.slice();
    damaged[1000] ^= 1;
    writeFileSync(join(folder, "model.epdp"), damaged);
    const spoilt = await CamelGPTInference.load(model, { contextLength: 256, epdp: "exact" });
    assert.equal((await spoilt.report()).calibrated, false);
    assert.match((await spoilt.info()).engine.notes.join(), /model\.epdp is not used: .*damaged/);
    await spoilt.dispose();
    await rejectsWith("bad-format", CamelGPTInference.load(model, { epdp: "exact", sidecar: damaged }));
    await rejectsWith(
      "not-found",
      CamelGPTInference.load(model, { epdp: "exact", sidecar: join(folder, "none.epdp") }),
    );
  });

  test("with maxKl, steps score more rows where few would cost too much", async () => {
    const texts = [
      "The lighthouse stood on a rock at the end of the bay. Every evening the keeper climbed the stairs, lit the " +
        "lamp and wrote down the weather. In winter the storms were so loud that he could not hear his own steps.",
      "早晨，大海平静下来，村里的渔民划着小船来到礁石旁。看守人走下去",
    ];
    const costs = [];
    for (const maxKl of [0, 0.02]) {
      const epdp = { headRows: 128, maxKl };
      const model = await CamelGPTInference.load(modelPath, { contextLength: 256, epdp, sidecar });
      for (const text of texts) costs.push((await model.score(text, { against: "dense" })).kl);
      await model.dispose();
    }
    const [english, chinese, limitedEnglish, limitedChinese] = costs;
    assert.ok(english > 0.02 && limitedEnglish <= 0.02, `${costs}`);
    assert.ok(limitedChinese <= 0.02 && limitedChinese <= chinese, `${costs}`);
  });

  test("neurons are selected for a prompt on request, and the cost is reported", async () => {
    const model = await CamelGPTInference.load(modelPath, { contextLength: 512, epdp: { ffn: 0.9 } });
    const { memoryPlan } = await model.info();
    assert.ok(memoryPlan.pruneBytes > 20e6, "the plan includes them");
    const answer = await model.chat(question, { maxTokens: 24, ignoreEos: true, temperature: 0 });
    assert.equal(
      answer.tokens[0],
      (await dense.chat(question, { maxTokens: 1, temperature: 0 })).tokens[0],
      "the prompt is evaluated in full",
    );
    const report = await model.report();
    assert.ok(report.ffnKept > 0.9 && report.ffnKept < 0.95, JSON.stringify(report));
    assert.ok(report.meanKl > 0 && report.driftChecks >= 1);
    assert.ok(report.macsPerToken < report.macsPerTokenDense);
    await model.dispose();
  });

  test("a sidecar records the share of neurons a model was trained with, and the modes keep that share", async () => {
    const path = join(import.meta.dirname, "../../../models/reglu-tiny/reglu-tiny.gguf");
    const plain = await CamelGPTInference.load(path);
    await rejectsWith("bad-state", plain.calibrate()); // the head is too small to prune, and no share is given
    const { sidecar, costs } = await plain.calibrate({ ffn: 0.5 });
    assert.deepEqual([sidecar.length, costs], [96, null]);
    const model = await CamelGPTInference.load(path, { epdp: "balanced", sidecar });
    const { kl, top1 } = await model.score(text.repeat(4), { against: "dense" });
    assert.ok(kl > 0 && kl < 0.05 && top1 > 0.8, `${kl} ${top1}`);
    await model.generateText(text, { maxTokens: 24, ignoreEos: true });
    const report = await model.report();
    assert.ok(report.calibrated && report.ffnKept < 0.75, JSON.stringify(report));
    const [kept, cut] = [await CamelGPTInference.load(path, { epdp: "off", sidecar }), Uint8Array.from(sidecar)];
    await kept.generateText(text, { maxTokens: 4 });
    assert.ok((await kept.report()).meanKl === null);
    cut[76] ^= 1;
    await rejectsWith("bad-format", CamelGPTInference.load(path, { epdp: "balanced", sidecar: cut }));
    await rejectsWith("bad-input", CamelGPTInference.load(modelPath, { epdp: "balanced", sidecar }));
    for (const each of [plain, model, kept]) await each.dispose();
  });

  test("a model in a worker calibrates itself between calls", async () => {
    const source = isFull ? modelPath : prunableModel();
    const load = (epdp) => CamelGPTInference.load(source, { contextLength: 256, epdp, cache: false });
    const [model, plain] = [await load("exact"), await load("off")];
    const options = { maxTokens: 24, temperature: 0, ignoreEos: true };
    await model.generateText(text, 1);
    // A call interrupts the calibration, so the pauses grow.
    for (let pause = 100; !(await model.report()).calibrated; pause *= 2) await setTimeout(pause);
    assert.deepEqual((await model.stream(text, options)).tokens, (await plain.stream(text, options)).tokens);
    const { headRows } = await model.report();
    assert.ok(headRows > 0 && headRows < (await plain.report()).headRows, `${headRows} rows`);
    for (const each of [model, plain]) await each.dispose();
  });

  test("a model loaded without memory for it cannot be calibrated", async () => {
    await rejectsWith("bad-state", dense.calibrate());
    await rejectsWith("bad-input", pruned.calibrate({ text: "too short" }));
  });
});
