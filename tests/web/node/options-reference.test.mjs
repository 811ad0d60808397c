// The reference of the options in the docs is the one that the tables of the core give.
import assert from "node:assert/strict";
import { test } from "node:test";

import { optionsReference } from "../../../scripts/options-reference.mjs";

for (const { path, committed, made } of optionsReference()) {
  test(`${path} lists the options of the tables`, () => {
    assert.equal(committed, made, `run "node scripts/options-reference.mjs" after a build`);
  });
}
