// Starts an engine in its own Chromium; engines/page.js is the other end. One browser for each engine: a crash affects
// no other engine, and the memory is that of one engine.
import { chromium } from "playwright-core";
import { chromiumFlags } from "../../web/lib/chromium-flags.mjs";
import { answerValue } from "./answers.js";

const settleMs = 500; // for the processes that Chromium starts with a new page

/**
 * `{ask(name, params), processes(), close()}`. If the page crashes or the browser ends, pending requests are rejected.
 */
export async function openPage(executablePath, address, kind) {
  // A persistent profile: a private one holds large downloads in memory and refuses larger ones. bench.mjs handles the
  // signals; Playwright would end only the browser and let the benchmark continue without it.
  const context = await chromium.launchPersistentContext("", {
    executablePath,
    args: chromiumFlags,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    const ended = new Promise((_, failed) => {
      page.once("crash", () => failed(new Error("the page crashed")));
      context.once("close", () => failed(new Error("the browser ended")));
    });
    ended.catch(() => {});
    await page.goto(address);
    await page.waitForFunction(() => window.startEngine);
    await page.evaluate((each) => window.startEngine(each), kind);
    await page.waitForTimeout(settleMs);
    return {
      async ask(name, params) {
        const answer = page.evaluate(([n, p]) => window.ask(n, p), [name, params]);
        answer.catch(() => {}); // handles the rejection after a crash
        return answerValue(await Promise.race([ended, answer]));
      },
      async processes() {
        const session = await context.browser().newBrowserCDPSession();
        const { processInfo } = await session.send("SystemInfo.getProcessInfo");
        await session.detach();
        return processInfo.map(({ id }) => id);
      },
      close: () => context.close(),
    };
  } catch (error) {
    await context.close();
    throw error;
  }
}
