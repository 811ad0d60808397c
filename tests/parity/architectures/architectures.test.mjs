// Compares log-probabilities and greedy tokens of small random models, at least one of each architecture, with
// llama.cpp's. Also checks that the goldens of the quick test are current and that docs/models.md lists the
// architectures verified here; with CAMELGPT_WRITE_MODELS=1 the table there is rewritten.
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

// Another processor adds in another order and may round an 8-bit activation differently.
const goldenShare = 0.1; // of the bound

test("each architecture agrees with llama.cpp", async (t) => {
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
    await t.test(`${row.name}: the golden agrees with llama.cpp`, () => {
      compare(row, answers[i], goldenOf(row, goldens), goldenShare * bounds[row.type]);
    });
  }

  await t.test("docs/models.md lists the verified architectures", () => {
    const table = tableOf(verified, version);
    if (process.env.CAMELGPT_WRITE_MODELS) writeTable(table);
    assert.deepEqual(entriesOf(tableInDocs()), entriesOf(table), "run this test with CAMELGPT_WRITE_MODELS=1");
  });
});
