// Eager loading in a page. The model is on another origin, which hides its ETag and, for a range, the size of the file.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { openBrowser, startSite } from "../lib/browser.mjs";
import { gradual, prompt } from "../lib/eager.mjs";
import { modelPath } from "../lib/model.mjs";
import { releaseOf } from "../lib/release.mjs";
import { ensureSidecar } from "../lib/sidecar.mjs";
import { startSlowServer } from "../lib/slow-server.mjs";

const file = readFileSync(modelPath);
let sidecar, expected, site, browser;

before(async () => {
  sidecar = await ensureSidecar();
  const model = await CamelGPTInference.load(modelPath, { contextLength: 512, epdp: "balanced", sidecar });
  expected = await model.stream(prompt, { maxTokens: 24 });
  await model.dispose();
  [site, browser] = await Promise.all([startSite({ isolated: true }), openBrowser()]);
});
after(async () => {
  await browser?.close();
  await site?.close();
});

for (const [kind, worker] of [
  ["a file", true],
  ["a file", false],
  ["a release", true],
]) {
  test(`the first token of ${kind} comes before the whole file, which is stored (worker: ${worker})`, async (t) => {
    const isRelease = kind === "a release";
    const server = await startSlowServer(file, {
      ...gradual,
      latency: 5,
      ...(isRelease && { beside: releaseOf(file, sidecar) }),
    });
    const page = await browser.newPage();
    try {
      await page.goto(`${site.url}/tests/web/lib/blank.html`);
      let part;
      await page.exposeFunction("firstPiece", () => (part ??= server.counts.sent / file.length));
      const answer = await page.evaluate(
        async ({ url, sidecar, prompt, worker }) => {
          const { CamelGPTInference } = await import("/npm/dist/browser.js");
          const bytes = sidecar && Uint8Array.from(atob(sidecar), (c) => c.charCodeAt(0));
          const model = new CamelGPTInference(url, { sidecar: bytes, contextLength: 512, cache: true, worker });
          const stream = model.stream(prompt, { maxTokens: 24 });
          for await (const piece of stream) if (piece) void globalThis.firstPiece();
          const { text } = await stream;
          const { nll } = await model.score("The bee is an insect."); // waits for the remaining weights
          await model.dispose();
          const kept = await CamelGPTInference.listCached();
          await CamelGPTInference.deleteCached();
          return { text, nll, kept: kept.find((each) => each.url === url || each.url === `${url}model.gguf`)?.bytes };
        },
        {
          url: isRelease ? new URL("/", server.url).href : server.url,
          sidecar: isRelease ? undefined : Buffer.from(sidecar).toString("base64"),
          prompt,
          worker,
        },
      );
      t.diagnostic(`first token after ${(100 * part).toFixed(1)} % of the bytes`);
      assert.equal(answer.text, expected.text);
      assert.equal(answer.kept, file.length);
      assert.ok(part < 0.9, `the first token came after ${(100 * part).toFixed(1)} %`);
    } finally {
      await page.close();
      await server.close();
    }
  });
}
