// Compares real models, pruned, with the dense ones on five kinds of text that the calibration has not seen.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { ensureModel } from "../../../scripts/fetch-model.mjs";
import { prompts, readTexts } from "./measure.mjs";

const texts = Object.entries(readTexts());
const maxKl = 0.02;
// The shortest texts have 300 tokens, of which few cause most of the divergence.
const minToldShare = 0.5;

const models = [
  { name: "smollm2-135m", maxWork: 0.93 },
  { name: "gemma-3-270m", maxWork: 0.58 },
];

for (const { name, maxWork } of models) {
  describe(`${name}, balanced`, () => {
    let model;
    let told;
    before(async () => {
      model = await CamelGPTInference.load(await ensureModel(name), {
        epdp: "balanced",
        threads: 2,
        contextLength: 512,
      });
      const { costs } = await model.calibrate();
      told = costs.balanced;
    });
    after(() => model?.dispose());

    test("costs at most what the mode promises, on any text, and what the calibration tells", async (t) => {
      const measured = [];
      for (const [text, content] of texts) {
        const { tokens, kl, top1, perplexityRatio } = await model.score(content, { against: "dense" });
        t.diagnostic(`${text}: KL ${kl.toFixed(4)} on ${tokens} tokens, perplexity × ${perplexityRatio.toFixed(4)}`);
        assert.ok(kl <= maxKl, `${text}: ${kl}`);
        assert.ok(top1 >= 0.99, `${text}: ${top1}`);
        measured.push(kl);
      }
      t.diagnostic(`told ${told.kl.toFixed(4)} with ${told.headRows} rows`);
      const mean = measured.reduce((sum, kl) => sum + kl, 0) / measured.length;
      assert.ok(mean >= minToldShare * told.kl && mean <= told.kl / minToldShare, `${mean}, told ${told.kl}`);
    });

    for (const temperature of [0, 1]) {
      test(`saves its work at temperature ${temperature}`, async (t) => {
        let mean = 0;
        for (const [seed, prompt] of prompts.entries()) {
          await model.stream(prompt, { temperature, seed, maxTokens: 48, ignoreEos: true });
          const { macsPerToken, macsPerTokenDense } = await model.report();
          const work = macsPerToken / macsPerTokenDense;
          t.diagnostic(`${JSON.stringify(prompt)}: ${(100 * work).toFixed(1)} % of the multiply-adds`);
          mean += work / prompts.length;
        }
        assert.ok(mean <= maxWork, `${mean}`);
      });
    }
  });
}
