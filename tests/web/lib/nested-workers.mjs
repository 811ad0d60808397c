// Reaches the workers of a page's workers through Chromium's DevTools protocol.

/**
 * Starts to follow the workers that the page's workers start. Returns a function that terminates the script which each
 * of them runs, as an exhausted heap does; the workers themselves stay.
 */
export async function followNestedWorkers(page) {
  const session = await page.context().newCDPSession(page);
  const nested = [];
  const autoAttach = { autoAttach: true, waitForDebuggerOnStart: false, flatten: false };
  let id = 0;
  /** Sends a command to a worker of the page. */
  const send = (sessionId, method, params = {}) =>
    session.send("Target.sendMessageToTarget", { sessionId, message: JSON.stringify({ id: ++id, method, params }) });
  session.on("Target.attachedToTarget", ({ sessionId }) => send(sessionId, "Target.setAutoAttach", autoAttach));
  session.on("Target.receivedMessageFromTarget", ({ sessionId, message }) => {
    const { method, params } = JSON.parse(message);
    if (method === "Target.attachedToTarget") nested.push({ parent: sessionId, sessionId: params.sessionId });
  });
  await session.send("Target.setAutoAttach", autoAttach);
  return async () => {
    for (const { parent, sessionId } of nested.splice(0)) {
      const message = JSON.stringify({ id: ++id, method: "Runtime.terminateExecution" });
      await send(parent, "Target.sendMessageToTarget", { sessionId, message });
    }
  };
}
