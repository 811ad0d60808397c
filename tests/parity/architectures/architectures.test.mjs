// Small models of random weights, one or more of each architecture: our log-probabilities and greedy tokens, and llama.cpp's. The
// goldens of the quick test are still what it says, and docs/models.md lists what this test has verified; with
// CAMELGPT_WRITE_MODELS=1 the table there is written anew.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { bounds, compare, expectReference } from "../../architectures/compare.mjs";
import { goldenOf, readGoldens } from "../../architectures/goldens.mjs";
import { makeModels } from "../../architectures/make-models.mjs";
import { entriesOf, tableInDocs, tableOf, writeTable } from "../../architectures/models-table.mjs";
import { askLlamaCpp } from "./llama-cpp.mjs";

// Another processor adds in another order, and may round an activation to the next of 8 bits.
const goldenShare = 0.1; // of the bound

test("each architecture gives what llama.cpp gives", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "camelgpt-architectures-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const rows = makeModels(folder);
  const { version, answers } = await askLlamaCpp(rows);
  const goldens = readGoldens();

  const verified = [];
  for (const [i, row] of rows.entries()) {
    await t.test(row.name, async (t) => {
      const result = await expectReference(t, row, answers[i]);
      if (result) verified.push({ ...row, share: result.share });
    });
    await t.test(`${row.name}: the golden is what llama.cpp says`, () => {
      compare(row, answers[i], goldenOf(row, goldens), goldenShare * bounds[row.type]);
    });
  }

  await t.test("docs/models.md lists what is verified", () => {
    const table = tableOf(verified, version);
    if (process.env.CAMELGPT_WRITE_MODELS) writeTable(table);
    assert.deepEqual(entriesOf(tableInDocs()), entriesOf(table), "run this test with CAMELGPT_WRITE_MODELS=1");
  });
});
