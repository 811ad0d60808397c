// A page of http: on another machine, where browsers offer no hashes, no storage and no shared memory. A plain file
// works, in a worker and on the page's thread; a release cannot be verified and is refused with the reason.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { repositoryRoot } from "../../../scripts/lib/run.mjs";
import { serve } from "../../../scripts/serve.mjs";
import { openBrowser, strictPolicy } from "../lib/browser.mjs";

describe("an insecure page", () => {
  let site;
  let browser;
  let page;
  before(async () => {
    const models = join(repositoryRoot, "models");
    site = await serve({
      mounts: { "/release/": join(models, "camelgpt-mini"), "/reglu/": join(models, "reglu-tiny") },
      headers: { "content-security-policy": strictPolicy },
    });
    browser = await openBrowser(["--host-resolver-rules=MAP insecure.test 127.0.0.1"]);
    page = await browser.newPage();
    await page.goto(`http://insecure.test:${new URL(site.url).port}/tests/web/lib/blank.html`);
    assert.deepEqual(
      await page.evaluate(() => [isSecureContext, typeof crypto.subtle, typeof navigator.storage, typeof caches]),
      [false, "undefined", "undefined", "undefined"],
    );
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  for (const worker of [true, false]) {
    const where = worker ? "in a worker" : "on the page's thread";

    test(`loads a file and generates ${where}, and stores nothing despite the option cache`, async () => {
      const result = await page.evaluate(async (worker) => {
        const { CamelGPTInference } = await import("/npm/dist/browser.js");
        const model = await CamelGPTInference.load("/reglu/reglu-tiny.gguf", {
          worker,
          cache: true,
          contextLength: 256,
        });
        const { engine } = await model.info();
        const text = await model.generateText("The city was", { maxTokens: 8, temperature: 1 });
        await model.dispose();
        await CamelGPTInference.deleteCached();
        return { engine, text, kept: await CamelGPTInference.listCached() };
      }, worker);
      assert.ok(result.text.length > 0);
      assert.equal(result.engine.worker, worker);
      assert.equal(result.engine.threads, 1);
      assert.deepEqual(result.kept, []);
    });

    test(`the packaged model answers ${where}`, async () => {
      const { label } = await page.evaluate(async (worker) => {
        const { CamelGPTInference } = await import("/npm/dist/browser.js");
        const model = new CamelGPTInference(undefined, { worker });
        const answer = await model.classify("A warm and funny story.", { labels: ["negative", "positive"] });
        await model.dispose();
        return answer;
      }, worker);
      assert.equal(label, "positive");
    });

    test(`a release is refused with unsupported-environment and a hint, ${where}`, async () => {
      const error = await page.evaluate(async (worker) => {
        const { CamelGPTInference } = await import("/npm/dist/browser.js");
        return CamelGPTInference.load("/release/", { worker }).catch(({ name, code, message, hint }) => ({
          name,
          code,
          message,
          hint,
        }));
      }, worker);
      assert.equal(error.name, "CamelGPTError", JSON.stringify(error));
      assert.equal(error.code, "unsupported-environment");
      assert.match(error.message, /cannot be verified/);
      assert.match(error.hint, /https/);
    });
  }

  test("verify fails with unsupported-environment", async () => {
    const code = await page.evaluate(async () => {
      const { CamelGPTInference } = await import("/npm/dist/browser.js");
      return CamelGPTInference.verify("/release/").catch((error) => error.code);
    });
    assert.equal(code, "unsupported-environment");
  });
});
