// The child's side of an engine in a child process: requests `{name, params}` arrive on stdin, answers go to stdout,
// one line of JSON each. The process ends with stdin.
import process from "node:process";
import { createInterface } from "node:readline";
import { answering } from "./answers.js";

export async function answerLines(engine) {
  const answer = answering(engine);
  const write = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
  write({ value: "ready" });
  for await (const line of createInterface({ input: process.stdin })) {
    const { name, params } = JSON.parse(line);
    write(await answer(name, params));
  }
  process.exit(0);
}
