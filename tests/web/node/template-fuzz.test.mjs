// Generated templates end within their limits. `node tests/fuzz/templates/run.mjs --minutes N` runs for longer.
import assert from "node:assert/strict";
import { test } from "node:test";

import { fuzzTemplates } from "../../fuzz/templates/run.mjs";
import { isFull } from "../lib/model.mjs";

test("each template ends in a text or a typed error, within 200 ms of work and 32 MB", async (t) => {
  const { count, failures, slowest } = await fuzzTemplates({ seconds: isFull ? 60 : 2, seed: 1 });
  t.diagnostic(`${count} templates, at most ${slowest.ms.toFixed(0)} ms of work`);
  assert.deepEqual(failures, []);
  assert.ok(count > 20);
});
