// Compares log-probabilities and greedy tokens of small random models, at least one of each architecture, with
// llama.cpp's results in goldens.json, which the parity test checks. An unsupported architecture is skipped unless
// docs/models.md lists it.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { expectReference, expectSameOnThreads } from "../../architectures/compare.mjs";
import { goldenOf, readGoldens } from "../../architectures/goldens.mjs";
import { makeModels } from "../../architectures/make-models.mjs";
import { entriesOf, entryOf, tableInDocs } from "../../architectures/models-table.mjs";

test("each architecture agrees with llama.cpp", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "camelgpt-architectures-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const goldens = readGoldens();
  const listed = entriesOf(tableInDocs());
  for (const row of makeModels(folder)) {
    await t.test(row.name, async (t) => {
      const result = await expectReference(t, row, goldenOf(row, goldens));
      assert.ok(result || !listed.includes(entryOf(row)), "docs/models.md lists it");
    });
    await t.test(`${row.name} on threads`, (t) => expectSameOnThreads(t, row));
  }
});
