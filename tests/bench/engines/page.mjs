// A Chromium's profile goes in, an engine in a page of its own comes out; engines/page.js is the other end.
import { valueOf } from "./answers.js";

const settleMs = 500; // until the browser has started the processes that a new page brings with it

/** `{ask(name, params), processes(), close()}`; a page that crashes rejects what is asked of it. */
export async function openPage(context, address, kind) {
  const page = await context.newPage();
  const crashed = new Promise((_, failed) => page.once("crash", () => failed(new Error("the page crashed"))));
  crashed.catch(() => {});
  await page.goto(address);
  await page.waitForFunction(() => window.startEngine);
  await page.evaluate((each) => window.startEngine(each), kind);
  await page.waitForTimeout(settleMs);
  return {
    async ask(name, params) {
      const answer = page.evaluate(([n, p]) => window.ask(n, p), [name, params]);
      answer.catch(() => {}); // after a crash
      return valueOf(await Promise.race([answer, crashed]));
    },
    async processes() {
      const session = await context.browser().newBrowserCDPSession();
      const { processInfo } = await session.send("SystemInfo.getProcessInfo");
      await session.detach();
      return processInfo.map(({ id }) => id);
    },
    close: () => page.close(),
  };
}
