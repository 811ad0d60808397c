// The bits per byte of stlm-tiny on unseen captions, as computed by the package.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { CamelGPTInference } from "../../npm/dist/node.js";
import { repositoryRoot } from "../../scripts/lib/run.mjs";
import { evaluationData } from "./lib.mjs";

const { path, skip } = evaluationData("multi30k/test_2016_flickr.en");

test("unseen captions", { skip }, async (t) => {
  const model = await CamelGPTInference.load(join(repositoryRoot, "models/stlm-tiny"));
  t.after(() => model.dispose());
  let [nats, bytes] = [0, 0];
  for (const caption of readFileSync(path, "utf8").split("\n").filter(Boolean)) {
    const score = await model.score(caption);
    nats += score.nll * score.bytes;
    bytes += score.bytes;
  }
  const bits = nats / bytes / Math.LN2;
  t.diagnostic(`${bits.toFixed(4)} bits a byte, ${bytes} bytes`);
  assert.ok(bits < 3.1, `${bits}`);
});
