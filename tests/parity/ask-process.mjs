// A script of this folder and a request go in, what it answers as a process of its own comes out.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";

/** The answer of a script of this folder, run by `command`, to one request. */
export async function askProcess(script, request, { command = [process.execPath], args = [] } = {}) {
  const [execPath, ...execArgv] = command;
  const child = fork(new URL(script, import.meta.url), args, { execPath, execArgv });
  const ended = once(child, "exit").then(([code, signal]) =>
    assert.fail(`${script} ended with ${signal ?? `exit code ${code}`}`),
  );
  child.send(request);
  const [answer] = await Promise.race([once(child, "message"), ended]);
  ended.catch(() => {}); // it ends because we disconnect
  child.disconnect();
  return answer;
}
