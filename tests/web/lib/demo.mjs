// The demo page as it is built, in a real Chromium, with SmolLM2 and its sidecar on the page's own server.
import { copyFileSync, linkSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import AxeBuilder from "@axe-core/playwright";

import { serve } from "../../../scripts/serve.mjs";
import { strictPolicy } from "./browser.mjs";
import { modelPath } from "./model.mjs";
import { ensureSidecar } from "./sidecar.mjs";

export const sizes = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 800 } };

/** Serves the page (or the build of it in `pageFolder`), the model and its sidecar under the strict policy. */
export async function startDemo({ pageFolder } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "camelgpt-demo-"));
  const model = join(folder, "smollm2-135m.gguf");
  try {
    linkSync(modelPath, model);
  } catch {
    copyFileSync(modelPath, model); // another file system
  }
  writeFileSync(join(folder, "smollm2-135m.epdp"), await ensureSidecar());
  const site = await serve({
    models: { "smollm2-135m": model },
    mounts: pageFolder === undefined ? {} : { "/demo/": pageFolder },
    headers: { "content-security-policy": strictPolicy },
  });
  return {
    url: site.url,
    async close() {
      await site.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/**
 * Opens the page with a new profile, or with that of `context`. `problems` collects errors of the console and of
 * scripts, and violations of the policy; `requests` the addresses of models that the page fetched.
 */
export async function openDemo(browser, site, { size = sizes.desktop, scheme = "light", hash = "", context } = {}) {
  const profile =
    context ??
    (await browser.newContext({
      viewport: size,
      colorScheme: scheme,
      locale: "en-US",
      permissions: ["clipboard-read", "clipboard-write"],
    }));
  const page = await profile.newPage();
  const problems = [];
  const requests = [];
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => /\.gguf/.test(request.url()) && requests.push(request.url()));
  await page.addInitScript(() => {
    window.measured = { shift: 0, longest: 0 };
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
      console.error(`policy: ${violatedDirective} ${blockedURI}`),
    );
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.measured.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries())
        window.measured.longest = Math.max(window.measured.longest, duration);
    }).observe({ type: "longtask", buffered: true });
  });
  await page.goto(`${site.url}/demo/${hash}`);
  return { page, profile, problems, requests };
}

/** The faults of accessibility that axe finds, as one sentence each. */
export async function violationsOf(page) {
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}

/** Waits until a model answers. */
export const modelIsReady = (page) => page.waitForSelector(".model-facts", { timeout: 60_000 });

/** Sends a message and waits for the end of the answer, whose text it returns. */
export async function ask(page, text) {
  const before = await page.locator(".message.assistant").count();
  await page.fill("#message", text);
  await page.press("#message", "Enter");
  await page.waitForFunction(
    (count) =>
      document.querySelectorAll(".message.assistant").length > count &&
      !document.querySelector('.message[aria-busy="true"]'),
    before,
    { timeout: 120_000 },
  );
  return page.locator(".message.assistant").last().innerText();
}
