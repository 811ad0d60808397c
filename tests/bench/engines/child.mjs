// Starts an engine in a child process; engines/lines.mjs is the other end.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Problem } from "../../../scripts/lib/run.mjs";
import { answerValue } from "./answers.js";

const patienceMs = 5000;

/** `{ask(name, params), processes(), close()}`. If the process ends early, pending requests are rejected. */
export async function startChild(command, args) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((done) => {
    child.once("error", (error) => done(`cannot start: ${error.message}`));
    child.once("exit", (code, signal) => done(`ended with ${signal ?? `exit code ${code}`}`));
  });
  child.stdin.on("error", () => {}); // the end of the process reports the failure
  const lines = createInterface({ input: child.stdout });
  const answer = async () => {
    const early = ended.then((how) => {
      throw new Problem(`the engine's process ${how}`);
    });
    const [line] = await Promise.race([once(lines, "line"), early]);
    return answerValue(JSON.parse(line));
  };
  await answer();
  return {
    ask(name, params) {
      child.stdin.write(`${JSON.stringify({ name, params })}\n`);
      return answer();
    },
    processes: async () => [child.pid],
    async close() {
      child.stdin.end();
      const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs);
      await ended;
      clearTimeout(timer);
    },
  };
}
