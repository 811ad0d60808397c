// The kind of an engine goes in, that engine in a Chromium of its own comes out; engines/page.js is the other end. One browser for each
// engine, so that one that dies takes no other engine with it, and memory is that of its processes alone.
import { chromium } from "playwright-core";
import { answerValue } from "./answers.js";

const settleMs = 500; // until the browser has started the processes that a new page brings with it
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** `{ask(name, params), processes(), close()}`; a page that crashes, or a browser that ends, rejects what is asked of it. */
export async function openPage(executablePath, address, kind) {
  // A profile as people have it: in a private one large downloads are held in memory, and refused where they are too large.
  // The signals end the benchmark (bench.mjs); Playwright would end the browser and let the benchmark go on without it.
  const context = await chromium.launchPersistentContext("", {
    executablePath,
    args: flags,
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
        answer.catch(() => {}); // after a crash
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
