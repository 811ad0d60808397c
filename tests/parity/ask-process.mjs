// Runs a script of this folder in a child process, for one request.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";

/** Sends one request to a script of this folder, run by `command`, and returns its answer. */
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
